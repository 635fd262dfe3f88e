"""Checks over the whole list of exercises: what is right passes, every known misconception gets its own
sentence.
"""

import contextlib
import html
import re
import types
from importlib import import_module

import pytest
import torch

import autograder.exercises
from autograder import EXERCISES, check, explain, grade, mutants_of, reset, stub
from autograder.claims import Claim, close
from autograder.exercises import Exercise, exercise
from autograder.gates import tensor_gate
from edu_edit.loading import BUNDLED

IDS = [row.id for row in EXERCISES]
# Judged on the bundled model, seconds per answer: their modules say USES_MODEL = True.
MODEL_IDS = {id for id in IDS if getattr(import_module(f"autograder.lessons.{id}"), "USES_MODEL", False)}
FAST = [id for id in IDS if id not in MODEL_IDS]
needs_model = pytest.mark.skipif(
    not (BUNDLED / "atlas-gpt2" / "moments.safetensors").is_file(),
    reason="atlas-gpt2 is not bundled with its moments",
)
ALL = [pytest.param(id, marks=needs_model if id in MODEL_IDS else ()) for id in IDS]


def marks_of(id, place=0):
    """Of an exercise that is judged on the model, all misconceptions but the first are slow tests."""
    return [needs_model, *[pytest.mark.slow] * (place > 0)] if id in MODEL_IDS else []


MUTANTS = [
    pytest.param(id, mutant, id=f"{id}-{mutant.name}", marks=marks_of(id, place))
    for id in IDS
    for place, mutant in enumerate(mutants_of(id))
]


def references(id):
    """Our own functions of an exercise: one, or two."""
    row, content = exercise(id), import_module(f"autograder.lessons.{id}")
    names = (row.function, *getattr(content, "ALSO", ()))
    return [getattr(import_module(row.reference), name) for name in names]


def reference(id):
    """The only function of an exercise that has one."""
    (function,) = references(id)
    return function


def made(mutant):
    """A mutant's functions, as many as its exercise has."""
    functions = mutant.make()
    return functions if isinstance(functions, tuple) else (functions,)


def claims_of(id):
    return import_module(f"autograder.lessons.{id}").CLAIMS


def words(page):
    """An HTML card as its reader sees it."""
    return " ".join(html.unescape(re.sub("<[^>]*>", "", page)).split())


def joined(text):
    return " ".join(text.replace("`", "").split())


def grades_in_full(id, seed):
    score = grade(id, *references(id), seed=seed)
    assert score == exercise(id).points, score.text
    assert check(id, *references(id), seed=seed) == exercise(id).points


def is_named(id, mutant, seed):
    score = grade(id, *made(mutant), seed=seed)
    assert 0 <= score < exercise(id).points
    assert score.judgement.cause_name == mutant.name
    assert joined(mutant.sentence) in joined(score.text)
    plain = joined(mutant.sentence).replace("*", "")  # stars around words are emphasis in HTML
    assert plain in words(score._repr_html_()).replace("*", "")


@pytest.mark.parametrize("id", ALL)
def test_reference_gets_full_marks(id):
    grades_in_full(id, seed=0)


