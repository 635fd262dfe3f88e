"""Patches in words: language patches ("If ..., then ...") and regular expressions.

Textbook section 5.2.1, the other two forms that an edit in a cache can take.

A language patch (Murty et al. 2022, arXiv 2211.03318) says when it applies and what holds then. A gate
g = P(the condition applies | x) mixes its interpreter into the model, as probabilities:

    p(y | x, patch) = g p_patch(y | x) + (1 - g) p(y | x)

A regular expression rewrites the text before the model reads it. It is exact, and it doesn't generalise: what
it was not written for, it doesn't see, and what merely looks alike, it changes.
Shapes: B batch, n patches, V vocabulary.
"""

import re
from collections.abc import Sequence

from edu_edit.cost import costed
from edu_edit.edits import Edit
from edu_edit.lm import LM
from edu_edit.methods.conditions import Clause, clause, patch_judge
from edu_edit.methods.edit_cache import EditCache, Note, mix_patch, shown_facts
from edu_edit.methods.scope_gate import ScopeGate

__all__ = ["Clause", "clause", "language_patch", "mix_patch", "regex", "regex_patch"]

Rules = Sequence[Sequence[str]]


def regex_patch(x: str, rules: Rules) -> str:
    """The text after all rules (pattern, replacement): each applied once, in order, wherever it matches.

    A later rule sees what the earlier ones wrote. A replacement may name groups, and a word is meant whole
    only where its pattern has word boundaries. Raises ValueError for a rule that is no pair of strings, for a
    pattern that is no regular expression, and for a replacement that names no group of it.
    """
    for rule in rules:
        if isinstance(rule, str) or len(rule) != 2 or not all(isinstance(part, str) for part in rule):
            raise ValueError(f"{rule!r} is no rule: give pairs (pattern, replacement) of strings.")
        pattern, replacement = rule
        try:
            x = re.sub(pattern, replacement, x)
        except (re.error, IndexError) as error:
            raise ValueError(
                f"The rule {pattern!r} -> {replacement!r} can't be used ({error}): mend it."
            ) from None
    return x


@costed
def regex(lm: LM, rules: Rules) -> Edit:
    """The prompt edit that rewrites every text by `regex_patch` before the model reads it.

    `record["fired"]` counts, rule by rule, the texts that it changed while the edit was on. Beware of
    patterns that backtrack without end, like (a+)+b. Raises ValueError where there is no rule, and for a bad
    one.
    """
    if isinstance(rules, str) or not rules:
        raise ValueError(f"rules={rules!r}: give at least one pair (pattern, replacement).")
    for rule in rules:
        regex_patch("", [rule])
    fired = [0] * len(rules)

    def rewrite(text: str) -> str:
        for i, rule in enumerate(rules):
            new = regex_patch(text, [rule])
            fired[i] += new != text
            text = new
        return text

    size = sum(len(part.encode()) for rule in rules for part in rule)
    about = {"method": "regex", "rules": list(rules), "fired": fired}
    return Edit(lm, rewrite=rewrite, record=about, extra_bytes=size)


@costed
def language_patch(
    lm: LM, patches: str | Sequence[str], gate: ScopeGate | None = None, reader: LM | None = None
) -> Edit:
    """The edit that follows patches "If ..., then ...": a mixture by the gate of the one that applies most.

    What may stand after "if": `X is mentioned` or `the question is about X`, which holds where the question
    has X in it, word for word; or a question, like `the question is "X was born in"`, which holds for
    questions that mean the same, as the scope gate sees it. After "then": `the answer is Y`, or a sentence
    that the model is to take for true. The same in Chinese, with 如果 and 那么.
    gate: None = the one shipped with a bundled model; any model can have one from `train_serac_gate`, and
    mentions need none. reader: as for `serac`.

    Small models do not understand conditions, and this does not pretend to. A condition that describes ("a
    question about food") is not matched as a description, and negations are not seen. A mention lets every
    question with that name through, also those of which the sentence says nothing: their answers may suffer.
    A sentence is followed as well as the model follows its context.
    Raises ValueError for a patch that is not of this form, and for a question without a gate.
    """
    listed = [patches] if isinstance(patches, str) else list(patches)
    if not listed:
        raise ValueError("There is no patch: give a text 'If ..., then ...', or a list of them.")
    clauses = [clause(patch) for patch in listed]
    shown = shown_facts(lm, "".join(listed))
    notes = [Note(one.told, one.answer, shown) for one in clauses]
    judge, gate_bytes = patch_judge(lm, clauses, gate)
    cache = EditCache(lm, judge, notes, reader, "soft", 0.0)
    about = {"method": "language_patch", "patches": listed, "clauses": clauses, "demonstrations": shown}
    size = gate_bytes + sum(len(text.encode()) for text in (*listed, *shown))
    return Edit(lm, wrap=cache.wrap, record=about, extra_bytes=size)
