"""The interactive pages that lessons end on.

Each has `static()`, the figure that a reader without a kernel sees, and `text()`, the same in words.
"""

from edu_edit.show.audit_widget import AuditSheet, audit_sheet
from edu_edit.show.ball_widget import EpsilonBalls, epsilon_balls
from edu_edit.show.barrier_widget import BarrierPlot, barrier_plot
from edu_edit.show.catastrophe_widget import CatastropheSlider, catastrophe
from edu_edit.show.editor_watch import EditorWatch
from edu_edit.show.fit_widget import FitExplorer, how_many_fit
from edu_edit.show.lens_widget import LensExplorer, lens_explorer
from edu_edit.show.microscope_widget import GradientMicroscope, gradient_microscope
from edu_edit.show.neuron_widget import NeuronExplorer, neuron_explorer
from edu_edit.show.patch_widget import PatchDial, patch_dial
from edu_edit.show.prompt_widget import PromptAnatomy, prompt_anatomy
from edu_edit.show.surgery_widget import SurgeryRoom, surgery_room
from edu_edit.show.table_widget import TableExplorer, your_table
from edu_edit.show.trace_widget import TraceExplorer, trace_explorer

__all__ = [
    "AuditSheet",
    "BarrierPlot",
    "CatastropheSlider",
    "EditorWatch",
    "EpsilonBalls",
    "FitExplorer",
    "GradientMicroscope",
    "LensExplorer",
    "NeuronExplorer",
    "PatchDial",
    "PromptAnatomy",
    "SurgeryRoom",
    "TableExplorer",
    "TraceExplorer",
    "audit_sheet",
    "barrier_plot",
    "catastrophe",
    "epsilon_balls",
    "gradient_microscope",
    "how_many_fit",
    "lens_explorer",
    "neuron_explorer",
    "patch_dial",
    "prompt_anatomy",
    "surgery_room",
    "trace_explorer",
    "your_table",
]
