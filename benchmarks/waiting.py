"""How long a visitor waits for an inspection while another visitor fits: `benchmarks/waiting.py`.

One fit on four pictures with the embedded encoder runs all the time, as the page runs it. A second
visitor inspects, in turn: while the fit is kept waiting (the idle machine), as the page answers
(the fit gives way between its steps), and as it would be if the fit took no notice. What counts is
the ratio to the idle machine, by phase of the fit.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from inpformer.detector import AnomalyDetector
from inpformer.examples import find_examples
from inpformer.fit_config import FitConfig
from inpformer.images import load_image
from inpformer.progress import FitStep
from inpformer.ui.background import Background
from inpformer.ui.handlers import Handlers
from inpformer.ui.inspect_handlers import InspectHandlers
from inpformer.ui.session import Job
from inpformer.ui.sessions import Sessions
from inpformer.ui.shelf import PART, Shelf
from inpformer.ui.turns import TURNS
from inpformer.ui.wiring import shown_to_visitor

NAMES = ("idle machine", "fit gives way", "fit takes no notice")
PHASES = ("encode", "train", "anomalies", "head", "calibrate")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", default="washer", help="example part with a ready detector")
    parser.add_argument("--steps", type=int, help="decoder steps of the fit; default as usual")
    options = parser.parse_args()
    examples = find_examples()
    start = AnomalyDetector.load("embedded", "cpu")
    part = examples.part(options.part)
    with tempfile.TemporaryDirectory() as folder:
        handlers = Handlers(Sessions(root=Path(folder)), Shelf(start, examples=examples))
        inspecting = InspectHandlers(handlers)
        handlers.use_detector("visitor", PART + options.part)
        picture = str(part.pictures[0].path)
        inspect = lambda: inspecting.inspect("visitor", picture)  # noqa: E731
        inspect()
        steps = {} if options.steps is None else {"steps": options.steps}
        fit = Fit(
            start, part.normal_paths[:4], FitConfig.for_encoder(start.config.encoder, **steps)
        )
        waits = measure(fit, inspect)
    report(waits)


class Fit:
    """A fit in a thread, as the page runs it, that remembers where it is."""

    def __init__(self, start: AnomalyDetector, paths: list[Path], config: FitConfig) -> None:
        images, self.phase, self.is_running = [load_image(path) for path in paths], "encode", True
        job = Job("a fit")
        self._work = Background(
            lambda tell: start.fit(images, config, tell, job.should_stop), seconds=0.05
        )
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def begin(self) -> None:
        """Start it."""
        self._thread.start()

    def _follow(self) -> None:
        for steps in self._work.steps():
            newest: FitStep = steps[-1]
            self.phase = newest.phase
        self._work.result()
        self.is_running = False


def measure(fit: Fit, inspect: Callable[[], object]) -> dict[tuple[str, str], list[float]]:
    """Inspect in the three ways, in turn, until the fit ends; return seconds by phase and way."""
    rng, waits = np.random.default_rng(0), defaultdict(list)
    answer = shown_to_visitor(inspect)
    fit.begin()
    while fit.is_running:
        # Anywhere within a step.
        time.sleep(float(rng.uniform(0.05, 0.3)))
        phase = fit.phase
        with TURNS.answering():
            time.sleep(1.0)  # the step at hand ends
            waits[phase, NAMES[0]].append(seconds_of(inspect))
        for name, way in ((NAMES[1], answer), (NAMES[2], inspect)):
            time.sleep(float(rng.uniform(0.05, 0.3)))
            waits[phase, name].append(seconds_of(way))
    return waits


def report(waits: dict[tuple[str, str], list[float]]) -> None:
    print("| phase | way | inspections | median s | ratio to idle | worst ratio |")
    print("|---|---|---|---|---|---|")
    for phase in (*PHASES, "all"):
        found = {
            name: [
                value
                for (each, way), values in waits.items()
                if way == name and phase in (each, "all")
                for value in values
            ]
            for name in NAMES
        }
        if not found[NAMES[0]]:
            continue
        idle = statistics.median(found[NAMES[0]])
        for name, values in found.items():
            median, worst = statistics.median(values), max(values)
            print(
                f"| {phase} | {name} | {len(values)} | {median:.3f} | {median / idle:.2f} | "
                f"{worst / idle:.2f} |"
            )


def seconds_of(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
