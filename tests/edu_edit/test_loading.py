"""`load` gives a model as asked, or one sentence and nothing else."""

import json
import shutil
from pathlib import Path

import pytest
import torch

import edu_edit.loading
from edu_edit import bundled_names, load

GOLDEN = Path(__file__).parents[1] / "golden" / "models"


@pytest.fixture(params=["gpt2-tiny", "llama-tiny"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN / request.param, tmp_path / request.param))


def test_a_folder_loads_in_evaluation_mode_and_silently(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lm = load(folder)
    assert not lm.model.training and lm.W_U.dtype == torch.float32 and lm.folder == folder
    assert capfd.readouterr() == ("", "")


def test_dtype_and_device_are_passed_on(folder: Path) -> None:
    lm = load(folder, dtype=torch.bfloat16, device="cpu")
    assert {p.dtype for p in lm.model.parameters()} == {torch.bfloat16}
    assert lm.device == torch.device("cpu")
    with pytest.raises(ValueError, match="not both"):
        load(folder, device="cpu", device_map="auto")


def test_device_map_without_accelerate_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edu_edit.loading, "find_spec", lambda name: None)
    monkeypatch.setattr(edu_edit.loading.AutoConfig, "from_pretrained", lambda *_, **__: pytest.fail("read"))
    with pytest.raises(ValueError, match=r"needs the package accelerate: pip install 'edu-edit\[hub\]'"):
        load(folder, device_map="auto")


def test_two_loads_share_nothing(folder: Path) -> None:
    one, two = load(folder), load(folder)
    with torch.no_grad():
        one.W_U.zero_()
    assert two.W_U.abs().sum() > 0


def test_a_bundled_name_needs_no_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edu_edit.loading, "BUNDLED", folder.parent)
    assert bundled_names() == [folder.name]
    assert load(folder.name).name == folder.name


@pytest.mark.parametrize("name", ["atlas-gtp2", "no model", "./nowhere", "/no/where/at/all", "", "a/b/c"])
def test_an_unknown_name_is_one_sentence_with_the_bundled_names(
    name: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(edu_edit.loading, "bundled_names", lambda: ["atlas-gpt2", "atlas-llama"])
    with pytest.raises(ValueError, match="bundled are atlas-gpt2, atlas-llama") as error:
        load(name)
    assert "\n" not in str(error.value)
    assert ("did you mean atlas-gpt2?" in str(error.value)) == (name == "atlas-gtp2")
    assert capfd.readouterr() == ("", "")


def test_a_hub_name_without_network_is_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="from the Hugging Face hub") as error:
        load("nobody/no-such-model")
    assert "\n" not in str(error.value) and error.value.__suppress_context__
    assert capfd.readouterr() == ("", "")


def break_config(folder: Path) -> None:
    (folder / "config.json").write_text("{", encoding="utf-8")


def break_family(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}), encoding="utf-8")


def break_kind(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "no-such-type"}), encoding="utf-8")


def break_weights(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])


def empty_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


def lose_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def lose_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def lose_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def break_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("[]", encoding="utf-8")


def lose_a_tensor(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    name = next(name for name in tensors if ".3." in name)
    del tensors[name]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def wrong_size(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 300}), encoding="utf-8")


@pytest.mark.parametrize(
    "damage",
    [
        break_config,
        break_family,
        break_kind,
        break_weights,
        empty_weights,
        lose_weights,
        lose_config,
        lose_tokenizer,
        break_tokenizer,
        lose_a_tensor,
        wrong_size,
    ],
)
def test_a_damaged_folder_is_one_sentence(folder: Path, damage, capfd: pytest.CaptureFixture[str]) -> None:
    damage(folder)
    with pytest.raises(ValueError, match=folder.name) as error:
        load(folder)
    assert "\n" not in str(error.value) and len(str(error.value)) < 400
    assert error.value.__suppress_context__ or error.value.__context__ is None
    assert capfd.readouterr() == ("", "")
