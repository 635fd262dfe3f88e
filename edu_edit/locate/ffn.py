"""The FFN as a key-value memory: what each neuron waits for, and what it says.

Geva et al. 2021 (arXiv 2012.14913) and 2022 (2203.14680), textbook section 5.2.2 and equation (5.6). The FFN
of a block matches its query q with F keys and adds up F values, each as often as its key was matched:

    a_i = act(q . k_i + b_i)      FFN(q) = sum_i a_i v_i + b_out                  (5.6), GPT-2
    a_i = act(q . g_i) (q . u_i)                                                  gated, Llama

Rows of W_in are keys, columns of W_out are values. A gated neuron has two keys, and its coefficient a_i can
be negative: it then speaks against what its value says. Note that ROME calls the vector a itself the key.
Experiment 1 asks for which texts a_i is largest, experiment 2 for the words of v_i, and `agreement` whether
the words follow the texts. The textbook calls them highly correlated; Geva et al. found at most a few per
cent, far above chance and only in the upper layers. So agreement never stands without its chance level.
`edu_edit.locate.triggers` and `neuron_cards` do it for a whole model and corpus.
Shapes: n queries, N prefixes, D model width, F FFN width, V vocabulary.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

Activation = Callable[[Tensor], Tensor]


def ffn_memory(
    q: Float[Tensor, "n D"],
    W_in: Float[Tensor, "F D"],
    b_in: Float[Tensor, " F"] | None,
    W_out: Float[Tensor, "D F"],
    b_out: Float[Tensor, " D"] | None,
    act: Activation,
) -> tuple[Float[Tensor, "n F"], Float[Tensor, "n D"]]:
    """How strongly each key is matched, and the values added up accordingly: (a, output).

    Equation (5.6). q: the input of the FFN, after its norm. None stands for a bias of zeros.
    """
    a = act(q @ W_in.T if b_in is None else q @ W_in.T + b_in)
    output = a @ W_out.T
    return a, output if b_out is None else output + b_out


def gated_activation(
    q: Float[Tensor, "n D"], W_gate: Float[Tensor, "F D"], W_up: Float[Tensor, "F D"], act: Activation
) -> Float[Tensor, "n F"]:
    """Coefficients of a gated FFN: each neuron has two keys, a row of W_gate and a row of W_up.

    Source: Shazeer 2020 (arXiv 2002.05202); Llama's act is SiLU.
    """
    return act(q @ W_gate.T) * (q @ W_up.T)


def trigger_prefixes(a: Float[Tensor, "N F"], neuron: int, k: int) -> Int[Tensor, " r"]:
    """Experiment 1: the r = min(k, N) prefixes that match a neuron's key best, strongest first.

    By the signed coefficient; the lower index wins a tie. Raises ValueError for a neuron that is not there
    and for k below 1.
    """
    if not 0 <= neuron < a.shape[1] or k < 1:
        raise ValueError(
            f"neuron={neuron}, k={k}: choose a neuron from 0 to {a.shape[1] - 1}, and k of at least 1."
        )
    return a[:, neuron].sort(descending=True, stable=True).indices[:k]


def value_distribution(
    v: Float[Tensor, "*B D"], W_U: Float[Tensor, "V D"], norm: Callable[[Tensor], Tensor] | None = None
) -> Float[Tensor, "*B V"]:
    """Experiment 2: the next-token distribution that a value alone speaks for, softmax(W_U norm(v)).

    norm: the model's last one, `lm.norm`, as in Geva et al. 2022; None = without, as in 2021, where a longer
    value gives a sharper distribution.
    """
    return torch.softmax((v if norm is None else norm(v)) @ W_U.T, dim=-1)


def agreement(value_top: Int[Tensor, " F"], trigger_next: Int[Tensor, "F k"]) -> float:
    """The share of the F k pairs in which a value's top token is the token that follows the trigger.

    value_top: each neuron's likeliest token; trigger_next: what follows each of its k trigger prefixes.
    Means nothing without `chance_agreement`. Raises ValueError when there is no pair.
    """
    _nonempty(trigger_next)
    return float((value_top[:, None] == trigger_next).double().mean())


def chance_agreement(value_top: Int[Tensor, " F"], trigger_next: Int[Tensor, "F k"]) -> float:
    """The mean of `agreement` over all permutations of value_top: values dealt out to keys at random.

    In closed form: the probability that a value drawn at random and a pair drawn at random name the same
    token. Raises ValueError when there is no pair.
    """
    _nonempty(trigger_next)
    size = int(max(value_top.max(), trigger_next.max())) + 1
    said = torch.bincount(value_top, minlength=size).double() / value_top.numel()
    follows = torch.bincount(trigger_next.flatten(), minlength=size).double() / trigger_next.numel()
    return float(said @ follows)


def _nonempty(trigger_next: Int[Tensor, "F k"]) -> None:
    if trigger_next.numel() == 0:
        raise ValueError("There is no trigger to compare with: give at least one neuron and one prefix.")
