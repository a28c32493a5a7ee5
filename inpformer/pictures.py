"""Maps, masks and prototypes drawn as pictures: arrays in, uint8 RGB arrays out.

Colour never depends on the smallest and largest value of the map at hand. Every function is told
the range that its colours span, so that a normal picture looks normal, and two look comparable.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from inpformer.errors import require

Colour = tuple[int, int, int]

# The first is the default: its steps look even. The last is here for people who are used to it.
COLOUR_MAPS = ("inferno", "viridis", "cividis", "turbo", "jet")
MISSING_GREY = 128

# Pixels drawn at a time: small enough for the cache, which halves the time of a large picture.
_STRIP_PIXELS = 1 << 18


@dataclass(frozen=True)
class Region:
    """One connected region of a mask.

    Attributes:
        box: `(left, top, width, height)` in pixels.
        area: Pixels of the mask in it.
        peak: Largest value of the anomaly map in it.
        peak_at: `(x, y)` of that value.
    """

    box: tuple[int, int, int, int]
    area: int
    peak: float
    peak_at: tuple[int, int]


def draw_heatmap(
    anomaly_map: np.ndarray,
    value_range: tuple[float, float],
    colour_map: str = COLOUR_MAPS[0],
) -> np.ndarray:
    """Colour an anomaly map.

    Args:
        anomaly_map: `(H, W)` float; NaN is drawn grey.
        value_range: Values of the first and the last colour; values beyond take the nearest.
        colour_map: One of `COLOUR_MAPS`.

    Returns:
        `(H, W, 3)` uint8 RGB.
    """
    table = colour_table(colour_map)[:, None]
    heatmap = np.empty((*anomaly_map.shape, 3), np.uint8)
    for rows in _strips(anomaly_map.shape):
        index, missing = _colour_index(anomaly_map[rows], value_range)
        heatmap[rows] = cv2.applyColorMap(index, table)
        if missing.any():
            heatmap[rows][missing] = MISSING_GREY
    return heatmap


def draw_overlay(
    image: np.ndarray,
    anomaly_map: np.ndarray,
    value_range: tuple[float, float],
    opacity: float = 0.6,
    colour_map: str = COLOUR_MAPS[0],
) -> np.ndarray:
    """Colour an anomaly map over its picture, which shows through where the map is low.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        anomaly_map: `(H, W)` float; NaN is drawn grey.
        value_range: The picture is untouched at or below the first value; from the second on the
            colour has its full opacity.
        opacity: At the high end of the range, 0 to 1.
        colour_map: One of `COLOUR_MAPS`.

    Returns:
        `(H, W, 3)` uint8 RGB.
    """
    _check_same_size(image, anomaly_map)
    require(0 <= opacity <= 1, f"the opacity must be between 0 and 1, not {opacity}")
    alpha = opacity * np.arange(256) / 255
    weighted = np.rint(colour_table(colour_map) * alpha[:, None]).astype(np.uint8)[:, None]
    overlay = np.empty_like(image, order="C")
    for rows in _strips(anomaly_map.shape):
        index, missing = _colour_index(anomaly_map[rows], value_range)
        remaining = cv2.convertScaleAbs(index, alpha=-opacity, beta=255)
        faded = cv2.multiply(
            image[rows], cv2.cvtColor(remaining, cv2.COLOR_GRAY2RGB), scale=1 / 255
        )
        overlay[rows] = cv2.add(faded, cv2.applyColorMap(index, weighted))
        if missing.any():
            kept = image[rows][missing] * (1 - opacity)
            overlay[rows][missing] = np.rint(kept + opacity * MISSING_GREY)
    return overlay


def draw_mask(mask: np.ndarray) -> np.ndarray:
    """Return a mask `(H, W)` bool as a grey picture `(H, W)` uint8 of 0 and 255."""
    return mask.astype(np.uint8) * 255


def draw_outline(
    image: np.ndarray,
    mask: np.ndarray,
    colour: Colour = (0, 229, 255),
    thickness: int | None = None,
) -> np.ndarray:
    """Outline the regions of a mask, holes too, by a bright line with dark edges.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        mask: `(H, W)` bool.
        colour: Of the bright line.
        thickness: Of the bright line in pixels; None for one that suits the picture's size.

    Returns:
        A copy of `image` with the outlines.
    """
    _check_same_size(image, mask)
    if thickness is None:
        thickness = max(1, round(max(mask.shape) / 500))
    outlined = image.copy()
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    edge = (thickness + 1) // 2
    cv2.drawContours(outlined, contours, -1, (0, 0, 0), thickness + 2 * edge)
    cv2.drawContours(outlined, contours, -1, colour, thickness)
    return outlined


def hatch(image: np.ndarray, inspected: np.ndarray) -> np.ndarray:
    """Hatch in grey what the model never saw.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        inspected: `(H, W)` bool, True where the picture is left as it is.

    Returns:
        A copy of `image`, hatched.
    """
    _check_same_size(image, inspected)
    period = max(8, 2 * round(max(inspected.shape) / 100))
    steps = np.arange(period)
    tile = np.where((steps[:, None] + steps) % period < period // 2, 90, 170).astype(np.uint8)
    height, width = inspected.shape
    stripes = np.tile(tile, (-(-height // period), -(-width // period)))[:height, :width]
    grey = cv2.addWeighted(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 0.3, stripes, 0.7, 0)
    hidden = (~inspected).astype(np.uint8)
    return cv2.copyTo(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), hidden, image.copy())


def find_regions(mask: np.ndarray, anomaly_map: np.ndarray, min_area: int = 0) -> list[Region]:
    """Find the connected regions of a mask; pixels that touch by a corner are connected.

    Args:
        mask: `(H, W)` bool.
        anomaly_map: `(H, W)` float, larger is more anomalous; NaN is never the peak.
        min_area: Smaller regions, in pixels, are left out.

    Returns:
        The regions, the highest peak first.
    """
    _check_same_size(mask, anomaly_map)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8
    )
    regions = []
    for label in range(1, count):
        left, top, width, height, area = (int(value) for value in stats[label])
        if area < min_area:
            continue
        box = np.s_[top : top + height, left : left + width]
        inside = (labels[box] == label) & ~np.isnan(anomaly_map[box])
        values = np.where(inside, anomaly_map[box], -np.inf)
        y, x = divmod(int(values.argmax()), width)
        peak_at = (left + x, top + y)
        regions.append(Region((left, top, width, height), area, float(values[y, x]), peak_at))
    return sorted(regions, key=lambda region: region.peak, reverse=True)


def drop_small_regions(mask: np.ndarray, min_area: int) -> np.ndarray:
    """Return a mask `(H, W)` bool without the regions of fewer pixels than `min_area`.

    Regions are those of `find_regions`; the mask itself is returned where nothing can be dropped.
    """
    if min_area <= 1:
        return mask
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    is_kept = stats[:, cv2.CC_STAT_AREA] >= min_area
    is_kept[0] = False
    return is_kept[labels]


def check_colour_map(colour_map: str) -> None:
    """Raise a `ConfigError` unless `colour_map` is one of `COLOUR_MAPS`."""
    known = ", ".join(COLOUR_MAPS)
    require(colour_map in COLOUR_MAPS, f"the colour map must be one of {known}, not {colour_map}")


@lru_cache
def colour_table(colour_map: str) -> np.ndarray:
    """Return the colours of a map, `(256, 3)` uint8 RGB; not to be written to.

    Raises:
        ConfigError: It is not one of `COLOUR_MAPS`.
    """
    check_colour_map(colour_map)
    from matplotlib import colormaps

    table = colormaps[colour_map](np.arange(256), bytes=True)[:, :3].copy()
    table.setflags(write=False)
    return table


def _strips(shape: tuple[int, ...]) -> Iterator[slice]:
    rows = max(1, _STRIP_PIXELS // max(1, shape[1]))
    return (slice(top, top + rows) for top in range(0, shape[0], rows))


def stretch(values: np.ndarray, value_range: tuple[float, float], top: float) -> np.ndarray:
    """Map the range to 0 ... `top`, clipped, float32; NaN stays."""
    low, high = value_range
    if not (low < high and math.isfinite(high - low)):
        raise ValueError(f"value_range must be finite and increasing, got {value_range}")
    with np.errstate(over="ignore"):
        scaled = np.subtract(values, low, dtype=np.float32)
        scaled *= np.float32(top / (high - low))
    return np.clip(scaled, 0, top, out=scaled)


def _colour_index(
    values: np.ndarray, value_range: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of a colour table, uint8, and where the values are NaN."""
    scaled = stretch(values, value_range, 255)
    return cv2.convertScaleAbs(scaled), np.isnan(scaled)


def _check_same_size(first: np.ndarray, second: np.ndarray) -> None:
    if first.shape[:2] != second.shape[:2]:
        raise ValueError(f"sizes differ: {first.shape[:2]} and {second.shape[:2]}")
