"""Whether prototypes learnt on other parts beat those clustered from the picture itself.

    python benchmarks/zero_shot.py PART_FOLDER PART_FOLDER ...

Leaves one part out in turn: a detector is fitted on two normal pictures of each other part, as
`tools/make_detectors.py` fits the one that ships, and its distance map is measured on the part it
never saw, beside that of training-free prototypes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tools"))

from make_detectors import SHOTS_PER_PART, multi_part_config  # noqa: E402

from benchmarks.accuracy import detector_figures  # noqa: E402
from inpformer.datasets.mvtec import read_mvtec_folder  # noqa: E402
from inpformer.detector import AnomalyDetector  # noqa: E402
from inpformer.images import load_image  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, help="parts in the layout of MVTec AD")
    options = parser.parse_args()
    if len(options.folders) < 2:
        parser.error("give at least two parts: one is left out of the fit")
    base = AnomalyDetector.load("embedded")
    config = multi_part_config(base.config.encoder)
    samples = {folder: read_mvtec_folder(folder) for folder in options.folders}
    print("| part left out | prototypes | image AUROC | pixel AUROC | AUPRO |")
    print(f"|{'---|' * 5}")
    for left_out in options.folders:
        others = [
            sample.path
            for folder in options.folders
            if folder != left_out
            for sample in [s for s in samples[folder] if s.split == "train"][:SHOTS_PER_PART]
        ]
        learnt = base.fit([load_image(path) for path in others], config).zero_shot()
        tests = [sample for sample in samples[left_out] if sample.split == "test"]
        for words, detector in (("of other parts", learnt), ("training-free", base)):
            figures = detector_figures(detector, tests, ["distance"])["distance"]
            values = f"{figures.image_auroc:.3f} | {figures.pixel_auroc:.3f} | {figures.aupro:.3f}"
            print(f"| {left_out.name} | {words} | {values} |", flush=True)


if __name__ == "__main__":
    main()
