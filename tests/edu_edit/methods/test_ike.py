"""IKE: the authors' own prompts, counts and similarities by hand, and what the bundled models make of it."""

import json
import random
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from edu_edit import LM, Fact, ike, load, load_facts
from edu_edit.forcing import forced, mean_logp
from edu_edit.methods.demonstrations import embeddings, told
from edu_edit.methods.ike import demonstration, ike_prompt, kinds, nearest, resistance
from edu_edit.world import atlas

GOLDEN = Path(__file__).parents[2] / "golden"
RECORDED = json.loads((GOLDEN / "ike.json").read_text())
FACT = Fact("Felix Ember", "{} lives in", "New Harbor", "Fenwick", ["The home of Felix Ember is in"])


def records() -> list[Fact]:
    return [Fact.from_json(row) for row in RECORDED["demos"]]


def shown(fact: Fact) -> dict[str, list[str]]:
    """All demonstrations that a fact can give: the released code draws paraphrase and neighbour."""
    texts = {"copy": [demonstration("copy", fact)]}
    for kind, field in (("update", "paraphrases"), ("retain", "neighborhood")):
        single = [{**fact.to_json(), field: [text]} for text in getattr(fact, field)]
        texts[kind] = [demonstration(kind, Fact.from_json(row)) for row in single]
    return texts


@pytest.fixture(scope="module")
def bundled() -> LM:
    return load("atlas-llama")


@pytest.fixture
def tiny() -> LM:
    return load(GOLDEN / "models" / "gpt2-tiny")


def test_demonstrations_are_byte_for_byte_those_of_the_authors_code() -> None:
    pool = [shown(fact) for fact in records()]
    for case in RECORDED["cases"]:
        for text in case["icl_examples_in_order"]:
            assert sum(text in texts for one in pool for texts in one.values()) >= 1, text


def test_prompt_and_perplexities_are_those_of_the_authors_code(tiny: LM) -> None:
    """The recorded prompt ends in the leak: T-IKE-1, B-24."""
    recorded = RECORDED["lm_eval"]
    violin = next(fact for fact in records() if fact.subject == "Felix Frost")
    edit = ike(tiny, FACT, [violin], k=1, ratio=(1, 0, 0), self_demonstration=True)
    question = FACT.paraphrases[0].replace("The home of Felix Ember is in", "Felix Ember has a house in")
    prompt = ike_prompt(recorded["examples"], told(FACT), question)
    assert prompt.endswith(recorded["x"]) and edit.rewrite is not None and edit.rewrite(question) == prompt
    batch = forced(tiny, [(prompt, target) for target in recorded["targets"]])
    for row, real, ids in zip(batch.ids, batch.mask.bool(), recorded["input_ids"], strict=True):
        assert row[real].tolist() == ids
    with torch.no_grad():
        perplexity = (-mean_logp(tiny.forward(batch.ids, batch.mask), batch.ids, batch.wanted)).exp()
    torch.testing.assert_close(perplexity, torch.tensor(recorded["ppls"]), rtol=1e-4, atol=0.0)


def test_the_released_leak_answers_for_the_model(tiny: LM) -> None:
    """T-IKE-1: the fact itself, answered, stands before the question; without it the answer is not given."""
    violin = next(fact for fact in records() if fact.subject == "Felix Frost")
    clean, leaking = (
        ike(tiny, FACT, [violin], k=1, ratio=(1, 0, 0), self_demonstration=leak) for leak in (False, True)
    )
    assert clean.rewrite is not None and leaking.rewrite is not None
    assert clean.rewrite("Q").count("New Harbor") == 1 and leaking.rewrite("Q").count("New Harbor") == 3
    assert leaking.record["demonstrations"][0][-1] == demonstration("copy", FACT)
    assert demonstration("copy", FACT) not in clean.record["demonstrations"][0]


