"""How long the app takes from its start to a page that answers, and to a first result after that.

    python benchmarks/start.py [--runs 3]

Starts the app with the embedded encoder, asks for the page until it answers, then at once inspects
a picture as a visitor does who brings one. Seconds beside other
work say little: the app's own CPU seconds, which two cores cannot beat by much, stand beside them.
Then prints what takes the time: CPU seconds of each part of the start, in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from inpformer.examples import find_examples

ROOT = Path(__file__).resolve().parent.parent
PORT = 7897
GOALS = {"page answers": 8.0, "first result after it": 2.0}
# Each part is imported or done on top of those above it, as app.py does.
PARTS = {
    "torch": "import torch",
    "gradio": (
        "from inpformer.ui.quick_gradio import skip_editor_files\n"
        "skip_editor_files()\n"
        "import gradio"
    ),
    "inpformer": "import inpformer.detector, inpformer.ui.layout",
    "load the detector": "start = inpformer.detector.AnomalyDetector.load('embedded', 'cpu')",
    "build the page": (
        "from inpformer.examples import find_examples\n"
        "demo = inpformer.ui.layout.build_demo(start, examples=find_examples())"
    ),
    "launch": "demo.launch(prevent_thread_lock=True, quiet=True, run_history=False)",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    rows: dict[str, list[float]] = {}
    for _ in range(options.runs):
        for name, value in start_and_inspect().items():
            rows.setdefault(name, []).append(value)
    print("| | median s | least | most | goal |\n|---|---|---|---|---|")
    for name, values in rows.items():
        median, goal = statistics.median(values), GOALS.get(name, "")
        print(f"| {name} | {median:.2f} | {min(values):.2f} | {max(values):.2f} | {goal} |")
    print("\n| part of the start | CPU s | s |\n|---|---|---|")
    for name, (cpu, wall) in seconds_of_parts().items():
        print(f"| {name} | {cpu:.2f} | {wall:.2f} |")


def start_and_inspect() -> dict[str, float]:
    """Start the app once and ask for a first result."""
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "app.py", "--model", "embedded", "--port", str(PORT)]
    started = time.perf_counter()
    app = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{PORT}/").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.05)
        answered, cpu = time.perf_counter(), cpu_seconds(app.pid)
        inspect(0)
        first = time.perf_counter()
        inspect(1)
        return {
            "page answers": answered - started,
            "its CPU time": cpu,
            "first result after it": first - answered,
            "second result": time.perf_counter() - first,
        }
    finally:
        app.terminate()
        app.wait()


def inspect(number: int) -> None:
    """Inspect a picture of an example part as a visitor who brings it."""
    path = find_examples().part("washer").pictures[number].path
    url = f"http://127.0.0.1:{PORT}/gradio_api"
    files = {"files": (path.name, path.read_bytes())}
    (stored,) = httpx.post(f"{url}/upload", files=files, timeout=60).json()
    picture = {"path": stored, "meta": {"_type": "gradio.FileData"}}
    body = {"data": [picture, "full", "fitted"], "session_hash": "benchmark"}
    asked = httpx.post(f"{url}/call/inspect", json=body, timeout=60).raise_for_status().json()
    answer = httpx.get(f"{url}/call/inspect/{asked['event_id']}", timeout=60)
    if "event: complete" not in answer.text:
        raise RuntimeError(answer.text[-500:])


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, of which Linux keeps a record."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def seconds_of_parts() -> dict[str, tuple[float, float]]:
    """Return CPU seconds and seconds of each part, all in one new process."""
    lines = ["import json, time", "clocks = lambda: (time.process_time(), time.perf_counter())"]
    lines += ["found, last = {}, clocks()"]
    for name, code in PARTS.items():
        lines += [code, "now = clocks()"]
        lines += [f"found[{name!r}] = (now[0] - last[0], now[1] - last[1]); last = now"]
    lines += ["print(json.dumps(found), flush=True)", "import os; os._exit(0)"]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=ROOT,
        env={**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
