"""Problems and decisions for grace.grace_lookup. The oracle is a loop over activations and keys in float64."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, rand, randint, randn

from autograder.claims import Student, close, every
from autograder.judgement import Verdict

Lookup = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def size(g: Generator, low: int, high: int) -> int:
    return int(randint(low, high + 1, (), generator=g))


def one_by_one(h: Tensor, keys: Tensor, values: Tensor, eps: Tensor, out: Tensor) -> Tensor:
    found = out.clone()
    for b, query in enumerate(h.double()):
        distances = [float((query - key).square().sum().sqrt()) for key in keys.double()]
        if distances:
            i = min(range(len(distances)), key=lambda j: (distances[j], j))
            if distances[i] <= float(eps[i]):
                found[b] = values[i]
    return found


def judged(student: Student, p: Lookup, what: str = "output") -> Verdict:
    """Bit for bit: a lookup copies rows, it computes no number."""
    yours, wanted = student(*p), one_by_one(*p)
    found = close(yours, wanted, 1e-6, what)
    if not found.kept or torch.equal(yours, wanted):
        return found
    return Verdict(False, "equal but for rounding", "the rows of values or out themselves, bit for bit")


def book(g: Generator, n: int, D: int) -> tuple[Tensor, Tensor, Tensor]:
    """n keys on a lattice, so that balls of radius .5 to 1.2 lie well apart, in a drawn order."""
    keys = 4.0 * torch.eye(D)[torch.randperm(D, generator=g)[:n]] + 0.3 * rand(n, D, generator=g)
    return keys, randn(n, D, generator=g), 0.5 + 0.7 * rand(n, generator=g)


def around(keys: Tensor, eps: Tensor, share: float, g: Generator) -> Tensor:
    """One activation for each key, at `share` of its radius in a drawn direction."""
    direction = randn(keys.shape, generator=g)
    return keys + share * eps[:, None] * direction / direction.norm(dim=1, keepdim=True)


def in_and_out(student: Student, g: Generator) -> Verdict:
    found = []
    for _ in range(2):
        D, n = size(g, 6, 8), size(g, 3, 5)
        keys, values, eps = book(g, n, D)
        inside, outside = around(keys, eps, 0.8, g), around(keys, eps, 1.2, g)
        h = torch.cat([inside, outside])[torch.randperm(2 * n, generator=g)]
        found.append(judged(student, (h, keys, values, eps, randn(2 * n, D, generator=g))))
    return every(*found)


def bit_for_bit(student: Student, g: Generator) -> Verdict:
    """No entry; none that is near, and odd numbers in out; and one hit, so that doing nothing fails."""
    D, n = size(g, 6, 8), size(g, 3, 5)
    keys, values, eps = book(g, n, D)
    far, near = around(keys, eps, 1.5, g), around(keys, eps, 0.5, g)
    out = 10.0 ** (6 * rand(n, D, generator=g) - 3) * randn(n, D, generator=g)
    return every(
        judged(student, (far, keys[:0], values[:0], eps[:0], out), "output, empty codebook"),
        judged(student, (far, keys, values, eps, out), "output, outside all balls"),
        judged(student, (torch.cat([far[1:], near[:1]]), keys, values, eps, out), "output, one hit"),
    )


def nearest_alone(student: Student, g: Generator) -> Verdict:
    """A small ball nearby misses, a large one farther away would reach; and the other way round."""
    D = size(g, 3, 5)
    h = randn(4, D, generator=g)
    step = randn(D, generator=g)
    step = step / step.norm()
    found = []
    for small, large in ((0.3, 9.0), (9.0, 0.3), (1.5, 9.0)):
        near, far = h[0] + step, h[0] - (2 + rand((), generator=g)) * step
        keys, eps = torch.stack([far, near]), torch.tensor([large, small])
        if size(g, 0, 1):
            keys, eps = keys.flip(0), eps.flip(0)
        values = randn(2, D, generator=g)
        found.append(judged(student, (h[:1], keys, values, eps, randn(1, D, generator=g))))
    return every(*found)


def between_two_balls(student: Student, g: Generator) -> Verdict:
    """On a line: in the small ball, between the two, in the large one, beyond it."""
    D = size(g, 3, 5)
    base, step = randn(D, generator=g), torch.eye(D)[size(g, 0, D - 1)]
    small, large = 0.5 + 0.3 * float(rand((), generator=g)), 2.0 + 0.5 * float(rand((), generator=g))
    places = torch.tensor([0.8 * small, 1.6 * small, 2.4, 5.0 - 0.8 * large, 5 + 1.2 * large])
    keys, eps = torch.stack([base, base + 5 * step]), torch.tensor([small, large])
    values = randn(2, D, generator=g)
    h = base + places[:, None] * step
    out = randn(5, D, generator=g)
    order = torch.randperm(5, generator=g)
    return judged(student, (h[order], keys, values, eps, out))


def on_the_edge(student: Student, g: Generator) -> Verdict:
    """Whole numbers, so that no distance rounds: 3, 4 and 5, and the key itself with radius 0."""
    D = size(g, 2, 4)
    keys = torch.zeros(2, D)
    keys[1, 0] = 40.0 + size(g, 0, 9)
    offset = torch.zeros(5, D)
    offset[0, :2], offset[1, :2], offset[2, :2] = *(torch.tensor(x) for x in ((3.0, 4.0), (3.0, 4.25))), 0
    offset[3, 0], offset[4, 0] = keys[1, 0], keys[1, 0] + 0.5
    values = randn(2, D, generator=g)
    return judged(student, (offset, keys, values, torch.tensor([5.0, 0.0]), randn(5, D, generator=g)))


def ties(student: Student, g: Generator) -> Verdict:
    """Keys mirrored about h, whole numbers again; and the same key twice, as a re-edit leaves it."""
    D = size(g, 3, 5)
    steps = randint(1, 5, (6, D), generator=g).float()
    values, eps = randn(6, D, generator=g), torch.full((6,), 99.0)
    mirrored = torch.stack([steps[0], -steps[0], *(20 + steps[1:])])[:6]
    centre = torch.zeros(1, D)
    twice = torch.cat([steps[:3] * torch.tensor([[1.0], [9.0], [25.0]]), steps[:3] * 1.0])
    twice[3:] = twice[:3][torch.randperm(3, generator=g)]
    return every(
        judged(student, (centre, mirrored, values, eps, randn(1, D, generator=g)), "output at a tie"),
        judged(student, (twice[:3], twice, values, eps, randn(3, D, generator=g)), "output, keys twice"),
    )


def far_from_the_origin(student: Student, g: Generator) -> Verdict:
    """A large part in common: distances of one among lengths of thousands, as float32."""
    D, n = size(g, 30, 34), 28
    shared = 2000.0 * randn(D, generator=g)
    keys, values, eps = book(g, n, D)
    h = torch.cat([around(keys, eps, 0.7, g), around(keys, eps, 1.3, g)])
    return judged(student, (h + shared, keys + shared, values, eps, randn(2 * n, D, generator=g)))
