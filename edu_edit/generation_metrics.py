"""How texts that a model writes are judged: CounterFact's fluency, consistency and essence.

Meng et al. 2022 (arXiv 2202.05262), section 3.4 and appendix. An edited model may answer well and babble.
Fluency GE is low where a text repeats itself; consistency RS compares it with texts about subjects that have
the new object; essence is the perplexity of texts about the subject.
Released code splits words by the Treebank rules of nltk. Ours are shorter: see `words`.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.metrics import CJK

MARKS = r",;:!?…\"()\[\]{}<>“”。，、；：！？「」『』（）《》"
WORD = re.compile(rf"[{CJK}]|[{MARKS}]|[^\s{CJK}{MARKS}]+")
TERM = re.compile(rf"[{CJK}]|\b[^\W{CJK}][^\W{CJK}]+\b")


def words(text: str) -> list[str]:
    """Words and marks, each a token; Chinese, Japanese and Korean characters by themselves.

    As in nltk's Treebank rules for one sentence, a full stop is a token at the very end of the text only.
    Unlike there, contractions stay whole ("don't") and quotation marks stay as they are.
    """
    found = WORD.findall(text.strip())
    if found and found[-1].endswith(".") and found[-1].strip("."):
        found[-1:] = [found[-1][:-1], "."]
    return found


def ngram_entropy(tokens: Sequence[str], n: int) -> float:
    """Entropy of a text's n-grams, in bits: 0 for one that repeats for ever, log2 of their number if all
    differ.

    A text shorter than n has none, and entropy 0.
    """
    counts = torch.tensor(
        list(Counter(zip(*(tokens[i:] for i in range(n)), strict=False)).values()), dtype=torch.float64
    )
    p = counts / counts.sum()
    return float(-(p * p.log2()).sum()) + 0.0  # not -0.0


def generation_entropy(
    tokens: Sequence[str], sizes: Sequence[int] = (2, 3), weights: Sequence[float] = (2 / 3, 4 / 3)
) -> float:
    """CounterFact's GE of one text: the weighted mean of its n-gram entropies, (2/3 H_2 + 4/3 H_3) / 2.

    Over several texts their mean is taken. Raises ValueError for sizes without weights.
    """
    if not sizes or len(sizes) != len(weights):
        raise ValueError(f"There are {len(sizes)} sizes but {len(weights)} weights: give one for each.")
    entropies = [w * ngram_entropy(tokens, n) for n, w in zip(sizes, weights, strict=True)]
    return sum(entropies) / len(entropies)


def inverse_document_frequency(documents: Sequence[str]) -> dict[str, float]:
    """ln((1 + documents) / (1 + those that have the term)) + 1 for every term.

    Terms are lower-case words of two characters or more, and single Chinese, Japanese or Korean characters.
    Raises ValueError when there is no document.
    """
    if not documents:
        raise ValueError("There is no document to count terms in: give at least one text.")
    counts = Counter(term for text in documents for term in set(terms(text)))
    return {term: math.log((1 + len(documents)) / (1 + count)) + 1 for term, count in counts.items()}


def terms(text: str) -> list[str]:
    """The terms of a text that tf-idf counts."""
    return TERM.findall(text.lower())


def tfidf_cosine(a: str, b: str, idf: Mapping[str, float]) -> float:
    """CounterFact's RS: the cosine of two texts' vectors of term counts times idf; 0 where one is empty.

    Terms that idf does not know don't count.
    """
    vectors = [{t: n * idf[t] for t, n in Counter(terms(text)).items() if t in idf} for text in (a, b)]
    first, second = vectors
    lengths = [math.sqrt(sum(x * x for x in vector.values())) for vector in vectors]
    product = sum(x * second.get(term, 0.0) for term, x in first.items())
    return product / (lengths[0] * lengths[1]) if all(lengths) else 0.0


def perplexity(logp: Float[Tensor, " n"], per: str = "predicted") -> float:
    """exp of minus the mean log-probability of a text's tokens, each given those before it.

    logp: of the n tokens that something precedes; a text of N tokens has n = N - 1. per: "predicted" divides
    by n; "text" by N, as released code of ROME and MEMIT does, which makes short texts look better.
    Raises ValueError when there is no token, and for another `per`.
    """
    if per not in ("predicted", "text"):
        raise ValueError(f"per={per!r}: choose 'predicted' or 'text'.")
    if len(logp) == 0:
        raise ValueError("No token of the text is predicted: perplexity needs a text of two tokens or more.")
    return math.exp(-float(logp.double().sum()) / (len(logp) + (per == "text")))
