"""Judging over the wire is judging: the same points and sentences, whichever side the function runs on."""

import json
import socket
import threading
from importlib import import_module
from types import SimpleNamespace

import pytest

from autograder.checks import grade
from autograder.cli.machine import isolation_level
from autograder.exercises import EXERCISES, LESSONS, exercise
from autograder.grader.grading import plan_of_lesson
from autograder.grader.inside.agent import Agent
from autograder.grader.judging import judge
from autograder.grader.records import Submission, as_json, from_json
from autograder.grader.session import Limits, Session
from autograder.grader.student import StudentFunction
from autograder.grader.wire import Closed, Wire
from autograder.grader.zygotes import Zygote
from autograder.mutants import mutants_of
from autograder.nbgrader_config import ROOT

QUICK = [
    row.id
    for row in EXERCISES
    if not import_module(f"autograder.lessons.{row.id}").__dict__.get("USES_MODEL")
]
MUTANTS = [(id, mutant.name) for id in QUICK for mutant in mutants_of(id)]
HEAVY = ("05_rome", "06_memit", "10_ike", "11_anyedit")
STUB = "raise NotImplementedError()"


@pytest.fixture
def over_the_wire():
    """Judges functions that run at the other end of a wire, in a thread of this process."""
    open_wires = []

    def judged(id, *functions, seed=1):
        ours, theirs = socket.socketpair()
        control, _end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        names = [f"f{number}" for number in range(len(functions))]
        shell = SimpleNamespace(user_ns=dict(zip(names, functions, strict=True)), outputs=None)
        agent, session = Agent(Wire(theirs), shell), Session(Wire(ours), control, Limits(cell=60))

        def loop():
            try:
                agent.loop()
            except Closed:
                pass

        thread = threading.Thread(target=loop)
        thread.start()
        open_wires.append((thread, session.wire, agent.wire, control, _end))
        try:
            return grade(id, *(StudentFunction(session, name) for name in names), seed=seed)
        finally:
            if not session.gone:
                ours.shutdown(socket.SHUT_RDWR)
            thread.join(20)

    yield judged
    for _thread, *sockets in open_wires:
        for one in sockets:
            one.close()


def references(id):
    row = exercise(id)
    module = import_module(row.reference)
    names = (row.function, *getattr(import_module(f"autograder.lessons.{id}"), "ALSO", ()))
    return [getattr(module, name) for name in names]


@pytest.mark.parametrize("id", QUICK)
def test_a_reference_gets_full_marks_over_the_wire(over_the_wire, id):
    score = over_the_wire(id, *references(id))
    assert score == exercise(id).points, score.text


def said(score):
    """What a card says, without the lines of a traceback."""
    found = score.judgement
    return (float(score), found.cause_name, found.note, [(one.name, one.kept) for one in found.findings])


@pytest.mark.slow
@pytest.mark.parametrize(("id", "name"), MUTANTS)
def test_a_misconception_is_judged_alike_on_both_sides(over_the_wire, id, name):
    mutant = next(mutant for mutant in mutants_of(id) if mutant.name == name)
    functions = mutant.make()
    functions = functions if isinstance(functions, tuple) else (functions,)
    assert said(over_the_wire(id, *functions)) == said(grade(id, *functions))


@pytest.fixture(scope="module")
def zygote():
    level = isolation_level()
    with Zygote(level, limits=Limits(cell=60, notebook=300)) as warm:
        yield warm


def submission(lesson, kind):
    folder = ROOT / "solutions" if kind == "solution" else ROOT / "lessons" / "en"
    text = (folder / lesson / f"{lesson}.ipynb").read_text(encoding="utf-8")
    return Submission("ada", lesson, json.loads(text))


LESSON_CASES = [
    pytest.param(lesson.name, marks=[pytest.mark.slow] if lesson.name in HEAVY else []) for lesson in LESSONS
]


@pytest.mark.parametrize("lesson", LESSON_CASES)
def test_a_solution_gets_full_marks_and_the_untouched_notebook_none(zygote, lesson):
    plan = plan_of_lesson(lesson)
    solved = judge(submission(lesson, "solution"), plan, zygote)
    assert [(mark.id, mark.earned) for mark in solved.marks if mark.earned < mark.points] == []
    assert solved.points == sum(row.points for row in EXERCISES if row.lesson == lesson)
    assert judge(submission(lesson, "untouched"), plan, zygote).earned == 0
    assert from_json(as_json(solved)) == solved


def with_cells(lesson, **sources):
    """The solution notebook with other sources in some solution cells, by the exercise's function."""
    found = submission(lesson, "solution")
    for cell in found.notebook["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id", "").partition("-")[2]
        if name in sources:
            cell["source"] = sources[name]
    return found


def earned(result):
    return {mark.id.partition(".")[2]: mark.earned / mark.points for mark in result.marks if mark.points}


def test_a_fault_costs_its_own_question(zygote):
    """A cell that ends the process, a function that ends it, and one that is not there."""
    faulty = with_cells(
        "02_metrics",
        accuracy="import os\nos._exit(3)",
        locality="def locality(*args):\n    import os\n    os._exit(3)",
        efficacy="x = 1",
    )
    result = judge(faulty, plan_of_lesson("02_metrics"), zygote)
    assert earned(result) == {
        "answer_logprob": 1, "accuracy": 0, "portability": 1, "locality": 0,
        "efficacy": 0, "token_accuracy": 1, "project_linf": 1,
    }  # fmt: skip
    notes = {mark.id: mark.judgement.note for mark in result.marks if mark.judgement}
    assert "There is no function efficacy" in notes["metrics.efficacy"]
    assert any("was stopped: the process ended" in note for note in result.notes)


def test_the_reference_of_the_exercise_is_not_there_and_that_of_another_one_is(zygote):
    cheat = with_cells(
        "02_metrics",
        accuracy="from edu_edit.metrics import accuracy",
        efficacy="from edu_edit.metrics import efficacy as its\ndef efficacy(*a):\n    return its(*a)",
    )
    result = earned(judge(cheat, plan_of_lesson("02_metrics"), zygote))
    assert result["accuracy"] == 0 and result["efficacy"] == 0 and result["locality"] == 1


def test_two_seeds_give_honest_work_the_same_grade(zygote):
    plan = plan_of_lesson("02_metrics")
    honest = with_cells("02_metrics", accuracy=f"def accuracy(*_):\n    {STUB}")
    one, two = (judge(honest, plan, zygote, seed=seed) for seed in (11, 12))
    assert earned(one) == earned(two) and earned(one)["accuracy"] == 0
