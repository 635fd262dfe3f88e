"""The codec: what problems and answers look like on the wire, as a tree of JSON with tensors beside it.

Plain data, containers, tensors and the records of `declared` travel by value. A function travels as a number:
the other end gets something to call, and calling it comes back over the wire. What is none of these arrives
as `Opaque`, which only tells the name of its type. Unpacking never looks a class up by a name that came in,
except in the short tables of `declared`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from autograder.calls import parts
from autograder.grader.declared import PLAIN
from autograder.grader.wire import Closed, Late, WireError
from edu_edit import LM, Edit

DEEPEST = 24
DTYPES = (
    torch.float64, torch.float32, torch.float16, torch.bfloat16,
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
)  # fmt: skip
CONTAINERS: dict[str, Callable[[list[Any]], Any]] = {
    "tuple": tuple, "list": list, "set": set, "frozenset": frozenset,
}  # fmt: skip


class Opaque:
    """Something that does not travel: its type's name is all that is known of it."""


def opaque(name: Any) -> Opaque:
    """An Opaque whose type has this name, so that a card can say what came."""
    shown = re.sub(r"\W", "_", str(name))[:60] or "object"
    made: Opaque = type(shown, (Opaque,), {})()
    return made


class Ends(Protocol):
    """What the codec needs of its end of the wire: numbers for functions, and for tensors that have a
    gradient.
    """

    def export(self, function: Callable[..., Any]) -> int: ...

    def imported(self, number: int) -> Callable[..., Any]: ...

    def send_graph(self, tensor: Tensor) -> dict[str, Any]: ...

    def got_graph(self, about: dict[str, Any], tensor: Tensor) -> Tensor: ...


class Packer:
    """One message's values: `pack` fills `tensors`, `unpack` reads them."""

    def __init__(self, end: Ends, tensors: dict[str, Tensor] | None = None) -> None:
        self.end = end
        self.tensors: dict[str, Tensor] = {} if tensors is None else tensors

    def pack(self, value: Any, depth: int = 0) -> Any:
        """The tree of a value."""
        if value is None or type(value) in (bool, str):
            return value
        if type(value) is int:
            return value if abs(value) < 2**53 else {"t": "int", "v": hex(value)}
        if type(value) is float:
            return value if math.isfinite(value) else {"t": "float", "v": repr(value)}
        if depth > DEEPEST:
            return {"t": "opaque", "v": "something nested too deeply"}
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, (np.ndarray, np.generic)):
            return self._numpy(value)
        if value is Ellipsis:
            return {"t": "ellipsis"}
        if type(value) in (list, tuple, set, frozenset):
            return {"t": type(value).__name__, "v": [self.pack(item, depth + 1) for item in value]}
        if type(value) in (dict, MappingProxyType):
            pairs = [[self.pack(one, depth + 1) for one in pair] for pair in value.items()]
            return {"t": "dict" if type(value) is dict else "frozen", "v": pairs}
        return self.record(value, depth)

    def record(self, value: Any, depth: int) -> Any:
        """Records, functions, edits; the sandbox's and the grader's end each know a few more."""
        name = type(value).__name__
        if PLAIN.get(name) is type(value):
            fields = (parts(value) or {}).items()
            return {"t": "plain", "c": name, "v": {field: self.pack(one, depth + 1) for field, one in fields}}
        if isinstance(value, Edit):
            changes = {one: self.pack(change) for one, change in dict(value.changes).items()}
            rewrite = None if value.rewrite is None else self.pack(value.rewrite)
            return {"t": "edit", "lm": self.pack(value.lm), "changes": changes, "rewrite": rewrite}
        if callable(value) and not isinstance(value, type):
            return {"t": "function", "v": self.end.export(value)}
        return {"t": "opaque", "v": name}

    def _tensor(self, value: Tensor) -> Any:
        plain = Tensor.detach(value).as_subclass(Tensor)
        if plain.dtype not in DTYPES or plain.layout != torch.strided or plain.device.type != "cpu":
            return {"t": "opaque", "v": f"tensor of {plain.dtype}"}
        key = str(len(self.tensors))
        self.tensors[key] = plain.clone(memory_format=torch.contiguous_format)
        tree: dict[str, Any] = {"t": "tensor", "v": key}
        if value.requires_grad and torch.is_grad_enabled():
            tree["g"] = self.end.send_graph(value)
        return tree

    def _numpy(self, value: Any) -> Any:
        array = np.array(value, subok=False)
        if array.dtype.kind not in "bif" or array.dtype.itemsize > 8:
            return {"t": "opaque", "v": f"array of {array.dtype}"}
        tree = self._tensor(torch.from_numpy(np.ascontiguousarray(array)).reshape(array.shape))
        return {**tree, "n": "array" if isinstance(value, np.ndarray) else "number"}

    def unpack(self, tree: Any, depth: int = 0) -> Any:
        """The value of a tree. Raises WireError for what no `pack` makes."""
        if tree is None or type(tree) in (bool, int, float):
            return tree
        if type(tree) is str:
            return tree.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate can't be written down
        if type(tree) is not dict or depth > DEEPEST + 4:
            raise WireError("what came is no value")
        kind, inside = tree.get("t"), tree.get("v")
        try:
            return self.unpacked(kind, inside, tree, depth + 1)
        except (WireError, Closed, Late):
            raise
        except Exception as error:  # a stranger's tree can make anything of ours fail
            raise WireError(f"what came is no value ({type(error).__name__})") from error

    def unpacked(self, kind: Any, inside: Any, tree: Mapping[str, Any], depth: int) -> Any:
        if kind == "tensor":
            return self._as_sent(tree, self.tensors[inside])
        if kind in CONTAINERS:
            return CONTAINERS[kind]([self.unpack(item, depth) for item in inside])
        if kind in ("dict", "frozen"):
            pairs = {self.unpack(key, depth): self.unpack(value, depth) for key, value in inside}
            return pairs if kind == "dict" else MappingProxyType(pairs)
        if kind == "int":
            return int(inside[:4000], 16)
        if kind == "float":
            return float(inside)
        if kind == "ellipsis":
            return Ellipsis
        if kind == "plain":
            return PLAIN[tree["c"]](**{field: self.unpack(one, depth) for field, one in inside.items()})
        if kind == "edit":
            return self.edit(tree, depth)
        if kind == "function":
            return self.end.imported(int(inside))
        if kind == "opaque":
            return opaque(inside)
        raise WireError(f"what came is no value ({str(kind)[:20]})")

    def edit(self, tree: Mapping[str, Any], depth: int) -> Any:
        """An Edit of a model that both ends know, made anew from its changes or its rewrite."""
        lm = self.unpack(tree["lm"], depth)
        if not isinstance(lm, LM):
            return opaque("Edit_of_another_model")
        if tree["rewrite"] is not None:
            return Edit(lm, rewrite=self.unpack(tree["rewrite"], depth))
        edit = Edit(lm, {})
        parameters = dict(lm.model.named_parameters())
        for name, change in tree["changes"].items():
            value = self.unpack(change, depth)
            if name not in parameters or parameters[name].shape != value.shape or not value.isfinite().all():
                return opaque("Edit_that_does_not_fit")
            edit.changes[name] = value.detach()
        return edit

    def _as_sent(self, tree: Mapping[str, Any], tensor: Tensor) -> Any:
        if "n" in tree:
            array = tensor.numpy()
            return array if tree["n"] == "array" else array.reshape(())[()]
        if "g" in tree and tensor.is_floating_point():
            return self.end.got_graph(tree["g"], tensor)
        return tensor
