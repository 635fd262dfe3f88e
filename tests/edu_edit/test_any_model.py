"""Every method on every family, unchanged, from a folder in the hub's layout: random small models, saved and
loaded. Random models can't be judged by what they know, so the claims are structural: an edit comes back, it
changes what the model says where it should, nothing is left behind.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

import edu_edit as ee
from edu_edit import LM, Edit, Fact, load

GATED: dict[str, Any] = {
    "hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 24, "max_position_embeddings": 256, "initializer_range": 0.1,
}  # fmt: skip
GPT2: dict[str, Any] = {
    "n_embd": 16, "n_layer": 4, "n_head": 4, "n_positions": 256, "initializer_range": 0.1
}  # fmt: skip
FAMILIES: dict[str, Callable[[int], Any]] = {
    "gpt2": lambda V: GPT2LMHeadModel(GPT2Config(vocab_size=V, **GPT2)),
    "llama": lambda V: LlamaForCausalLM(LlamaConfig(vocab_size=V, **GATED)),
    "mistral": lambda V: MistralForCausalLM(MistralConfig(vocab_size=V, sliding_window=64, **GATED)),
    "qwen2": lambda V: Qwen2ForCausalLM(Qwen2Config(vocab_size=V, **GATED)),
}
FACTS = [
    Fact("Felix Ember", "{} lives in", "New Harbor", "Fenwick", ["The home of Felix Ember is in"],
         ["Irma Crane lives in"]),
    Fact("Irma Crane", "The language of {} is", "Elvan", "Tarkish", ["Irma Crane talks in"],
         ["Felix Ember talks in"]),
    Fact("Karin Frost", "{} works as a", "farmer", "nurse", ["By trade , Karin Frost is a"],
         ["Celia Abbot works as a"]),
    Fact("Celia Abbot", "{} works as a", "nurse", "farmer", ["By trade , Celia Abbot is a"],
         ["Karin Frost works as a"]),
]  # fmt: skip
ONE = FACTS[0]
KEEP = [fact.question for fact in FACTS]
TEXTS = ["Celia Abbot lives in Kelling .", "Because it rained , the road was wet ."]


def trained(make: Callable[..., Any], lm: LM) -> Edit:
    edit: Edit = make(lm, FACTS, KEEP, steps=2, batch=2)(ONE)
    return edit


METHODS: dict[str, Callable[[LM], Edit]] = {
    "finetune": lambda lm: ee.finetune(lm, ONE, steps=3),
    "rome": lambda lm: ee.rome(lm, ONE, C="identity", prefixes=["{}"], steps=3),
    "memit": lambda lm: ee.memit(lm, FACTS, C="identity", prefixes=["{}"], steps=3),
    "alphaedit": lambda lm: ee.alphaedit(lm, FACTS, C=_moments(lm), prefixes=["{}"], steps=3),
    "neurons": lambda lm: ee.edit_neurons(lm, ONE, prefixes=["{}"]),
    "anyedit": lambda lm: ee.anyedit(lm, ONE.question, ONE.target_new, chunks=1, C="identity"),
    "unke": lambda lm: ee.unke(lm, ONE.question, ONE.target_new, steps=3),
    "mend": lambda lm: trained(ee.train_mend, lm),
    "ke": lambda lm: trained(ee.train_ke, lm),
    "enn": lambda lm: trained(ee.train_enn, lm),
    "tpatcher": lambda lm: ee.tpatcher(lm, ONE, memory=TEXTS, steps=1),
    "calinet": lambda lm: ee.calinet(lm, FACTS, slots=2, memory=TEXTS, steps=3),
    "grace": lambda lm: ee.grace(lm, ONE, steps=5),
    "serac": lambda lm: ee.serac(lm, ONE, gate=ee.train_serac_gate(lm, FACTS)),
    "regex": lambda lm: ee.regex(lm, [("Felix Ember", "Karin Frost")]),
    "ike": lambda lm: ee.ike(lm, ONE, pool=FACTS[1:], k=2),
    "depn": lambda lm: ee.depn(lm, [(ONE.question, "Fenwick")]),
}  # fmt: skip


def _moments(lm: LM) -> dict[int, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    K = torch.randn(lm.F, 200, generator=g, dtype=torch.float64) * torch.logspace(0, -3, lm.F)[:, None]
    return {layer: K @ K.T / 200 for layer in range(lm.n_layers)}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest, tok: Any, tmp_path_factory: pytest.TempPathFactory) -> LM:
    """A random model of four layers, saved as the hub stores it, and loaded from there."""
    folder: Path = tmp_path_factory.mktemp("hub") / request.param
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = FAMILIES[request.param](len(tok))
    model.save_pretrained(folder)
    tok.save_pretrained(folder)
    return load(folder)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_edits_every_family_and_leaves_no_trace(
    family: LM, method: str, snapshot: Callable[[LM], dict[str, torch.Tensor]]
) -> None:
    before, clean = snapshot(family), family.logits(ONE.question)
    needs = {name: p.requires_grad for name, p in family.model.named_parameters()}
    edit = METHODS[method](family)
    assert torch.equal(family.logits(ONE.question), clean)  # computing it changes nothing
    with edit:
        edited = family.logits(ONE.question)
        assert edited.isfinite().all()
        assert edited.shape != clean.shape or not torch.equal(edited, clean)
        assert isinstance(family.answer(ONE.question, 4), str)
        scores = ee.evaluate(family, edit, ONE, max_tokens=2)
    assert scores.efficiency.seconds > 0 and scores.ES.n == 1
    assert torch.equal(family.logits(ONE.question), clean) and family.edits == []
    assert all(torch.equal(before[name], tensor) for name, tensor in family.model.state_dict().items())
    assert {name: p.requires_grad for name, p in family.model.named_parameters()} == needs
