"""What is written for one inspected picture: drawings, masks, raw maps and a line of facts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from inpformer.cut import Cut
from inpformer.files import make_folder, save_npy, save_png, to_uint16
from inpformer.pictures import (
    draw_heatmap,
    draw_mask,
    draw_outline,
    draw_overlay,
    find_regions,
)
from inpformer.prototypes import draw_inp_sheet
from inpformer.result import AnomalyResult

# Where a map was never calibrated it is a cosine distance, which cannot exceed this.
_COSINE_LIMIT = 2.0
_CALIBRATED_LIMIT = 4.0


def write_result(
    folder: Path,
    name: str,
    image: np.ndarray,
    result: AnomalyResult,
    maps: Literal["png16", "npy", "none"] = "png16",
    colour_map: str = "inferno",
) -> dict[str, Any]:
    """Write the drawings of one picture and return its facts.

    Args:
        folder: Made if it is not there.
        name: Beginning of every file name.
        image: The picture, `(H, W, 3)` uint8.
        result: What the detector said about it.
        maps: `png16` writes the map linearly in 16 bits over `map_range`; `npy` as float32, in
            the benchmark geometry the official 256 x 256 map; `none` writes no map.
        colour_map: Colours of the heatmap.

    Raises:
        UserError: The folder cannot be written.
    """
    make_folder(folder)
    colours = result.colour_range()
    drawings = {
        "heatmap": draw_heatmap(result.anomaly_map, colours, colour_map),
        "overlay": draw_overlay(image, result.anomaly_map, colours, colour_map=colour_map),
        "inps": draw_inp_sheet(
            result.geometry.crop_to_inspected(image), result.inp_attention, result.inp_assignment
        ),
    }
    if result.threshold is not None:
        drawings["mask"] = draw_mask(result.mask())
    if maps == "png16":
        drawings["map"] = to_uint16(result.anomaly_map, map_range(result))
    files = {}
    for kind, array in drawings.items():
        path = folder / f"{name}_{kind}.png"
        save_png(path, array)
        files[kind] = path.name
    if maps == "npy":
        is_benchmark = result.geometry.name == "benchmark"
        values = result.score_maps[result.map_name] if is_benchmark else result.anomaly_map
        save_npy(folder / f"{name}_map.npy", values)
        files["map"] = f"{name}_map.npy"
    stored_range = list(map_range(result)) if maps == "png16" else None
    return {**describe_result(result), "map_range": stored_range, "files": files}


def map_range(result: AnomalyResult) -> tuple[float, float]:
    """Return the raw values that 0 and 65535 stand for in the deciding map's 16-bit picture."""
    high = _CALIBRATED_LIMIT * (result.threshold or 0.0)
    # Not calibrated, or on pictures that gave no distance at all.
    return 0.0, high if high > 0 else _COSINE_LIMIT


def draw_result(
    image: np.ndarray, result: AnomalyResult, cut: Cut | None = None, colour_map: str = "inferno"
) -> dict[str, np.ndarray]:
    """Draw the deciding map of a picture at a cut, at the picture's size.

    Args:
        image: The picture, `(H, W, 3)` uint8.
        result: What the detector said about it.
        cut: Where the mask begins; None takes the calibrated threshold, and without one the mask
            is empty.
        colour_map: Colours of the overlay.

    Returns:
        `map` `(H, W)` uint16 over `map_range`, `mask` `(H, W)` uint8 of 0 and 255, and `overlay`
        `(H, W, 3)` uint8 with the mask outlined.
    """
    values = result.anomaly_map
    threshold = result.threshold if cut is None else cut.threshold(result)
    mask = (cut or Cut()).mask(values, np.inf if threshold is None else threshold)
    overlay = draw_overlay(image, values, result.colour_range(), colour_map=colour_map)
    return {
        "map": to_uint16(values, map_range(result)),
        "mask": draw_mask(mask),
        "overlay": draw_outline(overlay, mask),
    }


def describe_result(result: AnomalyResult, cut: Cut | None = None) -> dict[str, Any]:
    """Return the facts of a result in plain types, for JSON.

    Args:
        result: What the detector said.
        cut: Where verdict, mask and regions begin; None takes the calibrated threshold, and
            without one there is neither mask nor region.
    """
    threshold = result.threshold if cut is None else cut.threshold(result)
    cut = cut or Cut()
    regions, area = [], None
    if threshold is not None:
        mask = cut.mask(result.anomaly_map, threshold)
        area = float(mask.mean())
        regions = [
            {"box": list(region.box), "area": region.area, "peak": region.peak}
            for region in find_regions(mask, result.anomaly_map)
        ]
    is_calibrated = result.threshold is not None
    is_anomalous = result.image_score > threshold if is_calibrated else None
    return {
        "verdict": verdict(is_anomalous),
        "image_score": result.image_score,
        "threshold": threshold,
        "confidence": result.confidence_of(result.map_name, threshold),
        "map": result.map_name,
        "scores": result.scores,
        "area": area,
        "regions": regions,
        "size": list(result.geometry.picture_size),
        "tiles": None if result.tiles is None else list(result.tiles),
        "seconds": round(result.seconds, 4),
        "notices": list(result.notices),
    }


def verdict(is_anomalous: bool | None) -> str:
    """Return the verdict in a word or two."""
    if is_anomalous is None:
        return "not calibrated"
    return "anomalous" if is_anomalous else "normal"
