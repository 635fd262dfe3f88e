"""The rates that judge an edit, as pure functions of answers and probabilities (lessons 02 and 12).

Textbook section 5.1.3, equations (5.1)-(5.4), compares answers as text; Meng et al. 2022 (ROME), section 3.4,
compares probabilities of the new and the true object; ROUGE-L is Lin 2004. `evaluate` asks a model.
Shapes: B batch, T tokens, V vocabulary, n prompts (or facts).
"""

import re
from collections.abc import Sequence
from typing import TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Item = TypeVar("Item")
FINAL_MARKS = ".,;:!?…\"'”’。，、；：！？」』"
CJK = r"\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
TOKEN = re.compile(rf"[{CJK}]|[^\s{CJK}]+")


def same_answer(a: str, b: str) -> bool:
    """Whether two answers are equal, but for blanks around them, upper and lower case, and final punctuation.

    The equality of (5.1)-(5.4).
    """
    return _normal(a) == _normal(b)


def _normal(text: str) -> str:
    return text.strip().casefold().rstrip(FINAL_MARKS + " \n\t")


def accuracy(answers: Sequence[str], target: str) -> float:
    """Share of the answers that are the target.

    Equation (5.1) on the edited prompt's answer, (5.2) (generality) on those to its paraphrases.
    Raises ValueError when there is no answer.
    """
    return portability(answers, [target] * len(answers))


def portability(answers: Sequence[str], expected: Sequence[str]) -> float:
    """Share of the answers that are the expected one, each question having its own.

    Equation (5.3). Raises ValueError when there is no answer, or when the lengths differ.
    """
    return _share([same_answer(a, e) for a, e in _paired(answers, expected)])


def locality(after: Sequence[str], before: Sequence[str]) -> float:
    """Share of the answers that the edit left as they were.

    Equation (5.4): M* is compared with M, not with the truth. Raises ValueError when there is no answer, or
    not as many after as before.
    """
    return _share([same_answer(a, b) for a, b in _paired(after, before)])


def efficacy(logp_new: Float[Tensor, " n"], logp_true: Float[Tensor, " n"]) -> float:
    """Share of the prompts where the new object is strictly more probable than the true one.

    CounterFact's ES (edited prompt) and PS (paraphrases); with the arguments exchanged NS (neighbourhood).
    Both are mean log-probabilities per token. A value that is not a number counts as a failure.
    Raises ValueError when there is no prompt, or not one value of each for every prompt.
    """
    return _share([new > true for new, true in _paired(logp_new.tolist(), logp_true.tolist())])


def magnitude(logp_new: Float[Tensor, " n"], logp_true: Float[Tensor, " n"]) -> float:
    """Mean of P(new) - P(true), CounterFact's EM and PM; with the arguments exchanged NM.

    P is exp of the mean log-probability per token, so not the probability of an answer of several tokens.
    """
    return _share([new - true for new, true in _paired(logp_new.exp().tolist(), logp_true.exp().tolist())])


def token_accuracy(pred: Int[Tensor, " n"], target: Int[Tensor, " n"]) -> float:
    """Share of the target's tokens that the model predicts when it is shown the ones before them.

    EasyEdit's "rewrite accuracy". A target that shares a token with the old answer scores above 0 before any
    edit. Raises ValueError when there is no token, or not as many predicted as in the target.
    """
    return _share([p == t for p, t in _paired(pred.tolist(), target.tolist())])


def answer_logprob(
    logits: Float[Tensor, "B T V"], ids: Int[Tensor, "B T"], is_answer: Bool[Tensor, "B T"]
) -> Float[Tensor, " B"]:
    """Log-probability of each row's answer: sum over its tokens of log P(token | tokens before it), in nats.

    Logits at position t - 1 predict the token at t: hence the shift. is_answer marks the answer's tokens.
    Raises ValueError when a row's first token is marked: nothing before it predicts it.
    """
    if bool(is_answer[:, 0].any()):
        raise ValueError(
            "is_answer marks the first token of a row, which nothing predicts: begin at the second."
        )
    wide = torch.promote_types(logits.dtype, torch.float32)
    logp = torch.log_softmax(logits[:, :-1], dim=-1, dtype=wide)  # row t predicts token t + 1
    chosen = logp.gather(-1, ids[:, 1:, None]).squeeze(-1)
    return chosen.masked_fill(~is_answer[:, 1:], 0.0).sum(-1)


