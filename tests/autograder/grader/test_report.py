"""The class report of a made-up class whose misconceptions, absences and look-alikes are known beforehand."""

from __future__ import annotations

import base64
import io
import re
from collections import Counter
from dataclasses import replace
from functools import cache

import pytest
from bs4 import BeautifulSoup
from rich.console import Console

from autograder.checks import grade
from autograder.grader.records import Cell, Mark, Rejection, Result
from autograder.grader.report import class_report, print_report, write_report
from autograder.grader.report.similar import similar, words
from autograder.mutants import mutants_of
from autograder.stubs import reference_source, stub

LESSON = "05_rome"
# How many of the class of 60 answer as which misconception; the others are right.
CLASS = {
    "rome.subject_key": {"last_token": 6},
    "rome.value_loss": {"reversed": 9, "sum": 0},
    "rome.rank_one_update": {"identity": 11, "bias_free": 0},
}
SIZE = 60


@cache
def judged(id: str, mutant: str) -> Mark:
    """A real grading of the reference ("") or of a mutant."""
    if mutant:
        made = next(one for one in mutants_of(id) if one.name == mutant).make()
    else:
        module = __import__("edu_edit.methods.rome", fromlist=["x"])
        made = getattr(module, id.partition(".")[2])
    score = grade(id, *(made if isinstance(made, tuple) else (made,)))
    return Mark(id, float(score), score.judgement.points, score.judgement)


def made_up_class() -> list[Result]:
    plan = {
        id: [name for name, count in counts.items() for _ in range(count)] for id, counts in CLASS.items()
    }
    results = []
    for number in range(SIZE):
        marks = tuple(judged(id, names[number] if number < len(names) else "") for id, names in plan.items())
        results.append(
            Result(f"s{number:02}", LESSON, "k", marks, seconds=0.4 + number / 50, level="bubblewrap")
        )
    return results


@pytest.fixture(scope="module")
def report():
    refused = (Rejection("s60", "05_rome.ipynb", "The file is not JSON, so it is not a notebook."),)
    roster = [f"s{number:02}" for number in range(63)]
    return class_report(LESSON, made_up_class(), refused, roster)


def test_everybody_is_counted_once(report):
    assert (report.expected, report.handed_in, report.graded) == (63, 61, 60)
    assert report.missing == ("s61", "s62") and len(report.rejections) == 1 and not report.not_on_roster


def test_a_class_without_a_roster_has_nobody_missing():
    one = class_report(LESSON, made_up_class()[:2])
    assert (one.expected, one.missing, one.not_on_roster) == (0, (), ())


def test_misconceptions_are_named_and_counted_with_their_sentence(report):
    counted = {part.id: {cause.name: cause.count for cause in part.causes} for part in report.parts}
    wanted = {id: {name: n for name, n in counts.items() if n} for id, counts in CLASS.items()}
    assert counted == wanted
    for part in report.parts:
        for cause in part.causes:
            assert cause.answers == SIZE
            assert cause.sentence == next(m.sentence for m in mutants_of(part.id) if m.name == cause.name)


def test_full_some_and_none_add_up_and_the_mean_is_that_of_the_points(report):
    for part in report.parts:
        wrong = sum(CLASS[part.id].values())
        assert (part.full, part.full + part.partial + part.zero) == (SIZE - wrong, SIZE)
        lost = [judged(part.id, name).earned for name, n in CLASS[part.id].items() for _ in range(n)]
        mean = (sum(lost) + part.points * part.full) / (part.points * SIZE)
        assert part.mean_share == pytest.approx(mean)
    assert report.scores == tuple(row.earned for row in made_up_class())


def test_claims_are_counted_and_the_most_missed_of_each_exercise_is_what_to_teach_next(report):
    missed = Counter()
    for result in made_up_class():
        for mark in result.marks:
            missed.update((mark.id, f.sentence) for f in mark.judgement.findings if not f.kept)
    ours = {(claim.exercise, claim.sentence): claim.missed for part in report.parts for claim in part.claims}
    assert {key: n for key, n in ours.items() if n} == dict(missed)
    worst = {id: max([n for (of, _), n in missed.items() if of == id], default=0) for id in CLASS}
    assert [claim.missed for claim in report.teach_next] == sorted(filter(None, worst.values()), reverse=True)
    assert [claim.exercise for claim in report.teach_next] == sorted(worst, key=lambda id: -worst[id])
    hidden = {f.sentence for m in made_up_class()[0].marks for f in m.judgement.findings if not f.open}
    assert hidden == {claim.sentence for part in report.parts for claim in part.claims if not claim.open}


