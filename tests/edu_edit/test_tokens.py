"""Spans and answers are found by characters: checked against the bytes that each token stands for."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from edu_edit import LM
from edu_edit.tokens import encode, last_real, next_token_probs, pad_batch, subject_span, target_ids

CORPUS = [
    "The Space Needle is in Seattle. The zebra's skin is black. Paris is the capital of France.",
    "New York and New Harbor are cities. if x { return {1: 2}; } The art of party talk.",
    "巴黎是法国的首都。斑马的皮肤是黑色的。北京",
] * 3


def byte_tokenizer(bos: bool, trim: bool) -> PreTrainedTokenizerFast:
    """A small byte-level BPE like those of GPT-2 and Llama 3; `trim`: offsets without leading blanks."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=trim)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=330, special_tokens=["<s>"], initial_alphabet=alphabet, show_progress=False
    )
    raw.train_from_iterator(CORPUS, trainer)
    if bos:
        raw.post_processor = processors.Sequence(
            [
                processors.ByteLevel(trim_offsets=trim),
                processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)]),
            ]
        )
    else:
        raw.post_processor = processors.ByteLevel(trim_offsets=trim)
    return PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="<s>")


def sentencepiece_tokenizer() -> PreTrainedTokenizerFast:
    """A BPE in the manner of Llama 2: blanks become a visible mark, and one more goes before every text."""
    raw = Tokenizer(models.BPE(byte_fallback=True))
    raw.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    raw.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    trainer = trainers.BpeTrainer(vocab_size=250, special_tokens=["<s>"], show_progress=False)
    raw.train_from_iterator([word for text in CORPUS for word in text.split()], trainer)
    raw.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="<s>")


TOKENIZERS = {
    "bytes": byte_tokenizer(bos=False, trim=False),
    "bytes-trimmed": byte_tokenizer(bos=False, trim=True),
    "bytes-bos": byte_tokenizer(bos=True, trim=False),
    "bytes-bos-trimmed": byte_tokenizer(bos=True, trim=True),
}


def with_tokenizer(lm: LM, tok: Any) -> LM:
    return LM(lm.model, tok)


def span_by_bytes(tok: Any, text: str, begin: int, end: int) -> tuple[int, int]:
    """Brute force: a byte-level token stands for as many bytes as it has letters; special tokens for none."""
    pieces = tok.convert_ids_to_tokens(tok(text)["input_ids"])
    sizes = [0 if piece == "<s>" else len(piece) for piece in pieces]
    low, high = len(text[:begin].encode()), len(text[:end].encode())
    inside, at = [], 0
    for t, size in enumerate(sizes):
        if size and at < high and at + size > low:
            inside.append(t)
        at += size
    assert at == len(text.encode())
    return inside[0], inside[-1] + 1


words = st.text(alphabet="abcTY {}'.北京巴黎é🦓", max_size=8).filter(lambda text: "{}" not in text)


@pytest.mark.parametrize("name", TOKENIZERS)
@given(prefix=words, before=words, subject=words, after=words)
def test_the_span_is_the_tokens_that_hold_a_byte_of_the_subject(
    name: str, prefix: str, before: str, subject: str, after: str
) -> None:
    subject = subject.strip() or "Zebra"
    prompt = before + "{}" + after
    if prompt.count("{}") != 1:
        return
    tok = TOKENIZERS[name]
    text = prompt.replace("{}", subject)
    encoded = tok(text, return_offsets_mapping=True)
    expected = span_by_bytes(tok, text, len(before), len(before + subject))
    assert subject_span(encoded["offset_mapping"], prompt, subject) == expected
    assert subject_span(torch.tensor(encoded["offset_mapping"]), prompt, subject) == expected


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize(
    ("prompt", "subject", "prefix"),
    [
        ("The {} is in", "Space Needle", ""),
        ("{} is in", "Space Needle", ""),
        ("The Space Needle and {} are Space Needle", "Space Needle", ""),
        ("Space Needle {}", "Space Needle", "Space Needle. "),
        ("The p{}y of", "art", ""),
        ("{}的首都是", "法国", ""),
        ("斑马和{}", "斑马", "巴黎。"),
        ("if x { return {1: 2}; } {}", "zebra", ""),
        ("{} is", "{1: 2}", "{} { "),
        ("the {}", "New  York", "A prefix. "),
    ],
)
def test_encode_finds_the_subject_that_stands_for_the_braces(
    lm: LM, name: str, prompt: str, subject: str, prefix: str
) -> None:
    tok = TOKENIZERS[name]
    encoded = encode(with_tokenizer(lm, tok), prompt, subject, prefix)
    begin = len(prefix) + prompt.index("{}")
    text = prefix + prompt.replace("{}", subject)
    assert encoded.text == text and encoded.ids == tok(text)["input_ids"]
    assert encoded.span == span_by_bytes(tok, text, begin, begin + len(subject))
    start, stop = encoded.span
    assert subject in tok.decode(encoded.ids[start:stop])


