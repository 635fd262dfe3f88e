"""Normalising: the lesson decides what is graded, the student only what is in the solution cells.

Oracles: the list of exercises, the quizzes, the released notebooks that nbgrader itself made, and the order
of cells in the files.
"""

import copy
import json
import random
from functools import cache
from pathlib import Path

import pytest

from autograder.exercises import EXERCISES, LESSONS
from autograder.grader.normalise import PlanError, plan_of, steps
from autograder.grader.records import Submission
from autograder.grader.repair import notebook_of
from autograder.quizzes import all_quizzes

ROOT = Path(__file__).resolve().parents[3]
LESSON = "05_rome"
TARGET = "rome-rank_one_update"


@cache
def text_of(path):
    return (ROOT / path).read_text(encoding="utf-8")


def released(lesson=LESSON):
    return json.loads(text_of(f"lessons/en/{lesson}/{lesson}.ipynb"))


def solved(lesson=LESSON):
    return json.loads(text_of(f"solutions/{lesson}/{lesson}.ipynb"))


@cache
def plan(lesson=LESSON):
    return plan_of(lesson, solved(lesson))


def normal(notebook, lesson=LESSON):
    return steps(plan(lesson), Submission("ada", lesson, notebook))


def judged_in(found):
    return [step.test for step in found if step.test]


def grade_id(cell):
    return cell["metadata"].get("nbgrader", {}).get("grade_id")


def place(notebook, id):
    return next(number for number, cell in enumerate(notebook["cells"]) if grade_id(cell) == id)


def code(source, **metadata):
    head = {"cell_type": "code", "id": f"own-{len(source)}", "metadata": metadata}
    return head | {"source": source, "outputs": [], "execution_count": None}


def where(found, source):
    return next(number for number, step in enumerate(found) if step.cell.source == source)


def judged_at(found, id="rome.rank_one_update"):
    return next(number for number, step in enumerate(found) if step.test and step.test.id == id)


ALL = [lesson.name for lesson in LESSONS]


@pytest.mark.parametrize("lesson", ALL)
def test_a_plan_has_the_exercises_of_the_one_list(lesson):
    wanted = [(row.id, float(row.points)) for row in EXERCISES if row.lesson == lesson]
    got = [(test.id, test.points) for test in plan(lesson).tests.values() if not test.quiz]
    assert got == wanted
    assert all(
        test.names[0] == test.id.partition(".")[2] for test in plan(lesson).tests.values() if not test.quiz
    )


@pytest.mark.parametrize("lesson", ALL)
def test_a_plan_has_every_quiz_with_no_points_of_its_own(lesson):
    quizzes = [test for test in plan(lesson).tests.values() if test.quiz]
    assert [test.id for test in quizzes] == [quiz.id for quiz in all_quizzes() if quiz.lesson == lesson]
    assert {(test.names, test.points) for test in quizzes} == {(("answers",), 0.0)}


@pytest.mark.parametrize("lesson", ALL)
def test_a_plan_shows_what_nbgrader_released(lesson):
    cells = ["".join(cell["source"]) for cell in released(lesson)["cells"]]
    assert [cell.source for cell in plan(lesson).cells] == cells
    assert not any("BEGIN" in cell.source for cell in plan(lesson).cells)


@pytest.mark.parametrize("lesson", ALL)
def test_the_prelude_loads_and_grades_nothing(lesson):
    assert any("import" in source for source in plan(lesson).prelude)
    for source in plan(lesson).prelude:
        assert "quiz(" not in source and "grade(" not in source and "SOLUTION" not in source
        compile(source, "prelude", "exec")


@pytest.mark.parametrize("lesson", ALL)
def test_untouched_and_solved_notebooks_have_the_same_tests_in_the_same_order(lesson):
    for notebook in (released(lesson), solved(lesson)):
        found, _ = normal(notebook, lesson)
        assert judged_in(found) == list(plan(lesson).tests.values())
    assert normal(released(lesson), lesson)[1] == []