@pytest.mark.parametrize(("id", "mutant"), MUTANTS)
def test_mutant_loses_points_and_gets_its_own_sentence(id, mutant):
    is_named(id, mutant, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("id", FAST)
def test_reference_and_mutants_are_judged_alike_on_other_problems(id):
    for seed in (1, 2, 3):
        grades_in_full(id, seed)
    for mutant in mutants_of(id):
        for seed in (1, 2):
            is_named(id, mutant, seed)


@pytest.mark.parametrize(("id", "mutant"), [param for param in MUTANTS if param.values[0] in FAST])
def test_open_claims_never_blame_another_misconception(id, mutant):
    score = check(id, *made(mutant), seed=5)
    assert score.judgement.cause_name in ({mutant.name} if score < exercise(id).points else {""})


@pytest.mark.parametrize("id", IDS)
def test_lists_are_complete(id):
    content, mutants = import_module(f"autograder.lessons.{id}"), mutants_of(id)
    assert len(mutants) >= 3
    assert len({mutant.sentence for mutant in mutants}) == len(mutants)
    assert len({mutant.name for mutant in mutants}) == len(mutants)
    assert len(content.HINTS) == 3 and all(content.HINTS)
    assert len({claim.name for claim in content.CLAIMS}) == len(content.CLAIMS)
    assert {claim.open for claim in content.CLAIMS} == {True, False}
    assert content.EXPLANATION


def test_the_list_of_lesson_05_is_the_syllabus():
    points = [(row.id, row.points) for row in EXERCISES if row.lesson == "05_rome"]
    assert points == [
        ("rome.subject_key", 2),
        ("rome.second_moment", 3),
        ("rome.value_loss", 3),
        ("rome.optimise_value", 4),
        ("rome.rank_one_update", 5),
        ("rome.rome", 5),
    ]
    header = exercise("rome.rank_one_update").header
    assert header == "difficulty ●●●○○ · importance ●●●●● · 20 min · (5.19)-(5.21)"


# ---- nothing for nothing ----


def stubbed(*args):
    raise NotImplementedError("Your code here")


@pytest.mark.parametrize("judge", [check, grade])
@pytest.mark.parametrize("empty", [stubbed, lambda *args: None, lambda *args: ...])
@pytest.mark.parametrize("id", ALL)
def test_stub_earns_nothing_and_is_answered_politely(id, empty, judge):
    score = judge(id, *[empty] * len(references(id)))
    assert score == 0
    assert "Not started yet" in score.text or "gave back nothing" in joined(score.text)
    assert not score.judgement.traceback and "✗ not kept" not in score.text
    assert not score.judgement.cause


@pytest.mark.parametrize("given", [None, ..., 3, torch.zeros(2)])
@pytest.mark.parametrize("id", FAST)
def test_what_is_no_function_is_answered_in_a_sentence(id, given):
    handed_in = [given] * len(references(id))
    assert grade(id, *handed_in) == 0
    assert "wants the function itself" in joined(check(id, *handed_in).text)


def zero_of(answer):
    """The empty answer of the same form."""
    if isinstance(answer, torch.Tensor):
        return torch.zeros_like(answer)
    if type(answer) in (tuple, list) and all(isinstance(item, torch.Tensor) for item in answer):
        return type(answer)(map(zero_of, answer))
    if isinstance(answer, tuple):
        return tuple(map(zero_of, answer))
    if isinstance(answer, dict):
        return {key: zero_of(value) for key, value in answer.items()}
    return type(answer)()


def answers_of(id, seed):
    """What ours answers at every call of a grading, per function."""
    answers = [[] for _ in references(id)]

    def kept(function, found):
        def recording(*args):
            found.append(function(*args))
            return found[-1]

        return recording

    assert grade(id, *map(kept, references(id), answers), seed=seed) == exercise(id).points
    return answers


@pytest.mark.parametrize("id", FAST)
def test_zeros_inputs_and_answers_to_other_problems_earn_nothing(id):
    def zeros(function):
        return lambda *args: zero_of(function(*args))

    def input_at(place):
        return lambda *args: args[place] if place < len(args) else args[0]

    def replayed(found):
        calls = iter(found * 50)
        return lambda *args: next(calls)

    wrongs = [map(zeros, references(id)), map(replayed, answers_of(id, seed=77))]
    wrongs += [[input_at(place)] * len(references(id)) for place in range(4)]
    wrongs += [[lambda *args, found=found: found[0] for found in answers_of(id, seed=78)]]
    for wrong in wrongs:
        score = grade(id, *wrong)
        assert score == 0, score.text


@pytest.mark.slow
@needs_model
def test_edits_of_nothing_or_of_another_fact_earn_nothing():
    from autograder.lessons.rome.rome_problems import facts
    from edu_edit import Edit

    ours = reference("rome.rome")

    def nothing(lm, fact, layer):
        return Edit(lm, {layer: torch.zeros(lm.D, lm.F)})

    def another(lm, fact, layer):
        other = next(
            row for row in facts() if row.subject != fact.subject and row.target_new != fact.target_new
        )
        return ours(lm, other, layer)

    for wrong in (nothing, another, lambda lm, fact, layer: lm, lambda lm, fact, layer: fact):
        assert grade("rome.rome", wrong) == 0, grade("rome.rome", wrong).text


@pytest.mark.parametrize("id", FAST)
def test_gates_earn_nothing_by_themselves(id):
    def noise(function):
        def noisy(*args):
            answer = function(*args)
            return torch.randn_like(answer) if isinstance(answer, torch.Tensor) else zero_of(answer)

        return noisy

    assert grade(id, *map(noise, references(id))) == 0


# ---- the student's function is called with care ----


@pytest.mark.parametrize("id", FAST)
def test_changed_arguments_are_noticed_and_harm_no_claim(id):
    changed = []

    def wrecked(function):
        def wrecker(*args):
            answer = function(*args)
            for arg in args:
                if isinstance(arg, torch.Tensor):
                    changed.append(arg.detach().zero_())
                elif isinstance(arg, list) and arg:
                    changed.append(arg.clear())
            return answer

        return wrecker

    score = grade(id, *map(wrecked, references(id)))
    if changed:  # strings, numbers and streams can't be
        assert score == 0 and "in place" in score.text
    assert grade(id, *references(id)) == exercise(id).points


@pytest.mark.parametrize("id", FAST)
def test_same_seed_same_card_and_another_seed_another_problem(id):
    texts = [check(id, *made(mutants_of(id)[0]), seed=seed).text for seed in (3, 3, 4)]
    assert texts[0] == texts[1] != texts[2]


def test_nothing_is_printed_whatever_the_function_does(capfd):
    import sys
    import warnings

    def loud(keys, last):
        print("keys", tuple(keys.shape))
        print("oh", file=sys.stderr)
        warnings.warn("careful", stacklevel=1)
        torch.manual_seed(0)
        return keys[:, -1].mean(0)

    before = torch.random.get_rng_state()
    score = grade("rome.subject_key", loud)
    assert capfd.readouterr() == ("", "")
    assert torch.equal(before, torch.random.get_rng_state())
    assert "| keys (1," in score.text


def test_exception_becomes_a_sentence_and_its_traceback_is_folded():
    def broken(W, C, k_star, v_star):
        return W @ C @ v_star / 0

    score = check("rome.rank_one_update", broken)
    assert score == 0
    text = joined(score.text)
    assert "rank_one_update stopped with RuntimeError" in text and "return W @ C @ v_star / 0" in text
    assert "<details><summary>Where it stopped</summary>" in score._repr_html_()
    assert "autograder" not in score.judgement.traceback.replace("tests/autograder", "")


@pytest.mark.parametrize("error", [SystemExit, RecursionError, AssertionError, StopIteration, MemoryError])
def test_no_exception_escapes(error):
    def broken(keys, last):
        raise error

    assert error.__name__ in check("rome.subject_key", broken).text


def test_interrupting_a_check_interrupts_it():
    def endless(keys, last):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("rome.subject_key", endless)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda keys: keys[0], "The shape is not (F,)"),
        (lambda keys: keys.numpy()[0, 0], "should be a torch.Tensor"),
        (lambda keys: keys[0, 0].double(), "The dtype is not the one of keys"),
        (lambda keys: keys[0, 0].long(), "The dtype is not the one of keys"),
        (lambda keys: keys[0, 0] * float("nan"), "not finite"),
        (lambda keys: [1.0, 2.0], "should be a torch.Tensor"),
        (lambda keys: "key", "should be a torch.Tensor"),
    ],
)
def test_gates_say_what_came_and_what_was_expected(answer, said):
    score = check("rome.subject_key", lambda keys, last: answer(keys))
    assert score == 0
    assert said in joined(score.text)
    assert "yours" in score.text and "expected" in score.text


