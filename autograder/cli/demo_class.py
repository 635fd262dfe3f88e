"""The small class of the demo: three notebooks of lesson 05, graded as a lecturer would.

One is perfect, one is untouched, one holds the best-known misconception about ROME: that C = I is harmless.
"""

from pathlib import Path

from rich.console import Console

from autograder.cli import grade
from autograder.cli.lessons import solutions_folder, student_folder
from autograder.files import writable_folder, write_whole

LESSON = "05_rome"
MISTAKEN = "rome-rank_one_update"
MISCONCEPTION = '''def rank_one_update(W, C, k_star, v_star):
    """A student who forgot the second moment: this is (5.21) with C = I."""
    residual = v_star - W @ k_star
    return residual[:, None] * k_star[None, :] / (k_star @ k_star)
'''
NEEDS_CLONE = (
    "  Grading needs a clone of the project: this installation has no solutions/, so this step is left out."
)


def grade_class(console: Console, out: Path) -> None:
    """Grade the three notebooks and say where the feedback is; in an installed wheel, say what is missing."""
    solutions, students = solutions_folder(), student_folder()
    if solutions is None or students is None:
        console.print(NEEDS_CLONE)
        return
    notebook = f"{LESSON}.ipynb"
    solution, student = solutions / LESSON / notebook, students / LESSON / notebook
    if not (solution.is_file() and student.is_file()):
        console.print(
            "  Lesson 05 is not built yet: edu-edit build 5 makes its notebooks. This step is left out."
        )
        return
    submitted = [
        hand_in(out, "ada_perfect", solution.read_text(encoding="utf-8")),
        hand_in(out, "ben_untouched", student.read_text(encoding="utf-8")),
        hand_in(out, "cleo_identity", with_misconception(solution)),
    ]
    from autograder.cli.machine import isolation_level
    from autograder.grader.grading import Settings

    settings = Settings(level=isolation_level())  # these three are our own
    graded = grade.run(LESSON, submitted, out, settings)
    grade.show(graded, out)
    for result in graded.results:
        console.print(f"  {result.student}: {grade.page_of(result, out)}", soft_wrap=True)


def hand_in(out: Path, student: str, text: str) -> Path:
    """Write one submission where a lecturer's download would put it; returns the notebook."""
    folder = writable_folder(out / "handed_in" / student)
    return write_whole(folder / f"{LESSON}.ipynb", lambda path: path.write_text(text, encoding="utf-8"))


def with_misconception(solution: Path) -> str:
    """The perfect notebook, one function replaced by a known misconception."""
    import nbformat

    notebook = nbformat.read(solution, as_version=4)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == MISTAKEN:
            cell.source = MISCONCEPTION
    return str(nbformat.writes(notebook))
