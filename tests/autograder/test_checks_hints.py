"""Hints in three rungs; quizzes whose every option explains itself and whose answers can be graded."""

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell

from autograder import EXERCISES, grade, hint, quiz
from autograder.quizzes import LETTERS, all_quizzes, find_quiz, ids

QUIZZES = all_quizzes()
OPTIONS = [
    (q.id, question, letter)
    for q in QUIZZES
    for question in q.questions
    for letter in LETTERS[: len(question.options)]
]


def right_answers(id):
    return {question.name: question.right for question in find_quiz(id).questions}


def test_each_call_gives_the_next_rung(monkeypatch):
    monkeypatch.setattr("autograder.hints.taken", {})
    titles = [hint("rome.rome").splitlines()[0] for _ in range(4)]
    assert titles == [f"Hint {n} of 3 · rome.rome" for n in (1, 2, 3, 3)]
    assert hint("rome.rome", 2).startswith("Hint 2 of 3")
    with pytest.raises(ValueError, match="hints 1 to 3"):
        hint("rome.rome", 4)


@pytest.mark.parametrize("row", EXERCISES, ids=lambda row: row.id)
def test_the_last_hint_is_a_skeleton_with_gaps(row):
    assert "..." in hint(row.id, 3)


def test_hint_shows_itself_in_notebook_and_terminal():
    shown = hint("rome.value_loss", 3)
    assert repr(shown) == str(shown)
    assert "<pre" in shown._repr_html_()


def test_no_letter_gives_a_quiz_away():
    letters = [question.right for quiz in all_quizzes() for question in quiz.questions]
    assert {letters.count(letter) / len(letters) > 0.2 for letter in "abc"} == {True}


def test_every_lesson_has_a_warm_up_and_an_exit_quiz():
    assert {"rome.warm_up", "rome.exit"} <= set(ids())


@pytest.mark.parametrize("shown", QUIZZES, ids=lambda shown: shown.id)
def test_every_question_has_one_right_option_and_every_option_says_why(shown):
    names = [question.name for question in shown.questions]
    assert len(set(names)) == len(names) >= 3
    for question in shown.questions:
        assert sum(option.right for option in question.options) == 1
        assert len(question.options) >= 3
        assert all(len(option.why.split()) >= 6 for option in question.options)


@pytest.mark.parametrize("id", ids())
def test_answers_are_graded(id):
    right = right_answers(id)
    assert grade(id, right) == find_quiz(id).points
    assert grade(id, {name: f" {letter.upper()} " for name, letter in right.items()}) == find_quiz(id).points
    name = next(iter(right))
    partial = grade(id, right | {name: "b" if right[name] == "a" else "a"})
    assert 0 < partial < find_quiz(id).points
    assert grade(id, {}) == grade(id, None) == grade(id, dict.fromkeys(right, "z")) == 0
    assert grade(id, dict.fromkeys(right, "abc")) == 0
    assert "Not answered yet" in grade(id, {}).text


@pytest.mark.parametrize(("id", "question", "letter"), OPTIONS)
def test_a_chosen_option_explains_itself(id, question, letter):
    why = " ".join(question.option(letter).why.split())
    assert why.replace("`", "") in " ".join(repr(quiz(id, {question.name: letter})).split()).replace("`", "")
    assert f"<summary>{letter}) " in quiz(id, {question.name: letter}).static()


def test_answers_live_in_the_dictionary_that_was_given():
    answers = {"place": "b"}
    shown = quiz("rome.warm_up", answers)
    assert shown.answers is answers
    assert answers == {"place": "b", "token": "", "pairs": ""}


def test_a_click_records_the_letter_and_shows_why():
    answers = {}
    widget = quiz("rome.warm_up", answers).widget()
    radio, why = widget.children[2], widget.children[3]
    radio.value = "a"
    assert answers["place"] == "a"
    assert "Not quite" in why.value
    radio.value = "b"
    assert "Right" in why.value and answers["place"] == "b"
    assert "&#x27;place&#x27;: &#x27;b&#x27;" in widget.children[-1].value


def test_static_twin_needs_no_script():
    page = quiz("rome.exit").static()
    assert "<script" not in page and page.count("<details") == sum(
        len(q.options) for q in find_quiz("rome.exit").questions
    )


def test_quiz_score_is_a_result_that_nbgrader_reads():
    from nbgrader.utils import determine_grade

    score = grade("rome.exit", right_answers("rome.exit") | {"undo": "a"})
    data, _ = InteractiveShell.instance().display_formatter.format(score)
    output = nbformat.v4.new_output("execute_result", data=data, execution_count=1)
    cell = nbformat.v4.new_code_cell("grade(...)", outputs=[output])
    cell.metadata["nbgrader"] = {
        "grade": True,
        "solution": False,
        "locked": True,
        "points": 1,
        "grade_id": "x",
    }
    assert determine_grade(cell) == (0.75, 1.0)


def test_unknown_quiz_is_a_sentence():
    with pytest.raises(KeyError, match="There is no quiz 'rome.nothing'"):
        quiz("rome.nothing")