def test_the_digest_changes_with_points_sources_and_tests_and_with_nothing_else():
    same = solved()
    same["cells"][place(same, f"{TARGET}-test")]["outputs"] = [
        {"output_type": "stream", "name": "x", "text": ""}
    ]
    assert plan_of(LESSON, same).digest == plan().digest
    digests = {plan().digest}
    for change in ("points", "source", "hidden"):
        notebook = solved()
        cell = notebook["cells"][place(notebook, f"{TARGET}-test")]
        if change == "points":
            cell["metadata"]["nbgrader"]["points"] = 99
        elif change == "source":
            notebook["cells"][1]["source"] = ["import os"]
        else:
            cell["source"] = "".join(cell["source"]).replace("_one_update)", "_one_update, other)")
        digests.add(plan_of(LESSON, notebook).digest)
    assert len(digests) == 4


@pytest.mark.parametrize("fault", ["no grade line", "twice"])
def test_an_instructors_notebook_that_cannot_be_graded_by_is_refused(fault):
    notebook = solved()
    cell = notebook["cells"][place(notebook, f"{TARGET}-test")]
    if fault == "twice":
        notebook["cells"].append(copy.deepcopy(cell))
    else:
        cell["source"] = "print()"
    with pytest.raises(PlanError, match="Lesson 05_rome"):
        plan_of(LESSON, notebook)


def test_a_plan_never_executes_the_notebook(tmp_path):
    notebook = solved()
    mark = tmp_path / "ran"
    notebook["cells"].insert(0, code(f"open({str(mark)!r}, 'w')"))
    plan_of(LESSON, notebook)
    assert not mark.exists()


# What students do to their notebooks


def test_a_quiz_is_judged_where_it_stands():
    found, _ = normal(released())
    first, last = (judged_at(found, id) for id in ("rome.warm_up", "rome.exit"))
    assert found[first].run and found[last].run and "place" in found[first].cell.source
    assert first < judged_at(found, "rome.subject_key") < last


def test_test_cells_are_the_instructors_whatever_the_file_says():
    notebook = released()
    notebook["cells"][place(notebook, f"{TARGET}-test")]["source"] = 'print("22 points")'
    found, notes = normal(notebook)
    step = found[judged_at(found)]
    assert not step.run and step.cell.source == 'check("rome.rank_one_update", rank_one_update)'
    assert len(notes) == 1 and "rome.rank_one_update" in notes[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"points": 1000},
        {"points": -1},
        {"points": float("nan")},
        {"points": "many"},
        {"grade": False},
        {"solution": True},
        {"locked": False},
        {"grade": None, "points": [[]]},
        {"schema_version": {"a": 1}},
    ],
)
@pytest.mark.parametrize("ending", ["", "-test"])
def test_marks_in_the_file_change_nothing(changes, ending):
    notebook = released()
    cell = notebook["cells"][place(notebook, TARGET + ending)]
    cell["metadata"]["nbgrader"].update(changes)
    found, _ = normal(notebook)
    assert found == normal(released())[0]


@pytest.mark.parametrize(
    "metadata", [None, [], 5, {"nbgrader": None}, {"nbgrader": 3}, {"nbgrader": {"grade_id": ["x"]}}]
)
@pytest.mark.parametrize("keep_ids", [True, False])
def test_lost_metadata_loses_no_test(metadata, keep_ids):
    notebook = released()
    for number, cell in enumerate(notebook["cells"]):
        cell["metadata"] = metadata
        cell["id"] = cell["id"] if keep_ids else f"new-{number}"
    assert judged_in(normal(notebook)[0]) == list(plan().tests.values())


def test_a_solution_without_any_mark_is_still_judged():
    notebook = released()
    at = place(notebook, TARGET)
    notebook["cells"][at] = code("def rank_one_update(W, C, k_star, v_star): return W")
    found, notes = normal(notebook)
    own = where(found, notebook["cells"][at]["source"])
    stub = next(n for n, step in enumerate(found) if step.cell.grade_id == TARGET)
    assert stub < own < judged_at(found) and found[own].run and found[stub].run
    assert any("rome.rank_one_update was missing" in note for note in notes)


def test_a_notebook_written_from_scratch_is_judged_behind_its_own_cells():
    own = code("def rank_one_update(W, C, k_star, v_star): return W")
    found, _ = normal({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [own]})
    assert where(found, own["source"]) < judged_at(found)
    assert {test.id for test in judged_in(found)} == {test.id for test in plan().tests.values()}


