"""What is written for one inspected picture: drawings, masks, raw maps and a line of facts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from inpformer.files import make_folder, save_npy, save_png, to_uint16
from inpformer.pictures import (
    draw_heatmap,
    draw_mask,
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
    map_range = (0.0, _CALIBRATED_LIMIT * (result.threshold or 0.0))
    if map_range[1] <= 0:  # not calibrated, or on pictures that gave no distance at all
        map_range = (0.0, _COSINE_LIMIT)
    if maps == "png16":
        drawings["map"] = to_uint16(result.anomaly_map, map_range)
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
    facts = describe_result(result)
    return {**facts, "map_range": list(map_range) if maps == "png16" else None, "files": files}


def describe_result(result: AnomalyResult) -> dict[str, Any]:
    """Return the facts of a result in plain types, for JSON."""
    regions, area = [], None
    if result.threshold is not None:
        mask = result.mask()
        area = float(mask.mean())
        regions = [
            {"box": list(region.box), "area": region.area, "peak": region.peak}
            for region in find_regions(mask, result.anomaly_map)
        ]
    return {
        "verdict": verdict(result.is_anomalous),
        "image_score": result.image_score,
        "threshold": result.threshold,
        "confidence": result.confidence,
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
