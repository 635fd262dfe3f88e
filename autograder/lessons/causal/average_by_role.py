"""causal.average_by_role: maps of prompts of different lengths, averaged by the roles of their tokens.

Shape letters: T_i tokens of prompt i, L layers.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, randint, randn, randperm

from autograder.claims import Claim, Student, close, every
from autograder.gates import Refused, tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.causal.average_by_role_mutants import MUTANTS

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("maps", "roles")


def gate(value: Any, maps: list[Tensor], roles: list[Tensor]) -> Tensor:
    """Numbers and NaN, no infinities."""
    if not isinstance(value, Tensor):
        return tensor_gate(value, (), "", "", None)
    missing = value.isnan() if value.is_floating_point() else torch.zeros_like(value, dtype=torch.bool)
    shape = (6, maps[0].shape[1])
    plain = tensor_gate(torch.where(missing, 0.0, value), shape, "(6, L)", "maps", maps[0].dtype)
    plain[missing] = float("nan")
    return plain


def alike(yours: Tensor, expected: Tensor) -> Verdict:
    """NaN at the same places, and the same numbers elsewhere."""
    missing = [role for role in range(6) if expected[role].isnan().any()]
    yours_missing = [role for role in range(6) if yours[role].isnan().any()]
    same = Verdict(missing == yours_missing, f"roles without a number: {yours_missing}", f"{missing}")
    return every(same, close(yours.nan_to_num(), expected.nan_to_num(), 1e-5, "average"))


def layers(g: Generator) -> int:
    return int(randint(3, 7, (), generator=g))


def effects(g: Generator, T: int, L: int) -> Tensor:
    return randn(T, L, generator=g) + torch.arange(T)[:, None]


def by_hand(maps: list[Tensor], roles: list[Tensor]) -> Tensor:
    """Sums and counts, one cell at a time."""
    L = maps[0].shape[1]
    out = torch.full((6, L), float("nan"))
    for role in range(6):
        for layer in range(L):
            means = []
            for m, r in zip(maps, roles, strict=True):
                cells = [float(m[t, layer]) for t in range(len(m)) if int(r[t]) == role]
                means += [sum(cells) / len(cells)] if cells else []
            if means:
                out[role, layer] = sum(means) / len(means)
    return out


def judged(student: Student, maps: list[Tensor], roles: list[Tensor]) -> Verdict:
    return alike(student(maps, roles), by_hand(maps, roles))


def one_token_each(student: Student, g: Generator) -> Verdict:
    """Six tokens, six roles in any order: the average is the map with its rows sorted."""
    m, order = effects(g, 6, layers(g)), randperm(6, generator=g)
    expected = torch.stack([m[int((order == role).nonzero())] for role in range(6)])
    return alike(student([m], [order]), expected)


def two_prompts(student: Student, g: Generator) -> Verdict:
    """Two prompts of equal length whose tokens play the same roles: the plain mean of both maps."""
    L, roles = layers(g), torch.tensor([0, 1, 2, 3, 4, 5])
    one, two = effects(g, 6, L), effects(g, 6, L)
    return alike(student([one, two], [roles, roles]), (one + two) / 2)


def every_prompt_once(student: Student, g: Generator) -> Verdict:
    """A prompt with many further tokens counts no more than one with a single one."""
    L, many = layers(g), int(randint(4, 8, (), generator=g))
    short, long = torch.tensor([0, 1, 2, 3, 4, 5]), torch.tensor([0, 1, 2, 3, *[4] * many, 5])
    return judged(student, [effects(g, len(r), L) for r in (short, long)], [short, long])


def missing_somewhere(student: Student, g: Generator) -> Verdict:
    """A subject of two tokens has no middle one: the average of role 1 is over the prompts that have it."""
    L = layers(g)
    roles = [torch.tensor([0, 2, 3, 4, 5]), torch.tensor([0, 1, 1, 2, 3, 5]), torch.tensor([2, 3, 4, 4, 5])]
    return judged(student, [effects(g, len(r), L) for r in roles], roles)


def missing_everywhere(student: Student, g: Generator) -> Verdict:
    """Nothing is known of a role that no prompt has: NaN, not 0."""
    L = layers(g)
    roles = [torch.tensor([0, 2, 3, 5]), torch.tensor([0, 2, 5])]
    return judged(student, [effects(g, len(r), L) for r in roles], roles)


def before_the_subject(student: Student, g: Generator) -> Verdict:
    """Tokens before the subject (-1) are in no row, however large their numbers."""
    L = layers(g)
    roles = [torch.tensor([-1, -1, 0, 1, 2, 3, 4, 5]), torch.tensor([-1, 0, 1, 2, 3, 4, 5])]
    maps = [effects(g, len(r), L) for r in roles]
    for m, r in zip(maps, roles, strict=True):
        m[r == -1] += 500
    return judged(student, maps, roles)


CLAIMS = (
    Claim(
        "one token each",
        "In one prompt with one token per role, row r is the map's row of the token with role r",
        "Row r of the answer belongs to role r, wherever in the prompt its token stands.",
        one_token_each,
        open=True,
    ),
    Claim(
        "two prompts",
        "Over two prompts, each role's row is the mean of both",
        "Add the prompts' rows of a role and divide by the number of prompts.",
        two_prompts,
        open=True,
    ),
    Claim(
        "every prompt once",
        "Several tokens of a role are averaged in their prompt first, so every prompt counts once",
        "First the mean over the tokens of a role inside each map, then the mean over the maps.",
        every_prompt_once,
        open=True,
    ),
    Claim(
        "missing somewhere",
        "A prompt without a role does not count for that role",
        "Divide by the number of prompts that have the role, not by the number of all prompts.",
        missing_somewhere,
    ),
    Claim(
        "missing everywhere",
        "A role that no prompt has is NaN: nothing is known about it",
        "No measurement is not the same as an effect of 0.",
        missing_everywhere,
    ),
    Claim(
        "before the subject",
        "Tokens before the subject, role -1, are left out",
        "Role -1 belongs to no row. As an index, -1 would mean the last one.",
        before_the_subject,
    ),
)

HINTS = (
    "Prompts differ in length, so token 3 of one is not token 3 of another. What can be averaged is what plays "
    "the same role. In which order do you take the two means?",
    "For each map and each role: `m[r == role]` picks the rows of that role, (k, L); their mean over dim 0 is "
    "(L,), and NaN if k is 0. Stack to (6, L) per map, stack the maps, and take `nanmean` over the maps.",
    "per_map = []\n"
    "for m, r in zip(maps, roles):\n"
    "    rows = [m[r == role].mean(...) for role in range(6)]\n"
    "    per_map.append(torch.stack(rows))      # (6, L)\n"
    "return torch.stack(per_map)...             # over the maps, skipping NaN",
)

EXPLANATION = (
    "The mean of no rows is NaN in torch, and `nanmean` leaves NaN out: a missing role takes no part, and stays "
    "NaN where it is missing everywhere.",
    "Comparing with 0 to 5 drops role -1 by itself; using the role as an index would have put it into the last "
    "row.",
)

STUB = '''def average_by_role(
    maps: Sequence[Float[Tensor, "_ L"]], roles: Sequence[Int[Tensor, " _"]]
) -> Float[Tensor, "6 L"]:
    """The maps (T_i, L) of prompts of different lengths, averaged by the roles of their tokens: figure 5.14.

    roles: for each map T_i whole numbers: 0 first, 1 middle, 2 last subject token, 3 first token after it,
    4 further, 5 last token of the prompt; -1 = before the subject.
    Mean over the tokens of a role in each map, then over the maps that have it; NaN where none has.
    """
    raise NotImplementedError("Your code here")
'''
