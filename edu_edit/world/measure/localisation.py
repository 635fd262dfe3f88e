"""Where facts live: the averaged causal trace of many facts, for hidden states, MLP and attention windows."""

import random
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from edu_edit.lm import LM
from edu_edit.locate.causal import average_by_role, causal_trace, token_roles
from edu_edit.locate.restoring import Kind
from edu_edit.tokens import encode
from edu_edit.world.probes import atlas_facts, relation_of

SEED = 5
WINDOWS: tuple[Kind, ...] = ("mlp", "attn")
WIDTH = 3  # layers in a window


@dataclass(frozen=True)
class AverageTrace:
    """Maps (6 roles, L) by kind, the mean clean and corrupted probability, and how many facts were traced."""

    maps: dict[Kind, Float[Tensor, "6 L"]]
    p_clean: float
    p_corrupt: float
    n: int


def average_trace(lm: LM, facts: int = 100, samples: int = 8) -> AverageTrace:
    """Trace facts whose three-token subject opens the prompt and whose answer the model gives with P > .5."""
    pool = list(atlas_facts())
    random.Random(SEED).shuffle(pool)
    maps: dict[Kind, list[Tensor]] = {"resid": [], "mlp": [], "attn": []}
    roles: list[Tensor] = []
    clean: list[float] = []
    corrupt: list[float] = []
    generator = torch.Generator().manual_seed(SEED)
    bar = tqdm(total=facts, desc=f"tracing {lm.name}", mininterval=5)
    for fact in pool:
        text = encode(lm, fact.prompt, fact.subject)
        after = len(text.ids) - text.span[1]
        if text.span[1] - text.span[0] != 3 or after < 3 or relation_of(fact) in ("architect", "employer"):
            continue
        first = causal_trace(lm, fact, "resid", samples=samples, generator=generator)
        if first.p_clean < 0.5 or first.answer.strip() != fact.target_true:
            continue
        maps["resid"].append(first.map)
        for kind in WINDOWS:
            trace = causal_trace(lm, fact, kind, width=WIDTH, samples=samples, generator=generator)
            maps[kind].append(trace.map)
        roles.append(token_roles(len(text.ids), text.span))
        clean.append(first.p_clean)
        corrupt.append(first.p_corrupt)
        bar.update()
        if len(roles) == facts:
            break
    bar.close()
    averaged = {kind: average_by_role(each, roles) for kind, each in maps.items()}
    return AverageTrace(averaged, sum(clean) / len(clean), sum(corrupt) / len(corrupt), len(roles))


def sites(trace: AverageTrace) -> dict[str, float]:
    """The report's figures: peaks over the layers at the last subject token and at the last token."""
    resid, mlp, attn = (trace.maps[kind].nan_to_num().amax(1) for kind in ("resid", "mlp", "attn"))
    others = max(resid[0].item(), resid[1].item())
    return {
        "hidden state, last subject token": resid[2].item(),
        "ratio to any other subject token": resid[2].item() / max(others, 1e-9),
        "MLP window, last subject token": mlp[2].item(),
        "attention window, last subject token": attn[2].item(),
        "MLP over attention there": mlp[2].item() / max(attn[2].item(), 1e-9),
        "attention window, last token": attn[5].item(),
        "MLP window, last token": mlp[5].item(),
        "total effect": trace.p_clean - trace.p_corrupt,
    }
