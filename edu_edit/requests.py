"""The facts that a method is asked to write, checked once for all methods."""

from collections.abc import Sequence

from edu_edit.facts import Fact


def requested(facts: Fact | Sequence[Fact], at_once: bool = False) -> list[Fact]:
    """The facts as a list.

    at_once: the method writes all of them in one step, so no question may be asked twice, with one answer or
    with two. Raises ValueError when there is no fact, for what is no fact, and for such a question.
    """
    listed = [facts] if isinstance(facts, Fact) else list(facts)
    if not listed or not all(isinstance(fact, Fact) for fact in listed):
        raise ValueError(f"There is no fact to write in {facts!r:.60}: give a Fact, or a list of them.")
    answers: dict[str, str] = {}
    for fact in listed if at_once else []:
        if fact.question in answers:
            twice = "twice" if answers[fact.question] == fact.target_new else "with two answers"
            raise ValueError(
                f"The facts ask {fact.question!r} {twice}: keep one of them, or edit one after the other."
            )
        answers[fact.question] = fact.target_new
    return listed
