"""Debiasing: make a skewed statistic even (LSDM), or take its direction out of the weights (DAMA).

Textbook section 5.5.3. For a profession, v_a and v_b are what an FFN would have to say for "he" and for
"she" to follow; they are found like ROME's v_* (5.16)-(5.18).

LSDM (Cai et al. 2024, "Locating and Mitigating Gender Bias in Large Language Models", arXiv 2403.14409)
edits bottom FFNs at the profession's last token by least squares under a constraint. Its code is not public;
**this is our reconstruction**: the professions' keys get the mean of both values, and all else stays,

    minimise |(W' - W) K_0|   subject to   W' K = (V_a + V_b) / 2

which is ROME's problem for many keys, the limit of MEMIT's update for lam -> 0.
DAMA (Limisiewicz et al. 2023, arXiv 2310.18913) removes a subspace from the output of upper FFNs:

    W' = (I - U U^T) W,   U: the r directions in which V_a - V_b mostly lies

The authors find U by partial least squares between W K and V_a - V_b (`directions="pls"`), which centres both
and so does not see the mean of the differences. Either way words whose gender is a fact (king, mother) may
suffer: `edu_edit.uses.audit` asks for them too.
Shapes: n subjects, r directions, D model width, F FFN width.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.cost import costed
from edu_edit.defaults import defaults
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.contexts import prompt_templates
from edu_edit.methods.memit import memit_update
from edu_edit.methods.value import Search, find_pair
from edu_edit.moments import moment
from edu_edit.uses.partial_least_squares import pls_weights

PROMPT = "The {} said that"
PRONOUNS = ("he", "she")


def bias_subspace(diff: Float[Tensor, "n D"], r: int) -> Float[Tensor, "D r"]:
    """The r orthonormal directions that hold most of the differences: their top right singular vectors.

    The differences are not centred, since their mean is the very direction wanted. Raises ValueError for an r
    that n differences of D numbers can't have.
    """
    if not 0 <= r <= min(diff.shape):
        raise ValueError(
            f"r={r}: {len(diff)} differences of {diff.shape[1]} numbers have 0 to {min(diff.shape)}."
        )
    right = torch.linalg.svd(diff.double(), full_matrices=False).Vh[:r]
    return right.T.to(diff.dtype)


def project_out(W: Float[Tensor, "D F"], U: Float[Tensor, "D r"]) -> Float[Tensor, "D F"]:
    """(I - U U^T) W: the matrix W, no longer able to write anything in the directions U.

    On the output side, the left. U has independent columns; they are made orthonormal here, so that I - U U^T
    is a projector. What is orthogonal to them stays. Computed in float64. Raises ValueError for dependent
    columns.
    """
    Q, R = torch.linalg.qr(U.double())
    size = R.diagonal().abs()
    if size.numel() and not bool(size.min() > 1e-7 * size.max()):
        raise ValueError("The columns of U are not independent: give each direction once, and none of zeros.")
    return (W.double() - Q @ (Q.T @ W.double())).to(W.dtype)


def balanced_targets(v_a: Float[Tensor, "D n"], v_b: Float[Tensor, "D n"]) -> Float[Tensor, "D n"]:
    """The values half-way between the two that speak for one gender each: LSDM's right-hand side."""
    return (v_a + v_b) / 2


@costed
def lsdm(
    lm: LM,
    subjects: Sequence[str],
    layer: int | None = None,
    prompt: str = PROMPT,
    answers: tuple[str, str] = PRONOUNS,
    prefixes: int | Sequence[str] = 0,
    lam: float = 0.0,
    update: Callable[[Tensor, Tensor, Tensor, float], Tensor] = memit_update,
    generator: torch.Generator | None = None,
    **search: Any,
) -> Edit:
    """The edit that gives each subject's key the value half-way between those for the two answers.

    Our reconstruction of LSDM. layer: None = ROME's default. prompt: holds `{}` for the subject, where the
    key is read. lam: MEMIT's; 0 = the constraint holds. update: MEMIT's, or your own (C, K, R,
    lam) -> change. search: ROME's kl, wd, steps, lr and clamp. The model stays as it is. Raises ValueError
    for no subject, one subject twice, and where `rome` does.
    """
    own = defaults(lm.name, lm.n_layers)
    layer = lm.checked(own.layer if layer is None else layer)
    C = moment(lm, layer)
    templates = prompt_templates(lm, prefixes, generator)
    K, v_a, v_b = answer_values(lm, subjects, layer, prompt, answers, "subject", templates, **search)
    ffn = lm.ffn(layer)
    bias = 0 if ffn.b_out is None else ffn.b_out.detach().double()[:, None]
    R = balanced_targets(v_a.T, v_b.T).double() - bias - ffn.W_out.detach().double() @ K.T.double()
    delta = update(C.double(), K.T.double(), R, lam)
    about = {"method": "lsdm", "layer": layer, "subjects": list(subjects), "prompt": prompt, "lam": lam}
    return Edit(lm, {layer: delta}, record=about | {"answers": answers})


