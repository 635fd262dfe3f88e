"""SERAC: gate, cache and reader, against torch's own losses, loops, and passes made by hand."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from edu_edit import LM, Fact, ScopeGate, load, load_facts, serac, train_serac_gate
from edu_edit.methods.demonstrations import told
from edu_edit.methods.edit_cache import ALPHA, EditCache, Note, contrasted, shown_facts
from edu_edit.methods.scope_gate import SHIPPED, gate_logits, gate_loss_bce, gate_loss_nce, route
from edu_edit.methods.serac import question_states
from edu_edit.moments import moment_hash
from edu_edit.tokens import pad_batch, target_ids

GOLDEN = Path(__file__).parents[2] / "golden"
FACT = Fact("Felix Ember", "{} lives in", "New Harbor", "Fenwick")
OTHER = Fact("Irma Crane", "{} speaks", "Elvan", "Norish")


# The gate


def test_gate_logits_are_those_of_a_loop_and_the_bias_on_the_edit_itself() -> None:
    """I-SE-6: nothing is surer than the edit's own question."""
    e, cache = torch.randn(4, 3), torch.randn(5, 3)
    cache[2] = e[1]
    logits = gate_logits(e, cache, 0.7, 2.0)
    expected = [[2.0 - 0.7 * float(((x - c) ** 2).sum()) for c in cache] for x in e]
    torch.testing.assert_close(logits, torch.tensor(expected))
    assert logits[1, 2].item() == 2.0 == logits.max().item()


def test_the_losses_are_torchs_own() -> None:
    logits, inside = torch.randn(4, 6), torch.rand(4, 6) > 0.5
    bce = torch.nn.functional.binary_cross_entropy_with_logits(logits, inside.float())
    torch.testing.assert_close(gate_loss_bce(logits, inside), bce)
    pos, neg = torch.randn(4), torch.randn(4, 6)
    together = torch.cat([pos[:, None], neg], dim=1)
    nce = torch.nn.functional.cross_entropy(together, torch.zeros(4, dtype=torch.long))
    torch.testing.assert_close(gate_loss_nce(pos, neg), nce)


def test_the_losses_at_their_ends() -> None:
    far = torch.tensor([[200.0, -200.0]])
    assert gate_loss_bce(far, torch.tensor([[True, False]])).item() == 0
    assert gate_loss_bce(far, torch.tensor([[False, True]])).item() == 200
    assert gate_loss_nce(torch.zeros(2), torch.empty(2, 0)).item() == 0
    pos, neg = torch.randn(3), torch.randn(3, 4)
    torch.testing.assert_close(gate_loss_nce(pos + 5, neg + 5), gate_loss_nce(pos, neg))


@given(
    st.lists(st.lists(st.integers(-3, 3), min_size=4, max_size=4), min_size=1, max_size=5), st.integers(0, 9)
)
def test_routing_is_that_of_a_loop_with_ties_to_the_newest(rows: list[list[int]], tenth: int) -> None:
    expected = []
    for row in rows:
        best = max(range(4), key=lambda i: (row[i], i))
        expected.append(best if torch.tensor(float(row[best])).sigmoid() > tenth / 10 else -1)
    assert route(torch.tensor(rows).float(), tenth / 10).tolist() == expected


def test_a_gate_must_exceed_the_threshold_and_an_empty_cache_has_no_edit() -> None:
    """I-SE-1"""
    assert route(torch.tensor([[0.0], [1e-3]]), 0.5).tolist() == [-1, 0]
    assert route(torch.zeros(3, 0), 0.5).tolist() == [-1, -1, -1]


# The cache, with a gate of which the answers are known


@pytest.fixture(params=["gpt2", "llama"])
def wide(request: pytest.FixtureRequest, make_lm: Any) -> LM:
    """A random model whose context has room for demonstrations."""
    room = {"gpt2": {"n_positions": 256}, "llama": {"max_position_embeddings": 256}}[request.param]
    lm: LM = make_lm(request.param, **room)
    return lm


