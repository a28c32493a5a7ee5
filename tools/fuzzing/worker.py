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
from fuzzing.targets import REFUSALS, check_sentences, target_of

MEMORY = 3 << 30  # bytes that a case may take on top of the program
CANARY = {"canary/keep.txt": b"as it was"}


class Outcome(NamedTuple):
    """What became of a case.

    Attributes:
        kind: `result`, `sentence` or `defect`.
        words: The sentence, or the trace.
        seconds: It took.
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
    started = time.monotonic()
    found, words = "result", ""
    try:
        target_of(kind)(box / "in" / "case")
    except REFUSALS as error:
        found, words = "sentence", str(error)
    except BaseException:
        found, words = "defect", traceback.format_exc()
    seconds = time.monotonic() - started
    if found == "sentence":
        try:
            check_sentences([words])
        except AssertionError as error:
            found, words = "defect", str(error)
    outside = {name: data for name, data in read_tree(box).items() if not name.startswith("in/")}
    if outside != CANARY or set(os.listdir(box)) != {"canary", "in", "tmp"}:
        found, words = "defect", f"written outside: {sorted(outside)} {os.listdir(box)}"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return Outcome(found, words, seconds, peak)


def work(pipe: Connection, seeds: dict[str, list[Tree]], kind: str, box: Path) -> None:
    """Answer numbers of cases with outcomes until the pipe is closed."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while (number := pipe.recv()) is not None:
        pipe.send(run_case(kind, make_case(seeds, kind, number), box))
