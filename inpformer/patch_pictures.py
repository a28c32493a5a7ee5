"""Patches drawn: marked in their picture, cut out of it, and maps in which a patch is a tile."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from inpformer.patch_reason import PatchTokens
from inpformer.pictures import COLOUR_MAPS, Colour, draw_heatmap

Box = tuple[float, float, float, float]

PATCH_COLOUR: Colour = (0, 229, 255)
CROP_SIDE = 132
# A patch alone says little: the crop shows this many patches to each side of it.
CROP_MARGIN = 3.0

# The scale of the residual ends at this many times what one patch in 200 of the normal pictures
# exceeds, and where there are none at this share of a token's size. Measured on the example parts:
# normal pictures that were not fitted on stay below 5 times, defects reach 10 to 500 times.
RESIDUAL_FACTOR = 10.0
RESIDUAL_QUANTILE = 0.995
RESIDUAL_WITHOUT_SHOTS = 0.05


def scaled_box(box: Box, from_size: Sequence[int], to_size: Sequence[int]) -> Box:
    """Bring a box of a picture to a copy of it of another size.

    Args:
        box: Top, left, bottom and right edge.
        from_size: `(H, W)` that the box belongs to.
        to_size: `(H, W)` of the copy.
    """
    y, x = to_size[0] / from_size[0], to_size[1] / from_size[1]
    return box[0] * y, box[1] * x, box[2] * y, box[3] * x


def mark_patch(image: np.ndarray, box: Box, cross: bool = False) -> np.ndarray:
    """Frame a patch by a bright line with dark edges, at least 9 pixels wide to be found.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        box: Top, left, bottom and right edge, in pixels of `image`.
        cross: Also draw lines to the four edges of the picture, which find a small patch.

    Returns:
        A copy of `image` with the mark.
    """
    marked = image.copy()
    height, width = image.shape[:2]
    thickness = max(1, round(max(height, width) / 500))
    (top, bottom), (left, right) = _at_least(box[0], box[2], 9), _at_least(box[1], box[3], 9)
    y, x = round((top + bottom) / 2), round((left + right) / 2)
    lines = [((0, y), (left, y)), ((right, y), (width, y))]
    lines += [((x, 0), (x, top)), ((x, bottom), (x, height))]
    for colour, extra in (((0, 0, 0), 2), (PATCH_COLOUR, 0)):
        for start, end in lines if cross else ():
            cv2.line(marked, start, end, colour, 1 + extra // 2)
        cv2.rectangle(marked, (left, top), (right - 1, bottom - 1), colour, thickness + extra)
    return marked


def cut_patch(image: np.ndarray, box: Box, side: int = CROP_SIDE) -> np.ndarray:
    """Cut a patch with its surroundings out of a picture and frame it.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        box: Top, left, bottom and right edge, in pixels of `image`.
        side: Of the square result, in pixels.

    Returns:
        `(side, side, 3)` uint8 RGB; beyond the picture its edge goes on.
    """
    top, left, bottom, right = box
    reach = (0.5 + CROP_MARGIN) * max(bottom - top, right - left)
    zoom = side / (2 * reach)
    start_x, start_y = (left + right) / 2 - reach, (top + bottom) / 2 - reach
    # Pixel centres lie at half-integers in both pictures.
    place = np.array(
        [[zoom, 0, zoom * (0.5 - start_x) - 0.5], [0, zoom, zoom * (0.5 - start_y) - 0.5]]
    )
    crop = cv2.warpAffine(
        image, place, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    inside = tuple(
        (edge - start) * zoom
        for edge, start in zip(box, (start_y, start_x, start_y, start_x), strict=True)
    )
    return mark_patch(crop, inside)


def draw_patch_map(
    values: np.ndarray,
    size: Sequence[int],
    value_range: tuple[float, float],
    colour_map: str = COLOUR_MAPS[0],
) -> np.ndarray:
    """Draw one value per patch as even tiles.

    Args:
        values: `(rows, columns)` float.
        size: `(H, W)` of the picture that the patches cover.
        value_range: Values of the first and the last colour; never those of this map.
        colour_map: One of `COLOUR_MAPS`.

    Returns:
        `(H, W, 3)` uint8 RGB.
    """
    coloured = draw_heatmap(values, value_range, colour_map)
    return cv2.resize(coloured, (size[1], size[0]), interpolation=cv2.INTER_NEAREST)


def residual_range(shots: Sequence[PatchTokens]) -> tuple[float, float]:
    """Return the residuals of the first and the last colour, from the normal pictures.

    Args:
        shots: Of the normal pictures; may be none.
    """
    levels = [np.quantile(s.residual, RESIDUAL_QUANTILE) for s in shots if s.residual is not None]
    if not levels:
        return 0.0, RESIDUAL_WITHOUT_SHOTS
    return 0.0, max(RESIDUAL_FACTOR * float(np.median(levels)), 1e-9)


def _at_least(low: float, high: float, size: int) -> tuple[int, int]:
    """Return rounded edges, moved apart to `size` where they are closer."""
    missing = max(0.0, size - (high - low)) / 2
    return round(low - missing), round(high + missing)
