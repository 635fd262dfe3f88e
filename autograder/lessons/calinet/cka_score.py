"""calinet.cka_score and calinet_ffn: is a fact known wrongly, and a side memory that calibrates many.

Shape letters: n facts or queries, k other relations, R slots, D width of the residual stream.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, rand, randint, randn

from autograder.claims import Claim, Student, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.calinet.cka_score_mutants import MUTANTS
from autograder.lessons.tpatcher.patched_ffn_problems import Problem, one_by_one, problem, size, widened

__all__ = ["ALSO", "ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ALSO = ("calinet_ffn",)
ARGUMENTS = (
    "p_right (or q)",
    "p_wrong (or ffn)",
    "alpha (or K_c)",
    "V_c",
)  # of one function, or of the other
STUB = '''def cka_score(
    p_right: Float[Tensor, " n"], p_wrong: Float[Tensor, "n k"], alpha: float
) -> Float[Tensor, " n"]:
    """How much likelier each of n answers is after its own relation than after k others, smoothed.

    p_right: P(o | s, r). p_wrong: P(o | s, r'), the same answer after k other relations. alpha: a small
    number that is added above and below. A score below 1: the fact counts as known wrongly.
    """
'''


def gate(value: Any, first: Tensor, *others: Any) -> Tensor:
    if len(others) == 2:  # cka_score
        return tensor_gate(value, (len(first),), "(n,)", "p_right", first.dtype)
    return tensor_gate(value, first.shape, "(n, D)", "q", first.dtype)


def probabilities(g: Generator, scale: float = 1.0) -> tuple[Tensor, Tensor, float]:
    n, k = size(g, 4, 8), size(g, 2, 5)
    p_right, p_wrong = rand(n, generator=g), rand(n, k, generator=g)
    return (
        scale * p_right.double(),
        scale * p_wrong.double(),
        scale * (0.05 + 0.1 * float(rand((), generator=g))),
    )


def ratios(p_right: Tensor, p_wrong: Tensor, alpha: float) -> Tensor:
    """Fact by fact, in plain Python."""
    out = []
    for right, others in zip(p_right.tolist(), p_wrong.tolist(), strict=True):
        out.append((right + alpha) / (sum(others) / len(others) + alpha))
    return torch.tensor(out, dtype=torch.float64)


def without_bias(p: Problem) -> Problem:
    return p._replace(b_p=torch.zeros_like(p.b_p))


def side(p: Problem) -> tuple[Any, ...]:
    """The arguments of calinet_ffn."""
    return p.q, p.ffn, p.k_p, p.v_p


def score(student: Student, g: Generator) -> Verdict:
    asked = [probabilities(g), probabilities(g)]
    return every(*(close(student(*p), ratios(*p), 1e-6, "the scores") for p in asked))


def tiny(student: Student, g: Generator) -> Verdict:
    """Probabilities far below alpha: the quotient says nothing, and the score comes out near 1."""
    p_right, p_wrong, alpha = probabilities(g, 1e-9)
    p_right[0], p_wrong[1] = 0.0, 0.0
    given = (p_right, p_wrong, 0.1)
    return every(
        close(student(*given), ratios(*given), 1e-6, "the scores of tiny probabilities"),
        close(student(p_right * 1e9, p_wrong * 1e9, alpha * 1e9), ratios(p_right, p_wrong, alpha), 1e-6,
              "the scores, all in units of 10⁻⁹"),
    )  # fmt: skip


def one_loud_relation(student: Student, g: Generator) -> Verdict:
    """One other relation brings the answer up often, the rest never: the average over all k counts."""
    n = size(g, 4, 8)
    k = int(randint(3, 7, (), generator=g))
    p_right = 0.2 + 0.3 * rand(n, generator=g, dtype=torch.float64)
    p_wrong = torch.zeros(n, k, dtype=torch.float64)
    p_wrong[torch.arange(n), randint(0, k, (n,), generator=g)] = 0.9
    return close(student(p_right, p_wrong, 0.1), ratios(p_right, p_wrong, 0.1), 1e-6, "the scores")


def side_memory(student: Student, g: Generator) -> Verdict:
    """A side memory of R slots is an FFN with R neurons more, whose biases are 0."""
    p = without_bias(problem(g))
    return close(student(*side(p), of=1), widened(p, "gelu_new"), 1e-8, "FFN'(q)")


def starts_as_the_model(student: Student, g: Generator) -> Verdict:
    """V_c = 0, where training begins, is the model itself; the trained slots are not."""
    p = without_bias(problem(g, act="tanh"))
    silent = p._replace(v_p=torch.zeros_like(p.v_p))
    return every(
        close(student(*side(silent), of=1), p.ffn.forward(p.q), 1e-9, "FFN'(q) with V_c = 0"),
        close(student(*side(p), of=1), widened(p, "tanh"), 1e-8, "FFN'(q) with act = tanh"),
    )


def ungated(student: Student, g: Generator) -> Verdict:
    p = without_bias(problem(g, gated=True))
    p = p._replace(q=p.q + randn(p.q.shape, generator=g, dtype=torch.float64))
    return close(student(*side(p), of=1), one_by_one(p), 1e-8, "FFN'(q) of a gated FFN")


CLAIMS = (
    Claim(
        "score",
        "cka_score is the smoothed quotient: own relation above, mean of the others below",
        "Add alpha to P(o | s, r) and to the mean of its row of p_wrong, then divide.",
        score,
        open=True,
    ),
    Claim(
        "side memory",
        "calinet_ffn says what an FFN with R neurons more would say, without biases",
        "FFN'(q) = FFN(q) + act(q K_cᵀ) V_c. Each slot is a neuron: a row of K_c is its key, a row of V_c "
        "its value.",
        side_memory,
        open=True,
    ),
    Claim(
        "tiny probabilities",
        "Tiny probabilities give a score near 1; only sizes relative to alpha matter",
        "alpha is added above and below, once each, after the mean.",
        tiny,
    ),
    Claim(
        "one loud relation",
        "The other relations count by their average",
        "Take the mean over the k other relations of each fact: over the last dimension of p_wrong.",
        one_loud_relation,
    ),
    Claim(
        "starts as the model",
        "With V_c = 0, where training begins, calinet_ffn is the model's own FFN; with other values it "
        "uses ffn.act",
        "Add the side memory to ffn.forward(q), with the FFN's own activation function.",
        starts_as_the_model,
    ),
    Claim(
        "not gated",
        "In a gated FFN the slots are not gated",
        "A slot has one key, in every model: act(q · k), and nothing multiplies it.",
        ungated,
    ),
)

HINTS = (
    "Two small functions. The score compares a probability with an average. The FFN is patched_ffn without "
    "biases.",
    "cka_score: mean of p_wrong over its last dimension, (n,); alpha added to both; divide. calinet_ffn: "
    "matches "
    "q @ K_c.T, (n, R), through ffn.act, times V_c, added to ffn.forward(q).",
    "return (p_right + ...) / (p_wrong.mean(...) + ...)\n\nreturn ffn.forward(q) + ffn.act(q @ ...) @ ...",
)

EXPLANATION = (
    "A probability alone says little: a frequent name is likely after every question. Other relations of "
    "the same "
    "subject show how likely the answer is for no good reason.",
    "The side memory has no list of facts. All slots are trained on all facts together, so no fact can be "
    "taken "
    "out again by itself.",
)
