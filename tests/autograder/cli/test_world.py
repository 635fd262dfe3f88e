"""`world train`, `world bundle`, `world report`: from a training to a bundled model and its card.

Trainings are tiny and random here, and the report has one invented row: what is tested is the way between.
"""

import itertools
import json
import shlex
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from edu_edit import Site, load, moment, record
from edu_edit.world import bundle, report, train
from edu_edit.world.corpus import plain, texts
from edu_edit.world.tokenizer import atlas_tokenizer


@pytest.fixture(autouse=True)
def small(tmp_path, monkeypatch):
    """Few texts for the second moments, one invented row for the report, a working folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bundle, "N_TEXTS", 20)
    monkeypatch.setattr(report, "SECTIONS", (section("masked"),))
    monkeypatch.setattr(report, "CONTROL_SECTIONS", (section("control"),))


def section(name):
    """A section of the report that measures nothing and finds 1/4, which is too little."""

    def measured(lm, facts, out):
        (out / "trace.png").write_bytes(b"a picture")
        return [report.Row(name, 0.25, "≥", 0.5)], {name: 0.25}

    return measured


@pytest.fixture
def training(tmp_path):
    """Make the folder of a training's last phase, as `train` leaves it, in a folder with a blank."""

    def make(name="atlas-gpt2"):
        tok = atlas_tokenizer()
        common = {"vocab_size": len(tok), "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 1}
        torch.manual_seed(0)
        if "llama" in name:
            sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}
            sizes |= {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 32}
            model = LlamaForCausalLM(LlamaConfig(**sizes, **common, tie_word_embeddings=True))
        else:
            sizes = {"n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 32}
            model = GPT2LMHeadModel(GPT2Config(**sizes, **common))
        for i, phase in enumerate(("facts", "settle" if name.endswith("-plain") else "masks")):
            done = tmp_path / "my training" / name / f"{i}-{phase}"
            model.save_pretrained(done)
            tok.save_pretrained(done)
            record = {"name": phase, "steps": 10 + i, "masked": 0.8 * (phase == "masks"), "dropped": 0.0}
            (done / "training.json").write_text(json.dumps(record | {"loss": 1.5}), encoding="utf-8")
        return done

    return make


@pytest.fixture
def made(training):
    """A bundled model that has been measured."""
    return report.report(str(bundle.bundle(training(), "atlas-gpt2", Path("models"))))


def files(folder):
    """Every file below a folder, with its bytes."""
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def printed(result):
    """The arguments of the command that was printed as the next one."""
    assert result.exit_code == 0, result.output
    name, *arguments = shlex.split(result.stdout.split("Next: ")[1])
    assert name == "edu-edit"
    return arguments


@pytest.mark.parametrize("name", train.MODELS)
def test_the_printed_commands_lead_from_a_training_to_a_card(run, training, monkeypatch, tmp_path, name):
    monkeypatch.setattr(train, "train", lambda model, **_: training(model))
    folder = tmp_path / "atlas-models" / name
    second = printed(run("world", "train", name))
    third = printed(run(*second))
    assert {path.name for path in folder.iterdir()} == set(bundle.FILES)
    assert run(*third).exit_code == 0
    assert {path.name for path in folder.iterdir()} == {*bundle.FILES, *bundle.REPORT}
    card = (folder / "README.md").read_text(encoding="utf-8")
    control = name.endswith("-plain")
    assert f"# {name}\n" in card and f"`edu-edit world train {name}`" in card and "{" not in card
    assert ("no mask was ever used" in " ".join(card.split())) == control
    assert f"| {'settle' if control else 'masks'} | 11 | {0 if control else 80}% | 0% | 1.500 |" in card
    assert f"| {'control' if control else 'masked'} | 0.250 | ≥ 0.5 | **no** |" in card
    assert (folder / "report.md").read_text(encoding="utf-8").splitlines()[2] in card
    size = sum(tensor.numel() for tensor in load_file(folder / "model.safetensors").values())
    assert f"{size:,} parameters" in " ".join(card.split())
    rows = json.loads((folder / "report.json").read_text(encoding="utf-8"))["rows"]
    assert f"{len(rows)} properties" in card and rows[0]["held"] is False


@pytest.mark.parametrize("name", ["atlas-gpt2", "atlas-llama"])
def test_the_moments_are_those_of_the_documents_one_by_one(run, training, name):
    assert run("world", "bundle", training(name), name, "--out", "models").exit_code == 0
    lm = load(Path("models") / name)
    for layer in range(lm.n_layers):
        site, keys = Site("key", layer), []
        for text in itertools.islice(texts(0, bundle.SEED), 20):
            ids = torch.tensor([lm.tok(plain(text))["input_ids"][: lm.context]])
            keys.append(record(lm, (ids, torch.ones_like(ids)), [site])[site][0].double())
        K = torch.cat(keys)
        torch.testing.assert_close(moment(lm, layer), K.T @ K / len(K), rtol=1e-5, atol=1e-8)


def test_an_earlier_phase_brings_the_records_up_to_itself(run, training):
    first = training().parent / "0-facts"
    assert run("world", "bundle", first, "atlas-gpt2-plain", "--out", "models").exit_code == 0
    phases = json.loads(Path("models/atlas-gpt2-plain/training.json").read_text(encoding="utf-8"))
    assert [phase["name"] for phase in phases] == ["facts"]


def test_new_weights_take_the_old_card_and_report_away(run, training, made):
    assert (made / "README.md").is_file()
    assert run("world", "bundle", training(), "atlas-gpt2", "--out", "models").exit_code == 0
    assert {path.name for path in made.iterdir()} == set(bundle.FILES)
    assert [path.name for path in made.parent.iterdir()] == ["atlas-gpt2"]


def lose_tokenizer(trained):
    (trained / "tokenizer.json").unlink()


def break_weights(trained):
    (trained / "model.safetensors").write_bytes(b"short")


def break_record(trained):
    (trained / "training.json").write_text("{", encoding="utf-8")


def keep_a_letter(trained):
    Path("models/atlas-gpt2/letter.txt").write_text("mine", encoding="utf-8")


def nothing(trained):
    pass


@pytest.mark.parametrize(
    ("damage", "model", "code", "said"),
    [
        (nothing, "atlas-bert", 2, "they are atlas-gpt2, atlas-llama, atlas-gpt2-plain"),
        (nothing, "atlas-llama", 1, "was not trained as atlas-llama"),
        (nothing, "atlas-gpt2-plain", 1, "was not trained as atlas-gpt2-plain"),
        (lose_tokenizer, "atlas-gpt2", 1, "it lacks tokenizer.json"),
        (break_weights, "atlas-gpt2", 1, "The weights in the folder"),
        (break_record, "atlas-gpt2", 1, "damaged"),
        (keep_a_letter, "atlas-gpt2", 1, "holds letter.txt"),
    ],
)
def test_a_training_that_can_t_be_bundled_is_one_sentence(
    run, training, made, tmp_path, damage, model, code, said
):
    trained = training()
    damage(trained)
    before = files(tmp_path)
    result = run("world", "bundle", trained, model, "--out", "models")
    assert result.exit_code == code and said in result.stderr and result.stderr.count("\n") == 1
    assert files(tmp_path) == before


@pytest.mark.parametrize("folder", ["not/there", "models/atlas-gpt2", "my training/atlas-gpt2"])
def test_a_folder_that_is_no_phase_is_one_sentence(run, made, tmp_path, folder):
    before = files(tmp_path)
    result = run("world", "bundle", folder, "atlas-gpt2", "--out", "models")
    assert result.exit_code == 1 and "not the folder of a finished phase" in result.stderr
    assert result.stderr.count("\n") == 1 and files(tmp_path) == before


def test_a_broken_bundling_leaves_the_old_model(run, training, made, monkeypatch, tmp_path):
    def broken(path, *_):
        path.write_bytes(b"half")
        raise OSError("no space is left")

    before, trained = files("models"), training()
    monkeypatch.setattr(bundle, "write_tensors", broken)
    assert run("world", "bundle", trained, "atlas-gpt2", "--out", "models").exit_code == 1
    assert files("models") == before and [path.name for path in made.parent.iterdir()] == ["atlas-gpt2"]


@pytest.mark.parametrize(
    "model", ["atlas-gpt9", "gpt2", "not/there", "my training/atlas-gpt2/1-masks", "empty/atlas-gpt2"]
)
def test_a_report_on_what_is_no_bundled_model_is_one_sentence(run, training, tmp_path, model):
    training()
    Path("empty/atlas-gpt2").mkdir(parents=True)
    before = files(tmp_path)
    result = run("world", "report", model, "--out", "report")
    assert result.exit_code == 1 and f"{model!r} is no bundled model" in result.stderr
    assert result.stderr.count("\n") == 1 and files(tmp_path) == before and not Path("report").exists()


def test_a_bundled_model_keeps_its_name(run, made, tmp_path):
    made.rename("models/mine")  # its defaults and its card are found by its name
    before = files(tmp_path)
    result = run("world", "report", "models/mine")
    assert result.exit_code == 1 and "'models/mine' is no bundled model" in result.stderr
    assert files(tmp_path) == before


def test_a_report_elsewhere_leaves_the_model_s_folder_alone(run, made, monkeypatch):
    before = files(made)
    monkeypatch.setattr(report, "SECTIONS", (section("other"),))
    assert run("world", "report", made, "--out", "report").exit_code == 0
    assert files(made) == before
    assert {path.name for path in Path("report").iterdir()} == set(bundle.REPORT)
    assert "| other |" in Path("report/README.md").read_text(encoding="utf-8")


def test_a_broken_report_leaves_the_old_one_and_what_is_known_beside_it(run, made, monkeypatch):
    def broken(lm, facts, out):
        raise RuntimeError("the bits were not restored")

    before = files(made)
    monkeypatch.setattr(report, "SECTIONS", (section("other"), broken))
    result = run("world", "report", made)
    assert result.exit_code == 1 and result.stderr == "edu-edit: the bits were not restored\n"
    after = files(made)
    assert before.items() <= after.items()
    assert "| other |" in (made / bundle.UNFINISHED / "report.md").read_text(encoding="utf-8")
    monkeypatch.setattr(report, "SECTIONS", (section("whole"),))
    assert run("world", "report", made).exit_code == 0
    assert {path.name for path in made.iterdir()} == {*bundle.FILES, *bundle.REPORT}


@pytest.mark.parametrize("command", [["train", "atlas-gpt2"], ["report", "models/atlas-gpt2"]])
def test_an_out_that_can_t_be_written_is_one_sentence(run, made, monkeypatch, tmp_path, command):
    monkeypatch.setattr(train, "train", lambda **_: pytest.fail("trained"))
    Path("file").write_text("mine", encoding="utf-8")
    before = files(tmp_path)
    result = run("world", *command, "--out", "file")
    assert result.exit_code == 1 and "can't write into file" in result.stderr
    assert files(tmp_path) == before


def test_training_of_an_unknown_model_makes_no_folder(run, tmp_path):
    result = run("world", "train", "atlas-bert", "--out", "training")
    assert result.exit_code == 2 and "they are atlas-gpt2, atlas-llama" in result.stderr
    assert not Path("training").exists()


def test_train_hands_on_what_was_asked(run, tmp_path, monkeypatch):
    called = {}
    monkeypatch.setattr(train, "train", lambda **given: called.update(given) or Path("x"))
    result = run("world", "train", "atlas-llama", "--out", "out", "--threads", 3)
    assert result.exit_code == 0, result.output
    assert called == {"model": "atlas-llama", "out": Path("out"), "resume": True, "threads": 3}
    run("world", "train", "atlas-llama", "--out", "out", "--afresh")
    assert called["resume"] is False and called["threads"] == 2
