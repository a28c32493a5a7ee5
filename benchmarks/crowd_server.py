"""The app as a process of its own, with all it writes in one folder, and what it costs."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
_START_SECONDS = 180.0


@dataclass(frozen=True)
class Server:
    """A running app.

    Attributes:
        url: Of the page.
        process: Its id.
        folders: Where it writes: temporary files, and the web server's cache.
    """

    url: str
    process: int
    folders: tuple[Path, ...] = ()

    def megabytes(self, what: str = "VmRSS") -> float:
        """Return the memory it holds, or with `VmHWM` the most it ever held."""
        for line in Path(f"/proc/{self.process}/status").read_text().splitlines():
            if line.startswith(what):
                return int(line.split()[1]) / 1024
        return float("nan")

    def health(self) -> dict:
        """Return what it says of itself."""
        return httpx.get(f"{self.url}/health", timeout=60).json()


@contextlib.contextmanager
def running(folder: Path, cores: int | None = None, **settings: str) -> Iterator[Server]:
    """Run the app for a while, see `start`."""
    process, server = start(folder, cores, **settings)
    try:
        yield server
    finally:
        process.kill()
        process.wait()


def start(
    folder: Path, cores: int | None = None, **settings: str
) -> tuple[subprocess.Popen, Server]:
    """Start the app with all it writes below a folder, its log in `app.log`; wait for its answer.

    Args:
        folder: Empty, or of an app that ran before.
        cores: So many of this machine's alone; None for all.
        settings: Of its environment; without another `INPFORMER_MODEL` it serves `embedded`.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = {"TMPDIR": folder / "tmp", "GRADIO_TEMP_DIR": folder / "cache"}
    for place in places.values():
        place.mkdir(exist_ok=True)
    # As many threads as a deployed one has, whatever the benchmark itself was told.
    kept = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    named = {name: str(place) for name, place in places.items()} | {"INPFORMER_MODEL": "embedded"}
    command = [sys.executable, "app.py", "--port", str(port)]
    with (folder / "app.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=kept | named | settings,
            stdout=log,
            stderr=log,
        )
    try:
        if cores is not None:
            # At once: later threads inherit it.
            os.sched_setaffinity(process.pid, sorted(os.sched_getaffinity(0))[:cores])
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, process, folder / "app.log")
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process, Server(url, process.pid, tuple(places.values()))


def _wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/config", timeout=20).status_code == 200:
                return
        time.sleep(0.2)
    raise RuntimeError(f"The app did not start: {log.read_text('utf-8', 'replace')[-2000:]}")
