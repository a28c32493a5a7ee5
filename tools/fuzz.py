"""Hostile files and names at every way in, and what became of them.

python tools/fuzz.py --cases 21000 --failures runs/fuzz
python tools/fuzz.py --replay runs/fuzz/picture-12.json
"""

from __future__ import annotations

import argparse
import base64
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"

from fuzzing.cases import make_case  # noqa: E402
from fuzzing.seeds import ROOT, Tree, write_seeds  # noqa: E402
from fuzzing.worker import Outcome, run_case, work  # noqa: E402

LIMIT = 120.0  # seconds without an answer, after which a case counts as hanging
LEAST = 300  # cases of a kind in a run of many; the rest goes by shares, to what is quick
SHARES = {"picture": 8, "description": 3, "dataset": 2, "text": 1, "store": 0.6, "encoder": 0.6}


def count_of(kind: str, cases: int, kinds: list[str]) -> int:
    """Return how many of all cases are of a kind."""
    least = min(LEAST, cases // len(kinds))
    rest = cases - least * len(kinds)
    total = sum(SHARES.get(each, 0.02) for each in kinds)
    return max(1, least + round(rest * SHARES.get(kind, 0.02) / total))


class Worker:
    """A process for one kind of case; another takes its place when it hangs or dies."""

    def __init__(self, seeds: dict[str, list[Tree]], kind: str, box: Path) -> None:
        self._arguments = (seeds, kind, box)
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("fork")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs, *self._arguments), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe.recv()

    def run(self, number: int) -> Outcome:
        """Return what became of a case; a hang and a crash are defects."""
        self._pipe.send(number)
        try:
            if self._pipe.poll(LIMIT):
                return self._pipe.recv()
            words = f"no answer in {LIMIT:.0f} s"
        except EOFError:
            words = "the process died"
        self.stop()
        self._start()
        return Outcome("defect", words, LIMIT, 0)

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()


def fuzz(
    seeds: dict[str, list[Tree]], kind: str, numbers: range, box: Path, failures: Path
) -> list[Outcome]:
    """Run cases of a kind; files of failures are kept for `--replay`."""
    worker, outcomes = Worker(seeds, kind, box), []
    for number in numbers:
        outcome = worker.run(number)
        outcomes.append(outcome)
        if outcome.kind == "defect":
            failures.mkdir(parents=True, exist_ok=True)
            files = make_case(seeds, kind, number)
            packed = {name: base64.b64encode(data).decode() for name, data in files.items()}
            kept = {"kind": kind, "number": number, "words": outcome.words, "files": packed}
            (failures / f"{kind}-{number}.json").write_text(json.dumps(kept), "utf-8")
    worker.stop()
    return outcomes


def replay(path: Path) -> Outcome:
    """Run a kept case again, in this process."""
    kept = json.loads(path.read_text("utf-8"))
    files = {name: base64.b64decode(data) for name, data in kept["files"].items()}
    with tempfile.TemporaryDirectory() as folder:
        outcome = run_case(kept["kind"], files, Path(folder) / "box")
        os.chdir(ROOT)
    return outcome


def report(kind: str, outcomes: list[Outcome], seconds: float) -> str:
    """Return a line of the table."""
    counts = Counter(outcome.kind for outcome in outcomes)
    slowest = max(outcome.seconds for outcome in outcomes)
    peak = max(outcome.peak for outcome in outcomes)
    figures = [counts[key] for key in ("result", "sentence", "defect")]
    return (
        f"| {kind} | {len(outcomes)} | {' | '.join(map(str, figures))} | {seconds:.0f} "
        f"| {slowest:.1f} | {peak} |"
    )


def main() -> int:
    """Run what the arguments ask for; 1 if there was a defect."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=21_000, help="of all kinds together")
    parser.add_argument("--start", type=int, default=0, help="number of the first case")
    parser.add_argument("--kind", action="append", help="only these; may be repeated")
    parser.add_argument("--failures", type=Path, default=ROOT / "runs" / "fuzz")
    parser.add_argument("--replay", type=Path, help="a kept failure to run again")
    arguments = parser.parse_args()
    if arguments.replay:
        outcome = replay(arguments.replay)
        print(f"{outcome.kind}, {outcome.seconds:.1f} s\n{outcome.words}")
        return int(outcome.kind == "defect")
    failures, defects = arguments.failures.resolve(), 0
    memory = Path("/dev/shm")  # many small files are written, and quickly so in memory
    place = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        seeds = write_seeds(Path(folder))
        kinds = arguments.kind or list(seeds)
        print("| kind | cases | results | sentences | defects | seconds | slowest | peak MB |")
        print("|---|---|---|---|---|---|---|---|")
        for kind in kinds:
            count = count_of(kind, arguments.cases, kinds)
            numbers = range(arguments.start, arguments.start + count)
            started = time.monotonic()
            outcomes = fuzz(seeds, kind, numbers, Path(folder) / "box", failures)
            defects += sum(outcome.kind == "defect" for outcome in outcomes)
            print(report(kind, outcomes, time.monotonic() - started), flush=True)
    return int(defects > 0)


if __name__ == "__main__":
    sys.exit(main())
