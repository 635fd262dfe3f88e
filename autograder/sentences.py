"""What a card says that belongs to no single exercise. One table, so that a second language is a second
table.
"""

from __future__ import annotations

SENTENCES = {
    "stub": "Not started yet: {function} still holds its stub. Replace it with your own code and run this "
    "cell again.",
    "nothing": "{function} gave back nothing (None). Is it still the stub, or is a `return` missing at its "
    "end?",
    "not callable": "check wants the function itself: check({id!r}, {function}). What came was {given}.",
    "missing function": "There is no function {name} in the notebook: its cell is missing, or did not run.",
    "too few": "{id} is checked with {wanted} function(s), and {given} came.",
    "error": "{function} stopped with {error}",
    "error line": "{function} stopped with {error}, in its line {line}: {code}",
    "unexpected": "The check could not read what {function} gave back ({error}). Compare it with the "
    "docstring.",
    "changed": "{function} changed its argument {argument} in place. The caller still needs it: work on a "
    "copy.",
    "changed model": "{function} left the model changed. Computing an edit must not touch the weights; "
    "only `with edit:` may.",
    "type": "What comes back should be a torch.Tensor.",
    "tuple": "What comes back should be a tuple of {n}.",
    "list": "What comes back should be a list of {what}.",
    "number": "What comes back should be one number, a float.",
    "whole": "What comes back should be a whole number, an int.",
    "text": "What comes back should be a string.",
    "finite number": "What comes back is not a finite number (nan or inf).",
    "edit": "The function should give back an Edit: Edit(lm, {{layer: Δ}}).",
    "shape": "The shape is not {letters}.",
    "dtype": "The dtype is not the one of {like}.",
    "finite": "Some entries are not finite (nan or inf).",
    "all kept open": "All open claims hold. {more} more are checked at grading.",
    "all kept": "All claims hold. Well done.",
    "next hint": "Change your function and run this cell again. Stuck? `hint({id!r})`",
    "next exercise": "Next: {title} ({next_id}).",
    "next lesson": "That was the last exercise of this lesson.",
    "open count": "{earned:g} / {points} points so far · open {kept}/{total} · {more} more at grading",
    "all count": "{earned:g} / {points} points · {kept} of {total} claims hold",
    "try first": "First try it yourself: run check({id!r}, {function}) with your own code once. Then "
    "explain({id!r}) shows ours.",
    "no answer": "Not answered yet: write a letter for {name!r} into your answers.",
    "keep answers": "To keep these answers, and to have them graded, copy this line into the cell above:",
    "no quiz": "There is no quiz {id!r}. The ids are: {ids}.",
}


def say(key: str, **values: object) -> str:
    """The sentence of that key with its blanks filled in."""
    return SENTENCES[key].format(**values)
