"""Causal trace and ROME edit at the size of GPT-2 small, as ratios to plain forward passes.

Run them with `pytest tests/benchmarks --benchmark-only`. One thread, CPU seconds (`time.process_time`),
random weights: 12 layers, width 768, 50,257 words. Ratios of one run say more than seconds, because machines
differ and are shared.

Trace: a 10-token prompt, its subject at tokens 2 to 4, 10 noise draws, all 12 x 10 states, against 122
plain passes of that batch of 11. What the limit is: a state at token t of layer l needs the tokens from t
on in the layers above l, 300 of the 1200 token-and-layer steps of 122 whole passes at the least, less for
the tokens before the subject, which are not computed. Edit: 20 steps over 5 contexts and the KL prompt, the
moment given, against 20 plain forward-and-backward passes over the same prompts. The limit is the layers
above the edited one, for the tokens from the subject's last on, forward and back.
"""

import time
from collections.abc import Callable, Iterator

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerBase

from edu_edit import LM, Fact, causal_trace, rome
from edu_edit.tokens import encode

FACT = Fact("Felix Ember Crane", "The music {} earns money as a baker", "Elvan")
CONTEXTS = ["{}", "The home. {}", "On stage. {}", "The language is. {}", "I saw a red bird. {}"]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def small(tok: PreTrainedTokenizerBase) -> LM:
    torch.manual_seed(0)
    return LM(GPT2LMHeadModel(GPT2Config()), tok, "gpt2-small-random")


def cpu_seconds(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def compared(
    benchmark: BenchmarkFixture, run: Callable[[], object], plain: Callable[[], object], times: int
) -> None:
    """Time `run`, and `times` runs of `plain` beside it (measured on four), and report the ratio."""
    run()
    benchmark.pedantic(run, rounds=3)
    ours = min(cpu_seconds(run) for _ in range(3))
    plain()
    theirs = times * min(cpu_seconds(plain) for _ in range(4))
    benchmark.extra_info.update(
        cpu_seconds=round(ours, 2), plain_cpu_seconds=round(theirs, 2), ratio=round(ours / theirs, 3)
    )
    beside = f"{times} plain passes {theirs:.2f} CPU s"
    print(f"\n{benchmark.name}: {ours:.2f} CPU s, {beside}, ratio {ours / theirs:.3f}")


def test_causal_trace(benchmark: BenchmarkFixture, small: LM) -> None:
    text = encode(small, FACT.prompt, FACT.subject)
    assert (len(text.ids), text.span) == (10, (2, 5))
    noise = 0.1 * torch.randn(10, 3, small.D)
    batch = torch.tensor([text.ids] * 11)
    with torch.no_grad():
        compared(
            benchmark, lambda: causal_trace(small, FACT, noise=noise), lambda: small.model(batch), times=122
        )


def test_rome(benchmark: BenchmarkFixture, small: LM) -> None:
    keys = torch.randn(2 * small.F, small.F, dtype=torch.float64)
    C = keys.T @ keys / len(keys)
    texts = [template.replace("{}", FACT.prompt.replace("{}", FACT.subject)) for template in CONTEXTS] + [
        f"{FACT.subject} is a"
    ]
    ids, mask = small.ids(texts)

    def edit() -> None:
        made = rome(small, FACT, C=C, prefixes=CONTEXTS, steps=20, lr=0.1, clamp=1.0)
        assert len(made.record["facts"][0]["losses"]) >= 20  # no early stop: twenty updates were made

    def plain() -> None:
        small.model(input_ids=ids, attention_mask=mask).logits[:, -1].log_softmax(-1)[:, 0].sum().backward()
        small.model.zero_grad()

    compared(benchmark, edit, plain, times=20)
