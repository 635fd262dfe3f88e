"""neurons.integrated_gradients: attr_i = a_i times the mean of dP/da_i on the straight way from 0 to a.

Shape letters: F neurons of one layer, R rows. Law L7 of the syllabus (completeness); the other oracles are
integrals that can be done on paper, with the error of m midpoints in closed form.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, rand, randint, randn

from autograder.claims import Claim, Student, at_most, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.neurons.integrated_gradients_mutants import MUTANTS, Prob

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("prob", "a", "steps")


def gate(value: Any, prob: Prob, a: Tensor, steps: int) -> Tensor:
    return tensor_gate(value, a.shape, "of a", "a", a.dtype)


def size(g: Generator, low: int, high: int) -> int:
    return int(randint(low, high, (), generator=g))


def draw(g: Generator, *shape: int) -> Tensor:
    """Activations of both signs, none of them small."""
    x = randn(*shape, generator=g, dtype=torch.float64)
    return x + 0.3 * x.sign()


def one_answer_of_three(g: Generator, F: int) -> Prob:
    """The probability of one of three words, by a small network with a hidden layer."""
    W, U = draw(g, 5, F), draw(g, 3, 5)
    return lambda x: torch.softmax(U @ torch.tanh(W @ x / F**0.5), 0)[0]


def one_step(student: Student, g: Generator) -> Verdict:
    """P = sum of c_i a_i^2: half way up, the gradient is c_i a_i."""
    F = size(g, 5, 9)
    a, c = draw(g, F), draw(g, F)
    return close(student(lambda x: (c * x**2).sum(), a, 1), c * a**2, 1e-6, "attr with steps = 1")


def completeness(student: Student, g: Generator) -> Verdict:
    """L7, twice: the attributions add up to P(a) - P(0), to the accuracy of the midpoint rule."""
    verdicts = []
    for _ in range(2):
        F = size(g, 5, 9)
        a = draw(g, F)
        prob = one_answer_of_three(g, F)
        while abs(change := float(prob(a) - prob(0 * a))) < 0.1:
            prob = one_answer_of_three(g, F)
        total = float(student(prob, a, 20).sum())
        verdicts.append(
            at_most(
                abs(total - change), 0.01 * abs(change), "how far Σ attr is from P(a) - P(0)",
                f"next to nothing: P(a) - P(0) = {change:.4g}, your sum is {total:.4g}",
            )
        )  # fmt: skip
    return every(*verdicts)


def cubes(student: Student, g: Generator) -> Verdict:
    """P = sum of c_i a_i^3: the m midpoints give (1 - 1 / 4 m^2) of c_i a_i^3."""
    F, verdicts = size(g, 5, 9), []
    a, c = draw(g, F), draw(g, F)
    for m in (2, 5, 30):
        want = c * a**3 * (1 - 1 / (4 * m**2))
        verdicts.append(
            close(student(lambda x: (c * x**3).sum(), a, m), want, 1e-5, f"attr with steps = {m}")
        )
    return every(*verdicts)


def saturated(student: Student, g: Generator) -> Verdict:
    """A probability that has long reached 1 at a: its gradient there is 0, and the attributions are not."""
    F = size(g, 4, 8)
    a, w = 1 + rand(F, generator=g, dtype=torch.float64), 1 + rand(F, generator=g, dtype=torch.float64)
    scale = 40 / float(w @ a)
    prob: Prob = lambda x: torch.tanh(scale * (w * x).sum())  # noqa: E731
    want = w * a / (w @ a)  # P climbs along w · x alone, so each share is w_i a_i of it
    return close(student(prob, a, 400), want, 1e-2, "attr where P is flat at a")


def together(student: Student, g: Generator) -> Verdict:
    """P = product of all F activations: turned up together, each gets an equal share of P(a)."""
    F = size(g, 3, 6)
    a = draw(g, F)
    return close(
        student(torch.prod, a, 60), torch.full_like(a, float(a.prod()) / F), 5e-3, "attr of a product"
    )


def silent(student: Student, g: Generator) -> Verdict:
    """Neurons that are 0, and neurons that P does not see, get exactly 0; a plane is exact for the rest."""
    F = size(g, 6, 10)
    a, w = draw(g, F), draw(g, F)
    a[0], w[1] = 0, 0
    attr = student(lambda x: (w * x).sum(), a, 3)
    return every(
        close(attr, w * a, 1e-6, "attr of P = w · a"),
        at_most(float(attr[:2].abs().max()), 0.0, "attr of a silent and of an unseen neuron", "exactly 0"),
    )


def rows(student: Student, g: Generator) -> Verdict:
    """Several prompts at once: P is the sum over the rows, so each row gets its own attributions."""
    R, F = size(g, 2, 4), size(g, 4, 7)
    a, w = draw(g, R, F), draw(g, F)
    want = w * a**2 * 1.0
    return close(student(lambda x: (w * x**2).sum(), a, 4), want, 1e-6, "attr of (R, F) activations")


CLAIMS = (
    Claim(
        "one step",
        "With one step, the gradient is read half way between 0 and a",
        "The one step from 0 to a has its middle at a/2. Take the gradient there, and multiply by a.",
        one_step,
        open=True,
    ),
    Claim(
        "completeness",
        "The attributions add up to P(a) - P(0)",
        "What all neurons contribute together must be the whole change of P, from silent neurons to a.",
        completeness,
        open=True,
    ),
    Claim(
        "cubes",
        "For P = Σ c_i a_i³ the m midpoints give c_i a_i³ (1 - 1/4m²)",
        "Read the gradient in the middle of each of the m steps, (j + 1/2)/m for j = 0 … m-1, and divide the "
        "sum by m.",
        cubes,
    ),
    Claim(
        "saturated",
        "Where P is flat at a, the neurons that brought it there still get their share",
        "At a the gradient says nothing any more. The way up from 0 says it: average over the whole way.",
        saturated,
    ),
    Claim(
        "together",
        "All neurons are turned up together: of a product, each gets an equal share",
        "There is one way from 0 to a for all neurons together: multiply the whole vector a by α.",
        together,
    ),
    Claim(
        "silent",
        "A neuron that is 0, or that P does not depend on, gets exactly 0",
        "An attribution is a_i times a mean gradient: zero if either is.",
        silent,
    ),
    Claim(
        "rows",
        "Several rows of activations at once get their own attributions",
        "Write it for a tensor of any shape: nothing here needs to know that a is a single row.",
        rows,
    ),
)

HINTS = (
    "Turn all neurons up together from 0 to a, in steps. Where on each step do you look at the slope? And what "
    "do you multiply the mean slope by?",
    "For j = 0 … steps-1 let x = (j + 1/2)/steps · a, as a leaf: x.detach().requires_grad_(). "
    "torch.autograd.grad(prob(x), x)[0] is the gradient there. Add up, divide by steps, multiply by a.",
    "a = a.detach()\n"
    "total = torch.zeros_like(a)\n"
    "for j in range(steps):\n"
    "    x = (... * a).detach().requires_grad_()\n"
    "    (gradient,) = torch.autograd.grad(..., x)\n"
    "    total += gradient\n"
    "return ...",
)

EXPLANATION = (
    "By the chain rule, dP(αa)/dα is the sum over neurons of a_i times the gradient by neuron i. Integrate it "
    "from 0 to 1: on the left stands P(a) - P(0), on the right the sum of the attributions. That is completeness.",
    "The middle of a step sees the curve's average slope up to its second bend: the error falls with 1/m². A sum "
    "over the steps' ends is off by 1/m.",
    "Two more arguments, rule and at_once, let the library copy what published code does, and do all steps in "
    "one pass.",
)

STUB = '''def integrated_gradients(
    prob: Callable[[Tensor], Tensor], a: Float[Tensor, "*B F"], steps: int
) -> Float[Tensor, "*B F"]:
    """What each activation contributes to P(a) - P(0): a_i times the mean gradient on the way from 0 to a.

    prob: activations -> probability (a scalar), differentiable. a: the activations of one layer, usually (F,);
    several rows are done at once when prob gives the sum of their probabilities. steps: the way from 0 to a is
    cut into so many equal steps, and the gradient is read in the middle of each. a stays as it is.
    Source: Sundararajan et al. 2017; Dai et al. 2022.
    """
    raise NotImplementedError("Your code here")
'''
