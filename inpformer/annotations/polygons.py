"""Outlines of regions as polygons, and back, by the rules of the programs that read them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw
from pycocotools import mask as coco_mask

Point = tuple[float, float]


def outline(pixels: np.ndarray) -> list[tuple[int, int]]:
    """Return the outer outline of one region.

    Args:
        pixels: `(h, w)` bool, connected.

    Returns:
        Its border pixels at every turn, as `(x, y)`; holes are not in it.
    """
    contours, _ = cv2.findContours(
        pixels.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    return [(int(x), int(y)) for x, y in contours[0][:, 0]]


def fill_with_outline(points: Sequence[Point], shape: tuple[int, int]) -> np.ndarray:
    """Fill a polygon the way LabelMe does, with Pillow, the outline included.

    Args:
        points: At least two, as `(x, y)`.
        shape: `(H, W)` of the picture.

    Returns:
        `(H, W)` bool.
    """
    canvas = Image.new("1", (shape[1], shape[0]))
    ImageDraw.Draw(canvas).polygon([tuple(point) for point in points], fill=1, outline=1)
    return np.array(canvas, bool)


def fill_corners(points: Sequence[Point], shape: tuple[int, int]) -> np.ndarray:
    """Fill a polygon the way Ultralytics does, with OpenCV on points cut to whole pixels.

    Args:
        points: As `(x, y)`.
        shape: `(H, W)` of the picture.

    Returns:
        `(H, W)` bool.
    """
    canvas = np.zeros(shape, np.uint8)
    cv2.fillPoly(canvas, [np.floor(np.asarray(points, float)).astype(np.int32)], 1)
    return canvas.astype(bool)


def fill_area(polygons: Sequence[Sequence[Point]], shape: tuple[int, int]) -> np.ndarray:
    """Fill polygons the way COCO does: pixels whose middle lies inside; whole numbers are corners.

    Args:
        polygons: Each of at least three points as `(x, y)`, one region together.
        shape: `(H, W)` of the picture.

    Returns:
        `(H, W)` bool.
    """
    flat = [[number for point in polygon for number in point] for polygon in polygons]
    if not flat:
        return np.zeros(shape, bool)
    return coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(flat, *shape))).astype(bool)


def check_points(points: Sequence[Sequence[float]], shape: tuple[int, int]) -> list[Point]:
    """Return points as pairs of numbers near a picture.

    Raises:
        ValueError: A point is no pair, or lies far outside.
    """
    pairs = [(float(x), float(y)) for x, y in points]
    reach = 2 * max(shape)
    if not all(-reach <= number <= reach for pair in pairs for number in pair):
        raise ValueError("a point lies far outside of the picture")
    return pairs
