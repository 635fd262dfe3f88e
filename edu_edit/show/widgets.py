"""The interactive pages that lessons end on.

Each has `static()`, the figure that a reader without a kernel sees, and `text()`, the same in words.
"""

from edu_edit.show.catastrophe_widget import CatastropheSlider, catastrophe
from edu_edit.show.lens_widget import LensExplorer, lens_explorer
from edu_edit.show.neuron_widget import NeuronExplorer, neuron_explorer
from edu_edit.show.prompt_widget import PromptAnatomy, prompt_anatomy
from edu_edit.show.surgery_widget import SurgeryRoom, surgery_room
from edu_edit.show.trace_widget import TraceExplorer, trace_explorer

__all__ = [
    "CatastropheSlider",
    "LensExplorer",
    "NeuronExplorer",
    "PromptAnatomy",
    "SurgeryRoom",
    "TraceExplorer",
    "catastrophe",
    "lens_explorer",
    "neuron_explorer",
    "prompt_anatomy",
    "surgery_room",
    "trace_explorer",
]
