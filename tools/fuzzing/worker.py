"""Runs cases in a process of their own, which may hang or crash without harm."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from fuzzing.cases import make_case
from fuzzing.seeds import Tree, read_tree
from fuzzing.shown import check_lines
from fuzzing.targets import REFUSALS, target_of
from fuzzing.watch import Watch, watching

MEMORY = 3 << 30  # bytes that a case may take on top of the program
LIMIT = 20.0  # seconds of the processor
CANARY = {"canary/keep.txt": b"as it was"}


class Outcome(NamedTuple):
    """What became of a case.

    Attributes:
        kind: `result`, `sentence` or `defect`.
        words: The sentence, or the trace.
        seconds: Of the processor that it took.
        peak: Most memory of the process so far, MB.
    """

    kind: str
    words: str
    seconds: float
    peak: int


def run_case(kind: str, tree: Tree, box: Path) -> Outcome:
    """Give a case to its target in a box of folders, and look at what is left there."""
    shutil.rmtree(box, ignore_errors=True)
    for name, data in {**CANARY, **{f"in/case/{key}": data for key, data in tree.items()}}.items():
        path = box / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (box / "tmp").mkdir()
    tempfile.tempdir = str(box / "tmp")
    os.chdir(box)
    # Of the processor: what else the machine does must not count.
    started = time.process_time()
    with watching(box) as watch:
        found, words = _outcome(kind, box / "in" / "case")
    seconds = time.process_time() - started
    wrong = _wrong(box, watch, [words] if found == "sentence" else [])
    if seconds > LIMIT:
        wrong = f"it took {seconds:.0f} s"
    if wrong:
        found, words = "defect", f"{wrong}\n{words}"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return Outcome(found, words, seconds, peak)


def _outcome(kind: str, folder: Path) -> tuple[str, str]:
    try:
        target_of(kind)(folder)
    except REFUSALS as error:
        return "sentence", str(error)
    except BaseException:
        return "defect", traceback.format_exc()
    return "result", ""


def _wrong(box: Path, watch: Watch, sentences: list[str]) -> str:
    """Say what is wrong with what a case did, left and said; empty if nothing is."""
    if watch.wrongs:
        return f"done outside: {watch.wrongs[:3]}"
    outside = {name: data for name, data in read_tree(box).items() if not name.startswith("in/")}
    if outside != CANARY or set(os.listdir(box)) != {"canary", "in", "tmp"}:
        return f"written outside: {sorted(outside)} {os.listdir(box)}"
    try:
        check_lines([*sentences, *(line or "-" for line in watch.lines)])
    except AssertionError as error:
        return str(error)
    return ""


def work(pipe: Connection, seeds: dict[str, list[Tree]], kind: str, box: Path) -> None:
    """Read the seeds, say so, then answer numbers of cases with outcomes until the pipe is closed.

    The seeds first, as the first case would else import half the program in its time.
    """
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pipe.send([run_case(kind, tree, box) for tree in seeds[kind]])
    while (number := pipe.recv()) is not None:
        pipe.send(run_case(kind, make_case(seeds, kind, number), box))
