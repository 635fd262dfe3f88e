"""The interactive pages that lessons end on.

Each has `static()`, the figure that a reader without a kernel sees, and `text()`, the same in words.
"""

from edu_edit.show.fit_widget import FitExplorer, how_many_fit
from edu_edit.show.surgery_widget import SurgeryRoom, surgery_room
from edu_edit.show.trace_widget import TraceExplorer, trace_explorer

__all__ = [
    "FitExplorer",
    "SurgeryRoom",
    "TraceExplorer",
    "how_many_fit",
    "surgery_room",
    "trace_explorer",
]
