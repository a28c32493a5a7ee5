"""What a detector says of pictures: each is prepared alone, the network sees a batch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from inpformer.config import MapName
from inpformer.errors import ConfigError, UserError, WeightsError
from inpformer.explanation import explain
from inpformer.geometry import ImageGeometry
from inpformer.images import check_image
from inpformer.memory_limits import (
    NO_MEMORY,
    ON_CPU_NOTICE,
    free_cache,
    is_out_of_memory,
)
from inpformer.model_input import batch_tensor, make_geometry, tile_layout
from inpformer.modeling.model import INPFormerOutput
from inpformer.result import AnomalyResult
from inpformer.scoring import anomaly_maps, image_score
from inpformer.tiling import TileBox, blend_tiles, tile_boxes

if TYPE_CHECKING:
    from inpformer.detector import AnomalyDetector

_TILE_BATCH = 4


@dataclass(frozen=True)
class Looking:
    """How pictures are shown to a detector; see `AnomalyDetector.predict`.

    Attributes:
        geometry: `full` or `benchmark`.
        tiles: `""` whole, `RxC` such as `2x2`, or `auto`; None as the detector was fitted.
        map_name: The map that decides; None takes the variant's default.
    """

    geometry: str = "full"
    tiles: str | None = None
    map_name: MapName | None = None


@dataclass(frozen=True)
class PreparedImage:
    """A picture as the network will see it: read, checked and resized, which needs no model.

    Attributes:
        image: `(H, W, 3)` uint8 RGB.
        geometry: How the whole picture lies in the model's.
        pixels: The whole picture, `(h, w, 3)` uint8.
        map_name: The map that decides.
        tiles: Rows and columns of tiles; None for the whole picture at once.
        tile_boxes: Where the tiles lie in the picture.
        tile_pixels: Each tile as the network will see it, `(h, w, 3)` uint8.
        notices: What a reader of the result must know.
    """

    image: np.ndarray
    geometry: ImageGeometry
    pixels: np.ndarray
    map_name: MapName
    tiles: tuple[int, int] | None
    tile_boxes: tuple[TileBox, ...]
    tile_pixels: tuple[np.ndarray, ...]
    notices: tuple[str, ...]


def prepare(detector: AnomalyDetector, image: np.ndarray, looking: Looking) -> PreparedImage:
    """Make a picture ready for the network; safe in a thread of its own.

    Raises:
        UserError: The picture or a way of looking cannot be used.
    """
    image, encoder = check_image(image), detector.config.encoder
    map_name = detector.choose_map(looking.map_name)
    geometry = make_geometry(image, looking.geometry, encoder)
    fitted_tiles = tile_layout(image, detector.provenance.tiles, encoder)
    tiles = fitted_tiles if looking.tiles is None else tile_layout(image, looking.tiles, encoder)
    if looking.geometry == "benchmark":
        if looking.tiles is not None and tiles is not None:
            raise ConfigError(
                "The benchmark geometry shows one crop of the picture, which cannot be tiled; "
                "leave out the tiles or the geometry."
            )
        tiles = None
    boxes = [] if tiles is None else tile_boxes(image.shape[:2], tiles)
    crops = [image[y : y + height, x : x + width] for y, x, height, width in boxes]
    shown = _said(tiles, looking.geometry)
    fitted = _said(fitted_tiles, detector.provenance.geometry)
    notices = detector.notices
    if detector.calibration is not None and shown != fitted:
        notice = f"fitted on {fitted} but shown {shown}: the threshold is only a rough guide"
        notices = (*notices, notice)
    return PreparedImage(
        image=image,
        geometry=geometry,
        pixels=geometry.to_input(image),
        map_name=map_name,
        tiles=tiles,
        tile_boxes=tuple(boxes),
        # All tiles of a picture are of one size.
        tile_pixels=tuple(make_geometry(crops[0], "full", encoder).to_input(c) for c in crops),
        notices=notices,
    )


def predict_batch(detector: AnomalyDetector, batch: Sequence[PreparedImage]) -> list[AnomalyResult]:
    """Inspect prepared pictures at once; where a GPU has too little memory, on the CPU.

    Args:
        detector: That prepared them.
        batch: At least one; the network must see all of them at the same size.

    Raises:
        UserError: There is too little memory, or the network gives no numbers.
    """
    try:
        return _predict_batch(detector, batch)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    # Out of the `except`: the error holds on to what was computed so far.
    free_cache(detector.device)
    if len(batch) > 1:
        half = len(batch) // 2
        return predict_batch(detector, batch[:half]) + predict_batch(detector, batch[half:])
    if detector.device.type == "cpu":
        raise UserError(NO_MEMORY)
    noted = [replace(each, notices=(*each.notices, ON_CPU_NOTICE)) for each in batch]
    return predict_batch(detector.on_cpu(), noted)


def _predict_batch(
    detector: AnomalyDetector, batch: Sequence[PreparedImage]
) -> list[AnomalyResult]:
    started = time.perf_counter()
    with torch.inference_mode():
        output = run_model(detector, [each.pixels for each in batch])
        maps, scores = maps_and_scores(detector, output)
        explanations = explain(output)
    found = []
    for index, each in enumerate(batch):
        own_maps = {name: values[index] for name, values in maps.items()}
        own_scores = {name: values[index] for name, values in scores.items()}
        if each.tiles is not None:
            own_maps, own_scores = _predict_tiles(detector, each)
        elif len(batch) > 1:
            # A view would keep the maps of the whole batch for as long as one result is kept.
            own_maps = {name: values.copy() for name, values in own_maps.items()}
        _check_numbers(own_maps)
        found.append((own_maps, own_scores))
    seconds = (time.perf_counter() - started) / len(batch)
    return [
        AnomalyResult(
            map_name=each.map_name,
            score_maps=own_maps,
            scores=own_scores,
            scales=dict(detector.calibration.scales) if detector.calibration else {},
            geometry=each.geometry,
            explanation=explanation,
            tiles=each.tiles,
            seconds=seconds,
            notices=each.notices,
            uncalibrated_range=detector.config.encoder.distance_range,
        )
        for each, (own_maps, own_scores), explanation in zip(
            batch, found, explanations, strict=True
        )
    ]


def run_model(detector: AnomalyDetector, pixels: Sequence[np.ndarray]) -> INPFormerOutput:
    """Show the network pictures of one size, each `(h, w, 3)` uint8, within inference mode."""
    return detector.run(batch_tensor(pixels, detector.device))


def maps_and_scores(
    detector: AnomalyDetector, output: INPFormerOutput
) -> tuple[dict[MapName, np.ndarray], dict[MapName, list[float]]]:
    """Return `(B, h, w)` maps and B scores for each map the detector gives."""
    maps = anomaly_maps(output, detector.config, detector.calibration)
    maps = {name: maps[name] for name in detector.map_names}
    counted = detector.config.score_fraction, detector.config.score_border
    scores = {name: image_score(values, *counted).tolist() for name, values in maps.items()}
    return {name: values.cpu().numpy() for name, values in maps.items()}, scores


def _predict_tiles(
    detector: AnomalyDetector, prepared: PreparedImage
) -> tuple[dict[MapName, np.ndarray], dict[MapName, float]]:
    """Return maps at the picture's size, and per map the score of the highest tile."""
    boxes = prepared.tile_boxes
    tile_maps: dict[MapName, list[np.ndarray]] = {}
    tile_scores: dict[MapName, list[float]] = {}
    *_, height, width = boxes[0]
    encoder = detector.config.encoder
    geometry = ImageGeometry.full((height, width), encoder.patch_size, encoder.token_budget)
    for start in range(0, len(boxes), _TILE_BATCH):
        with torch.inference_mode():
            output = run_model(detector, prepared.tile_pixels[start : start + _TILE_BATCH])
            maps, scores = maps_and_scores(detector, output)
        for name, values in maps.items():
            tile_scores.setdefault(name, []).extend(scores[name])
            tile_maps.setdefault(name, []).extend(values)
    size = prepared.image.shape[:2]
    # Brought to the picture's size one at a time: together they would be larger than the picture.
    blended = {
        name: blend_tiles(size, boxes, map(geometry.to_picture, values))
        for name, values in tile_maps.items()
    }
    return blended, {name: max(scores) for name, scores in tile_scores.items()}


def _check_numbers(maps: dict[MapName, np.ndarray]) -> None:
    """See that there is a verdict: nothing is above a threshold that is no number."""
    if not all(np.isfinite(values).all() for values in maps.values()):
        raise WeightsError(
            "The detector gives no numbers for this picture, so there is no verdict: its weights "
            "are damaged. Load or fit it again."
        )


def _said(tiles: tuple[int, int] | None, geometry: str) -> str:
    """Say what a model is shown of pictures."""
    if tiles is not None:
        return f"{tiles[0]}x{tiles[1]} tiles"
    return "whole pictures" if geometry == "full" else "the middle of pictures"
