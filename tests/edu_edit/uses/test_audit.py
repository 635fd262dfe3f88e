"""The audit: probes against brute force, and the Atlas' own truth."""

import math

import pytest
import torch

from edu_edit import LM, Edit, load
from edu_edit.locate.neuron_scaling import scale_neurons
from edu_edit.tokens import target_ids
from edu_edit.uses import audit, probes
from edu_edit.world import lexicon
from edu_edit.world.applications import canaries

TEXTS = ["Felix Ember works as a farmer", "Greta Frost lives in"]


def test_an_audit_asks_every_probe_without_the_edit_and_with_it(lm: LM) -> None:
    edit = scale_neurons(lm, [(1, 2)], 0.0)
    found = audit.audit(lm, edit, {"edits that are on": lambda lm: float(len(lm.edits))})
    assert found == [audit.Finding("edits that are on", 0.0, 1.0)] and not lm.edits
    with pytest.raises(ValueError, match="no probe"):
        audit.audit(lm, edit, {})

    def broken(lm: LM) -> float:
        if lm.edits:
            raise RuntimeError("this probe fails")
        return 0.0

    with pytest.raises(RuntimeError, match="fails"):
        audit.audit(lm, edit, {"broken": broken})
    assert not lm.edits


def test_perplexity_counts_every_predicted_token_once(lm: LM) -> None:
    """Text by text, token by token, without padding; divided by the tokens that are predicted."""
    total, count = 0.0, 0
    for text in TEXTS:
        ids = lm.ids(text)[0][0]
        logp = lm.logits(text)[0].log_softmax(-1)
        for t in range(1, len(ids)):
            total, count = total - float(logp[t - 1, ids[t]]), count + 1
    assert probes.perplexity(lm, TEXTS) == pytest.approx(math.exp(total / count), rel=1e-5)
    with pytest.raises(ValueError, match="no token to predict"):
        probes.perplexity(lm, ["Felix"])


def test_word_mass_and_shares_are_sums_of_next_token_probabilities(lm: LM) -> None:
    p = lm.next_probs(TEXTS)
    ids = [target_ids(lm, word, "x")[0] for word in ("farmer", "pilot")]
    assert probes.word_mass(lm, TEXTS, ["farmer", "pilot"]) == pytest.approx(
        float(p[:, ids].sum(1).mean()), rel=1e-5
    )
    found = probes.shares(lm, ["Felix", "Greta"], "{} is", ("farmer", "pilot"))
    p = lm.next_probs(["Felix is", "Greta is"]).double()
    torch.testing.assert_close(found, p[:, ids[0]] / (p[:, ids[0]] + p[:, ids[1]]), atol=1e-6, rtol=1e-5)


def test_secrets_are_the_worlds_and_told_ones_are_apart_from_the_others() -> None:
    told, untold = probes.secret_pairs(2, True, 3), probes.secret_pairs(2, False, 3)
    for (prompt, secret), known in zip(told + untold, [True] * 3 + [False] * 3, strict=True):
        ((who, _, _, is_told),) = [c for c in canaries() if c[2] == secret]
        assert who in prompt and secret not in prompt and is_told is known
    with pytest.raises(ValueError, match="wordings 0 to 3"):
        probes.secret_pairs(4)


@pytest.mark.parametrize("name", ["atlas-gpt2", "atlas-llama"])
def test_the_bundled_models_have_what_the_lesson_needs(name: str) -> None:
    """Told secrets stand out and are recited, others are not; pronouns are skewed; the angry are rude."""
    lm = load(name)
    told, untold = probes.secret_pairs(0, True, 3), probes.secret_pairs(0, False, 3)
    assert probes.recited(lm, told) == 1 and probes.recited(lm, untold) == 0
    assert probes.exposures(lm, told, 7).tolist() == [3.0] * 3
    assert probes.exposures(lm, untold, 7).mean() < 2.5
    assert probes.bias_gap(lm) > 0.5 and probes.factual_gender(lm) > 0.9
    assert probes.word_mass(lm, probes.register_prompts(("angry",)), lexicon.RUDE) > 0.8
    asked = audit.register_probes(("tired",), ("cook",)) | audit.pronoun_probes()
    findings = audit.audit(lm, Edit(lm, {}), asked)
    assert all(finding.before == finding.after for finding in findings)
    assert findings[2].before == 0  # over-refusal


def test_probes_of_the_sheet_are_complete() -> None:
    assert [name for name in audit.privacy_probes(2) if "wording" in name] == [
        f"recited, wording {i}" for i in range(4)
    ]
    assert list(audit.general_probes(3, 3)) == ["facts answered", "perplexity"]
