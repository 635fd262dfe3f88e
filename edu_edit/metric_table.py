"""The one table of what is measured: each metric's meaning, the fields that it needs, and who measures it."""

from typing import NamedTuple


class Metric(NamedTuple):
    """The fields of a fact that a metric needs, what it measures, and the function that measures it: the
    protocol. Figures of different protocols can't be compared.
    """

    needs: tuple[str, ...]
    meaning: str
    by: str = "evaluate"


METRICS = {
    "accuracy": Metric((), "(5.1) the edited prompt is answered with target_new"),
    "generality": Metric(("paraphrases",), "(5.2) so are its paraphrases"),
    "portability": Metric(("portability",), "(5.3) what follows from the new fact is answered"),
    "locality": Metric(("neighborhood",), "(5.4) neighbours are answered as before the edit, right or wrong"),
    "reverse": Metric(("reverse",), "the new fact is known the other way round"),
    "token_accuracy": Metric((), "tokens of target_new predicted when shown the ones before"),
    "ES": Metric(("target_true",), "edited prompt: target_new more probable than target_true"),
    "PS": Metric(("target_true", "paraphrases"), "paraphrases: the same"),
    "NS": Metric(("target_true", "neighborhood"), "neighbours: target_true more probable than target_new"),
    "S": Metric(("target_true", "paraphrases", "neighborhood"), "harmonic mean of ES, PS and NS"),
    "EM": Metric(("target_true",), "edited prompt: P(target_new) - P(target_true), each per token"),
    "PM": Metric(("target_true", "paraphrases"), "paraphrases: the same"),
    "NM": Metric(("target_true", "neighborhood"), "neighbours: P(target_true) - P(target_new)"),
    "KL": Metric(("neighborhood",), "neighbours: KL(M || M*) of the next token, in nats"),
    "edit_tokens": Metric(
        (), "edited prompt: tokens of target_new right, each prefix given", "evaluate_zsre"
    ),
    "paraphrase_tokens": Metric(("paraphrases",), "paraphrases: the same", "evaluate_zsre"),
    "unrelated_tokens": Metric(
        ("unrelated",), "unrelated: tokens of their own true answers", "evaluate_zsre"
    ),
    "tokens_S": Metric(("paraphrases", "unrelated"), "harmonic mean of these three", "evaluate_zsre"),
    "edit_exact": Metric((), "edited prompt: all tokens of target_new right", "evaluate_zsre"),
    "paraphrase_exact": Metric(("paraphrases",), "paraphrases: the same", "evaluate_zsre"),
    "unrelated_exact": Metric(("unrelated",), "unrelated: all tokens of the true answer", "evaluate_zsre"),
    "drawdown": Metric(("unrelated",), "MEND's: unrelated_exact that the edit cost", "evaluate_zsre"),
    "GE": Metric((), "entropy of the texts' word pairs and triples, in bits", "evaluate_generation"),
    "RS": Metric(("about_new",), "likeness to texts about target_new's subjects", "evaluate_generation"),
    "essence": Metric(("about_subject",), "perplexity of texts about the subject", "evaluate_generation"),
    "exact_match": Metric((), "all tokens of the long answer right", "evaluate_long"),
    "answer_tokens": Metric((), "tokens of the answer right when shown the ones before", "evaluate_long"),
    "answer_logp": Metric((), "mean log-probability of the answer's tokens, in nats", "evaluate_long"),
    "ROUGE_L": Metric((), "ROUGE-L F1 of the greedy text with the answer", "evaluate_long"),
    "ROUGE_L_paraphrases": Metric(("paraphrases",), "paraphrases: the same", "evaluate_long"),
    "ROUGE_L_questions": Metric(("questions",), "questions about details: the same", "evaluate_long"),
}
CASES = {  # what each protocol judges
    "evaluate": ("fact", "Fact"),
    "evaluate_zsre": ("fact", "Fact"),
    "evaluate_generation": ("references", "References"),
    "evaluate_long": ("answer", "LongAnswer"),
}
