"""GRACE: the authors' own figures, the laws of the codebook, and brute-force lookups and losses."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from edu_edit import LM, Edit, Fact, grace, load
from edu_edit.methods.codebook import Codebook, empty_book, grace_lookup, grace_update
from edu_edit.methods.grace import Lesson
from edu_edit.methods.wrapped_layer import WrappedLayer, replaced_columns, usual_radius
from edu_edit.tokens import target_ids
from edu_edit.tracing import Site, intervene, record

GOLDEN = Path(__file__).parents[2] / "golden"
FACT = Fact("Felix Ember", "{} lives in", "New Harbor")  # an answer of two tokens
OTHER = Fact("Irma Crane", "{} speaks", "Elvan")


def relative(a: Tensor, b: Tensor) -> float:
    return float((a.double() - b.double()).norm() / b.double().norm())


def book_of(*entries: tuple[Sequence[float], Sequence[float], float, tuple[int, ...]]) -> Codebook:
    keys, values, eps, labels = zip(*entries, strict=True)
    return Codebook(torch.tensor(keys), torch.tensor(values), torch.tensor(eps), labels)


def same_book(a: Codebook, b: Codebook) -> bool:
    tensors = all(torch.equal(x, y) for x, y in zip(a[:3], b[:3], strict=True))
    return tensors and a.labels == b.labels


# The authors' figures


@pytest.mark.parametrize("case", [0, 1])
def test_the_codebook_goes_through_the_authors_states(case: int) -> None:
    recorded = json.loads((GOLDEN / "grace_codebook.json").read_text())["cases"][case]
    figures, config = load_file(GOLDEN / "grace_codebook.safetensors"), recorded["editor_config"]
    W, b = figures[f"g{case}.weight"], figures[f"g{case}.bias"]
    book, steps = empty_book(6, 4), recorded["steps"]
    for i, step in enumerate(steps):
        x, at = figures[f"g{case}.s{i}.x"][0].clone(), recorded["seq"] - 1
        if (case, i) == (1, 1):  # their key is a view of the input, and moved halfway to step 4's in place
            x[at] = 2 * x[at] - figures["g1.s4.x"][0, at]
        out = x @ W.T + b
        if step["op"] == "edit":
            book = grace_update(
                book, x[at], out[at], step["label"][0], config["eps"], "released", config["eps_expand"]
            )
        assert len(book.keys) == step["n_keys"]
        found = grace_lookup(x[at][None], book.keys, book.values, book.eps, torch.full((1, 4), torch.nan))
        mask, replace = torch.ones(1, len(x), dtype=torch.long), config["replacement"]
        columns = replaced_columns(mask, torch.tensor([at]), replace)[0] & ~found.isnan().any()
        expected = torch.where(columns[:, None], found, out)
        torch.testing.assert_close(expected, figures[f"g{case}.s{i}.out"][0], atol=1e-6, rtol=1e-6)
        if i + 1 == len(steps) or steps[i + 1]["n_keys"] > step["n_keys"] > 0:
            for name, mine in zip(("keys", "values", "epsilons"), book[:3], strict=True):
                theirs = figures[f"g{case}.s{i}.{name}"]
                torch.testing.assert_close(mine.reshape(theirs.shape), theirs, atol=1e-6, rtol=1e-6)


def test_edits_are_those_of_the_authors_code() -> None:
    content = json.loads((GOLDEN / "grace_edit.json").read_text())
    figures, config = load_file(GOLDEN / "grace_edit.safetensors"), content["config"]["editor"]
    lm, edit = load(GOLDEN / "models" / "gpt2-tiny"), None
    for i, case in enumerate(content["edits"]):
        asked = case["request"]
        fact = Fact(asked["subject"], asked["prompt"], asked["target_new"]["str"])
        edit = grace(
            lm, fact, layer=3, eps0=config["eps"], book=edit, replace=config["replacement"], wrap="up",
            steps=config["n_iter"], lr=config["edit_lr"], query="newest", rule="released",
        )  # fmt: skip
        losses = torch.tensor(edit.record["facts"][-1]["losses"])
        torch.testing.assert_close(losses, torch.tensor(case["losses"]), atol=1e-5, rtol=1e-5)
        for name, mine in zip(("keys", "values", "epsilons"), edit.record["codebook"][:3], strict=True):
            theirs = figures[f"e{i}.{name}"]
            assert relative(mine.reshape(theirs.shape), theirs) < 1e-5
        ids = torch.tensor(case["input_ids"])
        with edit, torch.no_grad():
            logits = lm.forward(ids, torch.ones_like(ids))[0]
        torch.testing.assert_close(logits, figures[f"e{i}.logits_after"], atol=1e-4, rtol=1e-5)


# The lookup


def test_an_empty_book_gives_the_layers_output_bit_for_bit() -> None:
    """I-GR-1"""
    out, book = torch.randn(4, 3), empty_book(5, 3)
    assert torch.equal(grace_lookup(torch.randn(4, 5), *book[:3], out), out)


@pytest.mark.parametrize("seed", range(5))
def test_the_lookup_is_that_of_a_loop(seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    h, keys = torch.randn(20, 3, generator=g), torch.randn(6, 3, generator=g)
    values, eps, out = torch.randn(6, 2, generator=g), torch.rand(6, generator=g) * 2, torch.randn(20, 2)
    expected = out.clone()
    for b in range(20):
        distances = [float((h[b].double() - key.double()).norm()) for key in keys]
        i = distances.index(min(distances))
        if distances[i] <= eps[i]:
            expected[b] = values[i]
    before = [x.clone() for x in (h, keys, values, eps, out)]
    assert torch.equal(grace_lookup(h, keys, values, eps, out), expected)
    assert 0 < (expected != out).any(1).sum() < 20  # both cases were there
    assert all(torch.equal(a, b) for a, b in zip(before, (h, keys, values, eps, out), strict=True))


def test_radius_zero_is_an_exact_lookup_cache() -> None:
    """The limit of the cross-method table: eps -> 0 finds the very activation, and nothing else."""
    keys = torch.randn(3, 4)
    near = torch.nextafter(keys[1], torch.full((4,), torch.inf))
    out = grace_lookup(torch.stack([keys[1], near]), keys, torch.eye(3), torch.zeros(3), torch.zeros(2, 3))
    assert out.tolist() == [[0, 1, 0], [0, 0, 0]]


def test_a_query_between_two_balls_is_deferred_to_the_layer() -> None:
    book = book_of(([0.0], [1.0], 1.0, (1,)), ([4.0], [2.0], 1.0, (2,)))
    h = torch.tensor([[1.0], [1.5], [2.0], [3.0]])  # on the edge, between, halfway, on the other edge
    out = grace_lookup(h, *book[:3], torch.full((4, 1), -1.0))
    assert out[:, 0].tolist() == [1, -1, -1, 2]


def test_of_equally_near_keys_the_earlier_answers() -> None:
    book = book_of(([1.0], [1.0], 2.0, (1,)), ([-1.0], [2.0], 2.0, (1,)), ([1.0], [3.0], 2.0, (1,)))
    assert grace_lookup(torch.tensor([[0.0], [1.0]]), *book[:3], torch.zeros(2, 1))[:, 0].tolist() == [1, 1]


# The update


@pytest.mark.parametrize(
    "key, label, expected",
    [
        ([9.0], (7,), ([0.0, 9.0], [1.0, 5.0], [2.0, 0.5], ((1, 2), (7,)))),  # far: add
        ([9.0], (1, 2), ([0.0, 9.0], [1.0, 5.0], [2.0, 0.5], ((1, 2), (1, 2)))),
        ([2.4], (7,), ([0.0, 2.4], [1.0, 5.0], [1.2 - 1e-5, 1.2], ((1, 2), (7,)))),  # other label: split
        ([2.4], (2, 1), ([0.0, 2.4], [1.0, 5.0], [1.2 - 1e-5, 1.2], ((1, 2), (2, 1)))),
        ([2.4], (1, 2), ([0.0], [1.0], [2.4], ((1, 2),))),  # same label outside: expand
        ([1.9], (1, 2), ([0.0], [1.0], [2.0], ((1, 2),))),  # inside: nothing
        ([0.0], (7,), ([0.0], [5.0], [2.0], ((7,),))),  # same place, other label: overwrite
        ([5e-7], (7,), ([0.0], [5.0], [2.0], ((7,),))),
        ([2.5], (7,), ([0.0, 2.5], [1.0, 5.0], [1.25 - 1e-5, 1.25], ((1, 2), (7,)))),  # d = eps0 + eps_i
    ],
)
def test_each_case_of_the_update(key: list[float], label: tuple[int, ...], expected: Any) -> None:
    book = book_of(([0.0], [1.0], 2.0, (1, 2)))
    before = Codebook(*(x.clone() for x in book[:3]), book.labels)
    new = grace_update(book, torch.tensor(key), torch.tensor([5.0]), label, 0.5)
    keys, values, eps, labels = expected
    assert new.keys[:, 0].tolist() == pytest.approx(keys) and new.values[:, 0].tolist() == values
    assert new.eps.tolist() == pytest.approx(eps, abs=1e-6) and new.labels == labels
    assert same_book(book, before)


def test_re_editing_a_prompt_overwrites_where_released_code_loses_the_edit() -> None:
    """I-GR-4 and T-GR-1: the query that made an entry finds it at once; as released, none is found."""
    key, old, new = torch.randn(4), torch.tensor([1.0]), torch.tensor([2.0])
    first = grace_update(empty_book(4, 1), key, old, (1,), 1.0)
    found = {}
    for rule in ("overwrite", "released"):
        book = grace_update(first, key, new, (2,), 1.0, rule)
        found[rule] = grace_lookup(key[None], *book[:3], torch.tensor([[0.0]])).item()
    assert found == {"overwrite": 2.0, "released": 0.0}


def test_labels_are_sequences_where_released_code_compares_their_means() -> None:
    """T-GR-2: (5, 9) and (9, 5) are two answers; as released, the second one widens the ball of the first."""
    book = book_of(([0.0], [1.0], 1.0, (5, 9)))
    args: Any = (torch.tensor([1.5]), torch.tensor([2.0]), (9, 5), 1.0)
    assert len(grace_update(book, *args).keys) == 2
    released = grace_update(book, *args, "released")
    assert len(released.keys) == 1 and released.eps.tolist() == [1.5]


@pytest.mark.parametrize("seed", range(8))
def test_a_stream_of_edits_keeps_the_laws_of_the_book(seed: int) -> None:
    """I-GR-2 split balls are disjoint; I-GR-3 other entries keep their bits; I-GR-4; I-GR-5 no more keys than
    edits, and none for the same label within the radius.
    """
    g = torch.Generator().manual_seed(seed)
    book = empty_book(2, 1)
    for n in range(30):
        key, label = torch.randn(2, generator=g), (int(torch.randint(3, (1,), generator=g)),)
        new = grace_update(book, key, torch.tensor([float(n)]), label, 0.4)
        added = len(new.keys) - len(book.keys)
        kept = len(book.keys)
        assert added in (0, 1) and len(new.keys) <= n + 1
        assert torch.equal(new.keys[:kept], book.keys) and torch.equal(new.values[:kept], book.values)
        d = (book.keys - key).norm(dim=1)
        if added and new.labels[-1] == label:
            assert grace_lookup(key[None], *new[:3], torch.tensor([[-1.0]])).item() == n
        if kept and (shrunk := (new.eps[:kept] != book.eps).nonzero()[:, 0].tolist()):
            (i,) = shrunk
            if added:
                assert float(new.eps[i] + new.eps[-1]) < float(d[i])
            else:
                assert book.labels[i] == label and float(new.eps[i]) == pytest.approx(float(d[i]))
        if kept and book.labels[int(d.argmin())] == label and float(d.min() - book.eps[d.argmin()]) <= 0:
            assert same_book(new, book)
        book = new


def test_the_order_of_edits_matters() -> None:
    """I-GR-6: the same three edits, another codebook."""
    edits = [(0.0, (1,)), (1.9, (1,)), (2.8, (1,))]
    sizes = []
    for order in ((0, 1, 2), (0, 2, 1)):
        book = empty_book(1, 1)
        for key, label in (edits[i] for i in order):
            book = grace_update(book, torch.tensor([key]), torch.zeros(1), label, 1.0)
        sizes.append(len(book.keys))
    assert sizes == [1, 2]


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"eps0": -1.0}, "0 or more"),
        ({"eps0": float("nan")}, "0 or more"),
        ({"rule": "mean"}, "'overwrite' or 'released'"),
        ({"expand": "grow"}, "'coverage' or 'moving_average'"),
    ],
)
def test_a_bad_update_is_refused_in_a_sentence(change: dict[str, Any], sentence: str) -> None:
    settings = {"key": torch.zeros(1), "value": torch.zeros(1), "label": (1,), "eps0": 1.0} | change
    with pytest.raises(ValueError, match=sentence):
        grace_update(empty_book(1, 1), **settings)


# The edit


def test_the_loss_is_that_of_whole_forward_passes(any_lm: LM) -> None:
    """Against a hook that puts the value in place by hand, for every way to replace and to wrap."""
    wraps = ("ffn", "down") if any_lm.ffn(1).gate is not None else ("ffn", "down", "up")
    question = any_lm.tok(FACT.question)["input_ids"]
    answer = target_ids(any_lm, FACT.target_new, FACT.question)
    n = len(question)
    for wrap in wraps:
        for replace in ("replace_last", "replace_prompt", "replace_all"):
            for looks_at in ("question", "newest"):
                wrapped = WrappedLayer(any_lm, 1, wrap, replace, looks_at)
                lesson = Lesson(wrapped, FACT)
                value = torch.randn(lesson.value.shape, generator=torch.Generator().manual_seed(0))
                at = n - 1 if looks_at == "question" else n + len(answer) - 1
                stop = {"replace_last": at + 1, "replace_prompt": at, "replace_all": n + len(answer)}[replace]
                part = slice(at if replace == "replace_last" else 0, stop)
                ffn = any_lm.ffn(1)
                output = ffn.down(ffn.act(value)) if wrap == "up" else value

                def put(h: Tensor, part: slice = part, output: Tensor = output) -> Tensor:
                    h[:, part] = output
                    return h

                with torch.no_grad(), intervene(any_lm, {Site("mlp", 1): put}):
                    ids = torch.tensor([question + answer])
                    logp = any_lm.forward(ids, torch.ones_like(ids))[0, n - 1 : -1].log_softmax(-1)
                expected = -logp.gather(1, torch.tensor(answer)[:, None]).mean()
                with torch.no_grad():
                    torch.testing.assert_close(lesson.loss(value), expected, atol=1e-4, rtol=1e-4)
                site = Site("key" if wrap == "down" else "query", 1, at)
                text = (torch.tensor([question + answer]), torch.ones(1, n + len(answer), dtype=torch.long))
                torch.testing.assert_close(lesson.key, record(any_lm, text, [site])[site][0])


def test_the_edit_answers_and_leaves_weights_and_other_prompts_bit_for_bit(
    golden_lm: LM, snapshot: Callable[[LM], dict[str, Tensor]]
) -> None:
    """I-GR-1, I-GR-7, in one batch with a question that is answered from the book."""
    before, texts = snapshot(golden_lm), [FACT.question, "Irma Crane speaks", "The home of Felix"]
    plain = golden_lm.logits(texts)
    edit = grace(golden_lm, FACT, layer=3, eps0=0.5)
    with edit:
        assert golden_lm.answer(FACT.question).startswith("New Harbor")
        after = golden_lm.logits(texts)
    assert torch.equal(after[1:], plain[1:]) and not torch.equal(after[0], plain[0])
    assert torch.equal(golden_lm.logits(texts), plain)
    assert all(torch.equal(before[name], tensor) for name, tensor in golden_lm.model.state_dict().items())
    assert edit.kind == "hooks" and edit.extra_bytes == 4 * (2 * golden_lm.D + 1)


def test_the_choice_is_made_by_the_question_while_its_answer_is_read(golden_lm: LM) -> None:
    """What is trained is what is read: the answer fed in behind the question has the loss of the search."""
    edit = grace(golden_lm, FACT, layer=3, eps0=0.5, steps=7)
    value = edit.record["codebook"].values[0]
    expected = Lesson(WrappedLayer(golden_lm, 3, "ffn"), FACT).loss(value).item()
    question = golden_lm.tok(FACT.question)["input_ids"]
    answer = target_ids(golden_lm, FACT.target_new, FACT.question)
    for left in (0, 3):  # padding on the left moves the columns, and nothing else
        ids = torch.tensor([[0] * left + question + answer])
        mask = torch.tensor([[0] * left + [1] * (ids.shape[1] - left)])
        with edit, torch.no_grad():
            logits = golden_lm.forward(ids, mask, torch.tensor([len(question)]))
        logp = logits[0, left + len(question) - 1 : -1].log_softmax(-1)
        assert -logp.gather(1, torch.tensor(answer)[:, None]).mean().item() == pytest.approx(
            expected, abs=1e-5
        )


def test_looking_at_the_newest_token_loses_the_edit_at_the_bare_question(golden_lm: LM) -> None:
    """The flaw of released code: cached is the answer's last token, which no question ends with."""
    edit = grace(golden_lm, FACT, layer=3, eps0=0.5, query="newest", replace="replace_all")
    with edit:
        newest = golden_lm.answer(FACT.question)
    assert newest == golden_lm.answer(FACT.question)


