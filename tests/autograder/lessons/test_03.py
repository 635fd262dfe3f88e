"""Lesson 03: the syllabus' list, several right answers, and a student's own functions inside the library."""

import math

import pytest
import torch

from autograder import EXERCISES, check, grade
from autograder.exercises import exercise
from edu_edit import knowledge_neurons, load
from edu_edit.locate import ffn, neurons


def test_the_list_is_the_syllabus() -> None:
    assert [(row.id, row.points) for row in EXERCISES if row.lesson == "03_memory"] == [
        ("ffn.ffn_memory", 3),
        ("ffn.gated_activation", 2),
        ("ffn.trigger_prefixes", 2),
        ("ffn.value_distribution", 2),
        ("ffn.agreement", 2),
        ("neurons.integrated_gradients", 4),
        ("neurons.refine_neurons", 3),
    ]


def by_backward(prob, a, steps):
    total = torch.zeros_like(a)
    for k in range(steps):
        x = ((2 * k + 1) / (2 * steps) * a).detach().clone().requires_grad_(True)
        prob(x).backward()
        total = total + x.grad
    return total / steps * a


def by_counting(attr, t=0.2, p=0.7):
    strong = (attr > 0) & (attr >= t * attr.max(dim=1, keepdim=True).values)
    votes = strong.sum(0)
    return [i for i in range(attr.shape[1]) if votes[i] >= p * attr.shape[0] and votes[i] > 0]


def by_float32_share(attr, t=0.2, p=0.7):
    strong = (attr > 0) & (attr >= t * attr.amax(1, keepdim=True))
    return ((strong.float().mean(0) >= p) & strong.any(0)).nonzero().flatten().tolist()


def by_sorted_pairs(a, neuron, k):
    order = sorted(range(len(a)), key=lambda i: (-float(a[i, neuron]), i))
    return torch.tensor(order[:k])


def by_negated_argsort(a, neuron, k):
    return torch.argsort(-a[:, neuron], stable=True)[: min(k, len(a))]


def by_log_softmax(v, W_U, norm=None):
    x = norm(v) if norm is not None else v
    return torch.log_softmax(torch.einsum("...d,vd->...v", x, W_U), dim=-1).exp()


def by_linear(q, W_in, b_in, W_out, b_out, act):
    a = act(torch.nn.functional.linear(q, W_in, b_in))
    return [a, torch.nn.functional.linear(a, W_out, b_out)]


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("ffn.ffn_memory", by_linear),
        ("ffn.trigger_prefixes", by_sorted_pairs),
        ("ffn.trigger_prefixes", by_negated_argsort),
        ("ffn.value_distribution", by_log_softmax),
        ("ffn.agreement", lambda top, following: (top.unsqueeze(1) == following).float().mean()),
        ("ffn.agreement", lambda top, f: sum((top == f[:, j]).sum() for j in range(f.shape[1])) / f.numel()),
        ("neurons.integrated_gradients", by_backward),
        ("neurons.refine_neurons", by_counting),
        ("neurons.refine_neurons", by_float32_share),
        ("neurons.refine_neurons", lambda attr, t, p: by_counting(attr, t, p)[::-1]),
    ],
)
def test_other_right_answers_get_full_points(id, answer) -> None:
    for seed in range(4):
        score = grade(id, answer, seed=seed)
        assert score == exercise(id).points, score.text


def test_one_guessed_number_earns_nothing() -> None:
    for guess in (0.0, 0.25, 0.5, 1.0):
        assert grade("ffn.agreement", lambda *args, guess=guess: guess) == 0
    for guess in ([], [0], list(range(10))):
        assert grade("neurons.refine_neurons", lambda *args, guess=guess: guess) == 0


def test_a_wrong_attribution_is_recognised_by_its_sum() -> None:
    """The published sums are caught by the open claims, so nobody hands them in unaware."""
    for rule in ("left", "right", "ends"):

        def ported(prob, a, steps, rule=rule):
            return neurons.integrated_gradients(prob, a, steps, rule)

        assert check("neurons.integrated_gradients", ported) < 4


def test_a_students_functions_find_the_librarys_neurons() -> None:
    lm = load("atlas-gpt2")
    prompts = ["Zoe Henry Norwood shares the house with a", "Zoe Henry Norwood keeps a pet"]
    ours = knowledge_neurons(lm, prompts, "canary", t=0.3)
    theirs = knowledge_neurons(lm, prompts, "canary", t=0.3, attribute=by_backward, refine=by_counting)
    assert ours == theirs and ours


def test_agreement_by_chance_is_what_shuffling_gives() -> None:
    """The lesson shuffles with the student's function; the library has the closed form."""
    generator = torch.Generator().manual_seed(0)
    tops, following = (torch.randint(9, size, generator=generator) for size in ((200,), (200, 5)))
    shuffled = [ffn.agreement(tops[torch.randperm(200, generator=generator)], following) for _ in range(200)]
    spread = 4 * math.sqrt(0.11 * 0.89 / 1000 / 200)
    assert sum(shuffled) / 200 == pytest.approx(ffn.chance_agreement(tops, following), abs=spread)
