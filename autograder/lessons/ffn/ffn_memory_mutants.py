"""Misconceptions about ffn.ffn_memory: (5.6) with one part exchanged."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from autograder.lessons.ffn.ffn_memory_problems import Activation
from autograder.mutants import Mutant

Memory = Callable[..., tuple[Tensor, Tensor]]


def zero(bias: Tensor | None) -> Tensor | float:
    return 0.0 if bias is None else bias


def memory(
    coefficients: Callable[[Tensor, Tensor | float, Activation], Tensor] = lambda s, b, act: act(s + b),
    shown: Callable[[Tensor, Tensor], Tensor] = lambda a, scores: a,
    output: Callable[[Tensor, Tensor | float], Tensor] = lambda sums, b: sums + b,
) -> Memory:
    def ffn_memory(
        q: Tensor, W_in: Tensor, b_in: Tensor | None, W_out: Tensor, b_out: Tensor | None, act: Activation
    ) -> tuple[Tensor, Tensor]:
        scores = q @ W_in.T
        a = coefficients(scores, zero(b_in), act)
        return shown(a, scores + zero(b_in)), output(a @ W_out.T, zero(b_out))

    return ffn_memory


def transposed(
    q: Tensor, W_in: Tensor, b_in: Tensor | None, W_out: Tensor, b_out: Tensor | None, act: Activation
) -> tuple[Tensor, Tensor]:
    a = act(q @ W_in + zero(b_in))
    return a, a @ W_out + zero(b_out)


def needs_biases(
    q: Tensor, W_in: Tensor, b_in: Tensor, W_out: Tensor, b_out: Tensor, act: Activation
) -> tuple[Tensor, Tensor]:
    a = act(q @ W_in.T + b_in)
    return a, a @ W_out.T + b_out


MUTANTS = [
    Mutant(
        "before_the_activation",
        "Your a is the match before the activation function. The coefficient that weighs value i is act(q · "
        "k_i + b_i), after it.",
        lambda: memory(shown=lambda a, scores: scores),
    ),
    Mutant(
        "no_activation",
        "The activation function is never applied. Without it the two matrices are one linear map, and a key "
        "that does not match would count as much as one that does.",
        lambda: memory(lambda scores, b, act: scores + b),
    ),
    Mutant(
        "bias_outside",
        "b_in is added after the activation function. It is the key's own threshold: act(q · k_i + b_i).",
        lambda: memory(lambda scores, b, act: act(scores) + b),
    ),
    Mutant(
        "no_biases",
        "Both biases are missing. GPT-2 has b_in inside the activation function and b_out at the end.",
        lambda: memory(lambda scores, b, act: act(scores), output=lambda sums, b: sums),
    ),
    Mutant(
        "no_output_bias",
        "b_out is missing: the layer's output is the sum of the values plus b_out.",
        lambda: memory(output=lambda sums, b: sums),
    ),
    Mutant(
        "softmax",
        "You made the coefficients a softmax, as attention does. A feed-forward layer has no competition "
        "between its keys: each coefficient is act of its own match.",
        lambda: memory(lambda scores, b, act: (scores + b).softmax(-1)),
    ),
    Mutant(
        "needs_biases",
        "Your function needs both biases. Llama's layers have none: there b_in and b_out are None.",
        lambda: needs_biases,
    ),
    Mutant(
        "transposed",
        "Rows and columns are exchanged. Keys are the rows of W_in (F, D) and values the columns of W_out (D, "
        "F), so the products are q @ W_in.T and a @ W_out.T. In a square layer no error would tell you.",
        lambda: transposed,
    ),
]
