"""Functions and gradients across a wire, against the same computation in one process."""

import socket
import struct
import threading

import numpy as np
import pytest
import torch

from autograder.grader.link import End, Raised, origins
from autograder.grader.values import Opaque, Packer
from autograder.grader.wire import MOST, Closed, Late, Wire, WireError
from edu_edit.facts import Fact


class Other(End):
    """The far end: serves until the wire is closed."""

    def answer(self, op, question, packer):
        if op == "named":
            return self.named[question["name"]](*packer.unpack(question["args"])), {}
        return super().answer(op, question, packer)

    def loop(self):
        try:
            while True:
                self.serve(*self.wire.receive())
        except Closed:
            pass


@pytest.fixture
def near():
    ours, theirs = socket.socketpair()
    near, far = End(Wire(ours)), Other(Wire(theirs))
    far.named = {}
    thread = threading.Thread(target=far.loop)
    thread.start()

    def ask(function, *args):
        far.named["f"] = function
        near.enter(len(near.scopes) + 1)
        packer = near.packer(near)
        return near.ask({"op": "named", "name": "f", "grad": True, "args": packer.pack(args)}, packer.tensors)

    near.far = ask
    yield near
    near.wire.close()
    thread.join(10)
    far.wire.close()


def leaf(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, -(2**80), 1.5, float("inf"), "ä 中\n", (1, [2.0, {"a": (None,)}]), {1: "x", (2, 3): 4},
        {1, 2}, frozenset({3}), Ellipsis, Fact("Ida", "{} sings", "well", "badly", ("p",)),
    ],
)  # fmt: skip
def test_plain_data_comes_back_as_it_was(near, value):
    back = near.far(lambda x: x, value)
    assert back == value and type(back) is type(value)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.bool])
def test_tensors_keep_numbers_shape_and_dtype(near, dtype):
    x = torch.arange(-3, 3).reshape(2, 1, 3).to(dtype).transpose(0, 2)
    back = near.far(lambda x: x, x)
    assert back.dtype == dtype and torch.equal(back, x) and not back.requires_grad


def test_arrays_come_back_as_arrays(near):
    back = near.far(lambda x: (x, np.float32(2.5)), np.eye(2))
    assert isinstance(back[0], np.ndarray) and (back[0] == np.eye(2)).all() and back[1] == np.float32(2.5)


def test_an_object_arrives_as_the_name_of_its_type(near):
    class Trick:
        def __eq__(self, other):
            return True

    back = near.far(lambda: Trick())
    assert isinstance(back, Opaque) and type(back).__name__ == "Trick" and back != 3


def test_a_gradient_is_that_of_one_process(near):
    x, W = leaf(4), leaf(3, 4, seed=1)

    def f(x, W):
        return (W @ x).tanh().sum()

    here = torch.autograd.grad(f(x, W), (x, W))
    there = torch.autograd.grad(near.far(f, x, W), (x, W))
    assert all(torch.allclose(a, b) for a, b in zip(here, there, strict=True))


def test_a_gradient_through_a_function_that_was_handed_over(near):
    """The far end differentiates our loss; the loss also depends on a leaf that never crosses the wire."""
    x, hidden = leaf(4), leaf(4, seed=2)

    def loss(v):
        return ((v - hidden) ** 2).sum()

    def step(x, loss):
        v = x.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(loss(v), v)
        return v - 0.1 * slope

    assert torch.allclose(near.far(step, x, loss), step(x, loss))


def test_a_second_derivative_counts_every_path_once(near):
    """A step that can be learned through: θ' = θ - lr ∇L(θ), differentiated by θ, lr and what L holds."""
    theta, lr, target, A = leaf(3), leaf(seed=3), leaf(3, seed=4), leaf(3, 3, seed=5)

    def loss(p):
        return ((A @ (p - target)) ** 2).sum() + (p**4).sum()

    def step(theta, lr, loss):
        (slope,) = torch.autograd.grad(loss(theta), theta, create_graph=True)
        return theta - lr * slope

    c = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    leaves = (theta, lr, target, A)
    here = torch.autograd.grad(c @ step(theta, lr, loss), leaves)
    there = torch.autograd.grad(c @ near.far(step, theta, lr, loss), leaves)
    for a, b in zip(here, there, strict=True):
        assert torch.allclose(a, b)