def kl_divergence(logp: Float[Tensor, "*B V"], logp_star: Float[Tensor, "*B V"]) -> Float[Tensor, "*B"]:
    """KL(M || M*) = sum over tokens of p (log p - log p*), in nats: how far the edit moved a distribution.

    Both are log-probabilities, before and after the edit.
    """
    p = logp.double()
    difference = torch.where(p == -torch.inf, 0.0, p - logp_star.double())
    return (p.exp() * difference).sum(-1)


def harmonic(*rates: float) -> float:
    """Harmonic mean; 0 if any rate is 0. CounterFact's S is that of the mean ES, PS and NS over the data set.

    Raises ValueError when there is no rate or a negative one.
    """
    if not rates or min(rates) < 0:
        raise ValueError(f"The harmonic mean needs one or more rates of 0 or above, but got {rates}.")
    return 0.0 if min(rates) == 0 else len(rates) / sum(1 / rate for rate in rates)


def percent_score(ES: float, PS: float, NS: float, rounding: str = "after") -> float:
    """CounterFact's S in percent, rounded to hundredths where released code rounds.

    "after" the harmonic mean, as ROME's code does; "before" it, each rate by itself, as MEMIT's does.
    Raises ValueError for another place, and as `harmonic` does.
    """
    if rounding not in ("after", "before"):
        raise ValueError(f"rounding={rounding!r}: choose 'after' or 'before' the harmonic mean.")
    if rounding == "before":
        return harmonic(*(round(100 * rate, 2) for rate in (ES, PS, NS)))
    return round(100 * harmonic(ES, PS, NS), 2)


def resampled_means(x: Float[Tensor, " n"], draws: int, seed: int) -> Float[Tensor, " draws"]:
    """Means of `draws` samples of n values each, taken from x with replacement (the bootstrap). The same seed
    and n choose the same places of x.
    """
    generator = torch.Generator().manual_seed(seed)
    places = torch.randint(len(x), (draws, len(x)), generator=generator)
    return x.double()[places].mean(1)


def bootstrap_ci(
    x: Float[Tensor, " n"] | Sequence[float], draws: int = 1000, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of the mean of x: the middle `level` of the means of resampled x (Efron 1979).

    Raises ValueError when x is empty or the level is not between 0 and 1.
    """
    values = torch.as_tensor(x, dtype=torch.float64)
    if len(values) == 0 or not 0 < level < 1:
        raise ValueError(
            f"An interval needs values and a level between 0 and 1, but got {len(values)} and {level}."
        )
    return interval(resampled_means(values, draws, seed), level)


def interval(means: Float[Tensor, " draws"], level: float) -> tuple[float, float]:
    """The middle `level` of the resampled means, as (lo, hi)."""
    lo, hi = torch.quantile(
        means, torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=means.dtype)
    ).tolist()
    return lo, hi


def rouge_l(prediction: str, reference: str) -> float:
    """ROUGE-L F1: harmonic mean of LCS / |prediction| and LCS / |reference|, the LCS being the longest common
    subsequence.

    Tokens are whitespace-separated words, and single characters in Chinese, Japanese and Korean. Raises
    ValueError when the reference has no token.
    """
    a, b = TOKEN.findall(prediction), TOKEN.findall(reference)
    if not b:
        raise ValueError(
            "The reference text is empty: ROUGE-L compares the prediction with at least one word."
        )
    row = [0] * (len(b) + 1)  # row[j]: longest common subsequence of the words of a so far and b[:j]
    for word in a:
        previous = row
        row = [0]
        for j, other in enumerate(b):
            row.append(previous[j] + 1 if word == other else max(previous[j + 1], row[j]))
    return 2 * row[-1] / (len(a) + len(b))


def _paired(first: Sequence[Item], second: Sequence[Item]) -> list[tuple[Item, Item]]:
    if len(first) != len(second):
        raise ValueError(
            f"There are {len(first)} entries but {len(second)} to compare them with: give one for each."
        )
    return list(zip(first, second, strict=True))


def _share(values: Sequence[bool] | Sequence[float]) -> float:
    if not values:
        raise ValueError("A rate over no prompts has no value: give at least one.")
    return sum(values) / len(values)
