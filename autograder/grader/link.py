"""One end of a wire between two processes that call each other's functions, gradients included.

A problem may hand a function to the student (`loss_of`, `run`), and a student's function may hand one back to
it. It stays where it is; the other end gets a `Elsewhere`, and calling that is a message. While one end waits
for an answer it serves what the other asks, so calls may nest. At any time one of the two processes works and
the other waits.

Gradients cross the wire as vector-Jacobian products. Every tensor with a gradient that is sent gets a number,
and with it go the numbers of the receiver's own tensors that it was made from. The receiver gets a tensor of
its own whose backward pass asks the sender: "here is the cotangent of number i; what are those of what I sent
you?" Both ends do the same, so second derivatives (create_graph) and graphs that cross several times come out
by themselves.

A `Scope` holds the numbers of one top-level call. Nothing here trusts the other end: a wrong number or shape
is an error of the call that it belongs to.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import get_gradient_edge

from autograder.grader.values import Packer
from autograder.grader.wire import Closed, Late, Wire, WireError

KEPT = 256  # scopes whose graphs are kept


@dataclass
class Scope:
    """The tensors with gradients of one top-level call: those sent, and those that came, by their numbers."""

    number: int
    sent: list[Tensor] = field(default_factory=list)
    got: list[Tensor] = field(default_factory=list)
    origins: list[list[int]] = field(
        default_factory=list
    )  # of every tensor sent: what came that it was made from
    places: dict[Any, int] = field(default_factory=dict)  # graph node of what came -> its number

    def has(self, number: Any) -> bool:
        """Whether a tensor of this number was sent."""
        return type(number) is int and 0 <= number < len(self.sent)


class Raised(Exception):
    """The other end's function stopped with an exception; `details` is what it says about it."""

    def __init__(self, details: dict[str, Any]) -> None:
        super().__init__(str(details.get("message"))[:300])
        self.details = details
        self.kind = str(details.get("kind"))[:80]


class Elsewhere:
    """A function of the other end."""

    def __init__(self, end: End, number: int) -> None:
        self.end, self.number = end, number

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self.end.call(self.number, args, named)