def test_lying_comparisons_earn_nothing():
    class Liar(torch.Tensor):
        def __eq__(self, other):
            return True

        def norm(self, *args, **kwargs):
            return torch.zeros(())

    def liar(keys, last):
        return torch.zeros(keys.shape[2]).as_subclass(Liar)

    assert grade("rome.subject_key", liar) == 0


def test_a_function_that_was_given_the_stub_of_another_is_not_called_a_stub():
    def needs_another(keys, last):
        return stubbed(keys)

    assert "stopped with NotImplementedError" in joined(check("rome.subject_key", needs_another).text)


# ---- stubs, resets, explanations ----


@pytest.mark.parametrize("id", IDS)
def test_stub_has_the_signature_and_docstring_and_no_solution(id):
    source = stub(id)
    assert source.startswith(f"def {exercise(id).function}(") and '"""' in source
    assert source.rstrip().endswith('raise NotImplementedError("Your code here")')
    body = source.rpartition('"""')[2]
    assert body.strip() == 'raise NotImplementedError("Your code here")'
    compile(source, "stub", "exec")
    assert str(reset(id)) == source


def test_explanation_comes_after_trying(monkeypatch):
    monkeypatch.setattr("autograder.stubs.tried", set())
    assert "First try it yourself" in explain("rome.rank_one_update")
    check("rome.rank_one_update", stubbed)
    assert "First try it yourself" in explain("rome.rank_one_update")
    check("rome.rank_one_update", lambda W, C, k_star, v_star: W)
    told = explain("rome.rank_one_update")
    assert "def rank_one_update(" in told and "u = C^-1 k_*" in told


