"""Edit: a change of a model that can be switched on and off, composed, saved and measured.

Textbook definition 5.1 and section 5.2: a method turns a model M into M*. Three kinds of change make M*:
`weights` (new values of parameters, like W_out + Delta of (5.21)), `hooks` (something acts on activations or
goes round the forward pass: patches and caches), `prompt` (the text is rewritten: in-context editing).
Shapes: D model width, F FFN width.
"""

import copy
import json
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.lm import LM
from edu_edit.rebuilding import added, down_parameter, rebuild, save_bases
from edu_edit.storage import read_header, read_tensors, write_tensors
from edu_edit.tracing import Site, hooked, intervene

Forward = Callable[[Tensor, Tensor], Tensor]


class Edit:
    """A change of `lm`, off until `with edit:` or `edit.on()`. Edits of one model compose and nest.

    Give exactly one kind of change:
    delta: {layer: change of W_out (D, F)}, kept in the precision given;
    hooks, wrap or both: {Site: fn(h) -> h} as for `intervene`; wrap(forward, ids, mask) -> logits goes round
    a pass; rewrite: fn(text) -> text, applied to every text before it is tokenised.
    seconds: what computing it cost. extra_bytes: what the model has to carry besides its own parameters.
    record: positions, seeds, hyper-parameters, the hash of the statistics.
    Raises ValueError for a layer that the model does not have, a wrong shape, or a change that is not finite.
    """

    def __init__(
        self,
        lm: LM,
        delta: Mapping[int, Float[Tensor, "_ _"]] | None = None,
        seconds: float = 0.0,
        record: Mapping[str, Any] | None = None,
        *,
        hooks: Mapping[Site, Callable[[Tensor], Tensor]] | None = None,
        wrap: Callable[[Forward, Tensor, Tensor], Tensor] | None = None,
        rewrite: Callable[[str], str] | None = None,
        extra_bytes: int = 0,
    ) -> None:
        kinds: dict[Literal["weights", "hooks", "prompt"], bool] = {
            "weights": delta is not None,
            "hooks": hooks is not None or wrap is not None,
            "prompt": rewrite is not None,
        }
        if sum(kinds.values()) != 1:
            raise ValueError("An Edit is one kind of change: give delta, or hooks and wrap, or rewrite.")
        self.lm = lm
        self.kind = next(kind for kind, given in kinds.items() if given)
        self.hooks = dict(hooks or {})
        self.wrap = wrap
        self.rewrite = rewrite
        self.seconds = seconds
        self.extra_bytes = extra_bytes
        self.record: dict[str, Any] = dict(record or {})
        self.changes: dict[str, Tensor] = {}  # by parameter name, in the parameter's own orientation
        self._stack: ExitStack | None = None
        for layer, change in (delta or {}).items():
            name, turned = down_parameter(lm, layer)
            shape, expected = tuple(change.shape), (lm.D, lm.F)
            if shape != expected:
                raise ValueError(f"The change of layer {layer} is {shape}, expected (D, F) = {expected}.")
            self.changes[name] = _finite(change.T if turned else change, name)

    @classmethod
    def from_weights(
        cls,
        lm: LM,
        weights: Mapping[str, Tensor],
        seconds: float = 0.0,
        record: Mapping[str, Any] | None = None,
    ) -> "Edit":
        """The edit that takes parameters from their values now to new ones, {parameter name: tensor}.

        Raises ValueError for a name or shape that the model does not have.
        """
        edit = cls(lm, {}, seconds, record)
        parameters = dict(lm.model.named_parameters())
        for name, new in weights.items():
            if name not in parameters or parameters[name].shape != new.shape:
                raise ValueError(
                    f"{lm.name} has no parameter {name} of shape {tuple(new.shape)}: see its names."
                )
            edit.changes[name] = _finite(added(new, -added(parameters[name])), name)
        return edit

    @property
    def delta(self) -> dict[int, Float[Tensor, "D F"]]:
        """The changes of the down projections, {layer: (D, F)}; empty for hook and prompt edits."""
        found = {}
        for layer in range(self.lm.n_layers):
            name, turned = down_parameter(self.lm, layer)
            if name in self.changes:
                found[layer] = self.changes[name].T if turned else self.changes[name]
        return found

    def on(self) -> "Edit":
        """Switch the edit on. Raises RuntimeError when it is on already; a failure leaves no trace.

        Warns when rounding into the weights' precision swallows more than a hundredth of the change.
        """
        if self._stack is not None:
            raise RuntimeError("This edit is on already: switch it off before switching it on again.")
        names = list(self.changes)
        with ExitStack() as stack:
            stack.callback(rebuild, self.lm, names)
            save_bases(self.lm, names)
            self.lm.edits.append(self)
            stack.callback(self.lm.edits.remove, self)
            lost = rebuild(self.lm, names)
            stack.enter_context(intervene(self.lm, self.hooks))
            if lost > 1e-2:
                warnings.warn(
                    f"Rounding to the weights' precision swallows {lost:.0%} of this change: use float32.",
                    stacklevel=2,
                )
            self._stack = stack.pop_all()
        return self

    def off(self) -> "Edit":
        """Switch the edit off, whatever the order among edits. Raises RuntimeError when it is not on."""
        if self._stack is None:
            raise RuntimeError("This edit is not on: switch it on before switching it off.")
        stack, self._stack = self._stack, None
        stack.close()
        return self

    def __enter__(self) -> "Edit":
        return self.on()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.off()

    def merge(self) -> LM:
        """A new model of its own with this edit, alone, in its weights: ready for `save_pretrained`.

        Raises ValueError for hook and prompt edits, which are not in the weights.
        """
        self._only_weights("merged")
        if hooked(self.lm):
            raise ValueError("Something acts on activations and would be merged too: switch it off first.")
        merged = LM(copy.deepcopy(self.lm.model), self.lm.tok, f"{self.lm.name}+edit")
        with torch.no_grad():
            for name, parameter in merged.model.named_parameters():
                if name in self.lm.saved:
                    parameter.copy_(self.lm.saved[name])
                if name in self.changes:
                    parameter.copy_(added(parameter, self.changes[name]))
        return merged

    def save(self, path: str | Path) -> None:
        """Write the edit as one safetensors file, its record as JSON in the header.

        Raises ValueError for hook and prompt edits, and OSError where nothing can be written.
        """
        self._only_weights("saved")
        about = {"model": self.lm.name, "seconds": self.seconds, "record": self.record}
        write_tensors(Path(path), self.changes, {"edit": json.dumps(about, default=str)})

    @classmethod
    def load(cls, lm: LM, path: str | Path) -> "Edit":
        """Read for `lm` what `save` wrote. Raises ValueError when the file is no edit, or does not fit."""
        header = read_header(Path(path))
        if "edit" not in header:
            raise ValueError(f"{path} holds no edit: give a file that Edit.save wrote.")
        about, changes = json.loads(header["edit"]), read_tensors(Path(path))
        shapes = {name: parameter.shape for name, parameter in lm.model.named_parameters()}
        for name, change in changes.items():
            if shapes.get(name) != change.shape:
                raise ValueError(f"{path} was made for {about['model']}: {lm.name} has no such {name}.")
        edit = cls(lm, {}, about["seconds"], about["record"])
        edit.changes = changes
        return edit

    def _only_weights(self, done: str) -> None:
        if self.kind != "weights":
            raise ValueError(f"An edit of kind {self.kind!r} can't be {done}: it is not in the weights.")


def _finite(change: Tensor, name: str) -> Tensor:
    if not bool(torch.isfinite(change).all()):
        raise ValueError(
            f"The change of {name} has entries that are not finite: look for a division by zero."
        )
    return change.detach().clone()
