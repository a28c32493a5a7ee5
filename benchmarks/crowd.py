"""Many visitors at once at a really started page: is each alone with their own, and served in time.

    python benchmarks/crowd.py isolation --visitors 20 --minutes 10
    python benchmarks/crowd.py load --visitors 50 --fitting 3 --minutes 10

Starts `app.py` in folders of its own and visits it through its queue; `--model filters` gets much
more done in that time than the embedded encoder.
`isolation` checks by content that whatever comes back carries the visitor's own marks alone, that
others' paths, keys and ids are refused, and that nothing is left on the disk of who was forgotten.
`load` gives the app 2 cores, and prints how long everything took, how fair that was, what memory it
took, and what slow clients, vanished ones and those who cancel do to the others.
Ends with 1 if something is wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.crowd_isolation import isolate
from benchmarks.crowd_load import Plan, load
from benchmarks.crowd_server import running

_CORES = 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("isolation", "load"))
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--fitting", type=int, default=3, help="for load: how many fit beside them")
    parser.add_argument("--every", type=float, default=2.0, help="for load: minutes per picture")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--model", default="embedded", help="what the page serves")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    seconds, is_load = 60 * options.minutes, options.what == "load"
    with (
        tempfile.TemporaryDirectory(prefix="crowd-") as folder,
        running(Path(folder), _CORES if is_load else None, INPFORMER_MODEL=options.model) as server,
    ):
        if is_load:
            plan = Plan(options.visitors, options.fitting, seconds, options.every)
            report = load(server, plan)
        else:
            report = isolate(server, options.visitors, seconds, options.seed)
    print("\n".join(report.lines))
    return 1 if report.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
