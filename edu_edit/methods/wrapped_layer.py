"""The layer that GRACE wraps: where it is asked, what its value does, and which tokens get it.

Hartvigsen et al. 2023 (arXiv 2211.11031) wrap one linear map: c_fc of GPT-2 in their released code, Llama's
down projection in ports of it. Ours is a whole FFN, query -> output, which every family has. All three end in
the FFN's output, so a value is always put there: for "up" it passes activation and down projection first.
Shapes: B batch, T tokens, K width of the query, D model width, F FFN width.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from edu_edit.facts import Fact, load_facts
from edu_edit.lm import LM
from edu_edit.methods.codebook import Codebook, in_a_ball
from edu_edit.tokens import Mask, last_asked
from edu_edit.tracing import Site, record

CHOICES = {
    "replace": ("replace_last", "replace_prompt", "replace_all"),
    "wrap": ("ffn", "up", "down"),
    "query": ("question", "newest"),
}
OTHERS = 32  # subjects that a question is compared with
NEAR = 0.05  # the quantile of their distances that counts as "as near as others come"
SAME = 1e-4  # of a query, which rounding may move


class WrappedLayer:
    """The part of a layer that a codebook stands beside: "ffn", "up" or "down".

    replace: which tokens get a value. looks_at: which token is looked up. query, output, stream: the sites of
    what is compared with the keys, of the FFN's output, and of the block's.
    Raises ValueError for an unknown name, and for "up" in a gated FFN, which has two up projections.
    """

    def __init__(
        self, lm: LM, layer: int, wrap: str, replace: str = "replace_last", looks_at: str = "question"
    ) -> None:
        for name, given in (("wrap", wrap), ("replace", replace), ("query", looks_at)):
            if given not in CHOICES[name]:
                raise ValueError(f"{name}={given!r}: choose {', '.join(map(repr, CHOICES[name]))}.")
        self.lm, self.layer, self.wrap, self.ffn = lm, lm.checked(layer), wrap, lm.ffn(layer)
        self.replace, self.looks_at = replace, looks_at
        if wrap == "up" and self.ffn.gate is not None:
            raise ValueError(f"The FFN of {lm.name} is gated: its 'up' is two maps; wrap 'ffn' or 'down'.")
        self.query = Site("key" if wrap == "down" else "query", layer)
        self.output = Site("mlp", layer)
        self.stream = Site("resid", layer)

    @property
    def widths(self) -> tuple[int, int]:
        """The widths of a key and of a value."""
        D, F = self.lm.D, self.lm.F
        return (F if self.wrap == "down" else D), (F if self.wrap == "up" else D)

    def answer(self, q: Float[Tensor, "*B K"]) -> Float[Tensor, "*B V"]:
        """What the wrapped part itself makes of the query: the first value of an entry ("warm")."""
        q = q.to(self.ffn.W_out.dtype)
        if self.wrap == "ffn":
            return self.ffn.forward(q)
        out: Tensor = (self.ffn.up if self.wrap == "up" else self.ffn.down)(q)
        return out

    def effect(self, value: Float[Tensor, "*B V"]) -> Float[Tensor, "*B D"]:
        """The FFN's output where the wrapped part's is `value`."""
        value = value.to(self.ffn.W_out.dtype)
        return self.ffn.down(self.ffn.act(value)) if self.wrap == "up" else value

    def looked_up(self, mask: Mask, asked: Int[Tensor, " B"] | None) -> Int[Tensor, " B"]:
        """The token of each row whose query is looked up."""
        return last_asked(mask, asked if self.looks_at == "question" else None)

    def hooks(self, book: Codebook) -> dict[Site, Callable[[Tensor], Tensor]]:
        """What makes the model look into the codebook: once per row, at one token."""
        seen: list[Tensor] = []

        def read(q: Tensor) -> Tensor:
            seen[:] = [q]
            return q

        def write(out: Tensor) -> Tensor:
            mask = torch.ones_like(out[..., 0]).long() if self.lm.mask is None else self.lm.mask
            at = self.looked_up(mask, self.lm.asked).to(out.device)
            query = seen.pop()[torch.arange(len(out), device=out.device), at].float()
            hit, index = in_a_ball(query, book.keys, book.eps)
            if not bool(hit.any()):
                return out
            columns = replaced_columns(mask, at, self.replace).to(out.device) & hit[:, None]
            return torch.where(columns[..., None], self.effect(book.values[index])[:, None], out)

        return {self.query: read, self.output: write}


def replaced_columns(mask: Mask, at: Int[Tensor, " B"], replace: str) -> Bool[Tensor, "B T"]:
    """The tokens that get the value; `at` is the token of each row that was looked up.

    "replace_last": that token alone; the answer's tokens see it through attention, in the layers above.
    "replace_all": every real token, also of the answer. "replace_prompt": the tokens before it, as in
    released code; in a question of one token these are none.
    """
    columns = torch.arange(mask.shape[1], device=at.device)[None]
    if replace == "replace_last":
        return columns == at[:, None]
    return mask.bool().to(at.device) & ((columns < at[:, None]) | (replace == "replace_all"))


def usual_radius(wrapped: WrappedLayer, facts: Sequence[Fact]) -> float:
    """How near the same question about others comes to each question, in the units of the layer.

    The 5 % quantile of the distances between the facts' queries and those of their prompts with other
    subjects of the Atlas. A radius below it keeps other subjects out. Subjects that the tokenizer can't tell
    apart are left out; where all are such, it is the length of a query.
    """
    distances = []
    site = Site(wrapped.query.kind, wrapped.layer, -1)
    for fact in facts[:OTHERS]:
        names = other_subjects(fact)
        texts = [fact.question, *(fact.prompt.replace("{}", name) for name in names)]
        queries = record(wrapped.lm, texts, [site])[site].float()
        apart = (queries[1:] - queries[0]).norm(dim=1)
        distances.append(apart[apart > SAME * queries[0].norm()])
    found = torch.cat(distances)
    return float(found.quantile(NEAR)) if len(found) else float(queries[0].norm())


def other_subjects(fact: Fact) -> list[str]:
    """Subjects to compare with, in the fact's own script: evenly spaced among those of the Atlas."""
    lang = "zh" if any("\u4e00" <= character <= "\u9fff" for character in fact.prompt) else "en"
    names = sorted({other.subject for other in load_facts(lang=lang)} - {fact.subject})
    return names[:: max(1, len(names) // OTHERS)][:OTHERS]