def test_replacing_the_prompt_leaves_a_question_of_one_token_as_it_is(golden_lm: LM) -> None:
    """T-GR-3: the tokens before the query are none."""
    fact = Fact("Felix", "{}", "Fenwick")
    assert len(golden_lm.tok(fact.question)["input_ids"]) == 1
    plain = golden_lm.logits(fact.question)
    for replace, moves in (("replace_prompt", False), ("replace_last", True)):
        edit = grace(golden_lm, fact, layer=2, eps0=0.5, steps=3, replace=replace)
        with edit:
            assert torch.equal(golden_lm.logits(fact.question), plain) != moves


def test_a_book_goes_on_from_an_earlier_edit(golden_lm: LM) -> None:
    """I-GR-3: the earlier entry keeps its bits, the earlier edit its book; I-GR-5."""
    first = grace(golden_lm, FACT, layer=3, eps0=0.5)
    second = grace(golden_lm, OTHER, book=first)
    together = grace(golden_lm, [FACT, OTHER], layer=3, eps0=0.5)
    old, new = first.record["codebook"], second.record["codebook"]
    assert len(old.keys) == 1 and len(new.keys) == 2 and second.record["layer"] == 3
    assert torch.equal(new.values[:1], old.values) and same_book(together.record["codebook"], new)
    assert second.record["eps0"] == 0.5 and [f["entry"] for f in second.record["facts"]] == [0, 1]
    with second:
        answers = golden_lm.answers([FACT.question, OTHER.question])
    assert answers[0].startswith(FACT.target_new) and answers[1].startswith(OTHER.target_new)


