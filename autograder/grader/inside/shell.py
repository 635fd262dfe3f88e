"""An IPython shell without a kernel: it runs cells and keeps their outputs as nbformat's dictionaries."""

from __future__ import annotations

import base64
import io
import json
import traceback
from types import TracebackType
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

FRAMES = 30  # of a traceback are shown
CUT = "\n(The rest of this output was more than the grader keeps.)\n"


class Outputs:
    """The outputs of the cell that runs, cut where they get longer than `most` characters."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.begin()

    def begin(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.size, self.cut = 0, False

    def add(self, output: dict[str, Any]) -> None:
        text = json.dumps(output, default=str, skipkeys=True)  # what JSON has not travels as text
        self.size += len(text)
        if self.size <= self.most:
            self.items.append(json.loads(text))
        elif not self.cut:
            self.cut = True
            self.items.append({"output_type": "stream", "name": "stdout", "text": CUT})

    def write(self, name: str, text: str) -> None:
        last = self.items[-1] if self.items else {}
        if last.get("output_type") == "stream" and last.get("name") == name and not self.cut:
            self.size += len(text)
            if self.size <= self.most:
                last["text"] += text
                return
        self.add({"output_type": "stream", "name": name, "text": text})


class Stream(io.TextIOBase):
    """sys.stdout or sys.stderr of the notebook."""

    encoding = "utf-8"

    def __init__(self, outputs: Outputs, name: str) -> None:
        self.outputs, self.stream = outputs, name

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.outputs.write(self.stream, text)
        return len(text)

    def writable(self) -> bool:
        return True


def plain(data: dict[str, Any]) -> dict[str, Any]:
    """Display data as JSON has it: pictures in base64."""
    return {
        str(kind): base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for kind, value in data.items()
    }


class Publisher(DisplayPublisher):
    def publish(self, data: Any, metadata: Any = None, **_: Any) -> None:  # type: ignore[override]
        shell: Any = self.shell
        shell.outputs.add({"output_type": "display_data", "data": plain(data), "metadata": metadata or {}})

    def clear_output(self, wait: bool = False) -> None:
        shell: Any = self.shell
        shell.outputs.begin()


class Hook(DisplayHook):
    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        shell: Any = self.shell
        shell.outputs.add(
            {
                "output_type": "execute_result",
                "execution_count": shell.execution_count,
                "data": plain(format_dict),
                "metadata": md_dict or {},
            }
        )

    def finish_displayhook(self) -> None:
        pass

    def start_displayhook(self) -> None:
        pass


class Shell(InteractiveShell):
    """`outputs` are those of the cell that runs."""

    display_pub_class = Publisher
    displayhook_class = Hook
    outputs: Outputs

    def _get_exc_info(self, exc_tuple: Any = None) -> Any:
        kind, value, trace = super()._get_exc_info(exc_tuple)
        return kind, value, tail(trace)

    def _showtraceback(self, etype: Any, evalue: Any, stb: list[str]) -> None:
        name, text = getattr(etype, "__name__", str(etype)), str(evalue)[:2000]
        self.outputs.add({"output_type": "error", "ename": name, "evalue": text, "traceback": list(stb)})

    def enable_gui(self, gui: Any = None) -> None:
        pass

    def ask_exit(self) -> None:
        pass


def tail(trace: TracebackType | None) -> TracebackType | None:
    """The last frames of a traceback: to show thousands (a recursion without end) takes half a minute."""
    first = trace
    for n, _ in enumerate(traceback.walk_tb(trace)):
        if n >= FRAMES and first is not None:
            first = first.tb_next
    return first


def new_shell(most: int) -> Shell:
    """The one shell of this process, without history, colours or a cache of results."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.xmode = "Plain"  # with context, every frame looks through all modules: .05 s each
    config.InteractiveShell.cache_size = 0
    Shell.outputs = Outputs(most)
    shell: Shell = Shell.instance(config=config)
    return shell
