"""Patches drawn: marked in their picture, cut out of it, and maps in which a patch is a tile."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from inpformer.patch_reason import PatchTokens
from inpformer.pictures import COLOUR_MAPS, Colour, draw_heatmap

Box = tuple[float, float, float, float]

# Neither the colour of outlined regions nor one of the colour map, at either of its ends.
PATCH_COLOUR: Colour = (64, 255, 120)
CROP_SIDE = 132
# A patch alone says little: the crop shows this many patches to each side of it.
CROP_MARGIN = 3.0

# The scale of the residual ends at this many times what one patch in 200 of the normal pictures
# exceeds, and where there are none at this share of a token's size. Measured on the example parts:
# normal pictures that were not fitted on stay below 5 times, defects reach 10 to 500 times.
RESIDUAL_FACTOR = 10.0
RESIDUAL_QUANTILE = 0.995
RESIDUAL_WITHOUT_SHOTS = 0.05


def scaled_box(box: Box, frame: Box, size: Sequence[int]) -> Box:
    """Bring a box of a picture to a drawing of the part of it that lies in `frame`.

    Args:
        box: Top, left, bottom and right edge, in pixels of the picture.
        frame: The same four edges of what the drawing shows.
        size: `(H, W)` of the drawing.
    """
    top, left, bottom, right = frame
    y, x = size[0] / (bottom - top), size[1] / (right - left)
    return (box[0] - top) * y, (box[1] - left) * x, (box[2] - top) * y, (box[3] - left) * x


def mark_patch(image: np.ndarray, box: Box, rulers: bool = False) -> np.ndarray:
    """Frame a patch from outside by a bright line with dark edges, so that all of it is seen.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        box: Top, left, bottom and right edge, in pixels of `image`.
        rulers: Also mark its row and column at the edges of the picture, to find it by.

    Returns:
        A copy of `image` with the mark.
    """
    marked = image.copy()
    height, width = image.shape[:2]
    thickness = max(1, round(max(height, width) / 500))
    (top, bottom), (left, right) = _at_least(box[0], box[2], 7), _at_least(box[1], box[3], 7)
    y, x, length = (top + bottom) // 2, (left + right) // 2, max(height, width) // 25
    ends = [((0, y), (length, y)), ((width - 1 - length, y), (width - 1, y))]
    ends += [((x, 0), (x, length)), ((x, height - 1 - length), (x, height - 1))]
    gap = thickness + 2
    for colour, extra in (((0, 0, 0), 2), (PATCH_COLOUR, 0)):
        for start, end in ends if rulers else ():
            cv2.line(marked, start, end, colour, thickness + extra)
        corners = (left - gap, top - gap), (right - 1 + gap, bottom - 1 + gap)
        cv2.rectangle(marked, *corners, colour, thickness + extra)
    return marked


def cut_patch(image: np.ndarray, box: Box, side: int = CROP_SIDE) -> np.ndarray:
    """Cut a patch with its surroundings out of a picture and frame it.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        box: Top, left, bottom and right edge, in pixels of `image`.
        side: Of the square result, in pixels.

    Returns:
        `(side, side, 3)` uint8 RGB with the patch in the middle, or beside it where the picture
        ends; a picture smaller than the crop goes on with its edge.
    """
    top, left, bottom, right = box
    window = (1 + 2 * CROP_MARGIN) * max(bottom - top, right - left)
    start_y = _start((top + bottom - window) / 2, window, image.shape[0])
    start_x = _start((left + right - window) / 2, window, image.shape[1])
    zoom = side / window
    # Pixel centres lie at half-integers in both pictures.
    place = np.array(
        [[zoom, 0, zoom * (0.5 - start_x) - 0.5], [0, zoom, zoom * (0.5 - start_y) - 0.5]]
    )
    crop = cv2.warpAffine(
        image, place, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    frame = (start_y, start_x, start_y + window, start_x + window)
    return mark_patch(crop, scaled_box(box, frame, crop.shape))


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


def _start(wanted: float, window: float, length: int) -> float:
    """Return where a window begins that stays inside, or is centred if it is the longer one."""
    if window >= length:
        return (length - window) / 2
    return min(max(wanted, 0.0), length - window)


def _at_least(low: float, high: float, size: int) -> tuple[int, int]:
    """Return rounded edges, moved apart to `size` where they are closer."""
    missing = max(0.0, size - (high - low)) / 2
    return round(low - missing), round(high + missing)
