"""tpatcher.patched_ffn: FFN(q) + Σ_p a_p v_p with a_p = act(q · k_p + b_p), equation (5.7).

Shape letters: n queries, R patches, D width of the residual stream. Law L9 of the course: a feed-forward
layer with R neurons more says the same. The oracles are GPT-2's own module, widened, and a loop.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from autograder.claims import Claim, Student, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.tpatcher.patched_ffn_mutants import MUTANTS
from autograder.lessons.tpatcher.patched_ffn_problems import one_by_one, problem, widened
from edu_edit.feedforward import FFN

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "gate"]

ARGUMENTS = ("q", "ffn", "k_p", "b_p", "v_p")


def gate(value: Any, q: Tensor, ffn: FFN, k_p: Tensor, b_p: Tensor, v_p: Tensor) -> Tensor:
    return tensor_gate(value, q.shape, "(n, D)", "q", q.dtype)


def is_wider_ffn(student: Student, g: Generator) -> Verdict:
    """(5.7) read from right to left: the patches are put into W_in, b_in and W_out of GPT-2's module."""
    p = problem(g)
    return close(student(*p), widened(p, "gelu_new"), 1e-8, "FFN_p(q)")


def no_patch(student: Student, g: Generator) -> Verdict:
    """R = 0 is the model itself, and so is a patch with v_p = 0; a real patch is not."""
    p = problem(g)
    empty = p._replace(k_p=p.k_p[:0], b_p=p.b_p[:0], v_p=p.v_p[:0])
    muted = p._replace(v_p=torch.zeros_like(p.v_p))
    plain = p.ffn.forward(p.q)
    return every(
        close(student(*empty), plain, 1e-9, "FFN_p(q) with R = 0"),
        close(student(*muted), plain, 1e-9, "FFN_p(q) with v_p = 0"),
        close(student(*p), one_by_one(p), 1e-8, "FFN_p(q) with real patches"),
    )


def own_activation(student: Student, g: Generator) -> Verdict:
    """A model whose activation function is tanh, and one with ReLU, where many patches are exactly silent."""
    verdicts = []
    for act in ("tanh", "relu"):
        p = problem(g, act=act)
        verdicts.append(close(student(*p), widened(p, act), 1e-8, f"FFN_p(q) with act = {act}"))
    return every(*verdicts)


def independent(student: Student, g: Generator) -> Verdict:
    """Patches add up, in whatever order: all at once, turned round, and one taken out."""
    p = problem(g, R=3)
    turned = p._replace(k_p=p.k_p.flip(0), b_p=p.b_p.flip(0), v_p=p.v_p.flip(0))
    fewer = p._replace(k_p=p.k_p[1:], b_p=p.b_p[1:], v_p=p.v_p[1:])
    alone = p._replace(k_p=p.k_p[:1], b_p=p.b_p[:1], v_p=p.v_p[:1])
    return every(
        close(student(*turned), one_by_one(p), 1e-8, "FFN_p(q), patches in another order"),
        close(student(*fewer), one_by_one(fewer), 1e-8, "FFN_p(q) without the first patch"),
        close(student(*alone), one_by_one(alone), 1e-8, "FFN_p(q) with the first patch alone"),
    )


def bias_inside(student: Student, g: Generator) -> Verdict:
    """The query 0 matches no key: what is left of a patch is act(b_p) v_p."""
    p = problem(g)
    p = p._replace(q=torch.zeros_like(p.q))
    want = p.ffn.forward(p.q) + p.ffn.act(p.b_p) @ p.v_p
    return close(student(*p), want, 1e-8, "FFN_p(0)")


def not_gated(student: Student, g: Generator) -> Verdict:
    """In Llama's FFN, too, a patch speaks with act(q · k_p + b_p) alone."""
    p = problem(g, gated=True)
    return close(student(*p), one_by_one(p), 1e-8, "FFN_p(q) of a gated FFN")


CLAIMS = (
    Claim(
        "a wider FFN",
        "FFN_p(q) is what the FFN says with R more neurons in its two matrices (5.7)",
        "Put the patches into the model's own matrices and something else comes out. A patch is a neuron: "
        "its key meets the query, its activation weighs its value.",
        is_wider_ffn,
        open=True,
    ),
    Claim(
        "no patch, no change",
        "Without patches, or with v_p = 0, FFN_p(q) is FFN(q); with patches it is not",
        "Start from ffn.forward(q) and add what the patches say.",
        no_patch,
        open=True,
    ),
    Claim(
        "its own activation",
        "The patches use the activation function of the FFN",
        "The function is `ffn.act`. It differs between models, so don't write one down.",
        own_activation,
    ),
    Claim(
        "independent",
        "Patches add up: their order does not matter, and each can be taken out by itself",
        "The patches are added: Σ_p a_p v_p, each with its own activation.",
        independent,
    ),
    Claim(
        "bias inside",
        "At the query 0 a patch says act(b_p) v_p",
        "b_p belongs inside the activation function, as the bias of every other neuron does.",
        bias_inside,
    ),
    Claim(
        "not gated",
        "In a gated FFN the patches are not gated",
        "Our patches have one key, also in Llama: a_p = act(q · k_p + b_p), and no gate multiplies it.",
        not_gated,
    ),
)

HINTS = (
    "The FFN's own part is done: `ffn.forward(q)`. What does one more neuron add? It compares the query with "
    "its key, and says its value as loudly as they match.",
    "All matches at once are q @ k_p.T, of shape (n, R). Add b_p, apply ffn.act, and you have the "
    "activations. "
    "Each patch's value is a row of v_p: activations (n, R) times values (R, D) gives (n, D).",
    "a_p = ffn.act(q @ ... + ...)       # (n, R)\nreturn ffn.forward(q) + a_p @ ...",
)

EXPLANATION = (
    "A sum does not care whether its last terms were in the matrix from the start. So a patch can stand "
    "beside "
    "the model, and the model's weights stay as they are.",
    "With R = 0 the product has shape (n, 0) times (0, D): PyTorch makes zeros of it, and no special case is "
    "needed.",
)
