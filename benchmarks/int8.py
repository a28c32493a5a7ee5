"""What ONNX Runtime and 8 bits cost in accuracy and save in time, against torch.

    python benchmarks/int8.py MVTEC_LAYOUT_FOLDER ... [--encoder NAME] [--random-weights]

Fits on the first normal training pictures, then shows every test picture to each engine in turn. A
ratio is the median over pictures of the time of `predict` over torch's for the same picture. With
`--random-weights` the encoder has its shape and fixed-seed weights: speed does not depend on them,
but the loss by 8 bits does, for trained transformers have channels with far larger values.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.accuracy import training_free
from benchmarks.encoder import Figures, encoder_parser
from benchmarks.pipeline import untrained_detector
from inpformer.changes import shrink_map
from inpformer.datasets.mvtec import read_mvtec_folder
from inpformer.datasets.sample import Sample
from inpformer.detector import AnomalyDetector
from inpformer.engine import engines_on
from inpformer.fit_config import FitConfig
from inpformer.images import load_image


@dataclass
class Seen:
    """What one engine said of the test pictures, in their order."""

    scores: list[float] = field(default_factory=list)
    maps: list[np.ndarray] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def main() -> None:
    options = parse_options()
    print(
        "| folder | engine | image AUROC | pixel AUROC | AUPRO | pixel points lost | time ratio |"
    )
    print(f"|{'---|' * 7}")
    source = source_detector(options)
    settings = {} if options.steps is None else {"steps": options.steps}
    config = FitConfig.for_encoder(source.config.encoder, **settings)
    for folder in options.folders:
        samples = read_mvtec_folder(folder)
        normal = [sample.path for sample in samples if sample.split == "train"][: options.shots]
        fitted = source.fit([load_image(path) for path in normal], config)
        tests = [sample for sample in samples if sample.split == "test"]
        for line in table_lines(fitted, tests, folder.name):
            print(line, flush=True)


def parse_options() -> argparse.Namespace:
    parser = encoder_parser(__doc__)
    parser.add_argument("--random-weights", action="store_true", help="do not look for weights")
    parser.add_argument("--steps", type=int, help="decoder steps of the fit")
    options = parser.parse_args()
    options.encoder = (options.encoder or ["dinov2-small"])[0]
    return options


def source_detector(options: argparse.Namespace) -> AnomalyDetector:
    """Return the detector to fit from."""
    if not options.random_weights:
        return training_free(options.encoder, options.weights, "cpu")
    return untrained_detector(options.encoder, "training-free")


def table_lines(fitted: AnomalyDetector, tests: Sequence[Sample], folder: str) -> Iterator[str]:
    """Show the test pictures to every engine, and yield a line of the table for each."""
    detectors = {name: fitted.with_engine(name) for name in engines_on(fitted.device)}
    seen = {name: Seen() for name in detectors}
    for detector in detectors.values():
        detector.predict(load_image(tests[0].path))
    for sample in tests:
        image = load_image(sample.path)
        for name, detector in detectors.items():
            started = time.perf_counter()
            result = detector.predict(image)
            seen[name].seconds.append(time.perf_counter() - started)
            seen[name].scores.append(result.image_score)
            seen[name].maps.append(shrink_map(result.anomaly_map))
    figures = {name: Figures.of(s.scores, s.maps, tests, 0.0) for name, s in seen.items()}
    base, plain = figures["torch"], seen["torch"].seconds
    for name, found in figures.items():
        ratio = statistics.median(
            mine / other for mine, other in zip(seen[name].seconds, plain, strict=True)
        )
        lost = 100 * (base.pixel_auroc - found.pixel_auroc)
        yield (
            f"| {folder} | {name} | {found.image_auroc:.4f} | {found.pixel_auroc:.4f} | "
            f"{found.aupro:.4f} | {lost:+.2f} | {ratio:.2f} |"
        )


if __name__ == "__main__":
    main()
