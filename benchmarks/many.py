"""Many pictures at once against one after the other: `python benchmarks/many.py [--encoder ...]`.

Shows the same pictures to a detector in three ways: read and inspected one by one (the reference),
and by `inspect_many` with batches of several sizes, in one process, alternating. The results must
be the same. The median and the spread of the ratio to the reference are what counts: seconds
depend on the machine. Untrained weights are as fast as trained ones.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.pipeline import untrained_detector
from benchmarks.speed import alternate, ratios
from inpformer.batch_prediction import BatchConfig, as_loaded, inspect_many
from inpformer.detector import AnomalyDetector
from inpformer.examples import find_examples
from inpformer.images import load_image

TOLERANCE = 1e-4
ONE_BY_ONE = "one by one"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", nargs="+", default=["embedded", "dinov2-small"])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--pictures", type=int, default=16)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--cpu-time", action="store_true", help="CPU seconds instead: steady beside other work"
    )
    options = parser.parse_args()
    clock = time.process_time if options.cpu_time else time.perf_counter
    paths = [each.path for part in find_examples().parts for each in part.pictures]
    paths = (paths * options.pictures)[: options.pictures]
    print(f"{torch.get_num_threads()} threads, {options.device}, {len(paths)} pictures\n")
    print("| encoder | batch | ratio to one by one | spread | s each | largest difference |")
    print("|---|---|---|---|---|---|")
    is_same = True
    for encoder in options.encoder:
        detector = untrained_detector(encoder, "inp-former++")
        detector.model.to(options.device)
        is_same &= compare(detector, encoder, paths, options, clock)
    return int(not is_same)


def compare(
    detector: AnomalyDetector,
    encoder: str,
    paths: list[Path],
    options: argparse.Namespace,
    clock: Callable[[], float],
) -> bool:
    """Print the rows of one encoder; return whether all results were the same."""
    ways = {ONE_BY_ONE: lambda: [detector.predict(load_image(path)) for path in paths]}
    for size in options.batches:
        config = BatchConfig(batch_size=size)
        ways[str(size)] = lambda config=config: [
            each.unwrap() for each in inspect_many(detector, paths, as_loaded, config)
        ]
    expected = ways[ONE_BY_ONE]()
    worst = {name: difference(expected, way()) for name, way in ways.items()}
    timings = alternate(ways, options.runs, clock)
    for name in map(str, options.batches):
        found = ratios(timings, name, ONE_BY_ONE)
        print(
            f"| {encoder} | {name} | {statistics.median(found):.2f} | {min(found):.2f} to "
            f"{max(found):.2f} | {timings[name].median / len(paths):.3f} | {worst[name]:.1e} |",
            flush=True,
        )
    return max(worst.values()) <= TOLERANCE


def difference(expected: list, found: list) -> float:
    """Return the largest difference of any map, relative to that map's largest value."""
    return max(
        float(np.abs(one.score_maps[name] - other.score_maps[name]).max())
        / max(1e-9, float(np.abs(one.score_maps[name]).max()))
        for one, other in zip(expected, found, strict=True)
        for name in one.score_maps
    )


if __name__ == "__main__":
    raise SystemExit(main())
