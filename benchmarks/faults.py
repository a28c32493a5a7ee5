"""What is left after a kill, a full disk, a disk that may only be read, and a Hub that dies.

    python benchmarks/faults.py [--kills 8] [--only kills disks hub page]

Prints a table fault x moment x outcome, which `docs/faults.md` repeats, and ends with 1 if
something was lost. Full and read-only disks are file systems in memory, which take root to mount.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.fault_disks import with_bad_disks
from benchmarks.fault_hub import with_dying_hub
from benchmarks.fault_kills import LOST, killed
from benchmarks.fault_page import with_killed_page

_PARTS = ("kills", "disks", "hub", "page")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=8, help="for each moment")
    parser.add_argument("--only", nargs="+", choices=_PARTS, default=_PARTS)
    options = parser.parse_args()
    parts = {
        "kills": lambda: killed(options.kills),
        "disks": with_bad_disks,
        "hub": with_dying_hub,
        "page": with_killed_page,
    }
    print("| fault | moment | outcome |\n|---|---|---|", flush=True)
    is_lost = False
    for name in options.only:
        for fault, moment, outcome in parts[name]():
            print(f"| {fault} | {moment} | {outcome} |", flush=True)
            is_lost |= LOST in outcome
    return 1 if is_lost else 0


if __name__ == "__main__":
    raise SystemExit(main())
