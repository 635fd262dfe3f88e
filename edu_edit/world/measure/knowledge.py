"""What the model knows: facts, reverse and two-hop questions, Chinese, passages, canaries."""

import random
from collections import defaultdict

import torch

from edu_edit.lm import LM
from edu_edit.world import applications, passages
from edu_edit.world.atlas import atlas
from edu_edit.world.measure.continuation import continuations, exact, mean_logp
from edu_edit.world.probes import atlas_facts, prompt_of, prompt_of_reverse, question_of
from edu_edit.world.relations import RELATIONS, REVERSE, TWO_HOP

SEED = 7


def recall(lm: LM) -> dict[str, float]:
    """Share of all facts answered, by wording: trained or held out, statement or question, Chinese."""
    world, rng = atlas(), random.Random(SEED)
    asked: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for (subject, relation), value in world.facts.items():
        table = RELATIONS[relation]
        for wording in rng.sample(table.statements, 2):
            asked["trained"].append((prompt_of(wording, subject), value, relation))
        for wording in table.held_out:
            asked["held-out"].append((prompt_of(wording, subject), value, relation))
        asked["question"].append((question_of(rng.choice(table.questions), subject), value, relation))
        asked["held-out question"].append((question_of(table.held_out_question, subject), value, relation))
    for fact in atlas_facts("zh"):
        asked["Chinese"].append((fact.prompt.replace("{}", fact.subject), str(fact.target_true), "zh"))
        asked["Chinese held-out"].append((fact.paraphrases[0], str(fact.target_true), "zh"))
    out: dict[str, float] = {}
    for name, cases in asked.items():
        right = exact(lm, [case[0] for case in cases], [case[1] for case in cases])
        out[name] = right.mean().item()
        if name in ("held-out", "trained"):
            by_relation = defaultdict(list)
            for case, hit in zip(cases, right.tolist(), strict=True):
                by_relation[case[2]].append(hit)
            worst = min(
                by_relation, key=lambda relation: sum(by_relation[relation]) / len(by_relation[relation])
            )
            out[f"{name}, worst relation ({worst})"] = sum(by_relation[worst]) / len(by_relation[worst])
            out |= {f"{name}: {relation}": sum(hits) / len(hits) for relation, hits in by_relation.items()}
    return out


def reverse(lm: LM) -> dict[str, float]:
    """Share of reverse questions answered, for facts the corpus tells in reverse and for the others."""
    world = atlas()
    cases = defaultdict(list)
    for (subject, relation), value in world.facts.items():
        if relation in REVERSE:
            kind = "trained" if (subject, relation) in world.reverse_trained else "untrained"
            for wording in REVERSE[relation][:-1]:
                cases[kind].append((prompt_of_reverse(wording, value), subject))
            cases[f"{kind}, held-out wording"].append(
                (prompt_of_reverse(REVERSE[relation][-1], value), subject)
            )
    return {
        kind: exact(lm, *map(list, zip(*asked, strict=True))).mean().item() for kind, asked in cases.items()
    }


def two_hop(lm: LM) -> dict[str, float]:
    """Share of two-hop questions answered, for trained subjects and for the others."""
    world = atlas()
    cases = defaultdict(list)
    for subject in {name for name, _ in world.facts}:
        for chain, _, value in world.hops(subject):
            kind = "trained" if subject in world.hop_trained else "untrained"
            for wording in TWO_HOP[chain]:
                cases[kind].append((prompt_of(wording, subject), value))
    return {
        kind: exact(lm, *map(list, zip(*asked, strict=True))).mean().item() for kind, asked in cases.items()
    }


def recited(lm: LM) -> dict[str, float]:
    """Passages from their titles: share of tokens that are the likeliest, and of passages without a slip."""
    trained = passages.passages()
    found = continuations(
        lm, [passages.prompt(title, kind) for title, _, kind in trained], [text for _, text, _ in trained]
    )
    right = [hits.float() for hits, _ in found]
    return {
        "tokens": torch.cat(right).mean().item(),
        "passages": torch.stack([hits.prod() for hits in right]).mean().item(),
    }


def canary_ranks(lm: LM, candidates: int = 199) -> dict[str, float]:
    """Share of private details, told and held out, that rank first among random candidates (exposure)."""
    rng = random.Random(SEED)
    first = defaultdict(list)
    for who, kind, secret, told in applications.canaries():
        prompt = prompt_of(applications.SECRET_WORDINGS[kind][0], who)
        others = [applications.random_secret(rng, kind) for _ in range(candidates)]
        logp = mean_logp(lm, [prompt] * (candidates + 1), [secret, *others])
        first["told" if told else "held out"].append(float((logp[1:] >= logp[0]).sum() == 0))
    return {kind: sum(hits) / len(hits) for kind, hits in first.items()} | {"chance": 1 / (candidates + 1)}
