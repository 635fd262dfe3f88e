"""ROME: one fact, one rank-one change of one matrix.

Meng et al. 2022 (arXiv 2202.05262), textbook section 5.4.3. The down projection W of an FFN is a linear
memory: for the key k it gives the value v = W k. ROME makes it give v_* for the subject's key k_*, and moves
what it gives for other keys K as little as possible, (5.19)-(5.20):

    minimise |W' K - V|  subject to  W' k_* = v_*        V = W K
    W' = W + (v_* - W k_*) u^T / (u^T k_*),   u = C^-1 k_*,   C = E[k k^T]        (5.21)

The pair comes from `edu_edit.methods.value`: k_* (5.15) is read, v_* (5.16)-(5.18) is searched. W maps the
key alone, so an output bias is taken off v_* before.
Shapes: D model width, F FFN width.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.cost import costed
from edu_edit.defaults import defaults
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.contexts import prompt_templates
from edu_edit.methods.value import Pair, Search, find_pair, optimise_value, subject_key, value_loss
from edu_edit.moments import moment, second_moment
from edu_edit.requests import requested

__all__ = ["optimise_value", "rank_one_update", "rome", "second_moment", "subject_key", "value_loss"]

Update = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def rank_one_update(
    W: Float[Tensor, "D F"], C: Float[Tensor, "F F"], k_star: Float[Tensor, " F"], v_star: Float[Tensor, " D"]
) -> Float[Tensor, "D F"]:
    """The change of W that sends k_* to v_* and old keys as little astray as possible.

    Equation (5.21): (v_* - W k_*) u^T / (u^T k_*) with u = C^-1 k_*. v_star is for W k alone, the output bias
    taken off. Solved in float64, rounded once to W's dtype. Raises ValueError for a singular C or a k_star of
    zeros.
    """
    k = k_star.double()
    u = solve_moment(C, k)
    return (torch.outer(v_star.double() - W.double() @ k, u) / (u @ k)).to(W.dtype)


def solve_moment(C: Float[Tensor, "F F"], k: Float[Tensor, " F"]) -> Float[Tensor, " F"]:
    """u = C^-1 k in float64, by the Cholesky factor of the symmetric, positive C.

    Raises ValueError for a C that is singular to working precision, and for a k of zeros.
    """
    factor = moment_factor(C)
    if not k.any():
        raise ValueError(
            "The key k_star is zero, so no change of W can reach it: choose another layer or prompt."
        )
    return torch.cholesky_solve(k[:, None].double(), factor)[:, 0]


def moment_factor(C: Float[Tensor, "F F"]) -> Float[Tensor, "F F"]:
    """L, lower triangular, with C = L L^T, in float64. Raises ValueError for a C singular to precision."""
    factor, failed = torch.linalg.cholesky_ex(C.double())
    pivots = factor.diagonal() ** 2
    if failed or not bool(pivots.min() > len(C) * torch.finfo(pivots.dtype).eps * pivots.max()):
        raise ValueError(
            f"The second moment C is singular: collect it over more tokens than its {len(C)} rows."
        )
    return factor


@costed
def rome(
    lm: LM,
    fact: Fact | Sequence[Fact],
    layer: int | None = None,
    C: Float[Tensor, "F F"] | str | None = None,
    prefixes: int | Sequence[str] = 10,
    kl: float | None = None,
    wd: float | None = None,
    steps: int | None = None,
    lr: float | None = None,
    clamp: float | None = None,
    key: str = "averaged",
    keep: str | Sequence[str] = "essence",
    update: Update = rank_one_update,
    generator: torch.Generator | None = None,
) -> Edit:
    """The edit that makes the model answer `fact.target_new`; several facts are written one after the other.

    layer, kl, wd, steps, lr, clamp: None = the model's own value, from the table in `defaults`; there kl has
    another value for keep="questions".
    C: None = the model's second moment, "identity" = I (many released configurations), or a tensor.
    prefixes: a number n = the plain prompt and n beginnings that the model writes, drawn with `generator`; or
    a list of texts with `{}` for the prompt, used as it is.
    key: "averaged" = the mean key everywhere, "prompt" = the plain prompt's key everywhere, "mixed" = the
    mean key in C^-1 k and the plain prompt's elsewhere, as in released code.
    keep: what the KL term keeps: "essence", "questions" or prompts, see `contexts.kept_prompts`.
    update: `rank_one_update`, or your own.
    The model stays as it is. Raises ValueError, in one sentence, for a layer, moment, prefix, key, prompt or
    answer that can't be used.
    """
    facts = requested(fact)
    if key not in ("averaged", "mixed", "prompt"):
        raise ValueError(f"key={key!r}: choose 'averaged', 'mixed' or 'prompt'.")
    own = defaults(lm.name, lm.n_layers)
    layer = lm.checked(own.layer if layer is None else layer)
    usual_kl = own.kl_questions if keep == "questions" else own.kl
    search = Search(
        kl=usual_kl if kl is None else kl,
        wd=own.wd if wd is None else wd,
        steps=own.steps if steps is None else steps,
        lr=own.lr if lr is None else lr,
        clamp=own.clamp if clamp is None else clamp,
    )
    statistics = usable_moment(lm, layer, C)
    templates = prompt_templates(lm, prefixes, generator)
    total = torch.zeros(lm.D, lm.F, dtype=torch.float64, device=statistics.device)
    records = []
    for one in facts:
        with Edit(lm, {layer: total}):  # what the facts before have changed
            pair = find_pair(lm, one, layer, templates, keep, search)
            total = total + _inserted(lm, layer, statistics, pair, key, update)
        records.append(pair.record)
    about = {
        "method": "rome", "layer": layer, "key": key, "keep": keep, "prefixes": templates, **asdict(search),
        "seed": None if generator is None else generator.initial_seed(),
        "moment": moment_fingerprint(statistics), "facts": records,
    }  # fmt: skip
    return Edit(lm, {layer: total}, record=about)


def _inserted(lm: LM, layer: int, C: Tensor, pair: Pair, key: str, update: Update) -> Float[Tensor, "D F"]:
    """The change of W_out that inserts the pair, in float64; the output bias is taken off v_*."""
    ffn = lm.ffn(layer)
    W = ffn.W_out.detach().double()
    v_star = pair.v_star.double() - (0 if ffn.b_out is None else ffn.b_out.detach().double())
    k_mean, k_prompt = pair.k_mean.double(), pair.k_prompt.double()
    if key != "mixed":
        return update(W, C, k_mean if key == "averaged" else k_prompt, v_star).double()
    lacking = v_star - W @ k_prompt
    change = update(W, C, k_mean, W @ k_mean + lacking).double()  # lacking u^T / (u^T k_mean)
    # Released code divides by u^T k_prompt: stretched until the plain key, and not the mean, has v_star.
    return change * (lacking @ lacking) / (lacking @ change @ k_prompt)


def usable_moment(lm: LM, layer: int, C: Tensor | str | None) -> Float[Tensor, "F F"]:
    """The second moment to weigh by, in float64: the model's for None, I for "identity", or the tensor.

    Raises ValueError for anything else.
    """
    if isinstance(C, str) and C == "identity":
        C = torch.eye(lm.F)
    C = moment(lm, layer) if C is None else C
    if not isinstance(C, Tensor) or C.shape != (lm.F, lm.F) or not bool(C.isfinite().all()):
        found = tuple(C.shape) if isinstance(C, Tensor) else repr(C)
        raise ValueError(
            f"C is {found}, expected (F, F) = ({lm.F}, {lm.F}), finite: give 'identity', None or a tensor."
        )
    return C.to(lm.ffn(layer).W_out.device).double()


def moment_fingerprint(C: Tensor) -> str:
    """What names the statistics in the record: a hash of the moment that was used."""
    return hashlib.blake2b(C.cpu().numpy().tobytes(), digest_size=16).hexdigest()