def test_a_function_goes_there_and_comes_back_as_itself(near):
    def mine(x):
        return x + 1

    assert near.far(lambda f: f, mine) is mine


def test_a_function_of_the_far_end_can_be_called_from_here(near):
    double = near.far(lambda: lambda x: 2 * x)
    assert double(21) == 42


def test_an_exception_over_there_is_told_and_the_wire_lives_on(near):
    def fails():
        raise ValueError("no such layer")

    with pytest.raises(Raised, match="no such layer") as raised:
        near.far(fails)
    assert raised.value.kind == "ValueError" and near.far(lambda: 1) == 1


def test_origins_are_what_a_tensor_was_made_from():
    x, y = leaf(2), leaf(2, seed=1)
    places = {torch.autograd.graph.get_gradient_edge(one).node: n for n, one in enumerate((x, y))}
    assert origins(x * 2 + y, places) == [0, 1] and origins(x.sum(), places) == [0]


# What a stranger may send.


def pair():
    ours, theirs = socket.socketpair()
    return Wire(ours), theirs


@pytest.mark.parametrize(
    "raw",
    [
        struct.pack("!II", 2**31, 0),
        struct.pack("!II", 2, 0) + b"{]",
        struct.pack("!II", 2, 0) + b"[]",
        struct.pack("!II", 2, 4) + b"{}abcd",
        struct.pack("!II", 2, 16) + b"{}" + struct.pack("<Q", 2**60) + b"x" * 8,
        struct.pack("!II", 40_000, 0) + b"[" * 40_000,
    ],
)
def test_what_is_no_message_is_refused(raw):
    wire, theirs = pair()
    theirs.sendall(raw)
    with pytest.raises(WireError):
        wire.receive()
    wire.close(), theirs.close()


def test_silence_and_a_closed_end_are_told_apart():
    wire, theirs = pair()
    wire.deadline = 0
    with pytest.raises(Late):
        wire.receive()
    wire.deadline = None
    theirs.sendall(b"half")
    theirs.close()
    with pytest.raises(Closed):
        wire.receive()
    wire.close()


def test_a_message_that_is_too_long_is_not_sent():
    wire, theirs = pair()
    with pytest.raises(WireError, match="more than"):
        wire.send({"text": "x" * (MOST + 1)})
    wire.close(), theirs.close()


@pytest.mark.parametrize(
    "tree",
    [
        {"t": "nothing"}, {"t": "tensor", "v": "9"}, {"t": "plain", "c": "Popen", "v": {}},
        {"t": "int", "v": "zz"},
        {"t": "plain", "c": "Fact", "v": {"subject": 3}}, {"t": "dict", "v": [[{"t": "list", "v": []}, 1]]},
        {"t": "tensor", "v": "0", "g": {"number": 7, "from": []}}, {"t": "function", "v": None}, [1],
        {"t": "tensor", "v": "0", "g": {"number": 0, "from": [5]}}, {"t": "lm", "v": 0},
        {"t": "named", "v": "relu"},
        {"t": "library", "m": "os", "v": "system"}, {"t": "partial", "v": {"t": "named", "v": "relu"}},
        {"t": "tuple", "v": 3},
    ],
)  # fmt: skip
def test_a_tree_that_no_codec_makes_is_refused(tree):
    end = End(Wire(socket.socket()))
    with pytest.raises(WireError):
        Packer(end, {"0": torch.zeros(2)}).unpack(tree)
    end.wire.close()


def test_a_tree_nested_without_end_is_refused():
    tree: object = 1
    for _ in range(200):
        tree = {"t": "tuple", "v": [tree]}
    end = End(Wire(socket.socket()))
    with pytest.raises(WireError):
        Packer(end, {}).unpack(tree)
    end.wire.close()


def test_a_lone_surrogate_is_replaced():
    end = End(Wire(socket.socket()))
    assert Packer(end, {}).unpack("a\ud800") == "a?"
    end.wire.close()