@pytest.mark.parametrize("gone", range(73))
def test_any_one_deleted_cell_loses_nothing(gone):
    notebook = released()
    cell = notebook["cells"].pop(gone)
    found, notes = normal(notebook)
    assert judged_in(found) == list(plan().tests.values())
    solutions = [step.cell.exercise for step in found if step.cell.kind == "solution"]
    assert solutions == [row.id for row in EXERCISES if row.lesson == LESSON]
    assert len(notes) <= 1 and bool(notes) >= ("nbgrader" in cell["metadata"])


def test_a_deleted_solution_comes_back_empty_handed():
    notebook = solved()
    del notebook["cells"][place(notebook, TARGET)]
    found, _ = normal(notebook)
    source = next(step.cell.source for step in found if step.cell.grade_id == TARGET)
    assert "raise NotImplementedError" in source and "solve" not in source.rpartition('"""')[2]


def test_a_helper_that_later_exercises_need_comes_back():
    notebook = released()
    notebook["cells"] = [
        cell for cell in notebook["cells"] if "def in_context" not in "".join(cell["source"])
    ]
    found, notes = normal(notebook)
    helper = next(n for n, step in enumerate(found) if "def in_context" in step.cell.source)
    assert found[helper].run and helper < judged_at(found, "rome.rome") and len(notes) == 1


def test_of_two_solution_cells_the_first_has_the_id_and_both_run():
    notebook = released()
    at = place(notebook, TARGET)
    copied = copy.deepcopy(notebook["cells"][at]) | {
        "source": "def rank_one_update(*a): return 7",
        "id": "copy",
    }
    notebook["cells"].insert(at + 1, copied)
    found, notes = normal(notebook)
    second = where(found, copied["source"])
    assert (found[second].cell.kind, found[second].cell.grade_id, found[second].run) == ("code", "", True)
    assert second < judged_at(found) and judged_in(found) == list(plan().tests.values()) and len(notes) == 1


def test_a_copied_test_cell_with_own_code_is_judged_once():
    notebook = released()
    at = place(notebook, f"{TARGET}-test")
    copied = copy.deepcopy(notebook["cells"][at]) | {"source": "rank_one_update = print", "id": "copy"}
    notebook["cells"].insert(at + 1, copied)
    found, _ = normal(notebook)
    assert judged_in(found) == list(plan().tests.values())
    assert judged_at(found) < where(found, copied["source"])


def test_an_invented_id_is_a_plain_cell_with_a_note():
    notebook = released()
    nbgrader = {
        "grade": True,
        "solution": False,
        "locked": True,
        "points": 50,
        "grade_id": "bonus",
        "schema_version": 3,
    }
    notebook["cells"].append(code("bonus = 1", nbgrader=nbgrader))
    found, notes = normal(notebook)
    assert found[-1].cell.kind == "code" and found[-1].test is None and len(notes) == 1
    assert sum(test.points for test in judged_in(found)) == 22


@pytest.mark.parametrize("kind", ["markdown", "raw"])
def test_a_solution_cell_turned_into_text_is_code_again(kind):
    notebook = released()
    notebook["cells"][place(notebook, TARGET)].update(cell_type=kind, source="x = 1")
    found, _ = normal(notebook)
    assert [(step.cell.kind, step.run) for step in found if step.cell.source == "x = 1"] == [
        ("solution", True)
    ]


def test_a_solution_cell_tagged_as_demonstration_runs():
    notebook = released()
    notebook["cells"][place(notebook, TARGET)]["metadata"]["tags"] = ["demo"]
    assert next(step.run for step in normal(notebook)[0] if step.cell.grade_id == TARGET)


@pytest.mark.parametrize("tagged", [True, False])
def test_demonstrations_never_run(tagged):
    notebook = released()
    demos = [cell for cell in notebook["cells"] if "demo" in cell["metadata"].get("tags", [])]
    for number, cell in enumerate(demos):
        cell["id"] = f"new-{number}"
        if not tagged:
            del cell["metadata"]["tags"]
    sources = {"".join(cell["source"]) for cell in demos}
    assert len(sources) > 5
    assert not any(step.run for step in normal(notebook)[0] if step.cell.source in sources)


def test_a_test_cell_moved_above_its_solution_is_judged_behind_it():
    notebook = released()
    notebook["cells"].insert(0, notebook["cells"].pop(place(notebook, f"{TARGET}-test")))
    found, _ = normal(notebook)
    assert next(n for n, step in enumerate(found) if step.cell.grade_id == TARGET) < judged_at(found)


