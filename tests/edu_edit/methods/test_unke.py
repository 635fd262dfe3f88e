"""UnKE: the loss in closed form, the training by plain torch, and what stays as it was."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from edu_edit import LM, unke
from edu_edit.methods.chunk_states import chunk_state
from edu_edit.methods.unke import block_outputs, entering, unke_loss
from edu_edit.tokens import target_ids
from edu_edit.tracing import Site, record

PROMPT, ANSWER = "Felix Ember lives in", "New Harbor. At home Felix Ember talks in Tarkish"
KEPT = ["Irma Crane plays the harp", "Boris Dunlin works as a nurse"]
SEARCH: dict[str, Any] = {"steps": 20, "lr": 0.3, "clamp": 20.0, "wd": 0.0}


def as_it_is(layer: int) -> Any:
    """A solve that finds nothing to change: the stream's own state."""
    return partial(chunk_state, layer=layer, steps=0)


def test_the_loss_is_the_sum_of_two_mean_squares() -> None:
    a, b, c, d = (torch.randn(n, 3, dtype=torch.float64) for n in (4, 4, 6, 6))
    mse = torch.nn.functional.mse_loss
    torch.testing.assert_close(unke_loss(a, b, c, d), mse(a, b) + mse(c, d))
    assert unke_loss(a, a, c, c) == 0 and unke_loss(a, b, c, d) > 0
    nothing = torch.empty(0, 3, dtype=torch.float64)
    torch.testing.assert_close(unke_loss(a, b, nothing, nothing), mse(a, b))


def test_nothing_to_change_changes_nothing(any_lm: LM) -> None:
    """I-ANY-8: no residual and no decay: the loss is 0 and so is every change; with decay, weights shrink."""
    options: dict[str, Any] = {"layer": 1, "keep": KEPT, "solve": as_it_is(1), "steps": 3, "lr": 1e-2}
    rows = [list(any_lm.tok(PROMPT)["input_ids"]) + target_ids(any_lm, "New Harbor", PROMPT)]
    own = block_outputs(any_lm, 1, entering(any_lm, 1, rows)).detach()
    none = unke(
        any_lm, PROMPT, "New Harbor", wd=0.0, **options | {"solve": lambda _, ids, at, *__: own[0, at]}
    )
    assert none.record["losses"] == [0.0] * 3 and not any(change.any() for change in none.changes.values())
    edit = unke(any_lm, PROMPT, "New Harbor", wd=0.0, **options)
    assert max(edit.record["losses"]) < 1e-9  # the state is read in a text of another length: rounding
    still = unke(any_lm, PROMPT, "New Harbor", wd=0.5, **options)
    parameters = dict(any_lm.model.named_parameters())
    shrunk = [name for name, change in still.changes.items() if parameters[name].dim() > 1]
    for name in shrunk:
        assert (still.changes[name] * parameters[name]).sum() < 0


@pytest.mark.parametrize("layer", [0, 1])
def test_the_training_is_that_of_plain_torch_on_the_whole_model(any_lm: LM, layer: int) -> None:
    """AdamW on the block's parameters through whole forward passes, one text at a time, no padding."""
    chosen = torch.linspace(-1, 1, any_lm.D)
    edit = unke(
        any_lm, PROMPT, "New Harbor", layer, KEPT, solve=lambda *_: chosen, steps=3, lr=1e-3, wd=0.1
    )  # fmt: skip
    prompt = list(any_lm.tok(PROMPT)["input_ids"])
    rows = [prompt + target_ids(any_lm, "New Harbor", PROMPT)]
    rows += [list(any_lm.tok(text)["input_ids"]) for text in KEPT]
    site = Site("resid", layer)

    def outputs() -> list[Tensor]:
        found: list[Tensor] = []
        handle = any_lm.blocks[layer].register_forward_hook(lambda _, __, out: found.append(out[0]))
        for row in rows:
            any_lm.model(input_ids=torch.tensor([row]))
        handle.remove()
        return found

    wanted = [out.detach().clone() for out in outputs()]
    ids = torch.tensor([rows[0]])
    torch.testing.assert_close(record(any_lm, (ids, torch.ones_like(ids)), [site])[site][0], wanted[0])
    wanted[0][len(prompt) - 1] = chosen
    before = {name: p.detach().clone() for name, p in any_lm.model.named_parameters()}
    block = list(any_lm.blocks[layer].parameters())
    groups: list[dict[str, Any]] = [
        {"params": [p for p in block if p.dim() > 1], "weight_decay": 0.1},
        {"params": [p for p in block if p.dim() == 1], "weight_decay": 0.0},
    ]
    adam = torch.optim.AdamW(groups, lr=1e-3)
    for _ in range(3):
        adam.zero_grad()
        first, *others = outputs()
        loss = (first - wanted[0]).square().mean()
        (loss + (torch.cat(others) - torch.cat(wanted[1:])).square().mean()).backward()
        adam.step()
    assert len(edit.changes) == len(block)
    for name, p in any_lm.model.named_parameters():
        if name in edit.changes:
            ours, theirs = edit.changes[name].float(), p.detach() - before[name]
            if name.endswith(
                "c_attn.bias"
            ):  # softmax doesn't see the keys' bias: Adam follows rounding there
                ours[any_lm.D : 2 * any_lm.D] = theirs[any_lm.D : 2 * any_lm.D]
            torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=0.0)
        else:
            assert torch.equal(p, before[name])