def test_the_subject_may_be_a_whole_prompt_and_offsets_may_have_no_blank() -> None:
    assert subject_span([(0, 0), (0, 5), (5, 12)], "{}", "Space Needle") == (1, 3)
    assert subject_span([(0, 3), (4, 9), (10, 16), (17, 19)], "The {} is", "Space Needle") == (1, 3)
    assert subject_span([(0, 3), (3, 9), (9, 16), (16, 19)], "The {} is", "Space Needle") == (1, 3)


@pytest.mark.parametrize("prompt", ["no braces", "{} and {}", "{ }"])
def test_a_prompt_needs_its_braces_exactly_once(lm: LM, prompt: str) -> None:
    with pytest.raises(ValueError, match="exactly once"):
        subject_span([(0, 1)], prompt, "zebra")
    with pytest.raises(ValueError, match="exactly once"):
        encode(lm, prompt, "Kelling")


def test_a_subject_without_a_token_is_refused(lm: LM) -> None:
    with pytest.raises(ValueError, match="covers the subject ''"):
        encode(lm, "The {} is", "")
    with pytest.raises(ValueError, match="covers the subject 'zebra'"):
        subject_span([(0, 3)], "The {}", "zebra")


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize(
    ("prompt", "target"),
    [
        ("The Space Needle is in", "Seattle"),
        ("The Space Needle is in", " Seattle"),
        ("The city is", "New York"),
        ("法国的首都是", "巴黎"),
        ("法国的首都是", "Paris"),
        ("法国的首都是", "京"),
        ("法国的首都是", "x"),
        ("He said (", "Paris"),
        ("Answer:\n", "Paris"),
    ],
)
def test_target_tokens_are_those_of_the_whole_text(lm: LM, name: str, prompt: str, target: str) -> None:
    tok = TOKENIZERS[name]
    joined = prompt + (" " if prompt[-1] in "ns" and target[0] != " " else "") + target
    expected = tok(joined)["input_ids"][len(tok(prompt)["input_ids"]) :]
    assert target_ids(with_tokenizer(lm, tok), target, prompt) == expected


def test_target_tokens_without_a_prompt_follow_a_word(lm: LM) -> None:
    tok = TOKENIZERS["bytes-bos"]
    other = with_tokenizer(lm, tok)
    assert target_ids(other, "Seattle") == tok(" Seattle", add_special_tokens=False)["input_ids"]
    assert target_ids(other, "巴黎") == tok("巴黎", add_special_tokens=False)["input_ids"]
    assert lm.tok.convert_ids_to_tokens(target_ids(lm, "New Harbor")) == ["ĠNew", "ĠHarbor"]


def test_a_tokenizer_that_puts_blanks_in_front_of_texts_gives_no_second_one(lm: LM) -> None:
    tok = sentencepiece_tokenizer()
    other = with_tokenizer(lm, tok)
    prompt = "The Space Needle is in"
    expected = tok(prompt + " Seattle")["input_ids"][len(tok(prompt)["input_ids"]) :]
    assert target_ids(other, "Seattle") == target_ids(other, " Seattle", prompt) == expected
    encoded = encode(other, "{} is in", "Space Needle")
    assert tok.decode(encoded.ids[slice(*encoded.span)]).strip() == "Space Needle"


@pytest.mark.parametrize("target", ["", "  ", "\n"])
def test_an_empty_target_is_refused(lm: LM, target: str) -> None:
    with pytest.raises(ValueError, match="target is empty"):
        target_ids(lm, target)


rows_of_ids = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6), min_size=1, max_size=5)


@given(rows=rows_of_ids, left=st.booleans())
def test_the_last_real_token_is_where_the_row_ends_whatever_the_padding(
    rows: list[list[int]], left: bool
) -> None:
    ids, mask = pad_batch(rows, 99)
    if left:
        shift = [ids.shape[1] - len(row) for row in rows]
        ids = torch.stack([row.roll(n) for row, n in zip(ids, shift, strict=True)])
        mask = torch.stack([row.roll(n) for row, n in zip(mask, shift, strict=True)])
    assert [row[real.bool()].tolist() for row, real in zip(ids, mask, strict=True)] == rows
    assert [int(row[t]) for row, t in zip(ids, last_real(mask), strict=True)] == [row[-1] for row in rows]
    assert last_real(mask.bool()).tolist() == last_real(mask).tolist()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_next_token_probs_are_the_softmax_at_the_last_real_token(
    dtype: torch.dtype, generator: torch.Generator
) -> None:
    logits = torch.randn(3, 4, 7, generator=generator, dtype=torch.float64).to(dtype)
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1]])
    p = next_token_probs(logits, mask)
    for row, (b, t) in zip(p, [(0, 3), (1, 1), (2, 3)], strict=True):
        weights = [torch.tensor(float(x)).double().exp() for x in logits[b, t]]
        torch.testing.assert_close(row.double(), torch.stack(weights) / sum(weights), atol=1e-6, rtol=1e-6)


def test_a_row_of_padding_is_refused() -> None:
    with pytest.raises(ValueError, match="no real token"):
        next_token_probs(torch.zeros(2, 3, 4), torch.tensor([[1, 0, 0], [0, 0, 0]]))
