"""Messages between the grader and a sandbox: a JSON head and safetensors, never a pickle.

A message is two lengths, the head, and the tensors. Both ends check the lengths before they read; what does
not parse ends the connection and nothing else. The sandboxed side may write whatever it likes here: all that
it can reach is what a reply may hold.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

LENGTHS = struct.Struct("!II")
MOST = 64 << 20  # bytes of one message


class WireError(Exception):
    """What came is no message, or too long a one."""


class Closed(Exception):
    """The other end is gone."""


class Late(Exception):
    """Nothing came in time."""


class Wire:
    """One end of a connected stream socket. `deadline` (of time.monotonic, None: none) bounds every wait.

    When it has come, `more` is asked for how many seconds it moves on.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.deadline: float | None = None
        self.more: Callable[[], float] = lambda: 0.0

    def send(self, head: dict[str, Any], tensors: dict[str, Tensor] | None = None) -> None:
        """Send one message. Raises Closed, Late, or WireError for one that is too long."""
        body = json.dumps(head, ensure_ascii=True, separators=(",", ":")).encode("ascii")
        blob = save(tensors) if tensors else b""
        if len(body) + len(blob) > MOST:
            raise WireError(f"a message of {len(body) + len(blob):,} bytes, more than {MOST:,}")
        self._wait()
        try:
            self.sock.sendall(LENGTHS.pack(len(body), len(blob)) + body + blob)
        except TimeoutError as error:
            raise Late from error
        except OSError as error:
            raise Closed from error

    def receive(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """The next message. Raises Closed, Late or WireError."""
        body, blob = LENGTHS.unpack(self._exactly(LENGTHS.size))
        if body + blob > MOST:
            raise WireError(f"a message of {body + blob:,} bytes, more than {MOST:,}")
        try:
            head = json.loads(self._exactly(body))
            tensors = load(self._exactly(blob)) if blob else {}
        except (Closed, Late):
            raise
        except Exception as error:  # neither parser names all that it may raise on bytes of a stranger
            raise WireError(f"what came is no message ({type(error).__name__})") from error
        if not isinstance(head, dict):
            raise WireError("what came is no message (no head)")
        return head, tensors

    def close(self) -> None:
        self.sock.close()

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            self._wait()
            try:
                part = self.sock.recv(min(size - len(data), 1 << 20))
            except TimeoutError:
                continue  # the next wait says whether it is late
            except OSError as error:
                raise Closed from error
            if not part:
                raise Closed
            data += part
        return bytes(data)

    def _wait(self) -> None:
        if self.deadline is None:
            self.sock.settimeout(None)
            return
        left = self.deadline - time.monotonic()
        if left <= 0:
            more = self.more()
            self.deadline += more
            left += more
        if left <= 0:
            raise Late
        self.sock.settimeout(left)