def test_an_answer_is_written_and_every_bit_comes_back(
    golden_lm: LM, snapshot: Callable[[LM], dict[str, Tensor]]
) -> None:
    before = snapshot(golden_lm)
    flags = [parameter.requires_grad for parameter in golden_lm.model.parameters()]
    other = golden_lm.answer("Irma Crane plays the")
    solve = partial(chunk_state, layer=2, **SEARCH)
    edit = unke(golden_lm, PROMPT, "New Harbor", 2, KEPT, solve=solve, steps=60, lr=3e-3)
    assert edit.kind == "weights" and edit.record["losses"][-1] < 0.2 * edit.record["losses"][0]
    with edit:
        assert golden_lm.answer(PROMPT) == "New Harbor"
        assert golden_lm.answer("Irma Crane plays the") == other
    assert all(torch.equal(before[name], tensor) for name, tensor in golden_lm.model.state_dict().items())
    assert [parameter.requires_grad for parameter in golden_lm.model.parameters()] == flags
    assert all(parameter.grad is None for parameter in golden_lm.model.parameters())


def test_what_is_kept_moves_less(golden_lm: LM) -> None:
    site, moved = Site("resid", 2), []
    before = record(golden_lm, KEPT, [site])[site]
    for keep in ([], KEPT):
        solve = partial(chunk_state, layer=2, **SEARCH)
        with unke(golden_lm, PROMPT, "New Harbor", 2, keep, solve=solve, steps=30, lr=3e-3):
            moved.append(float((record(golden_lm, KEPT, [site])[site] - before).norm()))
    assert moved[1] < 0.7 * moved[0]


def test_with_chunks_it_is_anyedit_with_unke(golden_lm: LM) -> None:
    edits = {
        chunks: unke(
            golden_lm,
            PROMPT,
            ANSWER,
            2,
            solve=partial(chunk_state, layer=2, **SEARCH),
            chunks=chunks,
            steps=1,
        )
        for chunks in ("whole", 4, "sentence")
    }
    positions = {chunks: edit.record["texts"][0]["positions"] for chunks, edit in edits.items()}
    assert positions == {"whole": [3], 4: [3, 7, 11], "sentence": [3, 6]}


def test_several_texts_are_fitted_at_once_and_padding_does_not_count(golden_lm: LM) -> None:
    """T-ANY-10: a loss over padding would change the mean; one text alone has none."""
    texts = [PROMPT, "By trade , Irma Dunlin is a"], ["New Harbor. At home", "painter"]
    zero = torch.zeros(golden_lm.D)
    both = unke(golden_lm, *texts, 2, solve=lambda *_: zero, steps=1)
    singles = [unke(golden_lm, *text, 2, solve=lambda *_: zero, steps=1) for text in zip(*texts, strict=True)]
    sizes = [
        len(golden_lm.tok(p)["input_ids"]) + len(target_ids(golden_lm, t, p))
        for p, t in zip(*texts, strict=True)
    ]
    expected = sum(one.record["losses"][0] * n for one, n in zip(singles, sizes, strict=True)) / sum(sizes)
    assert both.record["losses"][0] == pytest.approx(expected, rel=1e-4)


def test_an_interrupted_training_leaves_the_model_as_it_was(
    golden_lm: LM, snapshot: Callable[[LM], dict[str, Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(golden_lm)
    monkeypatch.setattr(torch.optim.AdamW, "step", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        unke(golden_lm, PROMPT, "New Harbor", 2, solve=as_it_is(2))
    assert all(torch.equal(before[name], tensor) for name, tensor in golden_lm.model.state_dict().items())


def _interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"layer": 9}, "has layers 0 to 5"),
        ({"target": ""}, "target is empty"),
        ({"prompt": []}, "0 prompts"),
        ({"keep": "a text"}, "give a list of texts"),
        ({"keep": [""]}, "give a list of texts"),
        ({"steps": 0}, "a step or more"),
        ({"lr": 0.0}, "learning rate above 0"),
        ({"wd": -1.0}, "decay of 0 or more"),
        ({"chunks": "words"}, "'sentence', 'whole', or ranges"),
        ({"target": ANSWER * 8}, "reads 1 to 64 tokens"),
        ({"keep": [ANSWER * 8]}, "reads 1 to 64 tokens"),
    ],
)
def test_bad_input_gets_one_sentence_and_leaves_the_model(
    golden_lm: LM, refused: Any, change: dict[str, Any], sentence: str
) -> None:
    options: dict[str, Any] = {"prompt": PROMPT, "target": "New Harbor", "layer": 2, "steps": 1}
    with refused(golden_lm, sentence):
        unke(golden_lm, **{**options, **change})
