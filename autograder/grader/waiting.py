"""How long a thread waited for a processor: time limits move on by that much, since a busy machine is
nobody's fault.
"""

from __future__ import annotations

from pathlib import Path

OWN = "/proc/thread-self/schedstat"


def waiting(schedstat: str) -> float:
    """Seconds that a thread was ready to run and had no processor; 0 where the kernel doesn't count them."""
    try:
        return int(Path(schedstat).read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