@pytest.mark.parametrize(
    "magic", ["%%html\n<b>", "%%javascript\nalert(1)", "  %%JS\n1", "%%latex\nx", "%%svg\n<svg/>"]
)
def test_cells_of_another_language_never_run(magic):
    notebook = released()
    notebook["cells"].insert(3, code(magic))
    found, notes = normal(notebook)
    assert not found[where(found, magic)].run and len(notes) == 1


@pytest.mark.parametrize("source", ["%matplotlib inline", "%load_ext autoreload", "!ls", "%%time\nx = 1"])
def test_other_magics_are_left_to_the_sandbox(source):
    notebook = released()
    notebook["cells"].insert(3, code(source))
    found, notes = normal(notebook)
    assert found[where(found, source)].run and notes == []


def test_an_untouched_set_up_runs_once_and_a_changed_one_runs_again():
    notebook = released()
    assert [step.run for step in normal(notebook)[0] if step.cell.source in plan().prelude] == [False]
    notebook["cells"].insert(0, code("torch = None"))
    assert [step.run for step in normal(notebook)[0] if step.cell.source in plan().prelude] == [True]
    notebook = released()
    notebook["cells"][1]["source"] = "".join(notebook["cells"][1]["source"]) + "\nx = 1"
    assert [step.run for step in normal(notebook)[0] if step.cell.source.endswith("\nx = 1")] == [True]


def test_no_output_of_the_students_file_is_handed_on():
    notebook = released()
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "22 / 22 points"}]
    assert not any(step.cell.outputs for step in normal(notebook)[0])


def shaken(seed):
    """A notebook after twelve random deletions, copies, moves and changes of cells."""
    dice = random.Random(seed)
    notebook = solved() if seed % 2 else released()
    cells = notebook["cells"]
    for _ in range(12):
        at = dice.randrange(len(cells))
        graded = [n for n, cell in enumerate(cells) if grade_id(cell)]
        at = dice.choice(graded) if graded and dice.random() < 0.6 else at
        what = dice.randrange(7)
        if what == 0:
            del cells[at]
        elif what == 1:
            cells.insert(dice.randrange(len(cells)), copy.deepcopy(cells[at]))
        elif what == 2:
            cells.insert(dice.randrange(len(cells)), cells.pop(at))
        elif what == 3 and grade_id(cells[at]):
            other = dice.choice([*plan().tests, TARGET, "none", "x" * 300])
            cells[at]["metadata"]["nbgrader"]["grade_id"] = other
        elif what == 4 and grade_id(cells[at]):
            cells[at]["metadata"]["nbgrader"].update(
                points=1e9, grade=dice.random() < 0.5, solution=dice.random() < 0.5
            )
        elif what == 5:
            cells[at].update(cell_type=dice.choice(["code", "markdown", "raw"]), id=f"id{dice.randrange(3)}")
        else:
            cells[at]["source"] = dice.choice(
                ['quiz("rome.exit", {})', "x = (", None, ["\ud800"], 'grade("rome.rome", 1)']
            )
    return notebook


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_done_every_test_is_judged_once_for_its_own_points(seed):
    notebook = notebook_of(json.dumps(shaken(seed)).encode())
    found, notes = normal(notebook)
    assert sorted(test.id for test in judged_in(found)) == sorted(test.id for test in plan().tests.values())
    assert sum(test.points for test in judged_in(found)) == 22
    for row in (row for row in EXERCISES if row.lesson == LESSON):
        solution = [
            n for n, step in enumerate(found) if step.cell.kind == "solution" and step.cell.exercise == row.id
        ]
        assert len(solution) == 1 and solution[0] < judged_at(found, row.id)
    for step in found:
        assert step.cell.kind != "test" or (step.cell in plan().cells and not step.run)
    assert all(note.endswith(".") and "\n" not in note for note in notes)
    assert normal(notebook) == (found, notes)


@pytest.mark.parametrize(
    "cells", [None, 5, {}, [None, 3, [], "x"], [{}], [{"cell_type": "code", "source": None}]]
)
def test_a_notebook_without_cells_is_a_notebook_of_stubs(cells):
    assert judged_in(normal({"cells": cells})[0]) == list(plan().tests.values())
