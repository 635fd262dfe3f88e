"""Edits that choose by the question see how long it is, at every step of every answer; and batches of such
answers are the ones asked alone.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from edu_edit import LM, Edit, Fact, Site, evaluate
from edu_edit.evaluation import read
from edu_edit.longform import LongAnswer, evaluate_long
from edu_edit.tokens import last_asked, last_real
from edu_edit.tracing import record
from edu_edit.zsre import evaluate_zsre

PROMPTS = ["Irma plays the", "Boris Dunlin has a house in", "By trade , Celia Crane is a"]
FACT = Fact(
    "Boris Dunlin", "{} lives in", "New Harbor", "Fenwick",
    paraphrases=["Boris Dunlin has a house in"], neighborhood=["Felix Ember lives in"],
    portability=[("The city of Fenwick is in", "Westmark")], unrelated=[("Irma Ember plays the", "guitar")],
)  # fmt: skip


# Where the question ends


def test_the_question_ends_at_its_last_real_token_whatever_the_padding() -> None:
    mask = torch.tensor([[1, 1, 1, 1, 0], [0, 1, 1, 1, 1], [1, 0, 1, 1, 0]])
    assert last_asked(mask, torch.tensor([2, 2, 2])).tolist() == [1, 2, 2]
    assert last_asked(mask, torch.tensor([4, 1, 3])).tolist() == [3, 1, 3]
    assert (
        last_asked(mask, mask.sum(1)).tolist() == last_real(mask).tolist() == last_asked(mask, None).tolist()
    )
    assert last_asked(mask.bool(), torch.tensor([1, 4, 1])).tolist() == [0, 4, 0]


def test_a_question_longer_than_its_row_is_refused() -> None:
    for asked in ([3, 2], [0, 1]):
        with pytest.raises(ValueError, match="fewer real tokens"):
            last_asked(torch.tensor([[1, 1, 0], [1, 0, 0]]), torch.tensor(asked))


# What edits see while answers are written


class Spy:
    """A wrap edit that changes nothing and keeps each row that it sees, with its question's length."""

    def __init__(self, lm: LM) -> None:
        self.lm = lm
        self.seen: list[tuple[tuple[int, ...], int | None]] = []
        self.edit = Edit(lm, wrap=self.wrap)

    def wrap(self, forward: Callable[[Tensor, Tensor], Tensor], ids: Tensor, mask: Tensor) -> Tensor:
        asked = [None] * len(ids) if self.lm.asked is None else self.lm.asked.tolist()
        for row, real, n in zip(ids, mask.bool(), asked, strict=True):
            self.seen.append((tuple(row[real].tolist()), n))
        return forward(ids, mask)


def questions(lm: LM, prompts: list[str]) -> set[tuple[int, ...]]:
    return {tuple(lm.tok(prompt)["input_ids"]) for prompt in prompts}


def test_a_wrap_sees_the_questions_length_at_every_step_of_an_answer(any_lm: LM) -> None:
    spy = Spy(any_lm)
    with spy.edit:
        any_lm.answers(PROMPTS, max_tokens=5)
    known = questions(any_lm, PROMPTS)
    assert all(n is not None and row[:n] in known for row, n in spy.seen)
    assert max(len(row) - n for row, n in spy.seen if n is not None) == 4  # four tokens are fed back
    assert any_lm.asked is None


@pytest.mark.parametrize("measure", ["evaluate", "evaluate_zsre", "evaluate_long"])
def test_every_row_of_an_evaluation_is_a_question_with_an_answer_behind_it(
    golden_lm: LM, measure: str
) -> None:
    spy = Spy(golden_lm)
    run: dict[str, Callable[[], Any]] = {
        "evaluate": lambda: evaluate(golden_lm, spy.edit, FACT),
        "evaluate_zsre": lambda: evaluate_zsre(golden_lm, spy.edit, FACT),
        "evaluate_long": lambda: evaluate_long(
            golden_lm, spy.edit, LongAnswer(FACT.question, "New Harbor. It rained.", FACT.paraphrases)
        ),
    }
    run[measure]()
    probes = [*FACT.paraphrases, *FACT.neighborhood, *(p for p, _ in (*FACT.portability, *FACT.unrelated))]
    known = questions(golden_lm, [FACT.question, *probes])
    assert spy.seen and all(n is not None and row[:n] in known for row, n in spy.seen)


def test_outside_an_answer_nothing_is_asked(any_lm: LM) -> None:
    spy = Spy(any_lm)
    with spy.edit:
        any_lm.next_probs(PROMPTS)
    assert {n for _, n in spy.seen} == {None}


