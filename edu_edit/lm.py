"""One view of a language model, whichever family it is from.

Elhage et al. 2021, textbook section 5.4.2: block l of a decoder reads the residual stream and adds to it
twice, once from attention and once from the feed-forward network (FFN). GPT-2 and Llama do this with other
names, other weight layouts and other FFNs; `LM` and `FFN` hide the difference once, so that no method
transposes or guesses. Shapes: B batch, T tokens, D model width, F FFN width, V vocabulary.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from edu_edit.defaults import defaults
from edu_edit.feedforward import FFN as FFN

if TYPE_CHECKING:
    import edu_edit.edits
    import edu_edit.tracing

FAMILIES = ("gpt2", "llama", "mistral", "qwen2")


class LM:
    """A causal language model with its tokenizer, in evaluation mode. `load` makes one.

    `LM(model, tok)` wraps a GPT-2, Llama, Mistral or Qwen2 of transformers; ValueError for another
    architecture. name: what errors and tables call it. folder: where its second moments may lie.
    `edits` lists the edits that are on.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tok: PreTrainedTokenizerBase,
        name: str = "model",
        folder: Path | None = None,
    ) -> None:
        family = str(model.config.model_type)
        if family not in FAMILIES:
            raise ValueError(f"{name} is a {family!r} model; edu_edit reads {', '.join(FAMILIES)}: take one.")
        body: Any = getattr(model, "transformer" if family == "gpt2" else "model")
        self.model: Any = model
        self.model.eval()
        self.tok = tok
        self.name = name
        self.folder = folder
        self.blocks: nn.ModuleList = body.h if family == "gpt2" else body.layers
        self.norm: nn.Module = body.ln_f if family == "gpt2" else body.norm
        self.embed: nn.Module = self.model.get_input_embeddings()
        self.W_embed: Float[Tensor, "V D"] = self.embed.get_parameter("weight")
        self.W_U: Float[Tensor, "V D"] = self.model.get_output_embeddings().weight  # logits = W_U norm(h)
        self.n_layers = len(self.blocks)
        self.D, self.F = self.ffn(0).W_out.shape
        self.V = len(self.W_U)
        self.edits: list[edu_edit.edits.Edit] = []
        self.saved: dict[str, Tensor] = {}  # unedited copies of the parameters that edits changed
        self.mask: Tensor | None = None  # of the forward pass under way, for hooks
        self.asked: Tensor | None = None  # its questions' lengths, for edits that look at the question alone

    @property
    def device(self) -> torch.device:
        """Where token ids must be: the device of the embedding."""
        return self.W_embed.device

    @property
    def context(self) -> int:
        """The longest input, in tokens."""
        return int(self.model.config.max_position_embeddings)

    @property
    def pad_id(self) -> int:
        """The id that fills short rows; the mask hides it, so any will do where the tokenizer has none."""
        known = [i for i in (self.tok.pad_token_id, self.tok.eos_token_id) if isinstance(i, int)]
        return known[0] if known else 0

    @property
    def default_layer(self) -> int:
        """The layer that methods edit when none is given, from the table in `defaults`."""
        return defaults(self.name, self.n_layers).layer

    def checked(self, layer: int) -> int:
        """`layer` itself; raises ValueError where the model has no such layer."""
        if not 0 <= layer < self.n_layers:
            raise ValueError(
                f"{self.name} has layers 0 to {self.n_layers - 1}, not {layer}: choose one of these."
            )
        return layer

    def ffn(self, layer: int) -> FFN:
        """The FFN of block `layer` (from 0)."""
        block: Any = self.blocks[self.checked(layer)]
        return FFN(block.mlp)

    def module(self, site: "edu_edit.tracing.Site") -> Any:
        """The module at a site.

        `resid`, `attn` and `mlp` are what it returns; `embed` (block 0), `query` (the FFN) and `key` (a down
        projection) what it reads.
        """
        block: Any = self.blocks[0 if site.kind == "embed" else self.checked(site.layer)]
        if site.kind in ("embed", "resid"):
            return block
        if site.kind == "attn":
            return block.attn if hasattr(block, "attn") else block.self_attn
        return FFN(block.mlp).down if site.kind == "key" else block.mlp

    def rewrite(self, text: str) -> str:
        """The text as the prompt edits that are on (IKE, regular expressions) hand it to the tokenizer."""
        for edit in self.edits:
            text = text if edit.rewrite is None else edit.rewrite(text)
        return text

    def ids(
        self, texts: str | Sequence[str], max_length: int | None = None
    ) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]:
        """Token ids and mask (1 = real token) of the texts, padded on the right.

        Special tokens are those that the tokenizer adds by itself; `max_length` cuts off what is longer.
        Raises ValueError when there is no text.
        """
        from edu_edit.tokens import pad_batch  # tokens builds on this module

        listed = [texts] if isinstance(texts, str) else list(texts)
        if not listed:
            raise ValueError("No text was given: pass a string or a list of strings.")
        rows = [self.tok(self.rewrite(text), verbose=False)["input_ids"][:max_length] for text in listed]
        ids, mask = pad_batch(rows, self.pad_id)
        return ids.to(self.device), mask.to(self.device)

    def forward(
        self,
        ids: Int[Tensor, "B T"],
        mask: Int[Tensor, "B T"] | Bool[Tensor, "B T"],
        asked: Int[Tensor, " B"] | None = None,
    ) -> Float[Tensor, "B T V"]:
        """Logits after every token: the one forward pass of the library. Gradients flow, hook edits act.

        asked: how many real tokens of each row are the question, where an answer is fed in behind it; edits
        that choose by the question (caches) read `lm.asked`. None = the whole row.
        Positions are counted along the mask, so that padding on the left changes nothing in GPT-2 either.
        Raises ValueError for an input that is empty or longer than the context, and in training mode.
        """
        self.check_input(ids)
        run = self._forward
        for edit in self.edits:
            run = run if edit.wrap is None else partial(edit.wrap, run)
        outer, self.asked = self.asked, asked
        try:
            return run(ids, mask)
        finally:
            self.asked = outer

    def check_input(self, ids: Int[Tensor, "B T"]) -> None:
        """Raise ValueError where the model would fail, or answer at random."""
        if self.model.training:
            raise ValueError(
                f"{self.name} is in training mode, where dropout is random: call lm.model.eval()."
            )
        if not 0 < ids.shape[1] <= self.context:
            raise ValueError(
                f"{self.name} reads 1 to {self.context} tokens, not {ids.shape[1]}: change the text."
            )

    def _forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        outer, self.mask = self.mask, mask
        mask = mask.long()
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        try:
            out = self.model(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False)
        finally:
            self.mask = outer
        logits: Tensor = out.logits
        return logits

    @torch.no_grad()
    def logits(self, texts: str | Sequence[str]) -> Float[Tensor, "B T V"]:
        """Logits after every token of the texts, without gradients."""
        return self.forward(*self.ids(texts))

    @torch.no_grad()
    def next_probs(self, texts: str | Sequence[str]) -> Float[Tensor, "B V"]:
        """The distribution of the token that follows each text."""
        from edu_edit.tokens import next_token_probs

        ids, mask = self.ids(texts)
        return next_token_probs(self.forward(ids, mask), mask)

    def answer(self, prompt: str, max_tokens: int = 8) -> str:
        """The greedy continuation of the prompt, up to end of text, newline or sentence end, stripped."""
        return self.answers([prompt], max_tokens)[0]

    def answers(self, prompts: Sequence[str], max_tokens: int = 8) -> list[str]:
        """`answer` for many prompts in one batch."""
        from edu_edit.answering import answers

        return answers(self, prompts, max_tokens)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write model and tokenizer as a Hugging Face folder, with the weight edits that are on baked in."""
        from edu_edit.loading import quiet

        with quiet():
            self.model.save_pretrained(folder)
            self.tok.save_pretrained(folder)
