"""What the widgets share: a status line (what is computing, how long, what went wrong), and a static twin."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import ipywidgets as widgets

from edu_edit.show.controls import spoken
from edu_edit.show.figure import AltFigure


class Status:
    """One line of text under a widget's controls, spoken by screen readers when it changes."""

    def __init__(self) -> None:
        self.view = widgets.HTML()
        self.text = ""
        self.seconds: dict[str, float] = {}  # how long each kind of work took last time

    def say(self, sentence: str) -> None:
        """Show a sentence."""
        self.text = sentence
        self.view.value = spoken(sentence)

    def run(self, work: Callable[[], None], what: str, known: bool = False) -> None:
        """Do `work`; an error becomes one sentence here, never a traceback.

        `what` names the work ("the causal trace"): it is announced with the time that it took before, its own
        time is told afterwards, unless its result is `known` and comes from memory.
        """
        if not known:
            before = self.seconds.get(what)
            cost = f"about {before:.1g} s" if before else "the first time shows how long it takes"
            self.say(f"Computing {what}: {cost} …")
        start = perf_counter()
        try:
            work()
        except Exception as error:  # whatever it is, the reader of a widget is owed a sentence
            text = " ".join(str(error).split())
            plain = text and isinstance(error, (ValueError, RuntimeError, OSError))
            self.say(
                f"✗ {text}" if plain else f"✗ This failed unexpectedly ({type(error).__name__}: {text})."
            )
        else:
            if not known:
                self.seconds[what] = perf_counter() - start
            self.say("Shown from memory." if known else f"Computed {what} in {self.seconds[what]:.1f} s.")


def twin_bundle(view: widgets.Widget, static: AltFigure) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a widget hands to a notebook: itself where a kernel runs, else its picture, else the words."""
    data, about = static._repr_mimebundle_()
    live = view._repr_mimebundle_() or {}
    return {**live, **data}, about