def test_unknown_exercise_is_a_sentence():
    with pytest.raises(KeyError, match="There is no exercise 'rome.nothing'"):
        check("rome.nothing", stubbed)


# ---- an exercise of two functions ----


@pytest.fixture
def pair(monkeypatch):
    """A made-up exercise whose check takes two functions."""

    def decide(student, generator):
        x = torch.randn(3, generator=generator)
        return close(student(student(x), of=1), x, 1e-6, "x")

    content = types.SimpleNamespace(
        ARGUMENTS=("x",),
        ALSO=("there",),
        MUTANTS=[],
        HINTS=("", "", ""),
        gate=lambda value, x: tensor_gate(value, x.shape, "(3,)", "x", x.dtype),
        CLAIMS=(Claim("round trip", "back(there(x)) is x", "It is not.", decide, open=True),),
    )
    row = Exercise("made.there", "99_made", "Round trip", 2, 1, 1, 1, "(0)", "§0", "made")
    monkeypatch.setattr(autograder.exercises, "EXERCISES", (*EXERCISES, row))
    monkeypatch.setattr("autograder.checks.EXERCISES", (*EXERCISES, row))
    monkeypatch.setattr("autograder.checks.import_module", lambda name: content)
    return row.id


def test_check_takes_two_functions_where_the_exercise_has_two(pair):
    assert check(pair, lambda x: 2 * x, lambda x: x / 2) == 2
    assert check(pair, lambda x: 2 * x, lambda x: x) == 0
    assert "checked with 2 function(s), and 1 came" in joined(check(pair, lambda x: x).text)


def test_a_claim_that_fails_by_itself_is_not_blamed_on_the_student(monkeypatch):
    def faulty(student, generator):
        raise RuntimeError("the check is broken")

    content = import_module("autograder.lessons.rome.subject_key")
    monkeypatch.setattr(content, "CLAIMS", (Claim("faulty", "", "", faulty, open=True),))
    with pytest.raises(RuntimeError, match="the check is broken"):
        check("rome.subject_key", reference("rome.subject_key"))
    with contextlib.suppress(RuntimeError):
        grade("rome.subject_key", stubbed)
