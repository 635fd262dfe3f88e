"""Chunks of a long answer: they cover it, anchors come before them, and probabilities add up."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edu_edit import LM
from edu_edit.methods.chunking import (
    checked_chunks,
    chunk_by_sentence,
    chunk_by_window,
    chunk_logprobs,
    edit_positions,
    sentence_ranges,
    token_ranges,
)
from edu_edit.tokens import target_ids


@given(n=st.integers(1, 60), size=st.integers(1, 20), overlap=st.integers(0, 19))
def test_windows_cover_every_token_and_none_lies_inside_its_predecessor(
    n: int, size: int, overlap: int
) -> None:
    """I-ANY-1 and I-ANY-5."""
    overlap = min(overlap, size - 1)
    chunks = chunk_by_window(n, size, overlap)
    assert {t for a, b in chunks for t in range(a, b)} == set(range(n))
    assert all(0 < b - a <= size for a, b in chunks)
    for (a, b), (c, d) in zip(chunks, chunks[1:], strict=False):
        assert c == b - overlap and c > a and d > b
    if not overlap:
        assert len(chunks) == -(-n // size) and sum(b - a for a, b in chunks) == n
    positions = edit_positions(7, chunks)
    assert positions == sorted(set(positions)) and 6 <= positions[0] and positions[-1] <= 7 + n - 2
    assert checked_chunks(chunks, n) == chunks


def test_the_released_windows_end_in_a_chunk_inside_its_predecessor() -> None:
    """T-ANY-2: the loop runs while the start is below the length, not while something is uncovered."""
    assert chunk_by_window(10, 5, 2) == [(0, 5), (3, 8), (6, 10)]
    assert chunk_by_window(10, 5, 2, released=True) == [(0, 5), (3, 8), (6, 10), (9, 10)]
    assert chunk_by_window(10, 5, released=True) == chunk_by_window(10, 5) == [(0, 5), (5, 10)]
    with pytest.raises(ValueError, match="don't cover"):
        checked_chunks([(0, 5), (3, 8), (6, 10), (9, 10)], 10)


@pytest.mark.parametrize("args", [(0, 5), (5, 0), (5, 3, 3), (5, 3, -1), (5, -1, -2)])
def test_windows_that_never_end_are_refused(args: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="1 or more of the first two"):
        chunk_by_window(*args)


def test_an_anchor_is_the_token_before_its_chunk() -> None:
    """E23: the prompt's last token for the first chunk; the last chunk's own last token is never one."""
    assert edit_positions(5, [(0, 3), (3, 6), (6, 7)]) == [4, 7, 10]
    assert edit_positions(7, [(0, 3), (2, 5), (4, 7)]) == [6, 8, 10]
    with pytest.raises(ValueError, match="needs a token"):
        edit_positions(0, [(0, 3)])


@pytest.mark.parametrize(
    "text, pieces",
    [
        ("New Harbor. At home he talks. End", ["New Harbor.", " At home he talks.", " End"]),
        (
            "他说:“好。”然后走了。真的?是!",
            ["他说:“好。”", "然后走了。", "真的?是!"],
        ),
        ("他来了！你呢？走吧。", ["他来了！", "你呢？", "走吧。"]),
        ('He said "Stop." Then he left!', ['He said "Stop."', " Then he left!"]),
        (
            "The value is 3.5 for Dr. Ember. Really?! Yes...",
            ["The value is 3.5 for Dr. Ember.", " Really?!", " Yes..."],
        ),
        ("one line\n\nanother one\n", ["one line\n\n", "another one\n"]),
        (
            "See:\n```python\nx = 1. \ny = 2\n```\nDone.",
            ["See:\n", "```python\nx = 1. \ny = 2\n```\n", "Done."],
        ),
        ("```\na\n\nb. c\n", ["```\na\n\nb. c\n"]),
        ("...", ["..."]),
        ("? ! word", ["? ! word"]),
    ],
)
def test_sentences_are_cut_where_they_end_and_code_stays_whole(text: str, pieces: list[str]) -> None:
    assert chunk_by_sentence(text) == pieces


@given(st.text(alphabet='ab .!?。！？\n`~"”)3,\t', min_size=1, max_size=60).filter(lambda text: text.strip()))
def test_sentences_join_back_to_the_text(text: str) -> None:
    pieces = chunk_by_sentence(text)
    assert "".join(pieces) == text and all(pieces)


def test_a_text_of_blanks_has_no_sentence() -> None:
    with pytest.raises(ValueError, match="empty"):
        chunk_by_sentence(" \n")


@pytest.mark.parametrize("overlap", [0, 2])
def test_log_probabilities_of_chunks_add_up_to_that_of_the_answer(overlap: int) -> None:
    """L11: the chain rule, however the answer is cut; a token in two chunks counts once, in the first."""
    logp = torch.randn(17, dtype=torch.float64)
    chunks = chunk_by_window(17, 5, overlap)
    shares = chunk_logprobs(logp, chunks)
    assert shares.shape == (len(chunks),)
    torch.testing.assert_close(shares.sum(), logp.sum())
    torch.testing.assert_close(shares[0], logp[:5].sum())
    torch.testing.assert_close(shares[1], logp[5 : chunks[1][1]].sum())


@pytest.mark.parametrize(
    "chunks", [[], [(0, 3)], [(1, 5)], [(0, 2), (3, 5)], [(0, 5), (3, 5)], [(0, 3), (0, 5)]]
)
def test_chunks_with_gaps_or_inside_another_are_refused(chunks: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="don't cover tokens 0 to 5"):
        chunk_logprobs(torch.zeros(5), chunks)


def test_sentences_become_ranges_of_the_targets_own_tokens(golden_lm: LM) -> None:
    """T-ANY-3: by the tokenizer's offsets; nothing is tokenised a second time."""
    prompt, target = "Felix Ember lives in", "New Harbor. At home Felix Ember talks in Tarkish. End"
    ids = target_ids(golden_lm, target, prompt)
    ranges = sentence_ranges(golden_lm, prompt, target)
    assert checked_chunks(ranges, len(ids)) == ranges and len(ranges) == 3
    texts = [str(golden_lm.tok.decode(ids[a:b])).strip() for a, b in ranges]
    assert texts[:2] == ["New Harbor.", "At home Felix Ember talks in Tarkish."]


def test_chunks_are_given_in_four_ways(golden_lm: LM) -> None:
    prompt, target = "Felix Ember lives in", "New Harbor. At home Felix Ember talks"
    n = len(target_ids(golden_lm, target, prompt))
    assert token_ranges(golden_lm, prompt, target, "whole", 0, False) == [(0, n)]
    assert token_ranges(golden_lm, prompt, target, None, 0, False) == [(0, n)]  # windows of 40 tokens
    assert token_ranges(golden_lm, prompt, target, 4, 1, False) == chunk_by_window(n, 4, 1)
    assert token_ranges(golden_lm, prompt, target, [(0, 2), (2, n)], 0, False) == [(0, 2), (2, n)]
    with pytest.raises(ValueError, match="give a number of tokens, 'sentence', 'whole', or ranges"):
        token_ranges(golden_lm, prompt, target, "words", 0, False)
