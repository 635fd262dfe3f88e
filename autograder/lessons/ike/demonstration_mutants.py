"""Misconceptions about ike.demonstration: the text with one part exchanged."""

from __future__ import annotations

from collections.abc import Callable

from autograder.mutants import Mutant
from edu_edit.facts import Fact
from edu_edit.tokens import spaced

Asked = tuple[str, str]


def asked(kind: str, fact: Fact) -> Asked:
    if kind == "copy":
        return fact.question, fact.target_new
    if kind == "update" and fact.paraphrases:
        return fact.paraphrases[0], fact.target_new
    if kind == "retain" and fact.neighborhood and fact.target_true:
        return fact.neighborhood[0], fact.target_true
    raise ValueError("no such demonstration")


def written(
    ask: Callable[[str, Fact], Asked] = asked,
    tell: Callable[[str, Fact], Asked] = lambda kind, fact: (fact.question, fact.target_new),
    join: Callable[[str, str], str] = lambda prompt, answer: prompt + spaced(prompt, answer),
    form: str = "New Fact: {}\nPrompt: {}\n\n",
) -> Callable[[str, Fact], str]:
    """The text with another question, another new fact, another way to join, or another form."""

    def demonstration(kind: str, fact: Fact) -> str:
        question = ask(kind, fact)
        return form.replace("{}", join(*tell(kind, fact)), 1).replace("{}", join(*question), 1)

    return demonstration


def retain_with(kind: str, fact: Fact, question: str, answer: str) -> Asked:
    found = asked(kind, fact)
    return (question, answer) if kind == "retain" else found


def subject_keeps(kind: str, fact: Fact) -> Asked:
    return retain_with(kind, fact, fact.question, str(fact.target_true))


def neighbour_follows(kind: str, fact: Fact) -> Asked:
    return retain_with(kind, fact, (*fact.neighborhood, "")[0], fact.target_new)


def without_rewording(kind: str, fact: Fact) -> Asked:
    found = asked(kind, fact)
    return (fact.question, fact.target_new) if kind == "update" else found


def old_fact_told(kind: str, fact: Fact) -> Asked:
    return (fact.question, str(fact.target_true) if kind == "retain" else fact.target_new)


def lenient(kind: str, fact: Fact) -> Asked:
    if kind == "retain":
        return (*fact.neighborhood, "")[0], str(fact.target_true)
    return (fact.question if kind != "update" else (*fact.paraphrases, "")[0]), fact.target_new


MUTANTS = [
    Mutant(
        "neighbour_follows",
        "Your retain gives the neighbour the new answer. That teaches the model to answer every question "
        "with "
        "the new object: the neighbour keeps target_true.",
        lambda: written(neighbour_follows),
    ),
    Mutant(
        "subject_keeps",
        "Your retain asks about the fact's own subject and gives the old answer. That teaches the model to "
        "ignore what it is told: ask about a neighbour.",
        lambda: written(subject_keeps),
    ),
    Mutant(
        "old_fact_told",
        "Your retain tells the old fact. It must tell the new one like the others: the model is to learn "
        "that "
        "a new fact leaves other questions alone.",
        lambda: written(tell=old_fact_told),
    ),
    Mutant(
        "without_rewording",
        "Your update asks the prompt that was told, which is copy. Ask it in other words: "
        "fact.paraphrases[0].",
        lambda: written(without_rewording),
    ),
    Mutant(
        "one_line_break",
        "Only one line break stands at the end. The empty line after it shows where a demonstration is "
        "over.",
        lambda: written(form="New Fact: {}\nPrompt: {}\n"),
    ),
    Mutant(
        "glued",
        "No blank stands between prompt and answer. Let spaced(prompt, answer) put it there.",
        lambda: written(join=lambda prompt, answer: prompt + answer),
    ),
    Mutant(
        "always_a_blank",
        "You always put a blank before the answer. Chinese has none there: use spaced(prompt, answer).",
        lambda: written(join=lambda prompt, answer: f"{prompt} {answer}"),
    ),
    Mutant(
        "question_and_answer",
        "The second line begins with another word than 'Prompt: '. The demonstrations and the real question "
        "must "
        "look alike, to the byte.",
        lambda: written(form="New Fact: {}\nQuestion: {}\n\n"),
    ),
    Mutant(
        "refuses_nothing",
        "You wrote a demonstration where there is nothing to show: another kind, or a fact without "
        "paraphrases, "
        "neighbours or true answer. Raise ValueError.",
        lambda: written(lenient),
    ),
]
