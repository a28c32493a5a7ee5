"""How long the server takes when a slider of the Inspect tab moves: `python benchmarks/redraw.py`.

Every redraw is that of the page: threshold and minimum area cut the stored map, find its regions,
and encode the layer for the browser. No model runs. Prints a table; 1 if one redraw in twenty
takes longer than the limit.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from inpformer.examples import find_examples
from inpformer.files import save_png
from inpformer.images import load_image
from inpformer.ui.handlers import Handlers
from inpformer.ui.inspect_handlers import InspectHandlers
from inpformer.ui.inspection import ViewSettings
from inpformer.ui.sessions import Sessions
from inpformer.ui.shelf import PART, Shelf

LIMIT_MS = 100
SIDES = (512, 1024, 4000)
TIMES = np.linspace(0.2, 2.0, 37)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", default="washer", help="example part with a ready detector")
    parser.add_argument(
        "--sides", type=int, nargs="+", default=SIDES, help="longer sides in pixels"
    )
    options = parser.parse_args()

    from inpformer.detector import AnomalyDetector

    examples = find_examples()
    shelf = Shelf(AnomalyDetector.load("embedded", "cpu"), examples=examples)
    image = load_image(examples.part(options.part).pictures[0].path)
    print("| picture | redraw, median | 95% | its CPU time | layer | opened again | map chosen |")
    print("|---|---|---|---|---|---|---|")
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        handlers = InspectHandlers(Handlers(Sessions(root=Path(folder)), shelf))
        for side in options.sides:
            slowest = max(slowest, measure(handlers, image, side, PART + options.part))
    print(f"\n19 of 20 redraws take at most {slowest:.0f} ms, limit {LIMIT_MS} ms")
    return int(slowest > LIMIT_MS)


def measure(handlers: InspectHandlers, image: np.ndarray, side: int, key: str) -> float:
    """Print the row of a picture of this size; return what 95% of its redraws stay below, in ms."""
    scale = side / max(image.shape[:2])
    picture = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    session = handlers.handlers.sessions.get("benchmark")
    path = session.new_path(f"{side}.png")
    save_png(path, picture)
    found = handlers.inspect_with(key, session, path)
    redraws, sizes = [], []
    cpu_started = time.process_time()
    for min_area in (0.0, 0.05, 1.0):
        for times in TIMES:
            settings = ViewSettings(found.settings.map_name, float(times), min_area)
            seconds, answer = timed(handlers.redraw, "benchmark", settings)
            redraws.append(1000 * seconds)
            sizes.append(len(json.dumps(answer)))
    cpu = 1000 * (time.process_time() - cpu_started) / len(redraws)
    session.inspection.rest()
    opening, _ = timed(handlers.show, "benchmark", found.picture["id"])
    other = ViewSettings(found.map_choices[-1][1])
    choosing, _ = timed(handlers.choose_map, "benchmark", other)
    height, width = picture.shape[:2]
    print(
        f"| {width} × {height} | {np.median(redraws):.1f} ms | {np.quantile(redraws, 0.95):.1f} ms "
        f"| {cpu:.1f} ms | {np.median(sizes) / 1024:.1f} KiB "
        f"| {1000 * opening:.0f} ms | {1000 * choosing:.0f} ms |"
    )
    return float(np.quantile(redraws, 0.95))


def timed(action, *values):
    started = time.perf_counter()
    answer = action(*values)
    return time.perf_counter() - started, answer


if __name__ == "__main__":
    raise SystemExit(main())
