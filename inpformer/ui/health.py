"""How the server is, for those who watch over it: numbers and versions, nothing of visitors."""

from __future__ import annotations

import time
from importlib.metadata import version
from pathlib import Path

from inpformer.ui.service import SERVICE
from inpformer.ui.sessions import Sessions
from inpformer.version import versions


def health(serves: dict[str, str], sessions: Sessions, waiting: int) -> dict[str, object]:
    """Return what `/health` answers.

    Args:
        serves: What it serves: model and encoder.
        sessions: The visitors, of whom only the number is told.
        waiting: How many actions wait in the queue.
    """
    return {
        "status": "stopping" if SERVICE.is_stopping else "ok",
        "model": serves,
        "waiting": waiting,
        "running": SERVICE.running,
        "jobs": sessions.jobs(),
        "visitors": len(sessions),
        "memory_mb": _memory_megabytes(),
        "uptime_seconds": round(time.monotonic() - SERVICE.started),
        "versions": {**versions(), "gradio": version("gradio")},
    }


def _memory_megabytes() -> int | None:
    """Return the memory that the process holds; None where the system does not tell."""
    try:
        line = next(
            line
            for line in Path("/proc/self/status").read_text("utf-8").splitlines()
            if line.startswith("VmRSS")
        )
    except (OSError, StopIteration):
        return None
    return int(line.split()[1]) // 1024
