"""Late penalties, by nbgrader's own plug-ins: `none` and `zero` are nbgrader's, `subtract` is ours.

A plug-in is any `nbgrader.plugins.BasePlugin` with `late_submission_penalty(student_id, score,
seconds_late)`; it is asked, and its answer kept between 0 and the score, as nbgrader's AssignLatePenalties
does in `nbgrader autograde`.
"""

from __future__ import annotations

from math import ceil, isfinite

from nbgrader.plugins import BasePlugin, LateSubmissionPlugin
from traitlets import Float

DAY = 24 * 60 * 60
METHODS = ("none", "zero", "subtract")


class SubtractPerDay(LateSubmissionPlugin):
    """A share of the score for each day that has begun after the due date: a tenth unless configured."""

    share = Float(0.1, help="the share of the score that each late day costs").tag(config=True)

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float:
        """Points to take off."""
        return float(score * min(1.0, self.share * ceil(total_seconds_late / DAY)))


def late_plugin(method: str | BasePlugin) -> BasePlugin:
    """The plug-in of that name, or the given one; ValueError, a sentence, for another name."""
    if isinstance(method, BasePlugin):
        return method
    if method not in METHODS:
        raise ValueError(f"There is no late penalty {method!r}; there are: {', '.join(METHODS)}.")
    return SubtractPerDay() if method == "subtract" else LateSubmissionPlugin(penalty_method=method)


def late_penalty(plugin: BasePlugin, student: str, score: float, seconds_late: float) -> float | None:
    """Points to take off, between 0 and the score; None where nothing is late or the plug-in says nothing."""
    if seconds_late <= 0:
        return None
    penalty = plugin.late_submission_penalty(student, score, seconds_late)
    if penalty is None or not isfinite(penalty):
        return None
    return float(min(max(penalty, 0.0), score))
