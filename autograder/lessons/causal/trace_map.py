"""causal.trace_map: one run for every token and layer, with windows clipped at the ends, figure 5.14.

Shape letters: T tokens, L layers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from autograder.claims import Claim, Student, close, equal, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.causal.trace_map_mutants import MUTANTS
from autograder.lessons.causal.trace_map_problems import Table, sizes, toy_model

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("run", "T", "L", "width", "kind")


def gate(
    value: Any, run: Callable[..., float], T: int, L: int, width: int = 1, kind: str = "resid"
) -> Tensor:
    return tensor_gate(value, (T, L), "(T, L)", "a map", None)


def asked(student: Student, g: Generator, width: int, kind: str, L: int = 0, power: int = 1) -> Verdict:
    T, L = sizes(g, L)
    run = Table(g, T, L, power)
    what = f"map of kind={kind!r}, width={width}"
    return close(student(run, T, L, width, kind), run.windows(kind, width), 1e-4, what)


def single_cells(student: Student, g: Generator) -> Verdict:
    """Width 1 and hidden states are what nobody has to ask for."""
    T, L = sizes(g)
    run = Table(g, T, L)
    return close(student(run, T, L), run.worth["resid"], 1e-4, "map")


def windows(student: Student, g: Generator) -> Verdict:
    return every(asked(student, g, 3, "mlp"), asked(student, g, 4, "attn"))


def wide_window(student: Student, g: Generator) -> Verdict:
    """Meng's width of 10: at layer 0 it holds layers 0 to 4, at the last layer the last six."""
    return every(asked(student, g, 10, "mlp", L=14), asked(student, g, 10, "mlp", L=7))


def together(student: Student, g: Generator) -> Verdict:
    """Sites that do little alone and much together."""
    return every(asked(student, g, 3, "mlp", power=2), asked(student, g, 2, "attn", power=2))


def one_run_each(student: Student, g: Generator) -> Verdict:
    """Right cells, and one run for each: a run is a forward pass of the whole model."""
    T, L = sizes(g)
    run = Table(g, T, L)
    answer = student(run, T, L, 3, "attn")
    return every(close(answer, run.windows("attn", 3), 1e-4, "map"), equal(run.runs, T * L, "runs"))


def causal_laws(student: Student, g: Generator) -> Verdict:
    """A small causal network: what its map must be at places where one can know it."""
    model = toy_model(g)
    answer, start = student(model, model.T, model.L), model.span[0]
    lost = torch.tensor(model.p_clean - model.p_corrupt)
    nothing = torch.zeros(model.T, model.L)
    top = nothing[:, -1].clone()
    top[-1] = lost
    return every(
        close(answer[-1, -1], lost, 1e-4, "effect at the last token of the last layer, p_clean - p_corrupt"),
        close(answer[:, -1], top, 1e-4, "effects of the last layer"),
        close(answer[:start], nothing[:start], 1e-6, "effects before the subject"),
    )


CLAIMS = (
    Claim(
        "single cells",
        "With width 1, cell (t, l) is the run that restores Site(kind, l, t) alone",
        "Cell (t, l) is run([Site(kind, l, t)]): rows are tokens, columns are layers.",
        single_cells,
        open=True,
    ),
    Claim(
        "windows",
        "With width w, cell (t, l) restores layers l - w//2 up to, not including, l + (w+1)//2",
        "Count the layers of one window by hand: width 3 at layer 5 is 4, 5, 6; width 4 is 3, 4, 5, 6.",
        windows,
        open=True,
    ),
    Claim(
        "wide window",
        "At the ends of the model a window is cut off: width 10 at layer 0 holds layers 0 to 4",
        "Windows keep their centre and lose the layers that don't exist. Clip both ends to 0 and L.",
        wide_window,
    ),
    Claim(
        "together",
        "The layers of a window are restored together, in one run",
        "Give `run` all sites of the window at once: effects of single layers don't add up to the effect of all.",
        together,
    ),
    Claim(
        "one run each",
        "T·L runs, no more",
        "Every call of `run` is a forward pass of the model: one for each cell is enough.",
        one_run_each,
    ),
    Claim(
        "causal laws",
        "On a causal network: nothing before the subject, all at the last token of the last layer",
        "Tokens before the subject were never corrupted, so restoring them does nothing; the last token's last "
        "state is the answer itself.",
        causal_laws,
    ),
)

HINTS = (
    "Two loops, one over tokens and one over layers. What does the body give to `run`?",
    "For token t and layer l: the window is every layer j with l - width//2 <= j < l + (width+1)//2 that exists, "
    "so `range(max(0, ...), min(L, ...))`. Its sites are Site(kind, j, t). The cell is run(sites).",
    "rows = []\n"
    "for t in range(T):\n"
    "    row = []\n"
    "    for l in range(L):\n"
    "        window = range(max(0, ...), min(L, ...))\n"
    "        row.append(run([Site(kind, j, ...) for j in window]))\n"
    "    rows.append(row)\n"
    "return torch.tensor(rows)     # (T, L)",
)

EXPLANATION = (
    "`run` knows the model, the prompt and the noise; the map only decides what is restored. So the same lines "
    "serve hidden states, FFN and attention, severed or not.",
    "A window is clipped and not moved: the column of layer 0 says what happens around layer 0, with fewer "
    "layers restored.",
)

STUB = '''def trace_map(
    run: Callable[[list[Site]], float], T: int, L: int, width: int = 1, kind: str = "resid"
) -> Float[Tensor, "T L"]:
    """The token by layer map: cell (t, l) is run(sites) for the window of `width` layers round layer l.

    run: restores a list of Sites and returns the effect. T: tokens, L: layers. kind: "resid", "mlp" or "attn".
    The window of layer l holds the layers l - width//2 up to, not including, l + (width+1)//2 that exist.
    Source: Meng et al. 2022, section 2; figure 5.14.
    """
    raise NotImplementedError("Your code here")
'''
