"""edu_edit: locate, edit and measure what a language model knows.

    from edu_edit import load, load_facts, causal_trace, rome, evaluate

    lm = load("atlas-gpt2")
    fact = load_facts()[0]
    edit = rome(lm, fact)
    with edit:
        print(lm.answer(fact.prompt.replace("{}", fact.subject)))
    print(evaluate(lm, edit, [fact]))

A method is one function. Names are imported when first used, so that `import edu_edit` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edu_edit.edits import Edit as Edit
    from edu_edit.evaluation import Rate as Rate
    from edu_edit.evaluation import Scores as Scores
    from edu_edit.evaluation import evaluate as evaluate
    from edu_edit.facts import Fact as Fact
    from edu_edit.facts import load_facts as load_facts
    from edu_edit.lm import FFN as FFN
    from edu_edit.lm import LM as LM
    from edu_edit.loading import bundled_names as bundled_names
    from edu_edit.loading import load as load
    from edu_edit.locate.causal import Trace as Trace
    from edu_edit.locate.causal import causal_trace as causal_trace
    from edu_edit.methods.finetune import finetune as finetune
    from edu_edit.methods.rome import rome as rome
    from edu_edit.moments import collect_moment as collect_moment
    from edu_edit.moments import moment as moment
    from edu_edit.tracing import Site as Site
    from edu_edit.tracing import intervene as intervene
    from edu_edit.tracing import record as record

_HOMES = {
    "lm": ["LM", "FFN"],
    "loading": ["load", "bundled_names"],
    "edits": ["Edit"],
    "facts": ["Fact", "load_facts"],
    "evaluation": ["evaluate", "Scores", "Rate"],
    "tracing": ["Site", "record", "intervene"],
    "moments": ["moment", "collect_moment"],
    "locate.causal": ["causal_trace", "Trace"],
    "methods.finetune": ["finetune"],
    "methods.rome": ["rome"],
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"edu_edit has no {name!r}: it has {', '.join(__all__)}.")
    return getattr(import_module(f"edu_edit.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
