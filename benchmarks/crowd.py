"""Many visitors at once at a really started page: does anything of one reach another.

    python benchmarks/crowd.py isolation --visitors 20 --minutes 10

Starts `app.py` with the embedded encoder in folders of its own and visits it through its queue.
`isolation` checks by content that whatever comes back carries the visitor's own marks alone, that
others' paths, keys and ids are refused, and that nothing is left on the disk of who was forgotten.
Ends with 1 if something is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.crowd_isolation import isolate

ROOT = Path(__file__).resolve().parent.parent
_START_SECONDS = 180.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("isolation",))
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crowd-") as folder, running(Path(folder)) as server:
        report = isolate(server, Path(folder), options.visitors, 60 * options.minutes, options.seed)
    print("\n".join(report.lines))
    return 1 if report.problems else 0


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run the app with all it writes below a folder; give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = {"TMPDIR": str(folder / "tmp"), "GRADIO_TEMP_DIR": str(folder / "cache")}
    for place in places.values():
        Path(place).mkdir()
    command = [sys.executable, "app.py", "--model", "embedded", "--port", str(port)]
    with (folder / "app.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **places}, stdout=log, stderr=log
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(url, process, folder / "app.log")
            yield url
        finally:
            process.kill()
            process.wait()


def _wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/config", timeout=20).status_code == 200:
                return
        time.sleep(0.2)
    raise RuntimeError(f"The app did not start: {log.read_text('utf-8', 'replace')[-2000:]}")


if __name__ == "__main__":
    raise SystemExit(main())
