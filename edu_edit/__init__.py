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
    from edu_edit.generation import References as References
    from edu_edit.generation import evaluate_generation as evaluate_generation
    from edu_edit.lm import FFN as FFN
    from edu_edit.lm import LM as LM
    from edu_edit.loading import bundled_names as bundled_names
    from edu_edit.loading import load as load
    from edu_edit.locate.causal import Trace as Trace
    from edu_edit.locate.causal import causal_trace as causal_trace
    from edu_edit.locate.neuron_cards import neuron_card as neuron_card
    from edu_edit.locate.neuron_scaling import scale_neurons as scale_neurons
    from edu_edit.locate.neurons import edit_neurons as edit_neurons
    from edu_edit.locate.neurons import knowledge_neurons as knowledge_neurons
    from edu_edit.locate.neurons import update_neurons as update_neurons
    from edu_edit.locate.triggers import collect_triggers as collect_triggers
    from edu_edit.longform import LongAnswer as LongAnswer
    from edu_edit.longform import evaluate_long as evaluate_long
    from edu_edit.methods.alphaedit import alphaedit as alphaedit
    from edu_edit.methods.anyedit import anyedit as anyedit
    from edu_edit.methods.calinet import calinet as calinet
    from edu_edit.methods.enn import Enn as Enn
    from edu_edit.methods.enn import enn as enn
    from edu_edit.methods.enn import train_enn as train_enn
    from edu_edit.methods.finetune import finetune as finetune
    from edu_edit.methods.grace import grace as grace
    from edu_edit.methods.ike import ike as ike
    from edu_edit.methods.ke import Ke as Ke
    from edu_edit.methods.ke import ke as ke
    from edu_edit.methods.ke import train_ke as train_ke
    from edu_edit.methods.memit import memit as memit
    from edu_edit.methods.mend import Mend as Mend
    from edu_edit.methods.mend import mend as mend
    from edu_edit.methods.mend import train_mend as train_mend
    from edu_edit.methods.patches import language_patch as language_patch
    from edu_edit.methods.patches import regex as regex
    from edu_edit.methods.rome import rome as rome
    from edu_edit.methods.serac import ScopeGate as ScopeGate
    from edu_edit.methods.serac import serac as serac
    from edu_edit.methods.serac import train_serac_gate as train_serac_gate
    from edu_edit.methods.tpatcher import tpatcher as tpatcher
    from edu_edit.methods.unke import unke as unke
    from edu_edit.moments import collect_moment as collect_moment
    from edu_edit.moments import moment as moment
    from edu_edit.tracing import Site as Site
    from edu_edit.tracing import intervene as intervene
    from edu_edit.tracing import record as record
    from edu_edit.uses.debias import dama as dama
    from edu_edit.uses.debias import lsdm as lsdm
    from edu_edit.uses.depn import depn as depn
    from edu_edit.uses.detox import detox as detox
    from edu_edit.zsre import evaluate_zsre as evaluate_zsre

_HOMES = {
    "lm": ["LM", "FFN"],
    "loading": ["load", "bundled_names"],
    "edits": ["Edit"],
    "facts": ["Fact", "load_facts"],
    "evaluation": ["evaluate", "Scores", "Rate"],
    "zsre": ["evaluate_zsre"],
    "generation": ["evaluate_generation", "References"],
    "longform": ["evaluate_long", "LongAnswer"],
    "tracing": ["Site", "record", "intervene"],
    "moments": ["moment", "collect_moment"],
    "locate.causal": ["causal_trace", "Trace"],
    "locate.neuron_scaling": ["scale_neurons"],
    "locate.neurons": ["edit_neurons", "knowledge_neurons", "update_neurons"],
    "locate.neuron_cards": ["neuron_card"],
    "locate.triggers": ["collect_triggers"],
    "methods.anyedit": ["anyedit"],
    "methods.enn": ["enn", "Enn", "train_enn"],
    "methods.alphaedit": ["alphaedit"],
    "methods.finetune": ["finetune"],
    "methods.grace": ["grace"],
    "methods.memit": ["memit"],
    "methods.ike": ["ike"],
    "methods.ke": ["ke", "Ke", "train_ke"],
    "methods.mend": ["mend", "Mend", "train_mend"],
    "methods.patches": ["language_patch", "regex"],
    "methods.rome": ["rome"],
    "methods.serac": ["serac", "ScopeGate", "train_serac_gate"],
    "methods.calinet": ["calinet"],
    "methods.tpatcher": ["tpatcher"],
    "methods.unke": ["unke"],
    "uses.debias": ["dama", "lsdm"],
    "uses.depn": ["depn"],
    "uses.detox": ["detox"],
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"edu_edit has no {name!r}: it has {', '.join(__all__)}.")
    return getattr(import_module(f"edu_edit.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