def test_quiz_questions_are_counted_by_question_whatever_was_chosen():
    from autograder.quizzes import all_quizzes

    quiz = next(quiz for quiz in all_quizzes() if quiz.lesson == LESSON)
    results = []
    for number, letter in enumerate("abc"):
        score = grade(quiz.id, {question.name: letter for question in quiz.questions})
        results.append(Result(f"s{number}", LESSON, "k", (Mark(quiz.id, float(score), 1, score.judgement),)))
    part = class_report(LESSON, results).parts[0]
    assert [claim.sentence for claim in part.claims] == [" ".join(q.text.split()) for q in quiz.questions]
    for claim, question in zip(part.claims, quiz.questions, strict=True):
        assert claim.missed == sum(letter != question.right for letter in "abc")


def text_of(report) -> str:
    console = Console(file=io.StringIO(), width=100, force_terminal=False)
    print_report(report, console)
    return console.file.getvalue()


def test_page_and_terminal_say_the_same_figures(report, tmp_path):
    page = write_report(report, tmp_path).read_text(encoding="utf-8")
    soup = BeautifulSoup(page, "html.parser")
    for shown in (" ".join(soup.text.split()), " ".join(text_of(report).split())):
        assert "11 of 60" in shown and "9 of 60" in shown and "6 of 60" in shown
        assert "s61" in shown and "not JSON" in shown
        assert report.teach_next[0].sentence.split("`")[0][:40] in shown


def test_the_page_is_one_file_without_script_or_request_that_everyone_can_read(report, tmp_path):
    soup = BeautifulSoup(write_report(report, tmp_path).read_text(encoding="utf-8"), "html.parser")
    assert not soup.find_all(["script", "link", "iframe"]) and soup.html["lang"] == "en"
    assert soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
    pictures = soup.find_all("img")
    assert len(pictures) == 3
    for picture in pictures:
        assert len(picture["alt"]) > 40
        data = base64.b64decode(picture["src"].removeprefix("data:image/png;base64,"), validate=True)
        assert data.startswith(b"\x89PNG")
    assert all(table.caption for table in soup.find_all("table"))
    levels = [int(tag.name[1]) for tag in soup.find_all(re.compile("^h[1-6]$"))]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in zip(levels, levels[1:], strict=False))


def test_hostile_names_notes_and_reasons_are_text_on_the_page_and_in_the_terminal(tmp_path):
    evil = "<script>x</script>[bold red]\x1b[31m\ud800\u202e{{7*7}}"
    results = [replace(made_up_class()[0], student=evil, notes=(evil,), level=evil)]
    report = class_report(LESSON, results, (Rejection(evil, evil, evil),), ["a", evil + "2"])
    page = write_report(report, tmp_path).read_text(encoding="utf-8")
    soup = BeautifulSoup(page, "html.parser")
    assert soup.script is None and soup.text.count("<script>x</script>[bold red]") >= 5
    shown = text_of(report)
    assert "[bold red]" in shown and "\x1b" not in shown and "\u202e" not in shown


def test_an_empty_class_is_a_report_too(tmp_path):
    report = class_report(LESSON, (), (), ["a"])
    assert "Every file that came in could be graded" in write_report(report, tmp_path).read_text("utf-8")
    assert "1 missing" in text_of(report)


# Similar answers ------------------------------------------------------------------------------------------