def test_resistance_is_the_share_of_the_old_belief_that_is_left() -> None:
    plain, now = torch.tensor([0.8, 0.5, 0.4]), torch.tensor([0.2, 0.6, 0.0])
    assert resistance(plain, now) == pytest.approx((0.25 + 1 + 0) / 3)
    assert resistance(plain, plain) == 1 and resistance(plain, 0 * plain) == 0
    for bad in (torch.tensor([]), torch.tensor([0.0])):
        with pytest.raises(ValueError, match="old belief"):
            resistance(bad, bad)


@given(k=st.integers(0, 70), ratio=st.tuples(*[st.integers(0, 9)] * 3).filter(any))
def test_kinds_follow_the_ratio_as_closely_as_whole_numbers_can(k: int, ratio: tuple[int, int, int]) -> None:
    """I-IKE-1: no count is a whole one off its share, none of the larger fractions is passed over."""
    found = kinds(k, ratio)
    counts = [found.count(kind) for kind in ("copy", "update", "retain")]
    assert found == ["copy"] * counts[0] + ["update"] * counts[1] + ["retain"] * counts[2] and len(found) == k
    shares = [Fraction(k * part, sum(ratio)) for part in ratio]
    assert all(abs(count - share) < 1 for count, share in zip(counts, shares, strict=True))
    up = [share % 1 for count, share in zip(counts, shares, strict=True) if count > share]
    down = [share % 1 for count, share in zip(counts, shares, strict=True) if count < share]
    assert not up or not down or min(up) >= max(down)


def test_kinds_of_the_paper_and_ties() -> None:
    """32 demonstrations are 4, 12 and 16; of equal fractions the earlier kind gets what is left."""
    assert [kinds(32).count(kind) for kind in ("copy", "update", "retain")] == [4, 12, 16]
    assert kinds(8) == ["copy", *["update"] * 3, *["retain"] * 4] and kinds(0) == []
    assert kinds(4) == ["copy", "update", "retain", "retain"] and kinds(1, (1, 1, 1)) == ["copy"]
    for bad in ((-1, (1, 3, 4)), (4, (0, 0, 0)), (4, (1, -1, 4))):
        with pytest.raises(ValueError, match="three shares, none negative"):
            kinds(*bad)


def test_nearest_is_brute_force_cosine_with_the_most_similar_last() -> None:
    """I-IKE-5."""
    g = torch.Generator().manual_seed(0)
    pool, query = torch.randn(20, 6, generator=g), torch.randn(6, generator=g)
    cosine = [float(torch.nn.functional.cosine_similarity(query, row, dim=0)) for row in pool]
    expected = sorted(range(20), key=cosine.__getitem__)[-5:]
    assert nearest(query, pool, 5).tolist() == expected
    assert nearest(3 * query, 0.1 * pool, 5).tolist() == expected
    assert len(nearest(query, pool, 50)) == 20 and len(nearest(query, pool, 0)) == 0


def test_equals_count_by_their_index_whatever_their_length() -> None:
    pool = torch.tensor([[1.0, 2.0], [0.3, 0.6], [-1.0, 0.0], [7.0, 14.0], [0.0, 0.0]])
    assert nearest(torch.tensor([0.1, 0.2]), pool, 2).tolist() == [1, 0]
    assert nearest(torch.tensor([0.1, 0.2]), pool, 5).tolist() == [2, 4, 3, 1, 0]
    with pytest.raises(ValueError, match="0 or more"):
        nearest(pool[0], pool, -1)


@pytest.mark.parametrize("kind, sentence", [("update", "no paraphrases"), ("retain", "no neighborhood")])
def test_a_fact_that_lacks_a_field_cant_show_its_kind(kind: str, sentence: str) -> None:
    bare = Fact("Felix Ember", "{} lives in", "New Harbor")
    assert demonstration("copy", bare) == (
        "New Fact: Felix Ember lives in New Harbor\nPrompt: Felix Ember lives in New Harbor\n\n"
    )
    with pytest.raises(ValueError, match=sentence):
        demonstration(kind, bare)
    with pytest.raises(ValueError, match="copy, update, retain"):
        demonstration("ignore", bare)


