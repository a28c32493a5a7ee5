"""Whether many pictures take as long each as few, and large ones as long per pixel as small ones.

    python benchmarks/growth.py [--counts 1 10 100 1000] [--megapixels 1 4 16 48] [--only page]

`command` is `inpformer predict` with all it writes, `page` what the page does with many files: jobs
of as many as one takes, one after the other, for one visitor. `tiles` shows one picture in tiles.
Every row is a process of its own with the embedded encoder, so that its peak memory is its alone.
The first picture, which also warms everything up, is not counted. CPU seconds are the process's
and do not depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PART = "washer"
KINDS = ("command", "page", "tiles")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--megapixels", type=float, nargs="+", default=[1, 4, 16, 48])
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--task", help=argparse.SUPPRESS)
    parser.add_argument("--amount", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        print(json.dumps(TASKS[options.task](options.amount)))
        return
    for kind in options.only:
        unit = "megapixels" if kind == "tiles" else "pictures"
        print(f"\n| {kind}: {unit} | CPU s each | ratio | s each | peak memory | added |")
        print("|---|---|---|---|---|---|")
        rows = []
        for amount in options.megapixels if kind == "tiles" else options.counts:
            rows.append(row := measured(kind, amount))
            ratio, added = row["cpu"] / rows[0]["cpu"], row["peak"] - row["before"]
            print(
                f"| {amount:g} | {row['cpu']:.3f} | {ratio:.2f} | {row['wall']:.3f} | "
                f"{row['peak']:.2f} GB | {added:.2f} GB |",
                flush=True,
            )


def measured(kind: str, amount: float) -> dict[str, float]:
    command = [sys.executable, __file__, "--task", kind, "--amount", str(amount)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def inspect_by_command(count: float) -> dict[str, float]:
    """Inspect one picture and then many with `inpformer predict`."""
    from inpformer.cli import main as run

    def predict(folder: Path, out: Path) -> None:
        model = str(detector_path())
        code = run(["predict", str(folder), "--model", model, "-o", str(out), "--json"])
        assert code == 0, code

    with tempfile.TemporaryDirectory() as place, open(os.devnull, "w") as nowhere:
        first, many = pictures(Path(place) / "one", 1), pictures(Path(place) / "many", int(count))
        shown, sys.stdout = sys.stdout, nowhere
        try:
            predict(first, Path(place) / "out1")
            return figures(lambda: predict(many, Path(place) / "out"), int(count))
        finally:
            sys.stdout = shown


def inspect_on_page(count: float) -> dict[str, float]:
    """Let a visitor of the page inspect one picture and then many."""
    from inpformer.detector import AnomalyDetector
    from inpformer.examples import find_examples
    from inpformer.picture_sources import MAX_PICTURES
    from inpformer.ui.batch_handlers import BatchHandlers
    from inpformer.ui.handlers import Handlers
    from inpformer.ui.inspect_handlers import InspectHandlers
    from inpformer.ui.sessions import Sessions
    from inpformer.ui.shelf import PART as PREFIX
    from inpformer.ui.shelf import Shelf

    start = AnomalyDetector.load("embedded", "cpu")
    with tempfile.TemporaryDirectory() as place:
        handlers = Handlers(Sessions(root=Path(place)), Shelf(start, examples=find_examples()))
        handlers.use_detector("visitor", PREFIX + PART)
        batch = BatchHandlers(InspectHandlers(handlers))
        paths = sorted(pictures(Path(place) / "many", int(count)).iterdir())

        def inspect(paths) -> None:
            for start in range(0, len(paths), MAX_PICTURES):
                some = [str(path) for path in paths[start : start + MAX_PICTURES]]
                *_, last = batch.inspect_all("visitor", some)
                assert not last.is_running

        inspect(paths[:1])
        return figures(lambda: inspect(paths), int(count))


def inspect_in_tiles(megapixels: float) -> dict[str, float]:
    """Inspect one picture of four to three in tiles that are chosen by its size."""
    import cv2

    from inpformer.detector import AnomalyDetector
    from inpformer.examples import find_examples
    from inpformer.images import load_image

    detector = AnomalyDetector.load(detector_path(), "cpu")
    image = load_image(find_examples().part(PART).pictures[0].path)
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    large = cv2.resize(image, (round(height * 4 / 3), height), interpolation=cv2.INTER_LINEAR)
    detector.predict(image, tiles="2x2")
    return figures(lambda: detector.predict(large, tiles="auto").anomaly_map, megapixels)


TASKS = {"command": inspect_by_command, "page": inspect_on_page, "tiles": inspect_in_tiles}


def figures(work: Callable[[], object], amount: float) -> dict[str, float]:
    """Do the work; return seconds for each of `amount`, and peak memory before and after in GB."""
    before, cpu, wall = peak_memory(), time.process_time(), time.perf_counter()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {
        "cpu": cpu / amount,
        "wall": wall / amount,
        "before": before,
        "peak": peak_memory(),
    }


def peak_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def detector_path() -> Path:
    from inpformer.examples import find_examples

    return find_examples().part(PART).detector_path


def pictures(folder: Path, count: int) -> Path:
    """Fill a folder with the pictures of the example part, over and over."""
    from inpformer.examples import find_examples

    folder.mkdir()
    known: Iterator[Path] = cycle(each.path for each in find_examples().part(PART).pictures)
    for number in range(count):
        path = next(known)
        shutil.copyfile(path, folder / f"{number:05}{path.suffix}")
    return folder


if __name__ == "__main__":
    main()
