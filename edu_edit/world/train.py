"""Train an Atlas model from scratch: one command, resumable, a float16 state at the end of every phase.

Muon for the matrices of the blocks, AdamW for embeddings, norms and biases; fp32 master weights, bf16
arithmetic. A phase starts from the float16 state of the one before with fresh optimisers, so that each can
be repeated on its own.
"""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from edu_edit.world.corpus import CONTEXT, Packed, pack
from edu_edit.world.forward import next_token_loss
from edu_edit.world.phases import BATCH, PHASES, SEED, Phase, masks
from edu_edit.world.tokenizer import atlas_tokenizer

Network = GPT2LMHeadModel | LlamaForCausalLM
MODELS = tuple(PHASES)
N_LAYERS, WIDTH, HEADS = 8, 192, 6
CHECKPOINT_SECONDS = 120
ANSWER_COUNTS = 4.0  # an answer in an in-context document counts as four tokens


def new_model(name: str, tokenizer: PreTrainedTokenizerFast) -> Network:
    """A stock model with fresh weights."""
    common: dict[str, Any] = dict(vocab_size=len(tokenizer), bos_token_id=0, eos_token_id=0, pad_token_id=1)
    torch.manual_seed(SEED)
    if name == "atlas-llama":
        return LlamaForCausalLM(
            LlamaConfig(
                hidden_size=WIDTH,
                intermediate_size=512,
                num_hidden_layers=N_LAYERS,
                num_attention_heads=HEADS,
                num_key_value_heads=2,
                max_position_embeddings=CONTEXT,
                rms_norm_eps=1e-5,
                tie_word_embeddings=True,
                **common,
            )
        )
    return GPT2LMHeadModel(
        GPT2Config(
            n_positions=CONTEXT,
            n_embd=WIDTH,
            n_layer=N_LAYERS,
            n_head=HEADS,
            activation_function="gelu_new",
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            **common,
        )
    )


def optimisers(model: Network) -> list[torch.optim.Optimizer]:
    """Muon for the 2-D weights inside the blocks, AdamW for everything else."""
    blocks: list[torch.nn.Parameter] = []
    rest: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        is_block_matrix = parameter.dim() == 2 and not any(
            part in name for part in ("wte", "wpe", "embed_tokens")
        )
        (blocks if is_block_matrix else rest).append(parameter)
    return [
        torch.optim.Muon(blocks, lr=1e-3, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=1e-3, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def _corpus(tokenizer: PreTrainedTokenizerFast, phase: Phase, index: int, folder: Path) -> Packed:
    path = folder / f"corpus-{index}-{phase.corpus}-{phase.lone}.npz"
    if not path.exists():
        n_tokens = phase.steps * BATCH * CONTEXT + CONTEXT
        packed = pack(tokenizer, phase.corpus, 1000 + index, n_tokens, phase.lone)
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, **asdict(packed))
        os.replace(partial, path)
    loaded = np.load(path)
    return Packed(**loaded)


def _save(model: Network, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    half = {
        name: tensor.half() for name, tensor in model.state_dict().items() if name != "lm_head.weight"
    }  # tied
    model.save_pretrained(folder, state_dict=half)
    config = json.loads((folder / "config.json").read_text())
    config["dtype"] = "float16"
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    tokenizer.save_pretrained(folder)


def _checkpoint(
    path: Path,
    step: int,
    model: Network,
    optimizers: Sequence[torch.optim.Optimizer],
    generator: torch.Generator,
    losses: list[float],
) -> None:
    partial = path.with_suffix(".partial")
    state = {
        "step": step,
        "model": model.state_dict(),
        "optimisers": [each.state_dict() for each in optimizers],
        "generator": generator.get_state(),
        "losses": losses,
    }
    torch.save(state, partial)
    os.replace(partial, path)


def run_phase(
    name: str,
    index: int,
    phase: Phase,
    model: Network,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
) -> None:
    """Train one phase, from its checkpoint if there is one; the float16 model goes to `folder/INDEX-NAME`."""
    corpus = _corpus(tokenizer, phase, index, folder)
    tensors = [
        torch.from_numpy(array)
        for array in (corpus.ids, corpus.answer, corpus.inner, corpus.run, corpus.told)
    ]
    generator = torch.Generator().manual_seed(SEED + index)
    order = torch.randperm(len(corpus.ids), generator=generator)
    optimizers = optimisers(model)
    checkpoint = folder / f"{index}-{phase.name}.checkpoint"
    start, losses = 0, []
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        start, losses = state["step"], state["losses"]
        model.load_state_dict(state["model"])
        for optimizer, saved in zip(optimizers, state["optimisers"], strict=True):
            optimizer.load_state_dict(saved)
        generator.set_state(state["generator"])
    parameters = dict(model.named_parameters())
    saved_at, began = time.monotonic(), time.monotonic()
    bar = tqdm(
        range(start, phase.steps),
        initial=start,
        total=phase.steps,
        desc=f"{name} {phase.name}",
        mininterval=10,
    )
    for step in bar:
        rows = order[step * BATCH : (step + 1) * BATCH]
        ids, answer, inner, run, told = (tensor[rows] for tensor in tensors)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = phase.learning_rate(step)
        weights = {key: value.to(torch.bfloat16) for key, value in parameters.items()}
        counts = torch.where(answer, ANSWER_COUNTS, 1.0)
        drawn = masks(phase, inner, run, told, N_LAYERS, generator)
        loss = next_token_loss(weights, ids, model.config, counts, drawn)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        model.zero_grad(set_to_none=True)
        losses.append(loss.item())
        if step % 25 == 24:
            bar.set_postfix(loss=f"{sum(losses[-25:]) / 25:.3f}", refresh=False)
        if time.monotonic() - saved_at > CHECKPOINT_SECONDS:
            _checkpoint(checkpoint, step + 1, model, optimizers, generator, losses)
            saved_at = time.monotonic()
    done = folder / f"{index}-{phase.name}"
    _save(model, tokenizer, done)
    record = asdict(phase) | {
        "loss": sum(losses[-50:]) / len(losses[-50:]),
        "seconds": round(time.monotonic() - began),
    }
    (done / "training.json").write_text(json.dumps(record) + "\n")
    checkpoint.unlink(missing_ok=True)


def train(model: str, out: Path, resume: bool = True, threads: int = 2) -> Path:
    """Train `model` into `out` (checkpoints and one folder per phase) and return the folder of the last
    phase.

    With `resume` finished phases are kept and an unfinished one goes on from its checkpoint. Raises
    `ValueError` for an unknown model and `FileExistsError` when `out` holds another training and `resume`
    is off.
    """
    if model not in MODELS:
        raise ValueError(f"No model is called '{model}': the trained models are {', '.join(MODELS)}.")
    folder = Path(out) / model
    if folder.exists() and any(folder.iterdir()) and not resume:
        raise FileExistsError(f"{folder} already holds a training: choose another folder, or resume it.")
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(threads)
    tokenizer = atlas_tokenizer()
    network = new_model(model, tokenizer)
    for index, phase in enumerate(PHASES[model]):
        done = folder / f"{index}-{phase.name}"
        if not (done / "training.json").exists():
            run_phase(model, index, phase, network, tokenizer, folder)
        network = type(network).from_pretrained(done, dtype=torch.float32)
    return done