def test_editing_a_prompt_again_answers_the_newer(golden_lm: LM) -> None:
    """T-GR-1 in the model: overwritten by default, lost without a word as released."""
    newer = Fact(FACT.subject, FACT.prompt, "Arlen")
    said = {}
    for rule in ("overwrite", "released"):
        first = grace(golden_lm, FACT, layer=3, eps0=0.5, rule=rule)
        second = grace(golden_lm, newer, book=first, rule=rule)
        with second:
            said[rule] = golden_lm.answer(FACT.question)
    assert said["overwrite"].startswith("Arlen")
    assert said["released"] == golden_lm.answer(FACT.question)


def test_the_usual_radius_is_a_quantile_of_the_distances_to_others(golden_lm: LM) -> None:
    wrapped = WrappedLayer(golden_lm, 3, "ffn")
    from edu_edit.methods.wrapped_layer import other_subjects

    site, here = Site("query", 3, -1), []
    for name in other_subjects(FACT):
        pair = [record(golden_lm, f"{who} lives in", [site])[site][0] for who in (FACT.subject, name)]
        here.append((pair[0] - pair[1]).norm())
    assert usual_radius(wrapped, [FACT]) == pytest.approx(float(torch.stack(here).quantile(0.05)), rel=1e-4)
    assert FACT.subject not in other_subjects(FACT)


