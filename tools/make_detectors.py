"""Fit the ready detectors of the example parts, and one of all parts for zero-shot use.

    python tools/make_detectors.py
    python tools/make_detectors.py --parts pcb --out runs/detectors

Each is fitted on the first four normal pictures of its part; the multi-part detector on two of
each. Files hold 16-bit numbers and not the encoder, which comes with the program.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from inpformer.config import FitConfig, LossConfig  # noqa: E402
from inpformer.detector import AnomalyDetector  # noqa: E402
from inpformer.examples import (  # noqa: E402
    ASSETS,
    DETECTORS,
    MULTI_PART,
    ExamplePart,
    example_parts,
)
from inpformer.images import load_image  # noqa: E402
from inpformer.presets import EncoderConfig  # noqa: E402

SHOTS = 4
SHOTS_PER_PART = 2
# What it learns of six parts takes longer than what it learns of one.
MULTI_PART_STEPS = 1000
# A washer may lie at any angle; the other parts lie the same way in every picture.
VIEWS = {"washer": "paper"}


def main() -> None:
    """Fit and write what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, default=ASSETS, help="folder with examples/")
    parser.add_argument("--out", type=Path, default=DETECTORS)
    parser.add_argument("--parts", nargs="+", help=f"names, and {MULTI_PART} (default: all)")
    options = parser.parse_args()
    parts = example_parts(options.assets, options.out)
    wanted = options.parts or [*(part.name for part in parts), MULTI_PART]
    base = AnomalyDetector.load("embedded")
    for part in parts:
        if part.name in wanted:
            save(fit_part(base, part), options.out / f"{part.name}.safetensors")
    if MULTI_PART in wanted:
        save(fit_multi_part(base, parts), options.out / f"{MULTI_PART}.safetensors")


def fit_part(base: AnomalyDetector, part: ExamplePart) -> AnomalyDetector:
    """Fit INP-Former++ to the first normal pictures of a part.

    Longer than visitors would wait: every picture is left out in turn for the threshold.
    """
    images = [load_image(path) for path in part.normal_paths[:SHOTS]]
    views = VIEWS.get(part.name, "station")
    settings = {"calibration_folds": SHOTS, "views": views}
    config = FitConfig.for_encoder(base.config.encoder, **settings)
    return timed_fit(base, part.name, images, config)


def fit_multi_part(base: AnomalyDetector, parts: tuple[ExamplePart, ...]) -> AnomalyDetector:
    """Fit one detector to all parts together; its prototypes serve for parts it never saw."""
    images = [load_image(path) for part in parts for path in part.normal_paths[:SHOTS_PER_PART]]
    return timed_fit(base, MULTI_PART, images, multi_part_config(base.config.encoder))


def multi_part_config(encoder: EncoderConfig) -> FitConfig:
    """Return the settings of a fit for zero-shot use.

    The hard coherence loss draws every token to its nearest prototype, which is what the
    zero-shot map measures; the soft one of ++ asks only for a mixture of them. Its thresholds
    hold for no other part and are never used, so its calibration may be rough.
    """
    losses = LossConfig(coherence="hard", mining_branches="cosine", coherence_weight=5.0)
    settings = {"steps": MULTI_PART_STEPS, "calibration_steps": 100, "losses": losses}
    return FitConfig.for_encoder(encoder, variant="inp-former", **settings)


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
