"""ffn.ffn_memory: a = act(q W_in^T + b_in), output = a W_out^T + b_out (5.6).

Shape letters: n queries, D width of the residual stream, F width of the feed-forward layer. The oracle is a
loop over neurons, and GPT-2's own module.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, randperm

from autograder.claims import Claim, Student, close, every
from autograder.gates import tensor_gate, tuple_gate
from autograder.judgement import Verdict
from autograder.lessons.ffn.ffn_memory_mutants import MUTANTS
from autograder.lessons.ffn.ffn_memory_problems import Problem, gpt2_module, one_by_one, problem, size

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "gate"]

ARGUMENTS = ("q", "W_in", "b_in", "W_out", "b_out", "act")


def gate(value: Any, q: Tensor, W_in: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    n, (F, D) = len(q), W_in.shape
    return tuple_gate(
        value,
        lambda a: tensor_gate(a, (n, F), "(n, F)", "q", q.dtype),
        lambda out: tensor_gate(out, (n, D), "(n, D)", "q", q.dtype),
    )


def coefficients(student: Student, g: Generator) -> Verdict:
    given = problem(g)
    return close(student(*given)[0], one_by_one(*given)[0], 1e-6, "a")


def weighted_sum(student: Student, g: Generator) -> Verdict:
    given = problem(g)
    return close(student(*given)[1], one_by_one(*given)[1], 1e-6, "output")


def biases(student: Student, g: Generator) -> Verdict:
    """With a query of zeros only the biases speak: a = act(b_in), output = sum_i act(b_in)_i v_i + b_out."""
    q, W_in, b_in, W_out, b_out, act = problem(g)
    q = torch.zeros_like(q)
    assert b_in is not None and b_out is not None
    a, out = student(q, W_in, b_in, W_out, b_out, act)
    want = act(b_in)
    said = b_out + sum(want[i] * W_out[:, i] for i in range(len(want)))
    return every(
        close(a, want.expand_as(a), 1e-6, "a at q = 0"),
        close(out, said.expand_as(out), 1e-6, "output at q = 0"),
    )


def no_biases(student: Student, g: Generator) -> Verdict:
    q, W_in, _, W_out, _, act = problem(g)
    want_a, want_out = one_by_one(q, W_in, None, W_out, None, act)
    a, out = student(q, W_in, None, W_out, None, act)
    return every(close(a, want_a, 1e-6, "a"), close(out, want_out, 1e-6, "output"))


def silenced(student: Student, g: Generator) -> Verdict:
    """One value set to zero: the output loses exactly a_i v_i."""
    q, W_in, b_in, W_out, b_out, act = problem(g)
    i = size(g, 0, len(W_in))
    a, out = one_by_one(q, W_in, b_in, W_out, b_out, act)
    without = W_out.clone()
    without[:, i] = 0
    now = student(q, W_in, b_in, without, b_out, act)[1]
    return close(now, out - a[:, i : i + 1] * W_out[:, i], 1e-6, f"output with value {i} set to zero")


def any_order(student: Student, g: Generator) -> Verdict:
    """Neurons dealt out anew, and a square layer, whose shapes tell nothing: the output is the same."""
    D = size(g, 4, 9)
    q, W_in, b_in, W_out, b_out, act = problem(g, D=D, F=D)
    assert b_in is not None
    order = randperm(D, generator=g)
    a, out = one_by_one(q, W_in, b_in, W_out, b_out, act)
    mine = student(q, W_in[order], b_in[order], W_out[:, order], b_out, act)
    return every(
        close(mine[0], a[:, order], 1e-6, "a, shuffled"), close(mine[1], out, 1e-6, "output, shuffled")
    )


def is_gpt2s(student: Student, g: Generator) -> Verdict:
    """The output of the feed-forward module of transformers' GPT-2, with random weights."""
    given, out = gpt2_module(g)
    return close(student(*given)[1], out, 1e-4, "output")


CLAIMS = (
    Claim(
        "coefficients",
        "a_i is act(q · k_i + b_i): how well the query matches key i",
        "Key i is row i of W_in. Take its product with the query, add its bias, then apply act.",
        coefficients,
        open=True,
    ),
    Claim(
        "weighted sum",
        "The output is the sum of the values, value i counted a_i times, plus b_out",
        "Value i is column i of W_out. Add up a_i times value i over all neurons, then add b_out.",
        weighted_sum,
        open=True,
    ),
    Claim(
        "biases",
        "With a query of zeros only the biases are left: b_in goes through act, b_out does not",
        "b_in belongs inside the activation function, b_out is added once, at the very end.",
        biases,
    ),
    Claim(
        "no biases",
        "A bias that is None counts as zeros",
        "Llama's layers have no biases, so b_in and b_out may be None: leave them out then.",
        no_biases,
    ),
    Claim(
        "silenced",
        "With value i set to zero, the output loses exactly a_i v_i",
        "The output is not a plain sum of one contribution per neuron.",
        silenced,
    ),
    Claim(
        "any order",
        "Neurons can be listed in any order, in a square layer too (D = F)",
        "With D = F no shape tells rows from columns: keys are rows of W_in, values columns of W_out.",
        any_order,
    ),
    Claim(
        "GPT-2's own",
        "The output is that of GPT-2's own module with the same weights",
        "GPT-2's feed-forward module gives another output for the same weights.",
        is_gpt2s,
    ),
)

HINTS = (
    "Two matrix products with the activation function between them. Which dimension do a query and a key "
    "share? Which one do a and the values share?",
    "Rows of W_in are keys, so all products q · k_i at once are q @ W_in.T, of shape (n, F). Add b_in, apply "
    "act: that is a. Columns of W_out are values, so the weighted sums are a @ W_out.T. A bias may be None.",
    "scores = q @ W_in.T            # (n, F)\n"
    "if b_in is not None:\n"
    "    scores = ...\n"
    "a = act(...)\n"
    "output = a @ ...               # (n, D)\n"
    "if b_out is not None:\n"
    "    output = ...\n"
    "return a, output",
)

EXPLANATION = (
    "q @ W_in.T holds the product of every query with every key. The activation function decides how far a "
    "match counts; its bias is a threshold of the key's own.",
    "a @ W_out.T is a sum over neurons, output = Σ a_i v_i: each neuron adds its value, weighed by its match, "
    "and no neuron knows of the others.",
)
