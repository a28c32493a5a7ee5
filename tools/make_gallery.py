"""Draw the gallery of the first page: what each ready detector says of pictures of its part.

    python tools/make_gallery.py
    python tools/make_gallery.py --assets runs/assets --detectors runs/detectors

Writes `gallery/gallery.json` and one JPEG per entry beside it. The same pictures and detectors give
the same gallery; a run that fails leaves the older one whole.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import sys
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from inpformer.detector import AnomalyDetector  # noqa: E402
from inpformer.errors import UserError  # noqa: E402
from inpformer.examples import (  # noqa: E402
    ASSETS,
    DETECTORS,
    GOOD,
    ExamplePart,
    ExamplePicture,
    example_parts,
)
from inpformer.images import load_image  # noqa: E402
from inpformer.pictures import draw_outline, draw_overlay  # noqa: E402
from inpformer.result import AnomalyResult  # noqa: E402

HEIGHT = 240
GAP = 6
JPEG_QUALITY = 88
MAX_BYTES = 1_000_000
GOOD_COUNT = 2


class Inspected(NamedTuple):
    """A picture and what its part's detector says of it."""

    part: ExamplePart
    picture: ExamplePicture
    result: AnomalyResult


def main(arguments: list[str] | None = None) -> int:
    """Draw the gallery; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, default=ASSETS, help="folder with examples/")
    parser.add_argument("--detectors", type=Path, default=DETECTORS)
    options = parser.parse_args(arguments)
    try:
        size = write_gallery(options.assets, options.detectors)
    except (UserError, OSError) as error:
        print(f"make_gallery: {error}", file=sys.stderr)
        return 1
    print(f"{options.assets / 'gallery'}: {size / 1000:.0f} kB")
    return 0


def write_gallery(assets: Path, detectors: Path) -> int:
    """Write the gallery of all parts and return its size in bytes.

    Raises:
        UserError: There are no parts, one has no detector, or the gallery would be too large.
    """
    parts = example_parts(assets, detectors)
    if not parts:
        raise UserError(f"There are no example parts in '{assets / 'examples'}'.")
    inspected = [inspect_part(part) for part in parts]
    files: dict[str, bytes] = {}
    entries = []
    for entry in choose_entries(inspected):
        name = f"{entry.part.name}_{entry.picture.defect}.jpg"
        files[name] = encode(draw_entry(entry))
        entries.append(describe(entry, name, assets / "examples"))
    files["gallery.json"] = (json.dumps({"entries": entries}, indent=2) + "\n").encode()
    size = sum(map(len, files.values()))
    if size > MAX_BYTES:
        raise UserError(f"The gallery would have {size} bytes; {MAX_BYTES} are allowed.")
    _replace_folder(assets / "gallery", files)
    return size


def inspect_part(part: ExamplePart) -> list[Inspected]:
    """Return what a part's ready detector says of all its pictures.

    Raises:
        UserError: The part has no detector, or that has no thresholds.
    """
    if part.detector_path is None:
        raise UserError(f"There is no ready detector of '{part.name}'.")
    detector = AnomalyDetector.load(part.detector_path, "cpu")
    if detector.calibration is None:
        raise UserError(f"The ready detector of '{part.name}' has no thresholds.")
    return [
        Inspected(part, picture, detector.predict(load_image(picture.path)))
        for picture in part.pictures
    ]


def choose_entries(inspected: list[list[Inspected]]) -> list[Inspected]:
    """Return a defect of each part, then a few good parts.

    Of a part's pictures it is always the one of middling confidence: the best would promise too
    much, and the worst is what the tables of results are for.

    Raises:
        UserError: No good part looks normal to its detector.
    """
    defects, goods = [], []
    for entries in inspected:
        is_good = [entry.picture.defect == GOOD for entry in entries]
        defects.append(_middle([e for e, good in zip(entries, is_good, strict=True) if not good]))
        goods.append(_middle([e for e, good in zip(entries, is_good, strict=True) if good]))
    goods = sorted(filter(None, goods), key=_confidence)[:GOOD_COUNT]
    if not goods or goods[0].result.is_anomalous:
        raise UserError("No good part looks normal to its detector: fit the detectors again.")
    return [*filter(None, defects), *goods]


def draw_entry(entry: Inspected) -> np.ndarray:
    """Return the picture and its result side by side, in the detector's fixed colours."""
    image, result = load_image(entry.picture.path), entry.result
    overlay = draw_overlay(image, result.anomaly_map, result.colour_range())
    overlay = draw_outline(overlay, result.mask())
    gap = np.full((image.shape[0], GAP * image.shape[0] // HEIGHT, 3), 255, np.uint8)
    pair = np.hstack([image, gap, overlay])
    width = round(pair.shape[1] * HEIGHT / pair.shape[0])
    return cv2.resize(pair, (width, HEIGHT), interpolation=cv2.INTER_AREA)


def describe(entry: Inspected, picture_name: str, examples: Path) -> dict[str, Any]:
    """Return what the page needs to know of an entry."""
    result, path = entry.result, entry.picture.path
    return {
        "part": entry.part.name,
        "defect": entry.picture.title,
        "source": path.relative_to(examples / entry.part.name).as_posix(),
        "picture": picture_name,
        "is_anomalous": result.is_anomalous,
        "confidence": round(result.confidence, 4),
        "score": round(result.image_score, 4),
        "threshold": round(result.threshold, 4),
    }


def encode(picture: np.ndarray) -> bytes:
    """Return a JPEG file."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return stream.getvalue()


def _middle(entries: list[Inspected]) -> Inspected | None:
    return sorted(entries, key=_confidence)[len(entries) // 2] if entries else None


def _confidence(entry: Inspected) -> float:
    return entry.result.confidence


def _replace_folder(folder: Path, files: dict[str, bytes]) -> None:
    """Write the files beside the folder, then swap."""
    fresh = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.part")
    stale = fresh.with_suffix(".old")
    try:
        fresh.mkdir(parents=True)
        for name, data in files.items():
            (fresh / name).write_bytes(data)
        if folder.exists():
            folder.rename(stale)
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(stale, ignore_errors=True)


if __name__ == "__main__":
    raise SystemExit(main())