def test_a_failing_pass_leaves_no_question_behind(lm: LM) -> None:
    def wrap(forward: Any, ids: Tensor, mask: Tensor) -> Tensor:
        raise RuntimeError("broken")

    with Edit(lm, wrap=wrap), pytest.raises(RuntimeError, match="broken"):
        lm.answers(PROMPTS)
    assert lm.asked is None and lm.mask is None


# A small cache: it acts on the question alone, and keeps its choice while the answer grows


def cache(lm: LM) -> Edit:
    """Changes the FFN's output in one of two ways, which the question's last token decides."""

    def act(h: Tensor) -> Tensor:
        assert lm.mask is not None
        last = last_asked(lm.mask, lm.asked)
        chosen = h[torch.arange(len(h)), last, 0] < 0
        return torch.where(chosen[:, None, None], 4 * h.flip(-1), -6 * h)

    return Edit(lm, hooks={Site("mlp", 1): act})


def alone(lm: LM, prompt: str, max_tokens: int) -> list[int]:
    """One text, whole passes, the question's length told by hand."""
    ids = torch.tensor([lm.tok(prompt)["input_ids"]])
    asked = torch.tensor([ids.shape[1]])
    for _ in range(max_tokens):
        best = lm.forward(ids, torch.ones_like(ids), asked)[0, -1].argmax()
        ids = torch.cat([ids, best[None, None]], dim=1)
    return ids[0, int(asked) :].tolist()


@torch.no_grad()
def test_batched_answers_under_a_hook_are_those_asked_alone(any_lm: LM) -> None:
    from edu_edit.answering import continued

    chosen = []
    with cache(any_lm):
        rows = continued(any_lm, PROMPTS, 6)
        for prompt, row in zip(PROMPTS, rows, strict=True):
            expected = alone(any_lm, prompt, 6)
            assert row == expected[: len(row)]
            assert len(row) == 6 or row[-1] == any_lm.tok.eos_token_id
            chosen.append(row)
    assert chosen != continued(any_lm, PROMPTS, 6), "the cache must act"


@torch.no_grad()
def test_an_evaluation_under_a_hook_reads_what_is_read_alone(golden_lm: LM) -> None:
    with cache(golden_lm):
        reading = read(golden_lm, [FACT])
        for (prompt, target), logp in reading.logp.items():
            question, text = golden_lm.ids(prompt)[0], golden_lm.ids(f"{prompt} {target}")
            steps = golden_lm.forward(*text, torch.tensor([question.shape[1]]))[0].double().log_softmax(-1)
            found = [float(steps[t - 1, text[0][0, t]]) for t in range(question.shape[1], text[0].shape[1])]
            assert float(logp) == pytest.approx(sum(found) / len(found), abs=1e-4), (prompt, target)


# The FFN's input as a site


def test_a_query_is_what_the_ffn_reads(any_lm: LM) -> None:
    """ffn.forward(query) is the module's own output, and its activations are the key."""
    sites = [Site(kind, layer) for layer in range(any_lm.n_layers) for kind in ("query", "key", "mlp")]  # type: ignore[arg-type]
    found = record(any_lm, PROMPTS, sites)
    for layer in range(any_lm.n_layers):
        q = found[Site("query", layer)]
        ffn = any_lm.ffn(layer)
        torch.testing.assert_close(ffn.forward(q), found[Site("mlp", layer)], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(ffn.activations(q), found[Site("key", layer)], atol=1e-5, rtol=1e-5)
        assert q.shape == (len(PROMPTS), any_lm.ids(PROMPTS)[0].shape[1], any_lm.D)


@torch.no_grad()
def test_a_query_can_be_replaced_and_reaches_the_ffn_alone(any_lm: LM) -> None:
    """With zeros at one token the FFN answers there as it does to zeros; attention is as before."""
    edit = Edit(any_lm, hooks={Site("query", 1, -1): torch.zeros_like})
    with edit:
        found = record(any_lm, PROMPTS, [Site("mlp", 1, -1), Site("attn", 1, -1)])
    zero = any_lm.ffn(1).forward(torch.zeros(len(PROMPTS), any_lm.D))
    torch.testing.assert_close(found[Site("mlp", 1, -1)], zero, atol=1e-6, rtol=1e-5)
    before = record(any_lm, PROMPTS, [Site("attn", 1, -1)])
    torch.testing.assert_close(found[Site("attn", 1, -1)], before[Site("attn", 1, -1)])
