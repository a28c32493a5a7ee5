"""Fit the ready detectors of the example parts, and make one for zero-shot use.

    python tools/make_detectors.py
    python tools/make_detectors.py --parts pcb --out runs/detectors
    python tools/make_detectors.py --parts multi-part --extractor runs/extractor.safetensors

Each is fitted on the first four normal pictures of its part. The multi-part detector has the
prototypes that were learnt with the embedded encoder, on thousands of made-up parts. Files hold
16-bit numbers and not the encoder, which comes with the program.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from inpformer.config import ModelConfig  # noqa: E402
from inpformer.detector import AnomalyDetector, Provenance  # noqa: E402
from inpformer.examples import (  # noqa: E402
    ASSETS,
    DETECTORS,
    MULTI_PART,
    ExamplePart,
    example_parts,
)
from inpformer.fit_config import FitConfig  # noqa: E402
from inpformer.images import load_image  # noqa: E402
from inpformer.modeling.build import (  # noqa: E402
    build_model,
    load_strictly,
    read_state_dict,
)

SHOTS = 4
# A washer may lie at any angle; the other parts lie the same way in every picture.
VIEWS = {"washer": "paper"}
# Prototypes that were learnt on pictures of 192 to 256 pixels know less of larger ones
# (`weights/README.md`): patches of 392 x 392.
MULTI_PART_TOKENS = 2401


def main() -> None:
    """Fit and write what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, default=ASSETS, help="folder with examples/")
    parser.add_argument("--out", type=Path, default=DETECTORS)
    parser.add_argument("--parts", nargs="+", help=f"names, and {MULTI_PART} (default: all parts)")
    parser.add_argument(
        "--extractor",
        type=Path,
        default=ROOT / "runs" / "embedded-extractor.safetensors",
        help=f"for {MULTI_PART}: what tools/pretrain_encoder.py wrote beside the encoder",
    )
    options = parser.parse_args()
    parts = example_parts(options.assets, options.out)
    wanted = options.parts or [part.name for part in parts]
    base = AnomalyDetector.load("embedded")
    for part in parts:
        if part.name in wanted:
            save(fit_part(base, part), options.out / f"{part.name}.safetensors")
    if MULTI_PART in wanted:
        detector = multi_part(base, options.extractor)
        save(detector, options.out / f"{MULTI_PART}.safetensors")


def fit_part(base: AnomalyDetector, part: ExamplePart) -> AnomalyDetector:
    """Fit INP-Former++ to the first normal pictures of a part.

    Longer than visitors would wait: every picture is left out in turn for the threshold.
    """
    images = [load_image(path) for path in part.normal_paths[:SHOTS]]
    views = VIEWS.get(part.name, "station")
    settings = {"calibration_folds": SHOTS, "views": views}
    config = FitConfig.for_encoder(base.config.encoder, **settings)
    return timed_fit(base, part.name, images, config)


def multi_part(base: AnomalyDetector, extractor: Path) -> AnomalyDetector:
    """Return the zero-shot detector of an extractor that was trained with the encoder of `base`."""
    encoder = replace(base.config.encoder, token_budget=MULTI_PART_TOKENS)
    config = ModelConfig.for_encoder(encoder, variant="inp-former", decoder_depth=1)
    torch.manual_seed(0)  # the same file each time
    model = build_model(config, base.model.encoder)
    load_strictly(model.inp_extractor, read_state_dict(extractor), extractor.name)
    # The decoder is untrained and never runs: zero-shot stops at the prototypes.
    made_by = Provenance("path", "tools/pretrain_encoder.py")
    return AnomalyDetector(model, config, made_by).zero_shot()


def timed_fit(base: AnomalyDetector, name: str, images: list, config: FitConfig) -> AnomalyDetector:
    """Fit, and say how long it took."""
    started = time.monotonic()
    detector = base.fit(images, config)
    print(f"{name}: {len(images)} pictures, {time.monotonic() - started:.0f} s", flush=True)
    return detector


def save(detector: AnomalyDetector, path: Path) -> None:
    """Write one detector file of 16-bit numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    detector.save(path, half=True)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB", flush=True)


if __name__ == "__main__":
    main()
