"""Whether learnt prototypes beat those clustered from the picture itself, on parts never seen.

    python benchmarks/zero_shot.py PART_FOLDER PART_FOLDER ...

The multi-part detector that ships learnt its prototypes on made-up parts alone: every part of the
world is one that it never saw. Its distance map stands beside that of training-free prototypes on
the same encoder.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.accuracy import detector_figures
from inpformer.datasets.mvtec import read_mvtec_folder
from inpformer.detector import AnomalyDetector
from inpformer.examples import find_examples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, help="parts in the layout of MVTec AD")
    options = parser.parse_args()
    detectors = {
        "learnt on made-up parts": AnomalyDetector.load(
            find_examples().multi_part_path
        ).zero_shot(),
        "training-free": AnomalyDetector.load("embedded"),
    }
    print("| part | prototypes | image AUROC | pixel AUROC | AUPRO |")
    print(f"|{'---|' * 5}")
    found: dict[str, list[tuple[float, float, float]]] = {}
    for folder in options.folders:
        tests = [sample for sample in read_mvtec_folder(folder) if sample.split == "test"]
        for words, detector in detectors.items():
            figures = detector_figures(detector, tests, ["distance"])["distance"]
            row = (figures.image_auroc, figures.pixel_auroc, figures.aupro)
            found.setdefault(words, []).append(row)
            print(line(folder.name, words, row), flush=True)
    for words, rows in found.items():
        print(line("mean", words, np.mean(rows, axis=0)))


def line(part: str, words: str, row: tuple[float, float, float]) -> str:
    """Return a row of the table."""
    return f"| {part} | {words} | " + " | ".join(f"{value:.3f}" for value in row) + " |"


if __name__ == "__main__":
    main()
