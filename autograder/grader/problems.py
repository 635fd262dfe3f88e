"""What only problems hold: models, layers and library functions, on their way from the grader into the
sandbox.

A model travels as its name and the parameters that differ from the bundled weights; a layer as its class and
its weights, and for as long as the call lasts the grader's own layer is a way to run the sandbox's; a
function of the library as its name, so that the sandbox runs its own copy.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping
from importlib import import_module
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from autograder.grader.declared import ACTIVATIONS, NAMED
from autograder.grader.values import Packer
from autograder.grader.wire import WireError
from edu_edit import LM, load
from edu_edit.lm import FFN

LAYERS: dict[str, type[nn.Module]] = {"Linear": nn.Linear, "Conv1D": Conv1D}


@functools.cache
def bundled_model(name: str) -> LM:
    """One copy per process of a model that is shipped."""
    return load(name)


class Grader(Packer):
    """The codec of the trusted end: packs problems, unpacks answers."""

    def record(self, value: Any, depth: int) -> Any:
        if isinstance(value, LM):
            return self.model(value)
        if isinstance(value, FFN):
            layers = {name: getattr(value, name) for name in ("gate", "up", "down", "act")}
            return {"t": "ffn", "v": {name: self.pack(one, depth + 1) for name, one in layers.items()}}
        if type(value).__name__ in ACTIVATIONS and type(value) is ACTIVATIONS[type(value).__name__]:
            return {"t": "activation", "v": type(value).__name__}
        if type(value) in LAYERS.values():
            return self.layer(value)
        if isinstance(value, functools.partial):
            args, named = self.pack(value.args, depth + 1), self.pack(value.keywords, depth + 1)
            return {"t": "partial", "v": self.pack(value.func, depth + 1), "args": args, "named": named}
        named_as = next((name for name, one in NAMED.items() if one is value), None)
        if named_as is not None:
            return {"t": "named", "v": named_as}
        if isinstance(value, FunctionType) and value.__module__.startswith("edu_edit."):
            return {"t": "library", "v": value.__name__, "m": value.__module__}
        return super().record(value, depth)

    def model(self, lm: LM) -> Any:
        known: dict[int, LM] = self.end.models  # type: ignore[attr-defined]
        number = next((number for number, one in known.items() if one is lm), len(known))
        known[number] = lm
        changed = {name: self.pack(weight) for name, weight in differing(lm).items()}
        return {"t": "lm", "v": number, "name": lm.name, "changed": changed}

    def layer(self, layer: nn.Module) -> Any:
        number = self.end.lend(layer)  # type: ignore[attr-defined]
        weights = {name: self.pack(one.detach()) for name, one in layer.state_dict().items()}
        return {"t": "layer", "v": number, "class": type(layer).__name__, "weights": weights}

    def unpacked(self, kind: Any, inside: Any, tree: Mapping[str, Any], depth: int) -> Any:
        if kind == "lm":  # one that was sent
            return self.end.models[inside]  # type: ignore[attr-defined]
        return super().unpacked(kind, inside, tree, depth)


class Sandbox(Packer):
    """The codec of the sandboxed end: unpacks problems, packs answers."""

    def record(self, value: Any, depth: int) -> Any:
        if isinstance(value, LM):
            known: dict[int, LM] = self.end.models  # type: ignore[attr-defined]
            number = next((number for number, lm in known.items() if lm is value), None)
            return {"t": "opaque", "v": "LM"} if number is None else {"t": "lm", "v": number}
        return super().record(value, depth)

    def unpacked(self, kind: Any, inside: Any, tree: Mapping[str, Any], depth: int) -> Any:
        if kind == "lm":
            return self.model(tree, depth)
        if kind == "ffn":
            return self.ffn({name: self.unpack(one, depth) for name, one in inside.items()})
        if kind == "activation":
            return ACTIVATIONS[inside]()
        if kind == "layer":
            return self.layer(tree, depth)
        if kind == "partial":
            function: Callable[..., Any] = self.unpack(inside, depth)
            args, named = self.unpack(tree["args"], depth), self.unpack(tree["named"], depth)
            return functools.partial(function, *args, **named)
        if kind == "named":
            return NAMED[inside]
        if kind == "library":
            return getattr(import_module(tree["m"]), inside)
        return super().unpacked(kind, inside, tree, depth)

    def model(self, tree: Mapping[str, Any], depth: int) -> LM:
        known: dict[int, LM] = self.end.models  # type: ignore[attr-defined]
        number, name = tree["v"], tree["name"]
        changed = {name: self.unpack(one, depth) for name, one in tree["changed"].items()}
        if number not in known:
            known[number] = bundled_model(name) if not changed else own_copy(bundled_model(name))
        weights = {**pristine(name), **changed}
        set_weights(known[number], weights)
        self.end.changed_weights[id(known[number])] = weights  # type: ignore[attr-defined]
        return known[number]

    def layer(self, tree: Mapping[str, Any], depth: int) -> nn.Module:
        weights = {name: self.unpack(one, depth) for name, one in tree["weights"].items()}
        made = made_layer(tree["class"], weights)
        self.end.borrowed[tree["v"]] = made  # type: ignore[attr-defined]
        return made

    def ffn(self, layers: Mapping[str, Any]) -> FFN:
        if layers["gate"] is None:
            return FFN(_module(c_fc=layers["up"], c_proj=layers["down"], act=layers["act"]))
        return FFN(
            _module(
                gate_proj=layers["gate"], up_proj=layers["up"], down_proj=layers["down"], act_fn=layers["act"]
            )
        )


def _module(**parts: Any) -> nn.Module:
    module = nn.Module()
    for name, part in parts.items():
        setattr(module, name, part)
    return module


@functools.cache
def pristine(name: str) -> dict[str, Tensor]:
    """The shipped weights, in copies that nothing changes."""
    return {key: weight.detach().clone() for key, weight in bundled_model(name).model.state_dict().items()}


def differing(lm: LM) -> dict[str, Tensor]:
    """The weights that are not those shipped under the model's name."""
    ours = pristine(lm.name)
    state = lm.model.state_dict()
    return {name: weight.detach() for name, weight in state.items() if not torch.equal(weight, ours[name])}


def own_copy(lm: LM) -> LM:
    """A model like this one whose weights are its own."""
    return LM(copy.deepcopy(lm.model), lm.tok, lm.name, lm.folder)


def set_weights(lm: LM, weights: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, weight in lm.model.state_dict().items():
            if not torch.equal(weight, weights[name]):
                weight.copy_(weights[name])


def made_layer(kind: str, weights: Mapping[str, Tensor]) -> nn.Module:
    """A linear layer of that class with these weights."""
    if kind not in LAYERS:
        raise WireError(f"there is no layer {kind!r}")
    rows, columns = weights["weight"].shape
    if kind == "Linear":
        layer: nn.Module = nn.Linear(columns, rows, bias="bias" in weights)
    else:
        layer = Conv1D(columns, rows)
    layer = layer.to(weights["weight"].dtype)
    with torch.no_grad():
        for name, value in weights.items():
            layer.get_parameter(name).copy_(value)
    return layer
