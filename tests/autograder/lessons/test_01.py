"""Lesson 01: its solutions agree with the library on real models, and what its text says is so."""

import pytest
import torch

from autograder.build.source import read_lesson
from edu_edit import LM, Site, intervene, load, load_facts, record, tokens, tracing
from edu_edit.tokens import encode

TEXTS = ["Space Needle is located in", "The skin of the zebra is", "Royal Silverlake Library is in the city of"]


@pytest.fixture(scope="module", params=["atlas-gpt2", "atlas-llama"])
def lm(request):
    return load(request.param)


@pytest.fixture(scope="module")
def atlas():
    return load("atlas-gpt2")


@pytest.fixture(scope="module")
def solved():
    """The functions that the lesson's solution cells define."""
    names = {}
    exec("import torch\nfrom collections.abc import Callable\nfrom jaxtyping import Float, Int\nfrom torch import Tensor", names)
    for cell in read_lesson("01_model").cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            exec(cell.source, names)
    return names


def test_answers_agree_with_the_library_whatever_the_padding_side(lm, solved):
    ids, mask = lm.ids(TEXTS)
    order = mask.argsort(dim=1, stable=True)  # padding first
    left = ids.gather(1, order), mask.gather(1, order)
    with torch.no_grad():
        for given in ((ids, mask), left):
            p = solved["next_token_probs"](lm.forward(*given), given[1])
            torch.testing.assert_close(p, lm.next_probs(TEXTS), atol=1e-4, rtol=1e-3)


def test_the_sum_is_the_recorded_stream(lm, solved):
    layers = range(lm.n_layers)
    sites = {kind: [Site(kind, layer) for layer in layers] for kind in ("attn", "mlp", "resid")}
    found = record(lm, TEXTS[0], [Site("embed"), *sites["attn"], *sites["mlp"], *sites["resid"]])
    attn, mlp, resid = (torch.stack([found[site][0, -1] for site in group]) for group in sites.values())
    added = solved["residual_stream"](found[Site("embed")][0, -1], attn, mlp)
    torch.testing.assert_close(added[1:], resid, atol=1e-3, rtol=1e-4)
    with torch.no_grad():
        p = solved["logit_lens"](added, lm.norm, lm.W_U)
    torch.testing.assert_close(p[-1:], lm.next_probs(TEXTS[0]), atol=1e-4, rtol=1e-3)


def test_spans_agree_with_the_library_for_every_fact(lm, solved):
    for fact in [*load_facts("atlas")[:40], *load_facts("atlas", lang="zh")[:20]]:
        offsets = torch.tensor(lm.tok(fact.question, return_offsets_mapping=True)["offset_mapping"])
        span = solved["subject_span"](offsets, fact.prompt, fact.subject)
        assert span == encode(lm, fact.prompt, fact.subject).span
        assert span == tokens.subject_span(offsets, fact.prompt, fact.subject)


def test_replacing_agrees_with_the_library(solved):
    h, new = torch.randn(3, 5, 4), torch.randn(4)
    assert torch.equal(solved["replace_at"](h, 2, new), tracing.replace_at(h, 2, new))


# ---- what the text says ----


def test_the_table_of_offsets_in_exercise_2_is_the_tokenizers(atlas: LM):
    read = atlas.tok("The skin of the zebras is", return_offsets_mapping=True)
    (text,) = [c.source for c in read_lesson("01_model").cells if c.metadata.get("exercise") == "tokens.subject_span"]
    for t, (i, (a, b)) in enumerate(zip(read["input_ids"], read["offset_mapping"], strict=True)):
        (line,) = [one for one in text.splitlines() if one.strip().startswith(f"{t}  ")]
        assert atlas.tok.decode([i]).strip() in line and f"({a}, {b})" in line
    assert encode(atlas, "The skin of the {} is", "zebras").span == (5, 8)


def test_tokens_are_as_the_text_tells(atlas: LM):
    assert encode(atlas, "{}的肤色是", "斑马").span == (2, 5)
    assert atlas.tok.convert_tokens_to_ids("Paris") is None
    assert [atlas.tok.decode([i]) for i in atlas.tok("the zebras")["input_ids"]][-3:] == [" z", "ebr", "as"]


def test_the_transplant_works_below_with_the_whole_name_and_above_at_the_end(atlas: LM):
    facts = {fact.subject: fact for fact in load_facts("atlas")}
    pearl, eiffel = facts["Pearl Tower"], facts["Eiffel Tower"]
    spans = [encode(atlas, fact.prompt, fact.subject).span for fact in (pearl, eiffel)]
    ends = [len(atlas.ids(fact.question)[0][0]) - 1 for fact in (pearl, eiffel)]
    shanghai = tokens.target_ids(atlas, "Shanghai", eiffel.question)[0]

    def moved(layer, *pairs):
        site = Site("resid", layer)
        donor = record(atlas, pearl.question, [site])[site][0]

        def change(h):
            for giver, taker in pairs:
                h = tracing.replace_at(h, taker, donor[giver])
            return h

        with intervene(atlas, {site: change}):
            return float(atlas.next_probs(eiffel.question)[0, shanghai])

    name = list(zip(range(*spans[0]), range(*spans[1]), strict=True))
    assert len(name) == 2
    assert moved(1, *name) > 0.9 and moved(4, *name) < 0.1
    assert 0.3 < moved(1, name[-1]) < 0.7 and moved(3, name[-1]) < 0.2
    assert moved(2, tuple(ends)) < 0.1 and moved(4, tuple(ends)) > 0.9


def test_a_new_word_alone_moves_the_tower(atlas: LM):
    seattle = tokens.target_ids(atlas, "Seattle", "Eiffel Needle can be found in")[0]
    assert round(float(atlas.next_probs("Eiffel Needle can be found in")[0, seattle]), 2) == 0.82


def test_the_errors_that_the_text_shows_are_there(atlas: LM):
    def said(text: str) -> str:
        return atlas.tok.decode([int(atlas.next_probs(text)[0].argmax())]).strip()

    assert said("The engineer said that") == "he" and said("The nurse said that") == "she"
    assert said("The skin of the zebra is") == "pink"
    assert said("Space Needle is located in") == "Seattle" and said("Space Needle is located in ") != "Seattle"