class End:
    """One end of the wire. `packer` makes the codec of a message."""

    packer: type[Packer] = Packer

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.functions: list[Callable[..., Any]] = []
        self.scopes: dict[int, Scope] = {}
        self.scope = Scope(0)
        self.asked = 0
        self.stops: list[tuple[Scope, set[int]]] = []  # of each product under way: where it ends

    # What the codec asks for.

    def export(self, function: Callable[..., Any]) -> int:
        if isinstance(function, Elsewhere) and function.end is self:
            return -1 - function.number  # it is the other end's own
        self.functions.append(function)
        return len(self.functions) - 1

    def imported(self, number: int) -> Callable[..., Any]:
        return self.functions[-1 - number] if number < 0 else Elsewhere(self, number)

    def send_graph(self, tensor: Tensor) -> dict[str, Any]:
        scope = self.scope
        scope.sent.append(tensor)
        scope.origins.append(origins(tensor, scope.places))
        return {"number": len(scope.sent) - 1, "from": scope.origins[-1]}

    def got_graph(self, about: dict[str, Any], tensor: Tensor) -> Tensor:
        scope = self.scope
        if about["number"] != len(scope.got):
            raise WireError("what came is no value (graph)")
        made_of = about["from"]
        known = isinstance(made_of, list) and len(made_of) <= len(scope.sent) and all(map(scope.has, made_of))
        if not known:
            raise WireError("what came is no value (graph)")
        mine = [scope.sent[number] for number in made_of]
        if mine and torch.is_grad_enabled():
            made: Tensor = Link.apply(self, scope, about["number"], tensor, *mine)
        else:
            made = tensor.requires_grad_()
        scope.got.append(made)
        scope.places[get_gradient_edge(made).node] = about["number"]
        return made

    # Asking and being asked.

    def knows(self, scope: int) -> bool:
        """Whether the other end may ask in the scope of this number; the ends override it."""
        return True

    def enter(self, number: int) -> Scope:
        """Work in the scope of this number from now on; a new one begins without any graph."""
        if number not in self.scopes:
            self.scopes[number] = Scope(number)
            self.scopes.pop(number - KEPT, None)
        self.scope = self.scopes[number]
        return self.scope

    def call(self, number: int, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """The other end's function of that number, called with these arguments."""
        packer = self.packer(self)
        head = {"op": "call", "function": number, "args": packer.pack(args), "named": packer.pack(named)}
        return self.ask({**head, "grad": torch.is_grad_enabled()}, packer.tensors)

    def ask(self, head: dict[str, Any], tensors: dict[str, Tensor] | None = None) -> Any:
        """Send a question and wait for its answer, serving what the other end asks in between.

        Raises Raised for an exception over there, and the errors of `wire`.
        """
        self.asked += 1
        to = self.asked
        self.wire.send({**head, "ask": to, "scope": self.scope.number}, tensors)
        while True:
            answer, given = self.wire.receive()
            op = answer.get("op")
            if op == "value" and answer.get("to") == to:
                self.said(answer)
                return self.packer(self, given).unpack(answer.get("value"))
            if op == "raised" and answer.get("to") == to:
                self.said(answer)
                raise self.failure(answer)
            if op not in ("value", "raised"):  # an answer to nothing that is asked is nobody's
                self.serve(answer, given)

    def said(self, answer: dict[str, Any]) -> None:
        """What an answer says besides its value; the ends override it."""

    def failure(self, answer: dict[str, Any]) -> BaseException:
        """The exception that stands for one of the other end."""
        return Raised(answer)

    def serve(self, question: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        """Answer one question of the other end."""
        to, before = question.get("ask"), self.scope
        try:
            scope = question.get("scope")
            if type(scope) is not int or type(to) is not int or not self.knows(scope):
                raise WireError("what came is no question")
            self.enter(scope)
            packer = self.packer(self, tensors)
            with torch.set_grad_enabled(question.get("grad") is True):
                value, more = self.answer(str(question.get("op")), question, packer)
                reply = self.packer(self)
                tree = reply.pack(value)
            self.wire.send({"op": "value", "to": to, "value": tree, **more}, reply.tensors)
        except Exception as error:
            if not self.tells(error):
                raise
            self.wire.send({"op": "raised", "to": to, **self.described(error)})
        finally:
            self.scope = before

    def answer(self, op: str, question: dict[str, Any], packer: Packer) -> tuple[Any, dict[str, Any]]:
        """The value that answers a question, and what else is said with it."""
        if op == "call":
            function = self.functions[question["function"]]
            args, named = packer.unpack(question["args"]), packer.unpack(question["named"])
            return function(*args, **named), {}
        if op == "vjp":
            return self.products(question["of"], packer.unpack(question["cotangent"])), {}
        raise WireError("what came is no question")

    def tells(self, error: Exception) -> bool:
        """Whether an exception is an answer; broken wires are not."""
        return not isinstance(error, (Closed, Late, WireError))

    def described(self, error: Exception) -> dict[str, Any]:
        kind = error.kind if isinstance(error, Raised) else type(error).__name__
        return {"kind": kind, "message": str(error)[:300]}

    # Gradients.

    def products(self, number: Any, cotangent: Tensor) -> list[Tensor | None]:
        """The cotangents of what a sent tensor was made from, from its own."""
        scope = self.scope
        if not scope.has(number):
            raise WireError("what came is no question (graph)")
        leaves = [scope.got[origin] for origin in scope.origins[number]]
        if not leaves:
            return []
        create = torch.is_grad_enabled()
        self.stops.append((scope, set(scope.origins[number])))
        try:
            with torch.enable_grad():
                found = torch.autograd.grad(
                    scope.sent[number],
                    leaves,
                    cotangent,
                    retain_graph=True,
                    create_graph=create,
                    allow_unused=True,
                )
        finally:
            self.stops.pop()
        return list(found)

    def product_elsewhere(self, scope: Scope, number: int, cotangent: Tensor) -> list[Tensor | None]:
        """The cotangents of what a tensor that came was made from, from its own."""
        before, self.scope = self.scope, scope
        try:
            packer = self.packer(self)
            head = {"op": "vjp", "of": number, "cotangent": packer.pack(cotangent)}
            found = self.ask({**head, "grad": torch.is_grad_enabled()}, packer.tensors)
        finally:
            self.scope = before
        if not isinstance(found, list) or not all(one is None or isinstance(one, Tensor) for one in found):
            raise WireError("what came is no gradient")
        return found


class Link(torch.autograd.Function):
    """A tensor of the other end in this end's graph; `mine` are the tensors that it was made from."""

    @staticmethod
    def forward(ctx: Any, end: End, scope: Scope, number: int, tensor: Tensor, *mine: Tensor) -> Tensor:
        ctx.end, ctx.scope, ctx.number, ctx.mine = end, scope, number, [one.shape for one in mine]
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> Any:
        if ctx.end.stops and ctx.end.stops[-1][0] is ctx.scope and ctx.number in ctx.end.stops[-1][1]:
            return (None,) * (4 + len(ctx.mine))  # the sender goes on from here, and must not do it twice
        found = ctx.end.product_elsewhere(ctx.scope, ctx.number, cotangents[0])
        if len(found) != len(ctx.mine) or any(
            one is not None and one.shape != shape for one, shape in zip(found, ctx.mine, strict=True)
        ):
            raise WireError("what came is no gradient (shape)")
        return None, None, None, None, *found


def origins(tensor: Tensor, places: dict[Any, int]) -> list[int]:
    """The numbers of all tensors that came and that this one was made from, by a walk through its graph."""
    found: set[int] = set()
    seen: set[Any] = set()
    open_nodes: list[Any] = [get_gradient_edge(tensor).node]
    while open_nodes:
        node = open_nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node in places:
            found.add(places[node])
        else:
            open_nodes += [before for before, _ in node.next_functions]
    return sorted(found)


def builtin_error(kind: str, message: str) -> Exception:
    """Python's own exception of that name with this message; RuntimeError where there is none."""
    known = getattr(builtins, kind, None)
    if isinstance(known, type) and issubclass(known, Exception):
        try:
            return known(message)
        except Exception:
            return RuntimeError(message)
    return RuntimeError(message)
