"""Score and its card: a float for nbgrader, the same words for people as HTML and as text."""

import copy
import pickle
from html.parser import HTMLParser

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbgrader.utils import determine_grade

from autograder import check, grade, mutants_of
from autograder.card import rich
from autograder.claims import Claim
from autograder.lessons.rome.rank_one_update_mutants import update

ID = "rome.rank_one_update"


@pytest.fixture(scope="module")
def partial():
    """C = I: two claims of eight hold."""
    return grade(ID, update(row=lambda C, k: k))


def graded_cell(score, *more):
    """The test cell as nbgrader sees it after execution."""
    data, _ = InteractiveShell.instance().display_formatter.format(score)
    output = nbformat.v4.new_output("execute_result", data=data, execution_count=1)
    cell = nbformat.v4.new_code_cell("grade(...)", outputs=[output, *more])
    cell.metadata["nbgrader"] = {
        "grade": True,
        "solution": False,
        "locked": True,
        "points": 5,
        "grade_id": "x",
    }
    return cell


def test_repr_is_the_bare_number(partial):
    assert repr(partial) == "1.25" == f"{partial:.2f}" == f"{partial}"
    assert partial == 1.25 and isinstance(partial, float) and partial + 1 == 2.25


@pytest.mark.parametrize("make", [lambda: update(row=lambda C, k: k), update, lambda: lambda *args: None])
def test_nbgrader_reads_the_points(make):
    score = grade(ID, make())
    assert determine_grade(graded_cell(score)) == (float(score), 5.0)


def test_the_first_result_decides_even_when_an_error_follows(partial):
    error = nbformat.v4.new_output("error", ename="E", evalue="", traceback=[])
    assert determine_grade(graded_cell(partial, error)) == (1.25, 5.0)


def test_display_has_number_and_card(partial):
    data, _ = InteractiveShell.instance().display_formatter.format(partial)
    assert data["text/plain"] == "1.25"
    assert data["text/html"].startswith("<section")


@pytest.mark.parametrize(
    "through", [copy.copy, copy.deepcopy, lambda score: pickle.loads(pickle.dumps(score))]
)
def test_score_survives_copying(partial, through):
    again = through(partial)
    assert again == partial and again.judgement == partial.judgement and again.text == partial.text


def test_printing_shows_the_card_as_text(partial):
    assert str(partial) == partial.text
    assert "Likely cause: This is exactly what you get with C = I" in partial.text
    assert all(len(line) <= 100 for line in partial.text.splitlines())


class Tags(HTMLParser):
    """Opened and closed tags of a page, with their attributes."""

    def __init__(self, page):
        super().__init__()
        self.open, self.seen, self.attributes = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("mutant", mutants_of(ID), ids=lambda mutant: mutant.name)
def test_card_is_plain_well_formed_html(mutant):
    card = check(ID, mutant.make())._repr_html_()
    tags = Tags(card)
    assert tags.open == []
    assert not {"script", "style", "link", "img", "iframe"} & set(tags.seen)
    assert not [
        name for name, value in tags.attributes if name.startswith("on") or "javascript" in (value or "")
    ]


def test_card_says_kept_or_not_in_words_beside_the_mark(partial):
    card = check(ID, update(row=lambda C, k: k))._repr_html_()
    assert "✓ <strong>kept</strong>" in card and "✗ <strong>not kept</strong>" in card
    assert "‖(Ŵ - W) K‖ = " in card and "the least possible" in card


def test_open_card_says_how_many_more_there_are():
    assert "open 3/3 · 5 more at grading" in check(ID, update()).text
    assert "open 2/3 · 5 more at grading" in check(ID, update(row=lambda C, k: k)).text


def test_hidden_claims_show_their_sentence_but_no_data(partial):
    hidden = [finding for finding in partial.judgement.findings if not finding.open]
    assert hidden and all(finding.sentence in " ".join(partial.text.split()) for finding in hidden)
    for finding in hidden:
        verdict = finding.verdict
        assert (verdict.yours, verdict.expected, verdict.error, verdict.picture) == ("", "", None, None)


def test_what_a_student_writes_can_not_become_markup():
    def nasty(W, C, k_star, v_star):
        print("<script>alert(1)</script>")
        raise ValueError("<img src=x onerror=alert(2)>")

    card = check(ID, nasty)._repr_html_()
    assert "<script" not in card and "<img" not in card and "&lt;script&gt;" in card


def test_pictures_stand_beside_a_wrong_matrix():
    card = check("rome.second_moment", lambda batches: 0 * (b := next(iter(batches))).T @ b)._repr_html_()
    assert "<caption" in card and "yours, upper left corner" in card


def test_claims_are_data():
    from importlib import import_module

    for claim in import_module(f"autograder.lessons.{ID}").CLAIMS:
        assert isinstance(claim, Claim) and claim.sentence and claim.unless


def test_stars_around_words_are_emphasis_and_those_of_formulas_stay():
    assert rich("say *Taipei* now, *teacher forced*") == "say <em>Taipei</em> now, <em>teacher forced</em>"
    for formula in ("v_* - W k_*, and M* beside P_*", "a * b * c", "2*3*4"):
        assert rich(formula) == formula
    assert rich("`a *b* c`") == "<code>a *b* c</code>"
