"""A stream of GRACE edits: what the codebook is after each of them, seen in the plane of two principal axes.

Queries are read once and each edit's value is trained once, at its own question; then another first radius is
a new pass through `grace_update`, and no model runs. (The library's `grace` goes on training a value when its
ball expands; here it stays.) Shapes: N edits, M questions asked, n entries, D width of a query.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.codebook import Codebook, empty_book, grace_update, in_a_ball, nearest_key
from edu_edit.methods.grace import grace
from edu_edit.methods.serac import question_states
from edu_edit.methods.wrapped_layer import WrappedLayer

Update = Callable[..., Codebook]
SAME = 1e-3  # keys that are nearer than this are one, for a picture
KINDS = ("edit", "same meaning", "same subject", "stranger")


class Step(NamedTuple):
    """The codebook after an edit, and what the edit did to it, in a sentence."""

    book: Codebook
    happened: str


class Dot(NamedTuple):
    """A question in the plane: its kind, and the entry that answers it, or -1 for the layer itself."""

    kind: str
    text: str
    x: float
    y: float
    fires: int


class Plane(NamedTuple):
    """A projection to two principal axes: of all queries, or of three keys alone, which then lie in it.

    share: of the variance that the axes hold. through: the numbers of the three edits, or empty for all.
    """

    mean: Float[Tensor, " D"]
    axes: Float[Tensor, "D 2"]
    share: float
    through: tuple[int, ...] = ()

    def of(self, queries: Float[Tensor, "m D"]) -> list[list[float]]:
        """The places of queries in the plane."""
        places: list[list[float]] = ((queries - self.mean) @ self.axes).tolist()
        return places


@dataclass(frozen=True)
class BallStream:
    """The edits with their keys, values and labels, and the questions that are asked of every codebook."""

    lm: LM
    edits: Sequence[Fact]
    wrapped: WrappedLayer
    keys: Float[Tensor, "N D"]
    values: Float[Tensor, "N D"]
    labels: Sequence[tuple[int, ...]]
    kinds: Sequence[str]
    asked: Sequence[str]
    queries: Float[Tensor, "M D"]
    own: Sequence[str]  # the model's own answers to what is asked
    patched: dict[tuple[int, float], str] = field(default_factory=dict)  # those with a value in place

    def steps(self, eps0: float, update: Update = grace_update) -> list[Step]:
        """The codebook before the first edit and after each."""
        book = empty_book(*self.wrapped.widths)
        found = [Step(book, "No edit yet: every question is the layer's own.")]
        for i, fact in enumerate(self.edits):
            new = update(book, self.keys[i], self.values[i], self.labels[i], eps0)
            found.append(Step(new, f"Edit {i + 1}, {fact.question} … {fact.target_new}: {told(book, new)}"))
            book = new
        return found

    def plane(self, m: int | None = None) -> Plane:
        """The plane of all keys and queries, or the one through the three keys nearest to question m."""
        if m is None:
            return principal(torch.cat([self.keys, self.queries]))
        near: list[int] = []
        for i in (self.keys - self.queries[m]).norm(dim=1).argsort(stable=True).tolist():
            apart = all(float((self.keys[i] - self.keys[j]).norm()) > SAME for j in near)
            near += [i] if apart and len(near) < 3 else []
        return principal(self.keys[near], tuple(near))

    def entries(self, book: Codebook, plane: Plane) -> list[int]:
        """The entries that lie in a plane; all of them in the plane of all queries."""
        at = self.keys[list(plane.through)]
        return [
            i for i, key in enumerate(book.keys)
            if not plane.through or float((at - key).norm(dim=1).min()) < SAME
        ]  # fmt: skip

    def dots(self, book: Codebook, plane: Plane) -> list[Dot]:
        """The questions with the entries that they fire: those nearest to the plane's keys, or all."""
        hit, index = in_a_ball(self.queries, book.keys, book.eps)
        fires = torch.where(hit, index, -1).tolist()
        _, nearest = nearest_key(self.queries, self.keys)
        shown = [not plane.through or self.same(int(i), plane.through) for i in nearest]
        rows = zip(self.kinds, self.asked, plane.of(self.queries), fires, shown, strict=True)
        return [Dot(kind, text, x, y, i) for kind, text, (x, y), i, here in rows if here]

    def same(self, i: int, edits: Sequence[int]) -> bool:
        """Whether edit i has the key of one of the others."""
        return any(float((self.keys[i] - self.keys[j]).norm()) < SAME for j in edits)

    def word(self, label: Sequence[int]) -> str:
        """A label as text."""
        return str(self.lm.tok.decode(list(label))).strip()

    def inspected(self, book: Codebook, m: int) -> str:
        """Which entry fires at question m, how near it is, and what the model then says."""
        said = f"{self.asked[m]} … "
        if not len(book.keys):
            return f"{said}{self.own[m]} (no entry yet)."
        (d,), (i,) = (x.tolist() for x in nearest_key(self.queries[m][None], book.keys))
        about = (
            f"nearest is entry {i + 1} ({self.word(book.labels[i])}) at {d:.1f}, ε = {float(book.eps[i]):.1f}"
        )
        if d > float(book.eps[i]):
            return f"{said}{self.own[m]}: {about}, so no patch fires and the model answers by itself."
        place = (m, float(book.values[i].norm()))  # the answer depends on the value alone
        if place not in self.patched:
            with Edit(self.lm, hooks=self.wrapped.hooks(book)):
                self.patched[place] = self.lm.answer(self.asked[m])
        return f"{said}{self.patched[place]}: {about}, so entry {i + 1} fires."


