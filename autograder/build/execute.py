"""Run a solution notebook and keep its figures; keep them, too, while its cells stay the same.

Outputs are cleaned so that two runs differ only in what was computed: no time stamps, no widget state. Where
an output is a widget, its static picture stands in for it, and that is what a reader without a kernel sees.
"""

from __future__ import annotations

from pathlib import Path

from nbclient import NotebookClient
from nbformat import NotebookNode

WIDGET = "application/vnd.jupyter.widget-view+json"


def execute(notebook: NotebookNode, folder: Path, timeout: int = 300) -> NotebookNode:
    """The notebook with its outputs, run in `folder`; the first failing cell raises nbclient's
    CellExecutionError.
    """
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # no notices of the kernel about itself
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"name": "python"}
    return notebook


def keep_outputs(notebook: NotebookNode, executed: NotebookNode) -> NotebookNode:
    """Copy outputs from an earlier run into every code cell that is still the same."""
    earlier = {(cell.id, cell.source): cell for cell in executed.cells if cell.cell_type == "code"}
    for cell in notebook.cells:
        if cell.cell_type == "code" and (cell.id, cell.source) in earlier:
            twin = earlier[cell.id, cell.source]
            cell.outputs, cell.execution_count = twin.outputs, twin.execution_count
    return notebook
