"""What a patch is trained on: fire at its own token, stay silent elsewhere.

Huang et al. 2023 (T-Patcher, arXiv 2301.09785) section 3.3, textbook (5.8)-(5.14). A patch is a key k_p and a
bias b_p; its pre-activation on a query q is q k_p + b_p. Its own query q_e should fire it,

    l_a  = exp(-(q_e k_p + b_p))                                    (5.9), never zero

and the m queries of a memory M of other text should not: they stay below a threshold beta, and below q_e,

    l_m1 = 1/m sum_i max(0, q_i k_p + b_p - beta)                   (5.12) with its hinge
    l_m2 = 1/m sum_i max(0, (q_i - q_e) k_p - gamma)                (5.13) with its hinge; beta = gamma = -3

(the bias cancels in the difference). The textbook prints both without the hinge: a patch that never fires
(b_p -> -infinity) then wins without bound. The released code has other penalties that are bounded: it takes
the mean of the 1000 largest of exp(...), form "exp_topk".
Shapes: m remembered queries, R patches, N contexts, D model width.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

Form = str | tuple[Callable[..., Tensor], ...]
Terms = tuple[Tensor, Tensor, Tensor]
STEEPEST = 30.0  # exp goes on as its tangent from here, where float32 is far from its end


def activation_loss(
    q_e: Float[Tensor, " D"], k_p: Float[Tensor, " D"], b_p: Float[Tensor, ""] | float
) -> Float[Tensor, ""]:
    """l_a = exp(-(q_e k_p + b_p)), (5.9): small when the patch fires at its own token, never zero."""
    return torch.exp(-(q_e @ k_p + b_p))


def memory_loss(
    M: Float[Tensor, "m D"], k_p: Float[Tensor, " D"], b_p: Float[Tensor, ""] | float, beta: float
) -> Float[Tensor, ""]:
    """l_m1 = mean of max(0, M k_p + b_p - beta): 0 when no remembered query gets above the threshold beta.

    Equation (5.12) with its hinge; the mean is over all m.
    """
    return (M @ k_p + b_p - beta).clamp(min=0).mean()


def contrast_loss(
    M: Float[Tensor, "m D"], q_e: Float[Tensor, " D"], k_p: Float[Tensor, " D"], gamma: float
) -> Float[Tensor, ""]:
    """l_m2 = mean of max(0, (M - q_e) k_p - gamma): 0 when each is -gamma or more below the own query.

    Equation (5.13) with its hinge. gamma is negative, as beta is: -3 asks for a distance of 3.
    """
    return ((M - q_e) @ k_p - gamma).clamp(min=0).mean()


def printed_memory_loss(
    M: Float[Tensor, "m D"], k_p: Float[Tensor, " D"], b_p: Float[Tensor, ""] | float, beta: float
) -> Float[Tensor, ""]:
    """(5.12) as the textbook prints it, without a hinge: it has no lower bound (its slope in b_p is 1)."""
    return (M @ k_p + b_p - beta).mean()


def printed_contrast_loss(
    M: Float[Tensor, "m D"],
    q_e: Float[Tensor, " D"],
    k_p: Float[Tensor, " D"],
    b_p: Float[Tensor, ""] | float,
    gamma: float,
) -> Float[Tensor, ""]:
    """(5.13) as the textbook prints it, without a hinge and with the bias: it has no lower bound either."""
    return ((M - q_e) @ k_p + b_p - gamma).mean()


def patch_loss(l_e: Any, l_a: Any, l_m1: Any, l_m2: Any, a: float, m: float) -> Any:
    """L = l_e + a l_a + m (l_m1 + l_m2). Equations (5.8), (5.11), (5.14).

    The textbook gives alpha to l_e in (5.8) and calls two things beta; here a weighs the activation loss, m
    the memory losses.
    """
    return l_e + a * l_a + m * (l_m1 + l_m2)


def penalty(excess: Float[Tensor, "*S"], kind: str = "exp", largest: int | None = None) -> Float[Tensor, ""]:
    """How much excess over a margin costs, as in the released code.

    kind: "exp" = exp(x); "margin" = x, "expmargin" = exp(x), of the positive ones alone. The mean of the
    `largest` costs, or of all. 0 where nothing counts. Raises ValueError for another kind.
    """
    x = excess.flatten()
    if kind not in ("exp", "margin", "expmargin"):
        raise ValueError(f"kind={kind!r}: choose 'exp', 'margin' or 'expmargin'.")
    x = x if kind == "exp" else x[x > 0]
    cost = x if kind == "margin" else x.clamp(max=STEEPEST).exp() * (1 + (x - STEEPEST).clamp(min=0))
    cost = cost if largest is None else cost.topk(min(largest, len(cost))).values
    return cost.mean() if len(cost) else excess.sum() * 0


def released_terms(
    own: Float[Tensor, "N R"], memory: Float[Tensor, "m R"], beta: float = -3.0, gamma: float = -3.0
) -> Terms:
    """l_a, l_m1, l_m2 as in the released code, from pre-activations: exp, and the mean of the largest.

    own: of each patch at its own token; the 5 largest count. memory: on the remembered queries; the 1000
    largest count, of all patches of the edit together.
    """
    apart = memory[:, None] - own  # (m, N, R)
    return (
        penalty(-own, largest=5),
        penalty(memory - beta, largest=1000),
        penalty(apart - gamma, largest=1000),
    )


def checked(form: Form) -> Form:
    """The form itself; raises ValueError for one that there is not."""
    if form in FORMS or (isinstance(form, tuple) and len(form) == 3 and all(map(callable, form))):
        return form
    raise ValueError(f"form={form!r}: choose {', '.join(map(repr, FORMS))}, or give three functions.")


def loss_terms(
    form: Form,
    q_e: Float[Tensor, "N R D"],
    M: Float[Tensor, "m D"],
    k: Float[Tensor, "R D"],
    b: Float[Tensor, " R"],
    beta: float,
    gamma: float,
) -> Terms:
    """l_a, l_m1, l_m2 of R patches that each have N queries of their own: means over patches and queries.

    form: as for `tpatcher`; "exp_topk" takes means over the largest entries of all patches together.
    """
    if form == "exp_topk":
        return released_terms((q_e * k).sum(-1) + b, M @ k.T + b, beta, gamma)
    fires, silent, apart = MARGIN if isinstance(form, str) else form
    l_a, l_m1, l_m2 = [], [], []
    for p, (k_p, b_p) in enumerate(zip(k, b, strict=True)):
        literal = form == "seed_literal"
        l_m1.append((printed_memory_loss if literal else silent)(M, k_p, b_p, beta))
        for q in q_e[:, p]:
            l_a.append(fires(q, k_p, b_p))
            l_m2.append(printed_contrast_loss(M, q, k_p, b_p, gamma) if literal else apart(M, q, k_p, gamma))
    return torch.stack(l_a).mean(), torch.stack(l_m1).mean(), torch.stack(l_m2).mean()


FORMS = ("exp_topk", "margin", "seed_literal")
MARGIN = (activation_loss, memory_loss, contrast_loss)