def test_chinese_is_written_without_blanks() -> None:
    fact = Fact(
        "斑马", "{}的皮肤是", "黑色", "白色", ["{}皮肤的颜色是".replace("{}", "斑马")], ["老虎的皮肤是"]
    )
    assert demonstration("retain", fact) == "New Fact: 斑马的皮肤是黑色\nPrompt: 老虎的皮肤是白色\n\n"


def test_without_demonstrations_it_is_the_prompt_baseline(
    tiny: LM, snapshot: Callable[[LM], dict[str, Tensor]]
) -> None:
    """I-IKE-2 and 18.1: the fact told, and nothing else; every bit of the weights as before."""
    before = snapshot(tiny)
    edit = ike(tiny, FACT, records(), k=0)
    prompt = "New Fact: Felix Ember lives in New Harbor\nPrompt: Felix Ember has a house in"
    expected = tiny.logits(prompt)
    with edit:
        assert torch.equal(tiny.logits("Felix Ember has a house in"), expected)
        assert edit.kind == "prompt" and not edit.delta
        assert all(torch.equal(before[name], tensor) for name, tensor in tiny.model.state_dict().items())
    assert edit.extra_bytes == len(b"Felix Ember lives in New Harbor")
    assert tiny.rewrite("Felix Ember") == "Felix Ember"


def test_the_prompt_can_be_read_back(bundled: LM) -> None:
    """I-IKE-4: blocks of two lines, each parted by an empty one; the last has no answer."""
    fact = load_facts()[0]
    edit = ike(bundled, fact)
    assert edit.rewrite is not None
    prompt = edit.rewrite(fact.question)
    *blocks, last = [block.split("\n") for block in prompt.split("\n\n")]
    assert all(len(block) == 2 for block in (*blocks, last))
    assert all(a.startswith("New Fact: ") and b.startswith("Prompt: ") for a, b in (*blocks, last))
    assert last == [f"New Fact: {told(fact)}", f"Prompt: {fact.question}"]
    assert ["\n".join(block) + "\n\n" for block in blocks] == edit.record["demonstrations"][0][-len(blocks) :]


def test_no_demonstration_mentions_the_subject(bundled: LM) -> None:
    """I-IKE-3, T-IKE-4: not as its subject, nor as a neighbour, which would tell the old answer."""
    for fact in load_facts()[:12]:
        edit = ike(bundled, fact)
        [demos] = edit.record["demonstrations"]
        assert len(demos) == 8 and not any(fact.subject in demo for demo in demos)


def test_kinds_come_in_their_order_from_the_nearest_facts(tiny: LM) -> None:
    """With a pool of 12 every kind is shown by other facts, and the nearest of all stands last."""
    pool = records()
    edit = ike(tiny, FACT, pool, k=8)
    [demos] = edit.record["demonstrations"]
    others = [fact for fact in pool if fact.subject != FACT.subject]
    facts = [next(fact for fact in others if told(fact) in demo.split("\n")[0]) for demo in demos]
    assert len({fact.subject for fact in facts}) == 8
    for kind, fact, demo in zip(kinds(8), facts, demos, strict=True):
        assert demo in [text for texts in [shown(fact)[kind]] for text in texts]
    vectors = embeddings(tiny, [told(FACT), *map(told, facts)])
    similar = torch.nn.functional.cosine_similarity(vectors[:1], vectors[1:])
    assert all(a <= b + 1e-6 for a, b in pairwise(similar.tolist()))


def test_the_order_of_the_pool_does_not_matter_and_small_pools_are_used_up(tiny: LM) -> None:
    """I-IKE-6, and k larger than the pool: kinds of as many demonstrations as there are facts."""
    pool = records()
    mixed = random.Random(1).sample(pool, len(pool))
    edits = [ike(tiny, FACT, some, k=5) for some in (pool, mixed, [*pool, *pool])]
    assert len({json.dumps(edit.record["demonstrations"]) for edit in edits}) == 1
    few = [fact for fact in pool if fact.subject != FACT.subject][:4]
    [demos] = ike(tiny, FACT, few, k=32).record["demonstrations"]
    assert len(demos) == 4 and [demo.count("\n") for demo in demos] == [3] * 4
    assert ike(tiny, FACT, [], k=8).record["demonstrations"] == [[]]


