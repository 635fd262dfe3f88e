"""MEMIT: thousands of facts in one least-squares step per layer.

Meng et al. 2023 (arXiv 2210.07229), textbook sections 5.2.2 and 5.4.3, end. ROME demands W' k_* = v_*; for
many facts that is too much, so MEMIT trades it off against what the layer has learned:

    minimise |Delta K - R|^2 + lam tr(Delta C Delta^T)        C = E[k k^T]
    Delta = R K^T (lam C + K K^T)^-1

K are the facts' keys and R what their values lack. Several layers share the residual, see
`edu_edit.methods.spreading`. C is a mean over tokens, and E[k^T C^-1 k] = F whatever the model: with lam = F
an average key gets half of what it lacks. So `memit` counts lam in multiples of F, where one value serves
small and large models; released code sets it by hand (GPT2-XL: 20 000 = 3.1 F).
Shapes: n facts, D model width, F FFN width.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.cost import costed
from edu_edit.defaults import spread_defaults
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.contexts import prompt_templates
from edu_edit.methods.rome import moment_factor, moment_fingerprint
from edu_edit.methods.spreading import (
    in_batches,
    layers_and_search,
    spread_residual,
    usable_moments,
    write_over_layers,
)

__all__ = ["memit", "memit_update", "spread_residual"]

Update = Callable[[Tensor, Tensor, Tensor, float], Tensor]


def memit_update(
    C: Float[Tensor, "F F"], K: Float[Tensor, "F n"], R: Float[Tensor, "D n"], lam: float
) -> Float[Tensor, "D F"]:
    """Delta = R K^T (lam C + K K^T)^-1: what the keys K lack, against the price lam of moving old values.

    Solved in float64 for Q = L^-1 K, C = L L^T: Delta = R (lam I + Q^T Q)^-1 Q^T L^-1, by Q's singular values
    s. Each direction gets the share s^2 / (s^2 + lam) of its residual, and nothing is squared, so a small lam
    costs no digits. lam = 0 is the limit: Delta K = R for independent keys (ROME for n = 1), and the mean
    residual for equal ones. Rounded once to R's dtype. Raises ValueError for a singular C and a negative lam.
    """
    if not lam >= 0:
        raise ValueError(f"lam={lam}: give 0 or more, it is the price of moving what the layer gives now.")
    L = moment_factor(C)
    U, s, Vh = torch.linalg.svd(
        torch.linalg.solve_triangular(L, K.double(), upper=False), full_matrices=False
    )
    independent = s > max(K.shape) * torch.finfo(s.dtype).eps * s.max()
    gain = torch.where(independent, s / (s * s + lam), 0)
    inverse = torch.linalg.solve_triangular(L.T, U, upper=True).T  # U^T L^-1
    return (R.double() @ Vh.T * gain @ inverse).to(R.dtype)


@costed
def memit(
    lm: LM,
    facts: Fact | Sequence[Fact],
    layers: int | Sequence[int] | None = None,
    lam: float | None = None,
    C: Mapping[int, Tensor] | str | None = None,
    prefixes: int | Sequence[str] | None = None,
    kl: float | None = None,
    wd: float | None = None,
    steps: int | None = None,
    lr: float | None = None,
    clamp: float | None = None,
    key: str = "averaged",
    keep: str | Sequence[str] = "essence",
    batch: int | None = None,
    update: Update = memit_update,
    generator: torch.Generator | None = None,
) -> Edit:
    """The edit that makes the model answer every fact's `target_new`; all facts are written at once.

    layers, lam, prefixes, kl, wd, steps, lr, clamp: None = the model's own value, from the table in
    `defaults`. lam: the price of moving what the layers give now, in multiples of F.
    C: None = the model's second moments, "identity", or {layer: (F, F)}.
    prefixes, keep: as for `rome`.
    key: "averaged" = the mean key over the prompts, "prompt" = the plain prompt's, "halved" = half of each,
    as in released code.
    batch: facts written at once, one batch after the other; None = all.
    update: `memit_update`, or your own; it gets lam F.
    The model stays as it is. Raises ValueError, in one sentence, for a layer, moment, prefix, key, prompt or
    answer that can't be used, and for a question asked twice.
    """
    batches = in_batches(facts, batch)
    settings = {"kl": kl, "wd": wd, "steps": steps, "lr": lr, "clamp": clamp}
    chosen, search = layers_and_search(lm, layers, settings)
    moments = usable_moments(lm, chosen, C)
    own = spread_defaults(lm.name, lm.n_layers)
    lam = own.lam if lam is None else lam
    templates = prompt_templates(lm, own.prefixes if prefixes is None else prefixes, generator)

    def insert(layer: int, K: Tensor, R: Tensor) -> Tensor:
        return update(moments[layer], K.to(moments[layer]), R.to(moments[layer]), lam * lm.F)

    total: dict[int, Tensor] = {}
    written = []
    for part in batches:
        with Edit(lm, total):  # what the batches before have changed
            changes, _, about = write_over_layers(lm, part, chosen, templates, keep, search, key, insert)
        total = {layer: total.get(layer, 0) + change for layer, change in changes.items()}
        written.append(about)
    about = {
        "method": "memit", "layers": chosen, "lam": lam, "key": key, "keep": keep, "prefixes": templates,
        **asdict(search), "seed": None if generator is None else generator.initial_seed(),
        "moments": [moment_fingerprint(moments[layer]) for layer in chosen], "batches": written,
    }  # fmt: skip
    return Edit(lm, total, record=about)
