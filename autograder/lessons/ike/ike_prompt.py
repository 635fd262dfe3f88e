"""ike.ike_prompt: demonstrations, the new fact, the question, byte for byte (lesson 10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator

from autograder.claims import Claim, Student, equal, every
from autograder.gates import text_gate
from autograder.judgement import Verdict
from autograder.lessons.ike.made_up import number, sentence, some
from autograder.mutants import Mutant
from edu_edit.facts import Fact

ARGUMENTS = ("demos", "new_fact", "question")

STUB = '''
def ike_prompt(demos: Sequence[str], new_fact: str, question: str) -> str:
    """The whole prompt: the demonstrations, the new fact as a sentence, and the question.

    demos: texts as `demonstration` gives them, each with a blank line at its end, in the order in which they
    are to stand. Behind them comes a block of the same form, whose answer is left to the model:
    the line "New Fact: " and the fact, the line "Prompt: " and the question. Nothing stands after that.
    """
'''


def gate(value: Any, demos: list[str], new_fact: str, question: str) -> str:
    return text_gate(value)


def block(fact: Fact) -> str:
    """What a demonstration of the kind "copy" looks like."""
    told = sentence(fact.question, fact.target_new)
    return f"New Fact: {told}\nPrompt: {told}\n\n"


def problem(g: Generator, n: int) -> tuple[list[str], str, str]:
    *shown, new = some(g, n + 1)
    asked = (new.question, new.paraphrases[0], new.neighborhood[0])[number(g, 0, 2)]
    return [block(fact) for fact in shown], sentence(new.question, new.target_new), asked


def bare(student: Student, g: Generator) -> Verdict:
    """No demonstrations: the new fact and the question alone. With one, these two lines are the last."""
    found = []
    for n in (0, 0, 1):
        demos, new_fact, question = problem(g, n)
        lines = ["New Fact: " + new_fact, "Prompt: " + question]
        found.append(equal(student(demos, new_fact, question).split("\n")[3 * n :], lines, "last lines"))
    return every(*found)


def read_back(student: Student, g: Generator) -> Verdict:
    """The prompt is read again: blocks parted by empty lines, the last one without an answer."""
    found = []
    for n in (1, number(g, 2, 5)):
        demos, new_fact, question = problem(g, n)
        *blocks, last = student(demos, new_fact, question).split("\n\n")
        found.append(equal([text + "\n\n" for text in blocks], demos, "blocks in front"))
        found.append(equal(last.split("\n"), [f"New Fact: {new_fact}", f"Prompt: {question}"], "last block"))
    return every(*found)


def in_order(student: Student, g: Generator) -> Verdict:
    """Where each part begins, with the demonstrations in two orders."""
    demos, new_fact, question = problem(g, 5)
    found = []
    for order in (list(range(5)), torch.randperm(5, generator=g).tolist()):
        given = [demos[i] for i in order]
        prompt = student(given, new_fact, question)
        places = [prompt.find(part) for part in (*given, f"New Fact: {new_fact}\n", f"Prompt: {question}")]
        wanted = [sum(map(len, given[:i])) for i in range(6)]
        wanted.append(wanted[-1] + len(f"New Fact: {new_fact}\n"))
        found.append(equal(places, wanted, "where the parts begin"))
    return every(*found)


def ends_with_the_question(student: Student, g: Generator) -> Verdict:
    """No blank, no line break, no answer after the question."""
    found = []
    for n in (0, 3):
        demos, new_fact, question = problem(g, n)
        whole = "".join(demos) + "New Fact: " + new_fact + "\nPrompt: " + question
        found.append(
            equal(
                student(demos, new_fact, question)[-len(question) - 8 :], whole[-len(question) - 8 :], "end"
            )
        )
    return every(*found)


def plain_text(student: Student, g: Generator) -> Verdict:
    """Braces, percent signs, blanks and empty lines of a question are text like any other."""
    demos, new_fact, question = problem(g, 2)
    found = []
    for text in (
        f"In {{}} {question}",
        f"100 % {question} %s",
        f"First.\n\n{question}",
        f"{question}?\nIt is ",
    ):
        lines = [demo[:-1] for demo in demos] + [f"New Fact: {new_fact}", f"Prompt: {text}"]
        found.append(equal(student(demos, new_fact, text), "\n".join(lines), "prompt"))
    return every(*found)


CLAIMS = (
    Claim(
        "bare",
        "Without demonstrations it is two lines: the new fact, and the question",
        "Write 'New Fact: ', the fact, a line break, 'Prompt: ', the question.",
        bare,
        open=True,
    ),
    Claim(
        "read back",
        "It can be read back: blocks parted by an empty line, the last one still without an answer",
        "A demonstration brings its own empty line. Put nothing more between the parts.",
        read_back,
        open=True,
    ),
    Claim(
        "in order",
        "The demonstrations come first, in the order given, then the new fact, then the question",
        "Join the demonstrations as they come; the new fact stands after them.",
        in_order,
    ),
    Claim(
        "ends with the question",
        "The last letter of the prompt is the last letter of the question",
        "A blank or line break after the question becomes a token of its own, and the answer changes.",
        ends_with_the_question,
    ),
    Claim(
        "plain text",
        "Whatever the question holds is passed on unchanged",
        "Don't strip or format the question: it may hold braces, percent signs and line breaks.",
        plain_text,
    ),
)


def written(how: Callable[[list[str], str, str], str]) -> Callable[[list[str], str, str], str]:
    return how


MUTANTS = [
    Mutant(
        "blank_behind",
        "A blank stands after the question. The model's tokens begin with their blank, so yours becomes a "
        "token "
        "of its own that it has hardly ever seen there.",
        lambda: written(lambda demos, new, q: "".join(demos) + f"New Fact: {new}\nPrompt: {q} "),
    ),
    Mutant(
        "line_behind",
        "A line break stands after the question. The model is to go on in the same line.",
        lambda: written(lambda demos, new, q: "".join(demos) + f"New Fact: {new}\nPrompt: {q}\n"),
    ),
    Mutant(
        "extra_lines",
        "You put a line break between the demonstrations, which end in an empty line already. Join them with "
        "nothing between them.",
        lambda: written(lambda demos, new, q: "\n".join([*demos, f"New Fact: {new}\nPrompt: {q}"])),
    ),
    Mutant(
        "fact_first",
        "Your new fact stands before the demonstrations. It belongs after them, right above its question.",
        lambda: written(lambda demos, new, q: f"New Fact: {new}\n" + "".join(demos) + f"Prompt: {q}"),
    ),
    Mutant(
        "reversed",
        "You turned the demonstrations round. `nearest` has put the most similar one last, where it works "
        "best: "
        "keep the order.",
        lambda: written(lambda demos, new, q: "".join(demos[::-1]) + f"New Fact: {new}\nPrompt: {q}"),
    ),
    Mutant(
        "no_label",
        "The question has no 'Prompt: ' before it. The model has learned from the demonstrations what "
        "follows "
        "that word.",
        lambda: written(lambda demos, new, q: "".join(demos) + f"New Fact: {new}\n{q}"),
    ),
    Mutant(
        "only_new",
        "The demonstrations are missing. With the new fact alone the model mostly keeps its old answer.",
        lambda: written(lambda demos, new, q: f"New Fact: {new}\nPrompt: {q}"),
    ),
    Mutant(
        "stripped",
        "You tidied the texts up (strip). A prompt must be what the caller wrote, to the byte.",
        lambda: written(lambda demos, new, q: ("".join(demos) + f"New Fact: {new}\nPrompt: {q}").strip()),
    ),
]

HINTS = (
    "It is the form of a demonstration once more, with its last answer missing. How are the pieces parted?",
    'Every demonstration ends with its empty line, so "".join(demos) is right as it is. Then one line that '
    "begins with 'New Fact: ', and one that begins with 'Prompt: ', without a line break at its end.",
    'return "".join(...) + f"New Fact: {new_fact}\\nPrompt: {...}"',
)

EXPLANATION = (
    "The model goes on as the demonstrations did. A missing label or one more blank breaks the pattern, and "
    "the "
    "answer with it.",
)
