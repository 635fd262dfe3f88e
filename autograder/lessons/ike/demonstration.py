"""ike.demonstration: one demonstration of the kind copy, update or retain, byte for byte (lesson 10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import Generator

from autograder.claims import Claim, Student, equal, every
from autograder.gates import text_gate
from autograder.judgement import Verdict
from autograder.lessons.ike.demonstration_mutants import MUTANTS
from autograder.lessons.ike.made_up import chinese, number, sentence, some
from autograder.lessons.metrics.common import refused
from edu_edit.facts import Fact

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("kind", "fact")
ASKED: dict[str, Callable[[Fact], tuple[str, str]]] = {
    "copy": lambda fact: (fact.question, fact.target_new),
    "update": lambda fact: (fact.paraphrases[0], fact.target_new),
    "retain": lambda fact: (fact.neighborhood[0], str(fact.target_true)),
}

STUB = '''
def demonstration(kind: str, fact: Fact) -> str:
    """One demonstration: a new fact, and a prompt with the answer that is right after it.

    New Fact: {the fact's question} {its new answer}
    Prompt: {what is asked} {the answer}

    and an empty line. kind "copy": asked is the fact's question; "update": its first paraphrase, both with
    the new answer; "retain": its first neighbour, `fact.neighborhood[0]`, with the answer that stays,
    `fact.target_true`. `spaced(prompt, answer)` gives the answer with its blank, where one is needed.
    Raises ValueError for another kind, and for a fact that lacks what the kind needs.
    """
'''


def gate(value: Any, kind: str, fact: Fact) -> str:
    return text_gate(value)


def kind_of(kind: str) -> Callable[[Student, Generator], Verdict]:
    """The two lines of one kind, for three facts; the end of the text is another claim's."""

    def decide(student: Student, g: Generator) -> Verdict:
        found = []
        for fact in some(g, 3):
            lines = student(kind, fact).rstrip("\n").split("\n")
            told, asked = sentence(fact.question, fact.target_new), sentence(*ASKED[kind](fact))
            found.append(equal(lines, [f"New Fact: {told}", f"Prompt: {asked}"], f"lines of {kind!r}"))
        return every(*found)

    return decide


def ends_empty(student: Student, g: Generator) -> Verdict:
    """Demonstrations are joined without anything between them, and must still be told apart."""
    facts = some(g, 3)
    texts = [student(kind, fact) for kind, fact in zip(ASKED, facts, strict=True)]
    blocks = "".join(texts).split("\n\n")
    firsts = [f"New Fact: {sentence(fact.question, fact.target_new)}" for fact in facts]
    return every(
        equal([text.split("\n")[0] for text in blocks], [*firsts, ""], "first lines of the blocks"),
        equal([text.count("\n") for text in texts], [3, 3, 3], "line breaks of each"),
    )


def chinese_too(student: Student, g: Generator) -> Verdict:
    fact = chinese(g)
    found = []
    for kind, asked in ASKED.items():
        question, answer = asked(fact)
        whole = f"New Fact: {fact.question}{fact.target_new}\nPrompt: {question}{answer}\n\n"
        found.append(equal(student(kind, fact), whole, f"{kind!r} in Chinese"))
    return every(*found)


def refuses(student: Student, g: Generator) -> Verdict:
    fact = some(g, 1)[0]
    told = sentence(fact.question, fact.target_new)
    return every(
        refused(student, ("ignore", "keep", "other")[number(g, 0, 2)], fact),
        refused(student, "update", replace(fact, paraphrases=())),
        refused(student, "retain", replace(fact, neighborhood=())),
        refused(student, "retain", replace(fact, target_true=None)),
        equal(
            student("copy", replace(fact, paraphrases=(), neighborhood=())),
            f"New Fact: {told}\nPrompt: {told}\n\n",
            "'copy' of a fact with no other prompts",
        ),
    )


CLAIMS = (
    Claim(
        "copy",
        "copy: the prompt that was told is answered with the new answer",
        "Both lines hold the fact's question and its new answer.",
        kind_of("copy"),
        open=True,
    ),
    Claim(
        "update",
        "update: another wording of the question gets the new answer too",
        "Ask fact.paraphrases[0], and answer with target_new.",
        kind_of("update"),
        open=True,
    ),
    Claim(
        "retain",
        "retain: a question about a neighbour keeps its old answer, although the new fact was just told",
        "Tell the new fact, then ask fact.neighborhood[0] and answer with target_true.",
        kind_of("retain"),
        open=True,
    ),
    Claim(
        "ends empty",
        "Each ends with an empty line, so that they can be joined as they are",
        "Two line breaks stand at the end, one between the two lines.",
        ends_empty,
    ),
    Claim(
        "chinese too",
        "In Chinese no blank stands before the answer",
        "Don't write the blank yourself: spaced(prompt, answer) knows where one belongs.",
        chinese_too,
    ),
    Claim(
        "refuses",
        "Another kind, or a fact that lacks what the kind needs, is refused: ValueError",
        "Look at kind, paraphrases, neighborhood and target_true before you write, and raise ValueError.",
        refuses,
    ),
)

HINTS = (
    "The first line is the same for all three kinds. Which question and which answer does each kind put into "
    "the second line?",
    "Choose (asked, answer) by kind: (fact.question, target_new), (paraphrases[0], target_new), "
    "(neighborhood[0], target_true). Refuse what is missing. Then write both lines, each answer through "
    "spaced(prompt, answer), and two line breaks.",
    'if kind == "copy":\n'
    "    asked, answer = fact.question, fact.target_new\n"
    'elif kind == "update" and fact.paraphrases:\n'
    "    asked, answer = ...\n"
    "elif ...:\n"
    "    asked, answer = ...\n"
    "else:\n"
    "    raise ValueError(...)\n"
    "told = fact.question + spaced(fact.question, fact.target_new)\n"
    'return f"New Fact: {told}\\nPrompt: {asked}{...}\\n\\n"',
)

EXPLANATION = (
    "One kind for each property of lesson 02: copy for accuracy, update for generality, retain for locality.",
    "In retain the new fact is told and not used. That is the point: a new fact is no answer to every "
    "question.",
)