@costed
def dama(
    lm: LM,
    subjects: Sequence[str],
    r: int | None = None,
    layers: Sequence[int] | None = None,
    prompt: str = PROMPT,
    answers: tuple[str, str] = PRONOUNS,
    directions: Literal["svd", "pls"] = "svd",
    at: Literal["prompt", "subject"] = "prompt",
    prefixes: int | Sequence[str] = 0,
    generator: torch.Generator | None = None,
    **search: Any,
) -> Edit:
    """The edit that projects the directions between the two answers out of the output of upper FFNs.

    r: how many directions, None = a sixth of the subjects. layers: None = those between two thirds and nine
    tenths of the way up (the paper: 21-29 of 32); each is measured with the layers below it edited already.
    directions: "svd" = `bias_subspace`, "pls" = the authors' partial least squares. at: the token where
    values are searched, the prompt's last or the subject's last. GPT-2's output bias is not projected.
    search: ROME's kl, wd, steps, lr and clamp. The model stays as it is. Raises ValueError for no subject,
    one subject twice, an r out of range, another choice, and where `rome` does.
    """
    if directions not in ("svd", "pls") or at not in ("prompt", "subject"):
        raise ValueError(
            f"directions={directions!r}, at={at!r}: choose 'svd' or 'pls', 'prompt' or 'subject'."
        )
    L = lm.n_layers
    layers = range(2 * L // 3, max(9 * L // 10, 2 * L // 3 + 1)) if layers is None else layers
    r = max(1, len(subjects) // 6) if r is None else r
    templates = prompt_templates(lm, prefixes, generator)
    delta: dict[int, Tensor] = {}
    for layer in sorted({lm.checked(layer) for layer in layers}):
        with Edit(lm, delta):  # the layers below, as they will be
            K, v_a, v_b = answer_values(lm, subjects, layer, prompt, answers, at, templates, **search)
        W = lm.ffn(layer).W_out.detach().double()
        outputs = K.double() @ W.T
        diff = (v_a - v_b).double()
        U = bias_subspace(diff, r) if directions == "svd" else pls_weights(outputs, diff, r)
        delta[layer] = project_out(W, U) - W
    about = {
        "method": "dama", "r": r, "layers": list(delta), "subjects": list(subjects), "prompt": prompt,
        "answers": answers, "directions": directions, "at": at, "prefixes": templates,
    }  # fmt: skip
    return Edit(lm, delta, record=about)


def answer_values(
    lm: LM,
    subjects: Sequence[str],
    layer: int,
    prompt: str = PROMPT,
    answers: tuple[str, str] = PRONOUNS,
    at: Literal["prompt", "subject"] = "subject",
    prefixes: int | Sequence[str] = 0,
    generator: torch.Generator | None = None,
    **search: Any,
) -> tuple[Float[Tensor, "n F"], Float[Tensor, "n D"], Float[Tensor, "n D"]]:
    """Each subject's key, and the two outputs of the layer's FFN that make either answer follow: K, v_a, v_b.

    at: the token where values are searched, the subject's last or the prompt's last. search: ROME's kl, wd,
    steps, lr and clamp. Raises ValueError for no subject, one subject twice, a prompt without its {}, and
    where `rome` does.
    """
    if isinstance(subjects, str) or not subjects or len(set(subjects)) < len(subjects):
        raise ValueError(f"The subjects must be a list of different words, not {subjects!r:.60}.")
    if prompt.count("{}") != 1:
        raise ValueError(f"The prompt must hold {{}} exactly once, for the subject, but it is {prompt!r}.")
    own = defaults(lm.name, lm.n_layers)
    # At the prompt's last token there is no idea of the subject to keep, only the very answer to change.
    wanted = search if at == "subject" else {"kl": 0.0} | search
    found = Search(**({name: getattr(own, name) for name in ("kl", "wd", "steps", "lr", "clamp")} | wanted))
    templates = prompt_templates(lm, prefixes, generator)
    before, _, after = prompt.partition("{}")
    keys, values = [], []
    for subject in subjects:
        # A search acts at its subject's last token: at="prompt" takes the rest of the prompt as the subject.
        named, asked = (subject + after, before + "{}") if at == "prompt" else (subject, prompt)
        pairs = [
            find_pair(lm, Fact(named, asked, answer), layer, templates, "essence", found)
            for answer in answers
        ]
        keys.append(pairs[0].k_mean)
        values.append([pair.v_star for pair in pairs])
    v_a, v_b = (torch.stack(column) for column in zip(*values, strict=True))
    return torch.stack(keys), v_a, v_b
