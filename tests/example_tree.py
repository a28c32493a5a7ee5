"""Example parts on disk, small enough for tests: folders, ready detectors and a gallery."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from inpformer.detector import AnomalyDetector
from inpformer.examples import Examples, find_examples

PARTS = {
    "ring": {"title": "Striped ring", "defects": ["blot", "deep_scratch"]},
    "plate": {"title": "Striped plate", "defects": ["blot"]},
}
SHOTS = 5


def draw(seed: int, defect: str = "") -> np.ndarray:
    """Return a picture `(90, 120, 3)` uint8 of soft stripes, with a defect if one is named."""
    rng = np.random.default_rng(seed)
    stripes = 120 + 40 * np.sin((np.arange(120) + seed) / 5.0)
    picture = stripes[None, :, None] + rng.normal(0, 6, (90, 120, 3))
    if defect == "blot":
        picture[30:60, 40:80] = (250, 40, 30)
    elif defect:
        picture[44:47, 10:110] = 20
    return picture.clip(0, 255).astype(np.uint8)


def write_parts(assets: Path) -> None:
    """Write the parts with `SHOTS` normal pictures and, of every defect and of good, two more."""
    root = assets / "examples"
    for name, about in PARTS.items():
        for index in range(SHOTS):
            _save(root / name / "train" / "good" / f"{index:03}.jpg", draw(index))
        for defect in (*about["defects"], "good"):
            for index in range(2):
                picture = draw(20 + index, "" if defect == "good" else defect)
                _save(root / name / "test" / defect / f"{index:03}.jpg", picture)
                if defect != "good":
                    mask = np.full((90, 120), 255, np.uint8)
                    truth = root / name / "ground_truth" / defect
                    _save(truth / f"{index:03}_mask.png", mask)
    (root / "parts.json").write_text(json.dumps(PARTS), "utf-8")


def write_gallery(assets: Path) -> None:
    """Write a gallery with a defect and a good part of the ring."""
    entries = []
    for defect, source, is_anomalous in (
        ("deep scratch", "deep_scratch", True),
        ("good",) * 2 + (False,),
    ):
        name = f"ring_{source}.jpg"
        _save(assets / "gallery" / name, np.hstack([draw(20, source.replace("good", ""))] * 2))
        entries.append(
            {
                "part": "ring",
                "defect": defect,
                "source": f"test/{source}/000.jpg",
                "picture": name,
                "is_anomalous": is_anomalous,
                "confidence": 0.9 if is_anomalous else 0.1,
                "score": 1.2 if is_anomalous else 0.8,
                "threshold": 1.0,
            }
        )
    content = json.dumps({"entries": entries})
    (assets / "gallery" / "gallery.json").write_text(content, "utf-8")


def write_examples(folder: Path, ready: AnomalyDetector) -> Examples:
    """Write parts and gallery; the ring has `ready`, the plate a damaged detector file."""
    assets, detectors = folder / "assets", folder / "detectors"
    write_parts(assets)
    write_gallery(assets)
    ready.save(detectors / "ring.safetensors")
    (detectors / "plate.safetensors").write_bytes(b"no detector")
    return find_examples(assets, detectors)


def _save(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