def told(old: Codebook, new: Codebook) -> str:
    """Which rule led from one codebook to the next."""
    n = len(old.keys)
    radii = [f"{float(x):.1f}" for x in new.eps]
    moved = [i for i in range(n) if not torch.equal(old.eps[i], new.eps[i])]
    if len(new.keys) > n:
        if moved:
            shrunk = f"Entry {moved[0] + 1} shrinks to ε = {radii[moved[0]]}"
            return f"split. {shrunk}, entry {n + 1} gets {radii[n]}."
        return f"add entry {n + 1} with ε = {radii[n]}."
    if moved:
        return f"expand entry {moved[0] + 1} to ε = {radii[moved[0]]}."
    changed = [i for i in range(n) if old.labels[i] != new.labels[i]]
    return f"overwrite entry {changed[0] + 1}." if changed else "nothing changes, it is inside."


def principal(points: Float[Tensor, "p D"], through: tuple[int, ...] = ()) -> Plane:
    """The plane of the two principal axes of some points."""
    mean = points.mean(0)
    _, spread, axes = torch.linalg.svd(points - mean, full_matrices=False)
    axes = axes[:2].T * axes[:2].sum(1).sign()  # an axis may point either way: take one of them
    return Plane(mean, axes, float(spread[:2].square().sum() / spread.square().sum()), through)


def ball_stream(
    lm: LM, edits: Sequence[Fact], facts: Sequence[Fact], layer: int | None = None, most: int = 3
) -> BallStream:
    """Read the queries and train the values of a stream of edits (a fraction of a second for each).

    facts: where other questions about the subjects come from. Per subject at most `most` questions of a kind.
    """
    alone = [grace(lm, fact, layer=layer, eps0=0.0) for fact in edits]
    wrapped = WrappedLayer(lm, alone[0].record["layer"], "ffn")
    books = [edit.record["codebook"] for edit in alone]
    keys, values = (torch.cat([book[part] for book in books]) for part in (0, 1))
    questions = questions_of(edits, facts, most)
    queries = question_states(lm, wrapped.query, list(questions))
    return BallStream(
        lm, edits, wrapped, keys, values, [book.labels[0] for book in books], list(questions.values()),
        list(questions), queries, lm.answers(list(questions)),
    )  # fmt: skip


def questions_of(edits: Sequence[Fact], facts: Sequence[Fact], most: int) -> dict[str, str]:
    """{question: its kind}: the edits' own, their paraphrases, others about the subject, and neighbours'."""
    found = {fact.question: KINDS[0] for fact in edits}
    edited = {(fact.subject, fact.target_true) for fact in edits}
    for fact in edits:
        for prompt in fact.paraphrases[:most]:
            found.setdefault(prompt, KINDS[1])
    for subject in dict.fromkeys(fact.subject for fact in edits):
        others = [f for f in facts if f.subject == subject and (subject, f.target_true) not in edited]
        for other in others[:most]:
            found.setdefault(other.question, KINDS[2])
    for fact in edits:
        for prompt in fact.neighborhood[:most]:
            if not any(one.subject in prompt for one in edits):
                found.setdefault(prompt, KINDS[3])
    return found
