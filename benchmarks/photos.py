"""Turn photos of surfaces into parts to measure encoders on: real pictures, made-up defects.

    python benchmarks/photos.py brick.png grass.png gravel.png --out runs/photos
    python benchmarks/encoder.py runs/photos/* --encoder embedded --encoder filters

The left half of a photo gives normal pictures to learn from, the right half those to test on, so
none is seen twice. Defects are a piece of another photo, a scratch, a blurred place and a stain,
each with its mask. The same seed gives the same pictures.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from inpformer.images import load_image

SIDE = 200  # pixels of a picture
TRAIN, GOOD, PER_DEFECT = 4, 16, 4
VISIBLE = 8  # grey levels
NEAR = np.ones((7, 7), np.uint8)
# Of a picture, a blob's mask and a piece of another photo: the changed picture, what it covers.
Drawn = tuple[np.ndarray, np.ndarray]
Defect = Callable[[np.ndarray, np.ndarray, np.ndarray, np.random.Generator], Drawn]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="+", type=Path, help="two or more, 450 pixels wide or more")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    photos = [load_image(path) for path in options.photos]
    if len(photos) < 2 or any(min(photo.shape[:2]) < 2 * SIDE + 50 for photo in photos):
        parser.error("two or more pictures of at least 450 x 450 pixels are needed")
    for index, path in enumerate(options.photos):
        rng = np.random.default_rng([options.seed, index])
        write_part(photos[index], photos[index - 1], options.out / path.stem, rng)


def write_part(
    photo: np.ndarray, stranger: np.ndarray, folder: Path, rng: np.random.Generator
) -> None:
    """Write the normal and the defective pictures of one photo in the layout of MVTec AD."""
    half = photo.shape[1] // 2
    left, right = photo[:, :half], photo[:, half:]
    for number in range(TRAIN):
        _write(folder / "train" / "good" / f"{number:03}.png", _crop(left, rng))
    for number in range(GOOD):
        _write(folder / "test" / "good" / f"{number:03}.png", _crop(right, rng))
    for name, defect in DEFECTS.items():
        for number in range(PER_DEFECT):
            image, mask = _crop(right, rng), _blob(rng)
            changed, covered = defect(image, mask, _crop(stranger, rng), rng)
            visible = (np.abs(changed.astype(int) - image).max(axis=2) > VISIBLE) & (covered > 0)
            _write(folder / "test" / name / f"{number:03}.png", changed)
            mask_path = folder / "ground_truth" / name / f"{number:03}_mask.png"
            closed = cv2.morphologyEx(255 * visible.astype(np.uint8), cv2.MORPH_CLOSE, NEAR)
            _write(mask_path, closed)


def _piece(image: np.ndarray, mask: np.ndarray, stranger: np.ndarray, _: object) -> Drawn:
    # As bright as what it covers: only its texture is another one.
    shift = image[mask > 0].mean(axis=0) - stranger[mask > 0].mean(axis=0)
    return _blend(image, np.clip(stranger + shift, 0, 255), mask), mask


def _scratch(image: np.ndarray, mask: np.ndarray, _: object, rng: np.random.Generator) -> Drawn:
    ys, xs = np.nonzero(mask)
    line = np.zeros_like(mask)
    ends = [(int(xs[i]), int(ys[i])) for i in (xs.argmin(), xs.argmax())]
    cv2.line(line, *ends, 255, int(rng.integers(1, 3)), cv2.LINE_AA)
    tone = 235 if image[mask > 0].mean() < 128 else 20
    return _blend(image, np.full_like(image, tone), line), line


def _blur(image: np.ndarray, mask: np.ndarray, *_: object) -> Drawn:
    return _blend(image, cv2.GaussianBlur(image, (0, 0), 4), mask), mask


def _stain(image: np.ndarray, mask: np.ndarray, *_: object) -> Drawn:
    return _blend(image, 0.7 * image, mask), mask


DEFECTS: dict[str, Defect] = {"piece": _piece, "scratch": _scratch, "blur": _blur, "stain": _stain}


def _blob(rng: np.random.Generator) -> np.ndarray:
    """Return the mask `(S, S)` uint8 of an ellipse of 20 to 56 pixels, away from the border."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    centre = tuple(int(v) for v in rng.integers(45, SIDE - 45, 2))
    axes = tuple(int(v) for v in rng.integers(10, 29, 2))
    cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, 255, -1)
    return mask


def _blend(image: np.ndarray, other: np.ndarray, mask: np.ndarray) -> np.ndarray:
    share = cv2.GaussianBlur(mask, (0, 0), 1.0)[..., None] / 255.0
    return (image + share * (other.astype(float) - image)).round().astype(np.uint8)


def _crop(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    top, left = (int(rng.integers(0, side - SIDE + 1)) for side in photo.shape[:2])
    return photo[top : top + SIDE, left : left + SIDE].copy()


def _write(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image)


if __name__ == "__main__":
    main()
