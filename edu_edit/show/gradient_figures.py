"""The gradient of one example, taken apart: an outer product per token, their sum, its rank (lesson 07).

Letters: T tokens. x (T, d_in) are a layer's inputs, delta (T, d_out) the loss's gradients at its outputs.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.show.figure import MAP, PALETTE, AltFigure, drawable, styled
from edu_edit.show.heatmap import array

ROWS, COLUMNS = 20, 20  # of the weight, those with the largest gradient
SMALLEST = 1e-6  # singular values below this share of the largest count as zero


def gradient_rank(x: Float[Tensor, "T d_in"], delta: Float[Tensor, "T d_out"]) -> tuple[int, int]:
    """The numerical rank of sum_t delta_t x_t^T, and its bound: the number of tokens with delta != 0."""
    values = _singular(x, delta)
    rank = int((values > SMALLEST * max(float(values[0]), 1e-300)).sum()) if len(values) else 0
    return rank, int(delta.detach().any(-1).sum())


def _singular(x: Float[Tensor, "T d_in"], delta: Float[Tensor, "T d_out"]) -> np.ndarray:
    """The singular values of delta^T x, T of them, from two small triangular factors."""
    right, left = (torch.linalg.qr(part.detach().double().T, mode="r").R for part in (x, delta))
    return array(torch.linalg.svdvals(left @ right.T))


def describe_gradient(
    x: Float[Tensor, "T d_in"], delta: Float[Tensor, "T d_out"], tokens: Sequence[str], title: str
) -> str:
    """The picture in words."""
    rank, heard = gradient_rank(x, delta)
    sizes = array(x.norm(dim=1) * delta.norm(dim=1))
    each = ", ".join(f"{token.strip()} {size:.2g}" for token, size in zip(tokens, sizes, strict=True))
    return (
        f"{title}. One matrix: its gradient as a sum of {len(tokens)} outer products, one per token. "
        f"Their sizes: {each}. At {heard} of the tokens delta is not 0, and the rank of the sum is {rank}."
    )


@styled
def plot_gradient(
    x: Float[Tensor, "T d_in"],
    delta: Float[Tensor, "T d_out"],
    tokens: Sequence[str],
    title: str = "The gradient of one example",
    alt: str | None = None,
) -> AltFigure:
    """Every token's outer product delta_t x_t^T, their sum, how large each is, and the singular values.

    Shown are the 20 rows and 20 columns where the sum is largest, on one colour scale. tokens: T names.
    """
    x, delta = x.detach().double(), delta.detach().double()
    parts = np.einsum("to,ti->toi", array(delta), array(x))
    total, T = parts.sum(0), len(parts)
    rows, columns = (
        np.sort(np.argsort(-np.abs(total).sum(axis))[:n]) for axis, n in ((1, ROWS), (0, COLUMNS))
    )
    block = [part[np.ix_(rows, columns)] for part in (*parts, total)]
    top = max(float(np.quantile(np.abs(block[-1]), 0.98)), 1e-300)
    rank, heard = gradient_rank(x, delta)
    fig = AltFigure(9.0, 4.6)
    upper, lower = fig.subfigures(2, 1, squeeze=False, height_ratios=(2.1, 2.5))[:, 0]
    axes = upper.subplots(1, T + 1, squeeze=False)[0]
    for ax, picture, token in zip(axes, block, [*tokens, "G = the sum"], strict=True):
        ax.imshow(picture, cmap=MAP, vmin=-top, vmax=top, interpolation="nearest")
        ax.set(xticks=[], yticks=[])
        ax.set_title(drawable(token.strip()), fontsize=9, loc="center")
    silent = ~delta.any(-1)
    for ax, quiet in zip(axes[:T], silent.tolist(), strict=True):
        ax.set_xlabel("δ = 0" if quiet else "rank 1", fontsize=8.5)
    axes[T].set_xlabel(f"rank {rank}", fontsize=8.5, fontweight="bold")
    upper.suptitle(drawable(f"{title}:  G = Σ δ_t x_tᵀ"), fontsize=11, x=0.01, ha="left")
    sizes, values = lower.subplots(1, 2)
    sizes.bar(
        range(T),
        array(x.norm(dim=1) * delta.norm(dim=1)),
        color=PALETTE["sky"],
        edgecolor="black",
        hatch="//",
    )
    sizes.set_xticks(range(T), [drawable(token.strip()) for token in tokens], rotation=35, ha="right")
    sizes.set_ylabel("‖δ_t‖ ‖x_t‖")
    sizes.set_title("How large is each token's part?", fontsize=10)
    found = _singular(x, delta)
    share = np.maximum(found / max(float(found[0]), 1e-300), 1e-12)
    values.plot(range(1, len(share) + 1), share, "o--", color=PALETTE["blue"])
    values.axvline(heard + 0.5, color="0.35", linestyle=":", linewidth=1.2)
    values.set_yscale("log")
    values.set_ylim(1e-13, 5)
    values.set_yticks([10.0**-power for power in (0, 4, 8, 12)], ["1", "1e-4", "1e-8", "1e-12"])
    values.minorticks_off()
    values.set_xlim(0.5, max(len(share), heard + 1) + 0.5)
    values.set_xticks(range(1, len(share) + 1))
    values.set_xlabel(f"number   (dotted: {heard} tokens have δ ≠ 0)")
    values.set_ylabel("share of the largest")
    values.set_title(f"Singular values of G: the rank is {rank}", fontsize=10)
    fig.alt = alt or describe_gradient(x, delta, tokens, title)
    return fig