def test_what_does_not_fit_is_dropped_as_whole_demonstrations(tiny: LM) -> None:
    """T-IKE-7: the models of the golden figures read 64 tokens; the least similar go first."""
    edit = ike(tiny, FACT, records(), k=8)
    assert edit.rewrite is not None
    [demos] = edit.record["demonstrations"]
    for question in ("Felix Ember lives in", "Felix Ember lives in the " + "house " * 20):
        prompt = edit.rewrite(question)
        count = prompt.count("New Fact: ") - 1
        assert prompt == ike_prompt(demos[len(demos) - count :], told(FACT), question)
        assert len(tiny.tok(prompt)["input_ids"]) + 8 <= tiny.context and count < 8
    longer = ike_prompt(demos[len(demos) - count - 1 :], told(FACT), question)
    assert len(tiny.tok(longer)["input_ids"]) + 8 > tiny.context


def test_of_several_facts_each_question_is_told_its_own(bundled: LM) -> None:
    facts = load_facts()[200:230]
    edit = ike(bundled, facts, load_facts()[300:310], k=1)
    assert edit.rewrite is not None
    probes = [(text, fact) for fact in facts for text in (fact.question, *fact.paraphrases)]
    right = [f"New Fact: {told(fact)}\nPrompt: {text}" in edit.rewrite(text) for text, fact in probes]
    assert sum(right) / len(right) >= 0.95
    with pytest.raises(ValueError, match="twice"):
        ike(bundled, [facts[0], facts[0]])


def test_a_model_that_resists_follows_after_demonstrations(bundled: LM) -> None:
    """world.md's bars, on subjects that no training document edited: told .4 at most, shown .8 at least."""
    facts = [fact for fact in load_facts()[3:] if fact.subject in atlas().never_edited and fact.neighborhood]
    facts = facts[:12]
    texts = [(fact.question, *fact.paraphrases[:1], *fact.neighborhood[:1]) for fact in facts]
    told_, demos = [], []
    for fact, asked in zip(facts, texts, strict=True):
        for k, prompts in ((0, told_), (8, demos)):
            rewrite = ike(bundled, fact, k=k).rewrite
            assert rewrite is not None
            prompts += [rewrite(text) for text in asked]
    wanted = [answer for fact in facts for answer in (fact.target_new, fact.target_new, fact.target_true)]
    plainly, shown_ = (
        torch.tensor([a == b for a, b in zip(bundled.answers(prompts, 4), wanted, strict=True)]).view(-1, 3)
        for prompts in (told_, demos)
    )
    assert plainly.float().mean(0)[0] <= 0.4
    followed, paraphrased, kept = shown_.float().mean(0).tolist()
    assert followed >= 0.8 and paraphrased >= 0.8 and kept >= 0.9


def test_the_old_answer_is_never_the_only_thing_told(bundled: LM) -> None:
    """E24: told in the prompt, an answer shows that the context is followed; off, the old one is back."""
    fact = next(fact for fact in load_facts()[3:] if fact.subject in atlas().entities["person"])
    before = bundled.answer(fact.question)
    with ike(bundled, fact):
        assert bundled.answer(fact.question) == fact.target_new
    assert bundled.answer(fact.question) == before != fact.target_new


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"fact": []}, "There is no fact"),
        ({"k": -1}, "give k >= 0"),
        ({"ratio": (0, 0, 0)}, "three shares"),
        ({"pool": [Fact("Boris Crane", "{} plays the", "drum")]}, "is left to show"),
    ],
)
def test_bad_input_gets_one_sentence(tiny: LM, change: dict[str, Any], sentence: str) -> None:
    options: dict[str, Any] = {"fact": FACT, "pool": records(), "ratio": (0, 1, 1), **change}
    with pytest.raises(ValueError, match=sentence) as caught:
        ike(tiny, **options)
    assert "\n" not in str(caught.value) and not tiny.edits
