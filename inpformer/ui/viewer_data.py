"""What the viewer shows, as plain values: layers as data URIs, regions, values at a pixel."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from inpformer.cut import Cut
from inpformer.panels import scale_ticks
from inpformer.pictures import COLOUR_MAPS, Region, colour_table, find_regions, stretch
from inpformer.ui.figures import data_uri, jpeg_uri
from inpformer.ui.inspection import Inspection
from inpformer.ui.words import Words

# More regions than a person reads; a threshold far too low finds hundreds.
MAX_REGIONS = 50
_BAR_PIXELS = 300
_MAX_OUTLINE_POINTS = 20_000
_QUICK_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]
_MASK_PNG = [cv2.IMWRITE_PNG_BILEVEL, 1, *_QUICK_PNG]


@dataclass(frozen=True)
class Layer:
    """A map cut into regions, at display size.

    Attributes:
        threshold: Raw scale.
        mask: `(h, w)` bool.
        regions: In display pixels, the highest peak first.
    """

    threshold: float
    mask: np.ndarray
    regions: Sequence[Region]

    @property
    def area(self) -> float:
        """Share of the picture in regions, 0 to 1."""
        return float(self.mask.mean())


def cut_layer(inspection: Inspection, map_name: str, cut: Cut) -> Layer:
    """Cut a map of an inspected picture; runs no model."""
    values = inspection.display_map(map_name)
    threshold = cut.threshold(inspection.result, map_name)
    mask = cut.mask(values, threshold)
    return Layer(threshold, mask, find_regions(mask, values))


def picture_value(inspection: Inspection) -> dict[str, Any]:
    """Return the picture and what stays when another map or threshold is chosen."""
    image = inspection.display_image
    seen_rows, seen_columns = (
        np.flatnonzero(inspection.result.inspected_mask.any(axis=axis)) for axis in (1, 0)
    )
    picture_height, picture_width = inspection.result.geometry.picture_size
    seen = [seen_columns[0], seen_rows[0], seen_columns[-1] + 1, seen_rows[-1] + 1]
    return {
        "id": inspection.id,
        "name": inspection.name,
        "picture": jpeg_uri(image, 90),
        "size": [image.shape[1], image.shape[0]],
        "pictureSize": [picture_width, picture_height],
        # Left, top, right, bottom of what the model saw.
        "seen": [int(value) for value in seen],
    }


def heat_value(inspection: Inspection, map_name: str, words: Words) -> dict[str, Any]:
    """Return a map as a picture of 256 steps over its fixed colour range, and its legend."""
    result = inspection.result
    colours = result.colour_range(map_name)
    values = inspection.display_map(map_name)
    steps = cv2.convertScaleAbs(np.nan_to_num(stretch(values, colours, 255)))
    scale = result.scales.get(map_name)
    threshold = None if scale is None else scale.threshold
    ticks = scale_ticks(colours, threshold, _BAR_PIXELS)
    return {
        "id": f"{inspection.id} {map_name}",
        "steps": data_uri(cv2.imencode(".png", steps, _QUICK_PNG)[1].tobytes(), "png"),
        "title": words.MAP_TITLES[map_name],
        "unit": words.SCALE_RAW if scale is None else words.SCALE_UNIT,
        "ticks": [[_place(value, colours), label] for value, label in ticks],
    }


def layer_value(
    inspection: Inspection, map_name: str, layer: Layer, words: Words
) -> dict[str, Any]:
    """Return what the sliders change: mask, outlines, regions. A few kilobytes."""
    result = inspection.result
    zoom = result.geometry.picture_size[1] / layer.mask.shape[1]
    scale = result.scales.get(map_name)
    unit = 1.0 if scale is None else scale.threshold
    rows = []
    for region in layer.regions[:MAX_REGIONS]:
        left, top, box_width, box_height = (round(side * zoom) for side in region.box)
        area = region.area * zoom**2
        rows.append(
            {
                "box": list(region.box),
                "cells": [
                    f"{left}, {top} · {box_width} × {box_height}",
                    words.REGION_AREA.format(pixels=area, share=region.area / layer.mask.size),
                    _in_units(region.peak, unit, scale is not None, words),
                ],
            }
        )
    more = len(layer.regions) - len(rows)
    mask = cv2.imencode(".png", layer.mask.astype(np.uint8) * 255, _MASK_PNG)[1].tobytes()
    return {
        "mask": data_uri(mask, "png"),
        "outline": _outline(layer.mask),
        "cut": _place(layer.threshold, result.colour_range(map_name)),
        "regions": rows,
        "note": words.MORE_REGIONS.format(count=more) if more else "",
    }


def value_at(
    inspection: Inspection, map_name: str, cut: Cut, x: int, y: int, words: Words
) -> dict[str, Any]:
    """Return the value of a map at a picture pixel, and a sentence about it.

    Args:
        inspection: Of the picture.
        map_name: Which map.
        cut: What the value is compared with.
        x: Picture pixels from the left; beyond the picture takes the nearest.
        y: Picture pixels from the top.
        words: The visitor's language.

    Returns:
        `x`, `y`, `raw`, `times` (multiples of the calibrated threshold, None without one),
        `is_above` the cut, `was_inspected`, and `text`.
    """
    result = inspection.result
    height, width = result.geometry.picture_size
    x, y = min(max(int(x), 0), width - 1), min(max(int(y), 0), height - 1)
    raw = float(result.map(map_name)[y, x])
    scale = result.scales.get(map_name)
    was_inspected = bool(result.inspected_mask[y, x])
    is_above = raw > cut.threshold(result, map_name)
    if not was_inspected:
        text = words.VALUE_UNSEEN.format(x=x, y=y)
    else:
        text = words.VALUE_AT.format(
            x=x,
            y=y,
            value=_in_units(raw, scale.threshold if scale else 1.0, scale is not None, words),
            side=words.VALUE_ABOVE if is_above else words.VALUE_BELOW,
        )
    times = raw / scale.threshold if scale is not None and scale.threshold > 0 else None
    return {
        "x": x,
        "y": y,
        "raw": raw,
        "times": times,
        "is_above": is_above,
        "was_inspected": was_inspected,
        "text": text,
    }


def colour_tables() -> dict[str, str]:
    """Return the colours of every colour map by name: 256 times RGB in base64."""
    return {name: base64.b64encode(colour_table(name).tobytes()).decode() for name in COLOUR_MAPS}


def _in_units(value: float, threshold: float, is_calibrated: bool, words: Words) -> str:
    if not is_calibrated or threshold <= 0:
        return words.RAW_VALUE.format(value=value)
    return words.TIMES_VALUE.format(times=value / threshold, value=value)


def _outline(mask: np.ndarray) -> str:
    """Return the borders of a mask as the path of an SVG, in display pixels."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if sum(map(len, contours)) > _MAX_OUTLINE_POINTS:
        contours = [cv2.approxPolyDP(contour, 1.5, True) for contour in contours]
    # The middle of a pixel is at a half.
    return "".join(
        "M" + "L".join(f"{x}.5 {y}.5" for x, y in contour[:, 0].tolist()) + "Z"
        for contour in contours
    )


def _place(value: float, colours: tuple[float, float]) -> float:
    """Return where a value lies on the colour bar, 0 to 1."""
    low, high = colours
    return round(min(max((value - low) / (high - low), 0.0), 1.0), 4)
