"""What all tests share: shape checking switched on, and small models of both families.

The models are random, not trained: laws hold for any weights. `lm` has the ordinary shape of each family,
`any_lm` the unusual ones too. `golden_lm` is one of the two tiny trained models that the recorded figures in
tests/golden belong to.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported: no test touches the network
os.environ.setdefault("OMP_NUM_THREADS", "1")  # models of this size gain nothing from threads

from jaxtyping import install_import_hook

install_import_hook("edu_edit", "beartype.beartype")

import pytest  # noqa: E402
import torch  # noqa: E402
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM  # noqa: E402

from edu_edit import LM, load  # noqa: E402

GOLDEN = Path(__file__).parent / "golden"
SHAPES: dict[str, dict[str, Any]] = {
    "gpt2": {},
    "gpt2-square": {"n_inner": 16},
    "gpt2-untied": {"tie_word_embeddings": False},
    "llama": {},
    "llama-square": {"intermediate_size": 16},
    "llama-tied": {"tie_word_embeddings": True, "num_key_value_heads": 4},
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Statistics computed in a test stay in the test."""
    monkeypatch.setenv("EDU_EDIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def tok() -> Any:
    """The golden models' tokenizer: 298 words, each with its leading blank, and no special tokens added."""
    return AutoTokenizer.from_pretrained(GOLDEN / "models" / "gpt2-tiny")


@pytest.fixture(scope="session")
def make_lm(tok: Any) -> Callable[..., LM]:
    """make_lm("gpt2" or "llama", **config): a random model of 3 layers, width 16, FFN 64 or 24, 4 heads."""

    def make(family: str, seed: int = 0, dtype: torch.dtype = torch.float32, **config: Any) -> LM:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model: Any
            if family == "gpt2":
                sizes = {"n_embd": 16, "n_layer": 3, "n_head": 4, "n_positions": 32, "initializer_range": 0.3}
                model = GPT2LMHeadModel(GPT2Config(**(sizes | {"vocab_size": len(tok)} | config)))
            else:
                sizes = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 4}
                sizes |= {"num_key_value_heads": 2, "intermediate_size": 24, "max_position_embeddings": 32}
                sizes |= {"initializer_range": 0.3, "vocab_size": len(tok)}
                model = LlamaForCausalLM(LlamaConfig(**(sizes | config)))
            for name, parameter in model.named_parameters():
                if name.endswith("bias"):  # new models have none to speak of, trained ones do
                    torch.nn.init.normal_(parameter, std=0.3)
        return LM(model.to(dtype), tok, name=f"random-{family}")

    return make


@pytest.fixture(params=["gpt2", "llama"])
def lm(request: pytest.FixtureRequest, make_lm: Callable[..., LM]) -> LM:
    """A random model of each family: tied GPT-2, untied Llama with grouped queries."""
    return make_lm(request.param)


@pytest.fixture(params=SHAPES)
def any_lm(request: pytest.FixtureRequest, make_lm: Callable[..., LM]) -> LM:
    """As `lm`, and with the FFN as wide as the model, and with the output head tied or untied."""
    return make_lm(request.param.split("-")[0], **SHAPES[request.param])


@pytest.fixture(params=["gpt2-tiny", "llama-tiny"])
def golden_lm(request: pytest.FixtureRequest) -> LM:
    """A trained tiny model (see tests/golden/README.md)."""
    return load(GOLDEN / "models" / request.param)


@pytest.fixture
def snapshot() -> Callable[[LM], dict[str, torch.Tensor]]:
    """snapshot(lm): copies of every parameter and buffer, to compare bit by bit."""
    return lambda lm: {name: tensor.clone() for name, tensor in lm.model.state_dict().items()}


@pytest.fixture
def refused(snapshot: Callable[[LM], dict[str, torch.Tensor]]) -> Callable[[LM, str], Any]:
    """with refused(lm, pattern): what is inside must end in one ValueError sentence, every bit as it was."""

    @contextmanager
    def checked(lm: LM, pattern: str) -> Iterator[pytest.ExceptionInfo[ValueError]]:
        before = snapshot(lm)
        with pytest.raises(ValueError, match=pattern) as caught:
            yield caught
        assert "\n" not in str(caught.value) and not lm.edits
        assert all(torch.equal(before[name], tensor) for name, tensor in lm.model.state_dict().items())

    return checked