def gated(lm: LM, logits: list[list[float]], mode: str = "hard", **options: Any) -> Callable[..., Tensor]:
    """The pass with two notes in the cache, and a gate that says `logits` of the rows."""
    notes = [Note(told(fact), fact.target_new, ("Felix lives in Arlen\n\n",)) for fact in (FACT, OTHER)]

    def judge(forward: Any, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        return forward(ids, mask), torch.tensor(logits)

    cache = EditCache(lm, judge, notes, options.get("reader"), mode, options.get("threshold", 0.5))

    def run(ids: Tensor, mask: Tensor, asked: list[int] | None = None) -> Tensor:
        lm.asked = None if asked is None else torch.tensor(asked)
        try:
            return cache.wrap(lambda ids, mask: lm.forward(ids, mask, lm.asked), ids, mask)
        finally:
            lm.asked = None

    return run


def by_hand(lm: LM, note: str, question: str, answer: list[int]) -> Tensor:
    """The reader's distributions after the question and each token of the answer, in single passes."""
    before = lm.tok(f"Felix lives in Arlen\n\nNew Fact: {note}\nPrompt: {question}")["input_ids"]
    rows = [(before, ALPHA), (lm.tok(question)["input_ids"], 0.0)]
    new, old = (
        lm.forward(torch.tensor([row + answer]), torch.ones(1, len(row + answer)).long())[0, len(row) - 1 :]
        .double()
        .log_softmax(-1)
        for row, _ in rows
    )
    resisting, out = True, []
    for j in range(len(answer) + 1):
        out.append(((1 + ALPHA * resisting) * new[j] - ALPHA * resisting * old[j]).softmax(-1))
        resisting = resisting and j < len(answer) and int(old[j].argmax()) == answer[j]
    return torch.stack(out)


def test_the_reader_is_the_model_with_the_edit_in_its_context(wide: LM) -> None:
    """I-SE-2, I-SE-3: what is routed is read as by hand, and every other row is the model's, bit for bit."""
    texts = ["Felix Ember lives in", "Irma Crane speaks", "The home of Felix Ember"]
    ids, mask = wide.ids(texts)
    with torch.no_grad():
        plain = wide.forward(ids, mask)
        out = gated(wide, [[-9.0, 9.0], [-9.0, -9.0], [9.0, -9.0]])(ids, mask)
        assert torch.equal(out[1], plain[1])
        for row, note in ((0, told(OTHER)), (2, told(FACT))):
            last = int(mask[row].sum()) - 1
            expected = by_hand(wide, note, texts[row], [])[0]
            torch.testing.assert_close(out[row, last].double().softmax(-1), expected, atol=1e-5, rtol=1e-3)
            assert torch.equal(out[row, :last], plain[row, :last])


def test_soft_mixes_probabilities_and_is_hard_at_its_ends(wide: LM) -> None:
    """I-SE-2: beta in {0, 1} gives the hard gate's answer; between them it is (1 - beta) f + beta h."""
    ids, mask = wide.ids(["Felix Ember lives in"])
    with torch.no_grad():
        plain, cf = wide.forward(ids, mask), gated(wide, [[9.0, -9.0]])(ids, mask)
        never = gated(wide, [[-torch.inf, -torch.inf]], "soft")(ids, mask)
        always = gated(wide, [[torch.inf, 0.0]], "soft")(ids, mask)
        mixed = gated(wide, [[-1.0, -2.0]], "soft")(ids, mask)
    assert torch.equal(never, plain)
    torch.testing.assert_close(always, cf, atol=1e-5, rtol=1e-5)
    beta = torch.tensor(-1.0).sigmoid()
    expected = beta * cf[0, -1].softmax(-1) + (1 - beta) * plain[0, -1].softmax(-1)
    torch.testing.assert_close(mixed[0, -1].softmax(-1), expected, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("left", [0, 2])
def test_an_answer_that_is_fed_in_is_read_behind_the_question(wide: LM, left: int) -> None:
    """The question alone is put behind the new fact; padding on the left only moves the columns."""
    question = wide.tok("Felix Ember lives in")["input_ids"]
    with torch.no_grad():
        usual = wide.forward(torch.tensor([question]), torch.ones(1, len(question)).long())[0, -1].argmax()
        for answer in (target_ids(wide, "New Harbor"), [int(usual), *target_ids(wide, "New Harbor")]):
            ids = torch.tensor([[0] * left + question + answer])
            mask = torch.tensor([[0] * left + [1] * len(question + answer)])
            out = gated(wide, [[9.0, -9.0]])(ids, mask, [len(question)])
            found = out[0, left + len(question) - 1 :].double().softmax(-1)
            expected = by_hand(wide, told(FACT), "Felix Ember lives in", answer)
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-3)


def test_the_contrast_ends_where_the_answer_leaves_the_models_own(generator: torch.Generator) -> None:
    told_logp, plain = (torch.randn(4, 6, generator=generator).log_softmax(-1) for _ in range(2))
    own = plain.argmax(-1)
    answer = torch.stack([own[0], (own[1] + 1) % 6, own[2]])
    out = contrasted(told_logp, plain, answer)
    strengthened = ((1 + ALPHA) * told_logp - ALPHA * plain).log_softmax(-1)
    torch.testing.assert_close(out, torch.cat([strengthened[:2], told_logp[2:]]))


def test_another_model_may_read(wide: LM, make_lm: Any) -> None:
    family = "gpt2" if "gpt2" in wide.name else "llama"
    room = {"n_positions" if family == "gpt2" else "max_position_embeddings": 256}
    other: LM = make_lm(family, seed=5, **room)
    ids, mask = wide.ids(["Felix Ember lives in"])
    with torch.no_grad():
        out = gated(wide, [[9.0, -9.0]], reader=other)(ids, mask)[0, -1]
    text = f"Felix lives in Arlen\n\nNew Fact: {told(FACT)}\nPrompt: Felix Ember lives in"
    torch.testing.assert_close(out.softmax(-1), other.next_probs(text)[0], atol=1e-6, rtol=1e-4)


def test_demonstrations_give_way_to_long_questions_and_the_longest_are_refused(wide: LM) -> None:
    note = Note("Felix lives in Arlen", "Arlen", ("a", "b"))
    assert [text.count("New Fact") for text in note.prompts("x")] == [1, 1, 1]
    assert [text[:2] for text in note.prompts("x")] == ["ab", "bN", "Ne"]
    ids, mask = wide.ids("Felix Ember" + " lives" * 248)
    with pytest.raises(ValueError, match="with its new fact has"):
        gated(wide, [[9.0, -9.0]])(ids, mask)


# Training


def toy_facts() -> list[Fact]:
    """Facts about the people that the golden models know, with paraphrases and neighbours."""
    world = json.loads((GOLDEN / "world.json").read_text())
    facts = []
    for person, known in world["facts"].items():
        for relation, (first, *others) in world["templates"].items():
            truth = known[relation]
            values = {who: other[relation] for who, other in world["facts"].items() if who != person}
            facts.append(
                Fact(
                    person,
                    first,
                    next(value for value in values.values() if value != truth),
                    truth,
                    paraphrases=[text.replace("{}", person) for text in others],
                    neighborhood=[others[0].replace("{}", who) for who, v in values.items() if v == truth],
                )
            )
    return facts


@pytest.mark.parametrize("loss", ["bce", "nce"])
def test_training_puts_paraphrases_inside_and_neighbours_outside(
    golden_lm: LM, snapshot: Callable[[LM], dict[str, Tensor]], loss: str
) -> None:
    """On people that were not trained on; and the model is only read."""
    before, facts = snapshot(golden_lm), toy_facts()
    people = sorted({fact.subject for fact in facts})
    learned = [fact for fact in facts if fact.subject in people[:12]]
    unseen = [fact for fact in facts if fact.subject not in people[:12]]
    gate = train_serac_gate(
        golden_lm, learned, loss, layer=4, steps=120, generator=torch.Generator().manual_seed(0)
    )
    assert all(torch.equal(before[name], tensor) for name, tensor in golden_lm.model.state_dict().items())
    questions = [fact.question for fact in unseen]
    paraphrases = [text for fact in unseen for text in fact.paraphrases]
    states = question_states(golden_lm, gate.site, [*paraphrases, *questions])
    inside = gate.logits(states, gate.embed(states[-len(questions) :])) > 0
    hits = torch.stack([inside[i, i // 2] for i in range(len(paraphrases))])
    alarms = inside[len(paraphrases) :][~torch.eye(len(questions), dtype=torch.bool)]
    assert hits.float().mean() > 0.9 and alarms.float().mean() < 0.02 and len(hits) == 2 * len(questions)


def test_one_seed_trains_one_gate_and_a_file_gives_it_back(golden_lm: LM, tmp_path: Path) -> None:
    gates = [
        train_serac_gate(golden_lm, toy_facts(), steps=3, width=8, generator=torch.Generator().manual_seed(4))
        for _ in range(2)
    ]
    assert torch.equal(gates[0].head, gates[1].head)
    gates[0].save(tmp_path / "gate.safetensors")
    read = ScopeGate.load(golden_lm, tmp_path / "gate.safetensors")
    torch.testing.assert_close(read.head, gates[0].head, atol=1e-3, rtol=1e-3)
    assert (read.scale, read.bias, read.layer) == (gates[0].scale, gates[0].bias, gates[0].layer)


def test_a_gate_of_other_weights_or_another_file_is_refused(
    golden_lm: LM, make_lm: Any, tmp_path: Path
) -> None:
    gate = train_serac_gate(golden_lm, toy_facts(), steps=1, width=2)
    gate.save(tmp_path / "gate.safetensors")
    with torch.no_grad():
        golden_lm.W_embed[0] += 1
    with pytest.raises(ValueError, match="other weights.*train_serac_gate"):
        ScopeGate.load(golden_lm, tmp_path / "gate.safetensors")
    with pytest.raises(ValueError, match="no scope gate"):
        ScopeGate.load(golden_lm, GOLDEN / "grace_edit.safetensors")
    with pytest.raises(ValueError, match="lacks: train one with"):
        serac(make_lm("gpt2"), FACT, gate=gate)


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"facts": [FACT]}, "two subjects"),
        ({"facts": []}, "no fact"),
        ({"loss": "mse"}, "'bce' or 'nce'"),
        ({"steps": 0}, "at least one step"),
        ({"layer": 6}, "has layers 0 to 5"),
    ],
)
def test_bad_training_is_refused_in_a_sentence(golden_lm: LM, change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        train_serac_gate(golden_lm, **{"facts": toy_facts()[:9], **change})


# The edit


def constant_gate(lm: LM, layer: int = 1) -> ScopeGate:
    """A gate that needs no training: the states themselves, with a narrow scope."""
    return ScopeGate(torch.eye(lm.D), torch.zeros(lm.D), 1e4, 8.0, layer, moment_hash(lm, layer))


def test_only_the_edits_own_question_is_answered_anew_by_a_narrow_gate(
    wide: LM, snapshot: Callable[[LM], dict[str, Tensor]]
) -> None:
    """I-SE-1, I-SE-4: a gate that is not exceeded, or no edit, is the model bit for bit."""
    before, texts = snapshot(wide), [FACT.question, OTHER.question, "The home of Felix Ember"]
    plain = wide.logits(texts)
    gate = constant_gate(wide)
    edit = serac(wide, FACT, gate=gate)
    assert edit.kind == "hooks" and edit.extra_bytes > gate.nbytes
    with edit:
        after = wide.logits(texts)
    assert torch.equal(after[1:], plain[1:]) and not torch.equal(after[0], plain[0])
    with serac(wide, FACT, gate=gate, threshold=1.0):
        assert torch.equal(wide.logits(texts), plain)
    assert torch.equal(wide.logits(texts), plain)
    assert all(torch.equal(before[name], tensor) for name, tensor in wide.model.state_dict().items())


def test_another_edit_in_the_cache_changes_nothing_for_the_first(wide: LM) -> None:
    """I-SE-3"""
    gate, out = constant_gate(wide), []
    for facts in ([FACT], [FACT, OTHER]):
        with serac(wide, facts, gate=gate):
            out.append(wide.logits(FACT.question))
    assert torch.equal(*out)


def test_of_edits_that_contradict_each_other_the_newest_counts(wide: LM) -> None:
    """T-SE-5: the same question twice, and an older one within the scope of a newer."""
    gate = constant_gate(wide)
    newer = Fact(FACT.subject, FACT.prompt, "Arlen")
    with serac(wide, newer, gate=gate):
        expected = wide.logits(FACT.question)
    edit = serac(wide, [FACT, newer], gate=gate)
    with edit:
        assert torch.equal(wide.logits(FACT.question), expected)
    assert edit.record["superseded"] == [told(FACT)] and edit.record["facts"] == [told(newer)]
    broad = dataclasses.replace(gate, scale=1e-9)
    reworded = Fact(FACT.subject, "The home of {}", "Arlen")
    assert serac(wide, [FACT, reworded], gate=broad).record["superseded"] == [told(FACT)]
    assert serac(wide, [FACT, OTHER], gate=broad).record["superseded"] == []  # another subject


def test_two_caches_that_are_on_together_see_their_own_texts_and_questions(wide: LM) -> None:
    """Each reads again what is its own, with the other below or above it, while an answer is fed in."""
    gate = constant_gate(wide)
    first, second = (serac(wide, fact, gate=gate) for fact in (FACT, OTHER))
    questions = [wide.tok(fact.question)["input_ids"] for fact in (FACT, OTHER)]
    answers = [target_ids(wide, fact.target_new) for fact in (FACT, OTHER)]
    ids, mask = pad_batch([q + a for q, a in zip(questions, answers, strict=True)], 0)
    asked, alone = torch.tensor([len(q) for q in questions]), []
    with torch.no_grad():
        for edit in (first, second):
            with edit:
                alone.append(wide.forward(ids, mask, asked))
        with first, second:
            both = wide.forward(ids, mask, asked)
    for row in range(2):
        n = len(questions[row] + answers[row])
        torch.testing.assert_close(both[row, :n], alone[row][row, :n], atol=1e-4, rtol=1e-4)
        assert not torch.allclose(both[row, :n], alone[1 - row][row, :n], atol=1e-2)


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"gate": None}, "train one with train_serac_gate"),
        ({"mode": "both"}, "'hard' or 'soft'"),
        ({"threshold": 2.0}, "0 to 1"),
        ({"facts": []}, "no fact to write"),
    ],
)
def test_bad_input_gets_one_sentence(wide: LM, change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        serac(wide, **{"facts": FACT, "gate": constant_gate(wide), **change})
    assert "\n" not in str(caught.value)


def test_a_reader_of_other_tokens_is_refused(wide: LM) -> None:
    """T-SE-4"""
    with pytest.raises(ValueError, match="tokens of the reader"):
        serac(wide, FACT, gate=constant_gate(wide), reader=load("atlas-gpt2"))


def test_the_shipped_gate_answers_paraphrases_and_spares_the_rest() -> None:
    from edu_edit.world.splits import held_out

    lm = load("atlas-gpt2")
    fact = next(fact for fact in load_facts()[3:] if held_out(fact) and fact.neighborhood)
    kept = lm.answers(list(fact.neighborhood))
    edit = serac(lm, fact)
    with edit:
        assert lm.answers([fact.question, *fact.paraphrases[:1]]) == [fact.target_new] * 2
        assert lm.answers(list(fact.neighborhood)) == kept
    assert lm.folder is not None and (lm.folder / SHIPPED).stat().st_size < 300_000
    half = load("atlas-gpt2", dtype=torch.bfloat16)
    with pytest.raises(ValueError, match="another precision"):
        serac(half, fact)


def test_demonstrations_are_about_others() -> None:
    lm = load("atlas-gpt2")
    fact = load_facts()[0]
    shown = shown_facts(lm, fact.question)
    assert len(shown) == 4 and not any(fact.subject in text for text in shown)
    assert all(text.startswith("New Fact: ") and text.endswith("\n\n") for text in shown)