def test_one_edit_under_another_and_over_it_is_taken_off_cleanly(golden_lm: LM) -> None:
    first, second = (grace(golden_lm, fact, layer=3, eps0=0.5) for fact in (FACT, OTHER))
    plain = golden_lm.logits(FACT.question)
    first.on()
    second.on()
    assert golden_lm.answer(FACT.question).startswith(FACT.target_new)
    first.off()
    assert torch.equal(golden_lm.logits(FACT.question), plain)
    second.off()


def test_half_precision_weights_are_wrapped_too(make_lm: Any) -> None:
    lm = make_lm("llama", dtype=torch.bfloat16)
    edit = grace(lm, FACT, layer=1, steps=2)
    with edit:
        assert lm.logits(FACT.question).isfinite().all()
    assert edit.record["codebook"].values.dtype == torch.float32


def test_a_chinese_fact_and_the_defaults_of_a_bundled_model() -> None:
    from edu_edit import load_facts

    lm = load("atlas-gpt2")
    fact = next(fact for fact in load_facts(lang="zh") if fact.neighborhood)
    edit = grace(lm, fact)
    before = lm.answers(list(fact.neighborhood))
    with edit:
        assert lm.answer(fact.question) == fact.target_new
        assert lm.answers(list(fact.neighborhood)) == before
    assert edit.record["layer"] == 5 and edit.seconds > 0 and edit.record["backward_passes"] > 0


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"layer": 9}, "has layers 0 to 5"),
        ({"replace": "all"}, "choose 'replace_last', 'replace_prompt', 'replace_all'"),
        ({"wrap": "both"}, "choose 'ffn', 'up', 'down'"),
        ({"query": "first"}, "choose 'question', 'newest'"),
        ({"eps0": -1.0}, "0 or more"),
        ({"steps": -1}, "0 or more steps"),
        ({"lr": 0.0}, "a rate above 0"),
        ({"facts": []}, "no fact to write"),
        ({"facts": Fact("Felix Ember", "{} lives in" + " the" * 70, "Fenwick")}, "reads 1 to 64 tokens"),
    ],
)
def test_bad_input_gets_one_sentence_and_leaves_the_model(
    golden_lm: LM, refused: Any, change: dict[str, Any], sentence: str
) -> None:
    with refused(golden_lm, sentence):
        grace(golden_lm, **{"facts": FACT, "layer": 2, "eps0": 1.0, **change})


def test_a_book_must_belong_and_be_off_and_up_needs_an_ungated_ffn(golden_lm: LM, make_lm: Any) -> None:
    book = grace(golden_lm, FACT, layer=3, eps0=0.5, steps=1)
    with pytest.raises(ValueError, match="belongs to layer 3"):
        grace(golden_lm, OTHER, layer=2, book=book)
    with pytest.raises(ValueError, match="an edit that grace made"):
        grace(make_lm("gpt2"), OTHER, book=book)
    with pytest.raises(ValueError, match="an edit that grace made"):
        grace(golden_lm, OTHER, book=Edit(golden_lm, {}))
    with book, pytest.raises(ValueError, match="switch it off"):
        grace(golden_lm, OTHER, book=book)
    with pytest.raises(ValueError, match="gated"):
        grace(make_lm("llama"), FACT, wrap="up")
