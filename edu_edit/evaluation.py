"""evaluate: the five properties of textbook section 5.1.3 and CounterFact's figures, before and after an
edit.

M is the model without the edit, M* with it; each is read once for all facts (`reading`), each fact is judged
by the pure functions of `metrics`, and the facts are pooled into rates (`scores`).
"""

from collections.abc import Sequence

from edu_edit.before_after import Values, compared, pooled
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.metrics import accuracy, efficacy, kl_divergence, locality, magnitude, portability
from edu_edit.reading import Reading, read
from edu_edit.scores import Efficiency, Rate, Rates, Scores

__all__ = ["Efficiency", "Rate", "Rates", "Scores", "evaluate", "judged", "pooled"]

PROBES = ("target_true", "paraphrases", "neighborhood", "portability", "reverse")


def evaluate(
    lm: LM,
    edit: Edit | Sequence[Edit] | None,
    facts: Fact | Sequence[Fact],
    max_tokens: int | None = 8,
    seed: int = 0,
) -> Scores:
    """Rates of all metrics before and after an edit, with 95 % bootstrap intervals.

    edit: one edit, judged on all facts; a list with an edit per fact, each judged alone on its fact and
    pooled; None, the model as it is, so that only `scores.before` has values. It may be on or off and is left
    as it was found; "before" is measured with it off. Other edits that are on stay on.
    max_tokens: the length of an answer, as for `lm.answer`, or one more than the expected answer's where that
    is longer. None reads exactly as many tokens as the expected answer has: pretrained models go on talking.
    seed: of the bootstrap.

    Raises ValueError when there is no fact, when the lists differ in length, or for an edit of another LM.
    """
    return compared(
        lm,
        edit,
        facts,
        Fact,
        lambda chunk: read(lm, chunk, max_tokens),
        judged,
        PROBES,
        protocol(max_tokens),
        seed,
    )


def judged(fact: Fact, m: Reading, m_star: Reading) -> Values:
    """One value per prompt and metric for one fact; `m` is read without the edit, `m_star` with it."""
    question, new, true = fact.question, fact.target_new, fact.target_true
    said = m_star.answers
    kept = [
        *((p, true) for p in fact.neighborhood),
        *fact.unrelated,
    ]  # prompts that the edit must leave alone
    values = {
        "accuracy": [accuracy([said[question, new]], new)],
        "generality": [accuracy([said[p, new]], new) for p in fact.paraphrases],
        "portability": [portability([said[p, answer]], [answer]) for p, answer in fact.portability],
        "locality": [locality([said[asked]], [m.answers[asked]]) for asked in kept],
        "reverse": [portability([said[p, answer]], [answer]) for p, answer in fact.reverse],
        "token_accuracy": [m_star.tokens[question, new]],
        "KL": [float(kl_divergence(m.next[p], m_star.next[p])) for p, _ in kept],
    }
    if true is not None:
        sides = (
            ("E", (question,), new, true),
            ("P", fact.paraphrases, new, true),
            ("N", fact.neighborhood, true, new),
        )
        for letter, prompts, wanted, other in sides:
            pairs = [(m_star.logp[p, wanted][None], m_star.logp[p, other][None]) for p in prompts]
            values[f"{letter}S"] = [efficacy(*pair) for pair in pairs]
            values[f"{letter}M"] = [magnitude(*pair) for pair in pairs]
    return values


def protocol(max_tokens: int | None) -> str:
    """How the figures were measured, in words."""
    length = (
        "as many tokens as the expected answer"
        if max_tokens is None
        else f"up to {max_tokens} tokens or the expected answer's"
    )
    return (
        f"evaluate: greedy answers of {length}, equal but for case and final punctuation; "
        f"ES, PS, NS by mean log-probability per token, strictly greater; "
        f"locality against the model before the edit"
    )
