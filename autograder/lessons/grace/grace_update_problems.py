"""Problems and decisions for grace.grace_update. The oracle keeps the book as plain Python lists."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, rand, randint, randn

from autograder.claims import Student, every, told
from autograder.judgement import Verdict
from autograder.lessons.grace.grace_lookup_problems import one_by_one, size
from edu_edit.methods.codebook import Codebook, empty_book

Label = tuple[int, ...]
CLOSE = 3e-6  # a radius may be off by so much; the gap between split balls is 1e-5


def after(book: Codebook, key: Tensor, value: Tensor, label: Label, eps0: float) -> Codebook:
    """The rules, entry by entry."""
    keys, values, eps, labels = (list(part) for part in book)

    def add(radius: float) -> None:
        for part, new in zip((keys, values, eps, labels), (key, value, radius, label), strict=True):
            part.append(new)

    distances = [math.dist(key.tolist(), k.tolist()) for k in keys]
    d = min(distances, default=math.inf)
    i = distances.index(d) if distances else -1
    if not distances or d > eps0 + float(eps[i]):
        add(eps0)
    elif label != labels[i] and d < 1e-6:
        values[i], labels[i] = value, label
    elif label != labels[i]:
        eps[i] = d / 2 - 1e-5
        add(d / 2)
    elif d > float(eps[i]):
        eps[i] = d
    radii = torch.tensor([float(x) for x in eps])
    return Codebook(torch.stack(keys), torch.stack(values), radii, tuple(labels))


def judged(student: Student, book: Codebook, key: Tensor, value: Tensor, label: Label, eps0: float) -> Verdict:
    yours, wanted = student(book, key, value, label, eps0), after(book, key, value, label, eps0)
    return same(yours, wanted)


def same(yours: Codebook, wanted: Codebook) -> Verdict:
    """Number of entries, radii, labels, then keys and values."""
    mine, theirs = (
        f"radii {[round(x, 5) for x in one.eps.tolist()]}, labels {told(one.labels, 80)}"
        for one in (yours, wanted)
    )
    if len(yours.eps) != len(wanted.eps) or yours.labels != wanted.labels:
        return Verdict(False, mine, theirs)
    if float((yours.eps - wanted.eps).abs().max()) > CLOSE:
        return Verdict(False, mine, theirs)
    for name in ("keys", "values"):
        if float((getattr(yours, name) - getattr(wanted, name)).abs().max()) > CLOSE:
            return Verdict(False, f"other {name} than expected", f"the {name} as they were put in")
    return Verdict(True, mine, theirs)


def label_of(g: Generator, other_than: Label = ()) -> Label:
    label = tuple(randint(0, 900, (size(g, 1, 3),), generator=g).tolist())
    return label if label != other_than else (*label, 7)


def book_of(g: Generator, n: int, D: int) -> Codebook:
    """n entries that are 10 and more apart, with radii of 1 to 1.5."""
    keys = 10.0 * torch.eye(D)[torch.randperm(D, generator=g)[:n]] + 0.3 * rand(n, D, generator=g)
    labels = tuple(label_of(g) for _ in range(n))
    return Codebook(keys, randn(n, D, generator=g), 1 + 0.5 * rand(n, generator=g), labels)


def at(book: Codebook, i: int, d: float, g: Generator) -> Tensor:
    """A key at distance d from entry i, in a drawn direction."""
    direction = randn(book.keys.shape[1], generator=g)
    return book.keys[i] + d * direction / direction.norm()


def drawn(g: Generator, first: bool = False) -> tuple[Codebook, int, Tensor, float]:
    """A book, one of its entries (the first, or a later one), a first value, and an eps0 that is smaller than any
    radius of the book.
    """
    D, n = size(g, 6, 8), size(g, 3, 5)
    book, i = book_of(g, n, D), 0 if first else size(g, 1, n - 1)
    return book, i, randn(D, generator=g), 0.4 + 0.2 * float(rand((), generator=g))


def add(student: Student, g: Generator) -> Verdict:
    book, i, value, eps0 = drawn(g)
    far = at(book, i, eps0 + float(book.eps[i]) + 0.2, g)
    nothing = empty_book(len(value), len(value))
    return every(
        judged(student, nothing, randn(len(value), generator=g), value, label_of(g), eps0),
        judged(student, book, far, value, label_of(g), eps0),
        judged(student, book, far, value, book.labels[i], eps0),
    )


def split(student: Student, g: Generator) -> Verdict:
    """Inside the ball, and outside where the new ball would reach into it. I-GR-2: disjoint afterwards."""
    found = []
    for share in (0.0, 0.7):
        book, i, value, eps0 = drawn(g, first=not share)
        eps_i = float(book.eps[i])
        d = eps_i + share * eps0 if share else 0.6 * eps_i
        key, label = at(book, i, d, g), label_of(g, book.labels[i])
        found.append(judged(student, book, key, value, label, eps0))
        yours = student(book, key, value, label, eps0)
        if len(yours.eps) == len(book.eps) + 1:
            gap = float((book.keys[i] - key).norm() - yours.eps[i] - yours.eps[-1])
            found.append(Verdict(gap > 0, f"the balls overlap by {-gap:.2g}", "disjoint balls"))
    return every(*found)


def expand(student: Student, g: Generator) -> Verdict:
    found = []
    for first in (False, True):
        book, i, value, eps0 = drawn(g, first)
        eps_i = float(book.eps[i])
        for d in (eps_i + 0.6 * eps0, 0.7 * eps_i, 0.3 * eps0):
            found.append(judged(student, book, at(book, i, d, g), value, book.labels[i], eps0))
    return every(*found)


def same_place(student: Student, g: Generator) -> Verdict:
    """T-GR-1. And afterwards the key finds the new value; the edit before it was split as usual."""
    book, i, value, eps0 = drawn(g)
    key, label = book.keys[i].clone(), label_of(g, book.labels[i])
    yours = student(book, key, value, label, eps0)
    found = same(yours, after(book, key, value, label, eps0))
    out = torch.full((1, len(value)), 77.0)
    said = one_by_one(key[None], yours.keys, yours.values, yours.eps, out)[0]
    kept = torch.equal(said, value)
    finds = Verdict(kept, "the key does not find its new value", "the key finds its new value")
    # (the same label at the same place is a no-op; a different place must still be split)
    near = judged(student, book, at(book, i, 0.3 * float(book.eps[i]), g), value, label, eps0)
    return every(found, finds, near)


def sequences(student: Student, g: Generator) -> Verdict:
    """Another order, a longer label with the same mean, and the same tokens."""
    book, i, value, eps0 = drawn(g)
    a, b = 2 * size(g, 3, 200), 2 * size(g, 210, 400)
    book = book._replace(labels=(*book.labels[:i], (a, b), *book.labels[i + 1 :]))
    key = at(book, i, float(book.eps[i]) + 0.5 * eps0, g)
    labels = ((b, a), ((a + b) // 2,), (a, b, (a + b) // 2), (a,), (a, b))
    return every(*(judged(student, book, key, value, label, eps0) for label in labels))


def nearest_decides(student: Student, g: Generator) -> Verdict:
    """Two entries in reach, the farther one with the larger ball; the nearer has the other label, or the same."""
    D = size(g, 3, 5)
    base, step = randn(D, generator=g), torch.eye(D)[size(g, 0, D - 1)]
    one, two = (4, 5), (6,)
    found = []
    for labels in ((one, two), (two, one)):
        keys = torch.stack([base, base + 3 * step])
        for place, radii in ((1.3, (0.5, 1.9)), (1.75, (1.9, 0.5)), (1.3, (1.2, 1.4))):
            book = Codebook(keys, randn(2, D, generator=g), torch.tensor(radii), labels)
            found.append(judged(student, book, base + place * step, randn(D, generator=g), one, 0.9))
    return every(*found)


def touching(student: Student, g: Generator) -> Verdict:
    """Whole numbers: eps0 + eps_i = 5, and the key at 3, 4 is at 5 exactly; a little farther is far."""
    D = size(g, 2, 4)
    keys = torch.zeros(1, D)
    book = Codebook(keys, randn(1, D, generator=g), torch.tensor([3.0]), (label_of(g),))
    found = []
    for at_x in (4.0, 4.5):
        key = torch.zeros(D)
        key[:2] = torch.tensor([3.0, at_x])
        for label in (book.labels[0], label_of(g, book.labels[0])):
            found.append(judged(student, book, key, randn(D, generator=g), label, 2.0))
    return every(*found)


def stream(student: Student, g: Generator) -> Verdict:
    """Twelve edits in a plane, three labels; the student's function always gets the right book so far."""
    book, eps0 = empty_book(2, 2), 0.6
    labels, found = ((3,), (4, 5), (5, 4)), []
    for _ in range(12):
        key, value = 1.5 * randn(2, generator=g), randn(2, generator=g)
        label = labels[size(g, 0, 2)]
        found.append(judged(student, book, key, value, label, eps0))
        book = after(book, key, value, label, eps0)
    return every(*found)
