"""What depends on a model: the one table of defaults.

`None` in a method's signature means "this model's own value", and this is where it stands. Published models
have the released settings of Meng et al. 2022 (ROME); those of the bundled models are chosen by measurement.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Defaults:
    """The layer to edit, ROME's hyper-parameters (5.16)-(5.18), and fine-tuning's learning rate."""

    layer: int
    steps: int = 20  # optimiser updates
    lr: float = 0.5
    clamp: float = 4.0  # the longest delta, in multiples of the length of the FFN's output
    wd: float = 0.5
    kl: float = 0.0625
    kl_questions: float = 0.1  # its weight where it keeps answers to questions instead
    finetune_lr: float = 5e-4


_ATLAS_GPT2 = Defaults(
    layer=3, steps=200, lr=0.32, clamp=15.0, wd=0.01, kl=0.3, kl_questions=0.03, finetune_lr=1e-3
)
TABLE = {
    "atlas-gpt2": _ATLAS_GPT2,
    "atlas-gpt2-plain": _ATLAS_GPT2,
    "atlas-llama": Defaults(layer=1, steps=60, clamp=12.0, wd=0.55, kl_questions=0.07, finetune_lr=3e-3),
    "gpt2-medium": Defaults(layer=8, clamp=3.0),
    "gpt2-large": Defaults(layer=12),
    "gpt2-xl": Defaults(layer=17),
}


def defaults(name: str, n_layers: int) -> Defaults:
    """The defaults of a model by name; `org/gpt2-xl` and the merged `gpt2-xl+edit` are `gpt2-xl`.

    An unknown model is edited a third of the way up: neither in the first layer nor in the last, if it can
    be.
    """
    known = TABLE.get(name.rsplit("/", 1)[-1].split("+")[0])
    if known is not None and known.layer < n_layers:
        return known
    return Defaults(layer=max(min(max(1, round(n_layers / 3)), n_layers - 2), 0))
