"""What depends on a model: the one table of defaults.

`None` in a method's signature means "this model's own value", and this is where it stands. Published models
have the released settings of Meng et al. 2022 (ROME); those of the bundled models are chosen by measurement.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """MEMIT's and AlphaEdit's own: the layers that share a residual, the search at the output of the last."""

    layers: tuple[int, ...]
    prefixes: int = 5
    steps: int = 20
    lr: float = 0.5
    clamp: float = 0.75  # the longest delta, in multiples of the length of the stream
    wd: float = 0.5
    kl: float = 0.0625
    lam: float = 1.0  # MEMIT's price of moving old values, in multiples of F


@dataclass(frozen=True)
class Long:
    """AnyEdit's own: the layers that share a residual, the window, the search at the output of the last."""

    layers: tuple[int, ...]
    window: int = 40  # tokens
    steps: int = 25
    lr: float = 0.5
    clamp: float = 4.0  # the longest delta, in multiples of the length of the stream
    wd: float = 1e-3
    lam: float = 1.0  # the moment's weight, in multiples of F


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
    cache_depth: float = 0.73  # the layer that GRACE and SERAC look at, as a share of all: 35 of gpt2-xl's 48
    grace_radius: float = 0.5  # of its first balls, as a share of how near other subjects come
    grace_lr: float = 0.5  # of a value's coordinates, in multiples of their root mean square
    neuron_add: float = 8.0  # how long the new answer's embedding gets in a neuron's value, as in Dai et al.
    depn_share: float = 0.02  # of all neurons, which DEPN silences
    detox_coef: float = 3.0  # of the values that detoxification promotes, as in Geva et al. 2022
    spread: Spread | None = None  # None = as `spread_defaults` says
    long: Long | None = None  # None = as `long_defaults` says
    unke_steps: int = 50
    unke_lr: float = 2e-4


_ATLAS_GPT2 = Defaults(
    layer=3,
    steps=200,
    lr=0.32,
    clamp=15.0,
    wd=0.01,
    kl=0.3,
    kl_questions=0.03,
    finetune_lr=1e-3,
    spread=Spread(layers=(2, 3), steps=60, lr=0.7, clamp=2.5, wd=0.01, kl=0.06, lam=0.4),
    long=Long(layers=(3,), window=5, steps=100, lr=0.4, clamp=15.0, lam=0.1),
    unke_lr=1e-3,
    neuron_add=4.0,
    detox_coef=10.0,
)
TABLE = {
    "atlas-gpt2": _ATLAS_GPT2,
    "atlas-gpt2-plain": _ATLAS_GPT2,
    "atlas-llama": Defaults(
        layer=1,
        steps=60,
        clamp=12.0,
        wd=0.55,
        kl_questions=0.07,
        finetune_lr=3e-3,
        spread=Spread(layers=(0, 1), clamp=1.3, wd=0.01, kl=0.06, lam=0.3),
        long=Long(layers=(1,), window=5, steps=100, lr=0.4, clamp=15.0, lam=0.1),
        unke_lr=1e-3,
        neuron_add=4.0,
        detox_coef=20.0,
    ),
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


def spread_defaults(name: str, n_layers: int) -> Spread:
    """What MEMIT and AlphaEdit take for a model: its own entry, or a few layers that end in ROME's."""
    own = defaults(name, n_layers)
    first = own.layer - max(1, n_layers // 12)
    return own.spread or Spread(tuple(range(max(0, first), own.layer + 1)))


def long_defaults(name: str, n_layers: int) -> Long:
    """AnyEdit's defaults: a model that has none of its own shares the residual with the layers below."""
    own = defaults(name, n_layers)
    return own.long or Long(layers=tuple(range(max(0, own.layer - 1), own.layer + 1)))
