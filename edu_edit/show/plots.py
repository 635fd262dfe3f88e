"""Every figure of the course. Each function returns a matplotlib figure whose `alt` describes it in words.

As the last value of a notebook cell, or by `display(fig)`, a figure shows itself with its description;
`fig.savefig(path)` saves it. Give `alt=` to describe it in your own words.
"""

from edu_edit.show.answer_figures import plot_answers
from edu_edit.show.audit_figures import plot_audit, plot_candidates, plot_people
from edu_edit.show.average_figures import ROLES, compare_average_traces, plot_average_trace, plot_severed
from edu_edit.show.ball_figures import plot_ball_steps, plot_balls
from edu_edit.show.barrier_figures import plot_barrier
from edu_edit.show.cache_figures import plot_gate, plot_reach, plot_routes
from edu_edit.show.compare_figures import plot_comparison, plot_courses
from edu_edit.show.curve_figures import plot_curves
from edu_edit.show.figure import AltFigure
from edu_edit.show.fit_figures import plot_fits
from edu_edit.show.forward_figures import plot_forward_pass
from edu_edit.show.gradient_figures import plot_gradient
from edu_edit.show.lens_figures import plot_lens, plot_next_words
from edu_edit.show.line_figures import plot_layer_sweep, plot_value_losses
from edu_edit.show.neuron_figures import plot_memory, plot_neuron_card
from edu_edit.show.patch_figures import plot_patch_line
from edu_edit.show.plane_figures import plot_plane
from edu_edit.show.position_figures import plot_positions
from edu_edit.show.prompt_figures import plot_anatomy, plot_prompt
from edu_edit.show.rank_one_figures import plot_leak, plot_rank_one
from edu_edit.show.run_figures import plot_three_runs, plot_words
from edu_edit.show.scope_figures import plot_scope
from edu_edit.show.score_figures import plot_rates, plot_scores
from edu_edit.show.table_figures import (
    plot_crossing,
    plot_front,
    plot_intervals,
    plot_resampled,
    plot_table,
    plot_taxonomies,
)
from edu_edit.show.trace_figures import plot_trace
from edu_edit.show.training_figures import plot_training

__all__ = [
    "ROLES",
    "AltFigure",
    "compare_average_traces",
    "plot_anatomy",
    "plot_answers",
    "plot_audit",
    "plot_average_trace",
    "plot_ball_steps",
    "plot_balls",
    "plot_candidates",
    "plot_barrier",
    "plot_comparison",
    "plot_courses",
    "plot_crossing",
    "plot_curves",
    "plot_fits",
    "plot_forward_pass",
    "plot_gate",
    "plot_front",
    "plot_gradient",
    "plot_intervals",
    "plot_layer_sweep",
    "plot_leak",
    "plot_lens",
    "plot_memory",
    "plot_neuron_card",
    "plot_next_words",
    "plot_patch_line",
    "plot_people",
    "plot_plane",
    "plot_positions",
    "plot_prompt",
    "plot_rank_one",
    "plot_rates",
    "plot_reach",
    "plot_routes",
    "plot_resampled",
    "plot_scope",
    "plot_scores",
    "plot_severed",
    "plot_table",
    "plot_taxonomies",
    "plot_three_runs",
    "plot_trace",
    "plot_training",
    "plot_value_losses",
    "plot_words",
]
