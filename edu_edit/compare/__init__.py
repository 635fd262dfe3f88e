"""All methods side by side: one by one, in batch, and in sequence; table 5.2 measured (lesson 12).

from edu_edit import load
from edu_edit.compare import compare, figures
from edu_edit.world.splits import facts_to_edit

lm = load("atlas-gpt2")
print(figures(compare(lm, facts_to_edit(lm, 60), folder="comparison")))
"""

from edu_edit.compare.levels import BOOK, Measured, Row, edit_lifetime, level, pareto, table_5_2
from edu_edit.compare.lineup import LINEUP, SEQUENCES, Contestant
from edu_edit.compare.recorded import Recorded, all_or_nothing, recorded, recorded_measured, recorded_rates
from edu_edit.compare.running import Outcome, compare
from edu_edit.compare.sequences import Course, in_sequence
from edu_edit.compare.summary import figures, measured, methods_of, rates_of, report, side_by_side
from edu_edit.metrics import bootstrap_ci, harmonic

__all__ = [
    "BOOK",
    "LINEUP",
    "SEQUENCES",
    "Contestant",
    "Course",
    "Measured",
    "Outcome",
    "Recorded",
    "Row",
    "all_or_nothing",
    "bootstrap_ci",
    "compare",
    "edit_lifetime",
    "figures",
    "harmonic",
    "in_sequence",
    "level",
    "measured",
    "methods_of",
    "pareto",
    "rates_of",
    "recorded",
    "recorded_measured",
    "recorded_rates",
    "report",
    "side_by_side",
    "table_5_2",
]
