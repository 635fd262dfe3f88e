"""The editors that come with the bundled models: theirs, small, and good on subjects they never saw."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from edu_edit import LM, Edit, Fact, enn, ke, load, load_facts, mend
from edu_edit.forcing import forced, mean_logp
from edu_edit.loading import BUNDLED
from edu_edit.world.editors import train_editors
from edu_edit.world.splits import held_out

METHODS = {"mend": mend, "ke": ke, "enn": enn}
LARGEST = {"mend": 1.5e6, "ke": 1.5e6, "enn": 2e6}  # bytes


@pytest.fixture(scope="module", params=["atlas-gpt2", "atlas-llama"])
def atlas(request: pytest.FixtureRequest) -> LM:
    return load(request.param)


@torch.no_grad()
def logps(lm: LM, pairs: list[tuple[str, str]]) -> Tensor:
    ids, mask, wanted, _ = forced(lm, pairs)
    return mean_logp(lm.forward(ids, mask), ids, wanted)


def prefers_new(lm: LM, edit: Edit, fact: Fact, prompts: list[str]) -> list[bool]:
    """Whether the new answer is likelier than the true one after each prompt, with the edit on."""
    with edit:
        new = logps(lm, [(prompt, fact.target_new) for prompt in prompts])
        true = logps(lm, [(prompt, str(fact.target_true)) for prompt in prompts])
    return (new > true).tolist()


@pytest.mark.parametrize("kind", METHODS)
def test_a_shipped_editor_writes_facts_about_subjects_it_never_saw(atlas: LM, kind: str) -> None:
    """On eight facts: most are written, in other words too, and most neighbours keep their answer."""
    facts = [fact for fact in load_facts() if held_out(fact) and fact.neighborhood][:8]
    written: list[bool] = []
    moved: list[bool] = []
    for fact in facts:
        edit = METHODS[kind](atlas, fact)
        written += prefers_new(atlas, edit, fact, [fact.question, *fact.paraphrases])
        moved += prefers_new(atlas, edit, fact, list(fact.neighborhood))
    assert sum(written) >= 0.8 * len(written) and sum(moved) <= 0.2 * len(moved)


@pytest.mark.parametrize("kind", METHODS)
def test_a_shipped_editor_is_small_and_says_how_it_was_trained(atlas: LM, kind: str) -> None:
    path = BUNDLED / atlas.name / f"{kind}.safetensors"
    assert path.stat().st_size <= LARGEST[kind]
    edit = METHODS[kind](atlas, next(fact for fact in load_facts() if held_out(fact)))
    assert edit.record["training"]["steps"] > 0 and edit.record["training"]["seconds"] > 0


def test_editors_are_trained_and_written_by_one_command(tmp_path: Path) -> None:
    options: dict[str, Any] = {"steps": 1, "batch": 2}
    written = train_editors("atlas-llama", tmp_path, ["mend", "enn"], **options)
    assert written == [tmp_path / "atlas-llama" / f"{kind}.safetensors" for kind in ("mend", "enn")]
    assert all(path.is_file() for path in written)


@pytest.mark.parametrize("name, kinds", [("gpt2", ["mend"]), ("atlas-gpt2", ["rome"])])
def test_what_is_not_bundled_or_no_editor_is_refused(tmp_path: Path, name: str, kinds: list[str]) -> None:
    with pytest.raises(ValueError, match="no bundled model|no editor 'rome'"):
        train_editors(name, tmp_path, kinds)
    assert not list(tmp_path.iterdir())
