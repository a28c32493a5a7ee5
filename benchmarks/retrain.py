"""How much a few corrected masks improve a detector, on pictures that were not corrected.

    python benchmarks/retrain.py MVTEC_LAYOUT_FOLDER ... [--shots 4] [--masks 3] [--draws 1]

Fits on the first normal training pictures, retrains with some test pictures of each kind of
defect and their masks, and measures before and after on all other test pictures. A kind with few
pictures gives all but one. The first draw takes the first pictures of each kind, further draws
take random ones.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.accuracy import training_free
from benchmarks.encoder import encoder_parser
from inpformer.changes import LabelledPicture, SetFigures, what_changed
from inpformer.corrections import Correction, RetrainConfig
from inpformer.datasets.mvtec import read_mvtec_folder
from inpformer.datasets.sample import Sample, load_mask
from inpformer.detector import AnomalyDetector
from inpformer.fit_config import FitConfig
from inpformer.images import load_image
from inpformer.labelling import learning_curve
from inpformer.retraining import Retrainer


@dataclass(frozen=True)
class Row:
    """One line of the table: a folder and one draw of corrected pictures."""

    folder: str
    draw: int
    masks: int
    head_weight: float
    before: SetFigures
    after: SetFigures
    seconds: float
    regressions: int
    improvements: int


def main() -> None:
    options = parse_options()
    settings = {
        name: value
        for name in ("steps", "own_views", "pasted", "pseudo_anomalies", "head_weight", "seed")
        if (value := getattr(options, name)) is not None
    }
    config = RetrainConfig(**settings)
    print(
        "| folder | draw | masks | head weight | image AUROC | pixel AP | AUPRO | pixel AP gain "
        "| worse / better | s to retrain |"
    )
    print(f"|{'---|' * 10}")
    rows: list[Row] = []
    for folder in options.folders:
        samples = read_mvtec_folder(folder)
        detector, shots = fit(samples, options)
        for draw in range(options.draws):
            rows.append(measure(folder.name, detector, shots, samples, draw, config, options))
            print(table_line(rows[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def parse_options() -> argparse.Namespace:
    parser = encoder_parser(__doc__)
    parser.add_argument("--masks", type=int, default=3, help="corrected pictures per defect")
    parser.add_argument("--draws", type=int, default=1, help="choices of corrected pictures")
    parser.add_argument("--detector", type=Path, help="file of a detector, instead of a fit")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--own-views", type=int)
    parser.add_argument("--pasted", type=int)
    parser.add_argument("--pseudo-anomalies", type=int)
    parser.add_argument("--head-weight", type=float)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--curve", action="store_true", help="also figures for fewer masks")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    options = parser.parse_args()
    options.encoder = options.encoder or ["embedded"]
    return options


def fit(
    samples: Sequence[Sample], options: argparse.Namespace
) -> tuple[AnomalyDetector, list[np.ndarray]]:
    """Return a detector of the first normal pictures, and those pictures."""
    normal = [sample.path for sample in samples if sample.split == "train"][: options.shots]
    shots = [load_image(path) for path in normal]
    if options.detector:
        return AnomalyDetector.load(options.detector, options.device), shots
    source = training_free(options.encoder[0], options.weights, options.device)
    return source.fit(shots, FitConfig.for_encoder(source.config.encoder)), shots


def measure(
    name: str,
    detector: AnomalyDetector,
    shots: Sequence[np.ndarray],
    samples: Sequence[Sample],
    draw: int,
    config: RetrainConfig,
    options: argparse.Namespace,
) -> Row:
    """Retrain with one choice of pictures, and look at all others before and after."""
    chosen = choose(samples, options.masks, draw)
    corrections = [
        Correction(load_image(sample.path), load_mask(sample.mask_path)) for sample in chosen
    ]
    retrainer = Retrainer(detector, shots, corrections, config)
    started = time.perf_counter()
    after = retrainer.retrain()
    seconds = time.perf_counter() - started
    pictures = [
        labelled(sample) for sample in samples if sample.split == "test" and sample not in chosen
    ]
    changes = what_changed(detector, after, pictures)
    if options.curve:
        for count, figures in learning_curve(retrainer, pictures, range(len(corrections) + 1)):
            print(f"{count} masks: {figures}", file=sys.stderr, flush=True)
    weight = after.config.head_weight
    counts = [len(changes.of_kind(kind)) for kind in ("regression", "improvement")]
    return Row(name, draw, len(chosen), weight, changes.before, changes.after, seconds, *counts)


def choose(samples: Sequence[Sample], count: int, draw: int) -> list[Sample]:
    """Return the test pictures to correct: of each kind of defect so many, but never all."""
    rng, chosen = random.Random(draw), []
    for kind in sorted({sample.defect for sample in samples if sample.is_anomalous}):
        of_kind = [sample for sample in samples if sample.defect == kind]
        few = min(count, len(of_kind) - 1)
        chosen += rng.sample(of_kind, few) if draw else of_kind[:few]
    return chosen


def labelled(sample: Sample) -> LabelledPicture:
    """Return a picture with its mask."""
    image = load_image(sample.path)
    mask = load_mask(sample.mask_path) if sample.mask_path else np.zeros(image.shape[:2], bool)
    return LabelledPicture(f"{sample.defect}/{sample.path.name}", image, mask)


def table_line(row: Row) -> str:
    before, after = row.before, row.after
    pairs = (f"{old:.3f} -> {new:.3f}" for old, new in zip(before, after, strict=True))
    gain = after.pixel_ap / before.pixel_ap - 1
    return (
        f"| {row.folder} | {row.draw} | {row.masks} | {row.head_weight:g} | {' | '.join(pairs)} "
        f"| {gain:+.0%} | {row.regressions} / {row.improvements} | {row.seconds:.0f} |"
    )


if __name__ == "__main__":
    main()
