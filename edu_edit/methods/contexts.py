"""The texts that an edit is computed from: prefixes before its prompt, and prompts whose answers it keeps.

Meng et al. 2022 (ROME) section 3.1, textbook (5.15): k_* is the key of the subject averaged over random
prefixes x_j that the model itself writes, so that it does not hang on the words before; (5.18): the model's
idea of the subject (p' = `{} is a`) is to stay. All are tokenised once, as ids with the place of the subject
in them.
Shapes: N prefixes, R rows of a batch, T tokens.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import DynamicCache

from edu_edit.caching import CACHE
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.tokens import Encoded, encode, pad_batch

SENTENCE_ENDS = (".", "!", "?", "。", "！", "？")


@torch.no_grad()
def sampled_prefixes(
    lm: LM, n: int, generator: torch.Generator | None = None, lengths: Sequence[int] = (5, 10), top_k: int = 5
) -> list[str]:
    """n sentences begun by the model: top-k sampling after its start token, lengths in turn; each ends in `.
    `.
    """
    start = lm.tok.bos_token_id if lm.tok.bos_token_id is not None else lm.tok.eos_token_id
    if start is None:
        raise ValueError(
            f"{lm.name} has no start token to write prefixes from: give prefixes as a list of texts."
        )
    cache = DynamicCache(config=lm.model.config)
    rows = torch.full((n, 1), start, device=lm.device)
    for _ in range(max(lengths) if n else 0):
        logits = (
            lm.model(input_ids=rows[:, -1:], use_cache=True, **{CACHE: cache}).logits[:, -1].float().cpu()
        )
        logits[:, lm.tok.all_special_ids] = -torch.inf
        best = logits.topk(min(top_k, lm.V))
        drawn = best.values.softmax(-1).multinomial(1, generator=generator)
        rows = torch.cat([rows, best.indices.gather(1, drawn).to(lm.device)], dim=1)
    return [
        _sentence(str(lm.tok.decode(row[1 : 1 + lengths[i % len(lengths)]]))) for i, row in enumerate(rows)
    ]


def _sentence(text: str) -> str:
    """One line that ends as a sentence, with the blank that the next one needs; split characters go."""
    line = " ".join(text.replace("\ufffd", "").replace("{}", "").split())
    return line + (" " if line.endswith(SENTENCE_ENDS) else ". ") if line else ""


def prompt_templates(lm: LM, prefixes: int | Sequence[str], generator: torch.Generator | None) -> list[str]:
    """Texts with `{}` for the prompt: for a number n the bare `{}` and n sampled prefixes; a list as it is.

    Raises ValueError for a negative number, an empty list, and a text that does not hold one `{}`.
    """
    if isinstance(prefixes, int):
        if prefixes < 0:
            raise ValueError(
                f"prefixes={prefixes}: give 0 or more, or a list of texts with {{}} for the prompt."
            )
        return ["{}", *(prefix + "{}" for prefix in sampled_prefixes(lm, prefixes, generator))]
    templates = [prefixes] if isinstance(prefixes, str) else list(prefixes)
    for template in templates or [""]:
        if template.count("{}") != 1:
            raise ValueError(
                f"The prefix {template!r} must hold {{}} exactly once, where the prompt goes: 'Then. {{}}'."
            )
    return templates


def kept_prompts(lm: LM, fact: Fact, keep: str | Sequence[str]) -> list[tuple[Encoded, int]]:
    """The prompts whose next-token distribution an edit should keep, and the token where each is read.

    "essence": `{} is a` at the subject's last token, where nothing that follows is seen. "questions": one for
    each other relation of the subject in the Atlas, or the essence where it has none. A list: prompts with
    `{}` or the subject's name in them. These two are read at their last token.
    Raises ValueError for anything else.
    """
    if keep == "questions":
        from edu_edit.world import other_questions

        keep = other_questions(fact) or "essence"
    if keep == "essence":
        essence = encode(lm, "{} is a", fact.subject)
        return [(essence, essence.span[1] - 1)]
    if isinstance(keep, str) or not keep:
        raise ValueError(
            f"keep={keep!r}: choose 'essence', 'questions' or a list of prompts (kl=0 keeps nothing)."
        )
    found = [encode(lm, _template(prompt, fact.subject), fact.subject) for prompt in keep]
    return [(text, len(text.ids) - 1) for text in found]


def _template(prompt: str, subject: str) -> str:
    if "{}" in prompt:
        return prompt
    before, name, after = prompt.rpartition(subject)
    if not name:
        raise ValueError(
            f"The prompt to keep {prompt!r} does not hold the subject {subject!r}: the edit acts there."
        )
    return before + "{}" + after


def aligned(
    rows: Sequence[list[int]], columns: Sequence[int], pad_id: int
) -> tuple[Int[Tensor, "R T"], Int[Tensor, "R T"], int]:
    """Rows of ids with the given token of each in one common column: padded on the left, and on the right.

    Returns ids, mask and that column: what follows the token then lies in the same slice of every row.
    """
    column = max(columns)
    shifts = [column - c for c in columns]
    ids, mask = pad_batch([[pad_id] * shift + row for shift, row in zip(shifts, rows, strict=True)], pad_id)
    for i, shift in enumerate(shifts):
        mask[i, :shift] = 0
    return ids, mask, column