ORIGINAL = '''def second_moment(batches):
    """C."""
    total, seen = None, 0
    for batch in batches:
        block = batch.to(torch.float64)
        piece = torch.einsum("nf,ng->fg", block, block)
        if total is None:
            total = torch.zeros_like(piece)
        total = total + piece
        seen = seen + block.shape[0]
    if not seen:
        raise ValueError("no keys came")
    return total / float(seen)


def check_shape(matrix):
    rows, columns = matrix.shape
    if rows != columns:
        raise ValueError(f"{rows} is not {columns}")
    return [float(matrix[i, i]) for i in range(rows) if matrix[i, i] > 0]
'''
INDEPENDENT = (
    """def second_moment(batches):
    keys = torch.cat([b.double() for b in batches], dim=0)
    if len(keys) == 0:
        raise ValueError
    return keys.T @ keys / len(keys)
""",
    """def second_moment(batches):
    n, C = 0, 0.0
    for k in batches:
        k = k.double()
        C += k.mT.matmul(k)
        n += k.size(0)
    assert n > 0, "empty"
    return C / n
""",
    """def second_moment(batches):
    count = 0
    acc = None
    iterator = iter(batches)
    while True:
        try:
            chunk = next(iterator).to(dtype=torch.double)
        except StopIteration:
            break
        outer = sum(torch.outer(row, row) for row in chunk)
        acc = outer if acc is None else acc + outer
        count += len(chunk)
    if acc is None or count < 1:
        raise ValueError("nothing to average")
    return acc.div(count)
""",
    """def second_moment(batches):
    from functools import reduce
    pairs = [(b.double().T @ b.double(), b.shape[0]) for b in batches if b.shape[0] != 0]
    if not pairs:
        raise ValueError("need at least one key to build C")
    top = reduce(lambda x, y: x + y, (p[0] for p in pairs))
    bottom = reduce(lambda x, y: x + y, (p[1] for p in pairs))
    return top * (1.0 / bottom)
""",
)


def renamed(source: str) -> str:
    """Other names, other comments, other spaces; the two functions the other way round."""
    for old, new in {
        "total": "summe", "seen": "anzahl", "batch ": "b ", "= batch.": "= b.",
        "block": "x64", "piece": "outer_",
        "check_shape": "helper", "matrix": "M", "rows": "r", "columns": "c", "no keys came": "leer",
    }.items():  # fmt: skip
        source = source.replace(old, new)
    one, other = source.split("\n\n\n")
    other = other.replace("    if ", "    # is it a square?\n    if ")
    return f"{other}\n\n\n{one}\n"


def hand_in(student: str, source: str, id: str = "rome.second_moment") -> Result:
    return Result(student, LESSON, "k", cells=(Cell("solution", source, (), id),))


def test_planted_look_alikes_are_found_and_independent_answers_are_not():
    results = [hand_in("ada", ORIGINAL), hand_in("bob", renamed(ORIGINAL))]
    results += [hand_in(f"s{number}", source) for number, source in enumerate(INDEPENDENT)]
    pairs = similar(results, 0.7)
    assert [(pair.one, pair.other) for pair in pairs] == [("ada", "bob")]
    assert pairs[0].share > 0.8 and pairs[0].exercises == ("rome.second_moment",)


def test_what_everybody_was_given_or_wrote_says_nothing():
    given = stub("rome.second_moment")
    same = reference_source("rome.second_moment")
    assert similar([hand_in("a", given), hand_in("b", given)], 0.7, {"rome.second_moment": given}) == ()
    assert similar([hand_in(f"s{number}", same) for number in range(40)]) == ()


def test_a_pair_hidden_in_a_class_of_sixty_is_still_the_only_one():
    results = [hand_in(f"s{number:02}", INDEPENDENT[number % 4]) for number in range(58)]
    results += [hand_in("ada", ORIGINAL), hand_in("bob", renamed(ORIGINAL))]
    assert [(pair.one, pair.other) for pair in similar(results)] == [("ada", "bob")]


def test_names_spaces_and_comments_do_not_count_and_numbers_and_calls_do():
    assert words("a = torch.sum(b)  # c") == words("xyz  =  torch . sum( q )")
    assert words("a = 1") != words("a = 2") and words("a.sum()") != words("a.mean()")


@pytest.mark.parametrize("source", ["", "\ud800\x00", "def (:\n'''", "(" * 5000, "é" * 5000, "\\" * 999])
def test_code_that_is_no_code_is_compared_without_a_crash(source):
    assert all(pair.share <= 1 for pair in similar([hand_in("a", source), hand_in("b", source)]))


def test_the_report_words_it_with_care(tmp_path):
    results = [hand_in("ada", ORIGINAL), hand_in("bob", renamed(ORIGINAL))]
    report = class_report(LESSON, results)
    page = BeautifulSoup(write_report(report, tmp_path).read_text("utf-8"), "html.parser").text
    assert "ada and bob" in page and "Similar does not mean copied" in page
    for shown in (page, text_of(report)):
        assert not re.search("guilt|cheat|plagiar", shown, re.I)
