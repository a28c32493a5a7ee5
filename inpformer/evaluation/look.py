"""One test picture: what a detector says of it, what is true, and whether both agree."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from inpformer.batch_prediction import BatchConfig, inspect_many
from inpformer.config import MapName
from inpformer.datasets.sample import Sample, load_mask
from inpformer.errors import ImageError, UserError, require
from inpformer.evaluation.records import PictureRecord
from inpformer.images import LoadedImage, load_image
from inpformer.prediction import Looking
from inpformer.result import AnomalyResult

if TYPE_CHECKING:
    from inpformer.detector import AnomalyDetector

Protocol = Literal["full-image", "paper"]
PROTOCOLS: tuple[Protocol, ...] = ("full-image", "paper")


@dataclass(frozen=True)
class EvaluateConfig:
    """How to evaluate.

    Attributes:
        protocol: `full-image` looks at each picture whole and compares at its own size; `paper`
            is the official evaluator: the 448 -> 392 crop, compared at 256 x 256.
        map_name: The map that decides; None takes the detector's default.
        limit: Most normal and most anomalous test pictures of a class, drawn at random, for a
            quick look; None takes all.
        seed: Of that draw.
        title: What is evaluated, for people; empty for words made of the detector.
        save_seconds: How often the state is saved, if there is a folder for it.
    """

    protocol: Protocol = "full-image"
    map_name: MapName | None = None
    limit: int | None = None
    seed: int = 0
    title: str = ""
    save_seconds: float = 15.0

    def __post_init__(self) -> None:
        known = " or ".join(PROTOCOLS)
        require(self.protocol in PROTOCOLS, f"the protocol must be {known}, not {self.protocol}")
        require(
            self.limit is None or self.limit >= 1,
            f"the limit of pictures must be at least 1, not {self.limit}",
        )
        require(self.seed >= 0, f"seed must not be negative, got {self.seed}")


class Look(NamedTuple):
    """One picture that was looked at.

    Attributes:
        record: What was said and what is true.
        values: The map, `(h, w)` float32.
        mask: The truth at its size, `(h, w)` bool; None if it is not known.
        problems: What is odd about the picture, in sentences.
        image: The picture, `(H, W, 3)` uint8 RGB.
        result: All that the detector said.
    """

    record: PictureRecord
    values: np.ndarray
    mask: np.ndarray | None
    problems: tuple[str, ...]
    image: np.ndarray
    result: AnomalyResult


def look_through(
    detector: AnomalyDetector, samples: Sequence[tuple[str, Sample]], config: EvaluateConfig
) -> Iterator[tuple[str, Look | UserError]]:
    """Show test pictures to a detector, each when it is asked for, and compare with the truth.

    Args:
        detector: For the pictures' class.
        samples: The pictures and what to call them.
        config: Protocol and map.

    Yields:
        Name, and the look at it, or why the picture cannot be used or has no numbers.
    """
    geometry = "benchmark" if config.protocol == "paper" else "full"
    # Several at once are summed in another order, and an evaluation in parts, or one that goes on
    # after a stop, must equal the whole to the bit. They are read ahead all the same.
    batches = BatchConfig(Looking(geometry, map_name=config.map_name), batch_size=1)
    with closing(inspect_many(detector, samples, _read, batches)) as found:
        for inspected in found:
            name, sample = inspected.source
            try:
                result = inspected.unwrap()
                yield name, _compare(sample, name, inspected.picture.image, result, config)
            except UserError as error:
                yield name, error


def _read(item: tuple[str, Sample]) -> LoadedImage:
    return LoadedImage(load_image(item[1].path))


def _compare(
    sample: Sample, name: str, image: np.ndarray, result: AnomalyResult, config: EvaluateConfig
) -> Look:
    """Compare a result with the truth."""
    is_paper = config.protocol == "paper"
    if not math.isfinite(result.image_score):
        raise UserError("The score of the picture is no finite number.")
    mask, problems = _true_mask(sample, image.shape[:2], name)
    values = result.score_maps[result.map_name] if is_paper else result.anomaly_map
    if is_paper and mask is not None:
        mask = result.geometry.mask_to_map(mask, values.shape)
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    peak = (int(column), int(row))
    if is_paper:
        peak = result.geometry.map_to_pixel(peak[1], peak[0], values.shape)
    is_hit = bool(mask[row, column]) if sample.is_anomalous and mask is not None else None
    record = _record(sample, name, result, peak, is_hit)
    return Look(record, values, mask, tuple(problems), image, result)


def _record(
    sample: Sample,
    name: str,
    result: AnomalyResult,
    peak: tuple[int, int],
    is_hit: bool | None,
) -> PictureRecord:
    height, width = result.geometry.picture_size
    return PictureRecord(
        name=name,
        class_name=sample.class_name,
        defect=sample.defect,
        is_anomalous=sample.is_anomalous,
        score=result.image_score,
        confidence=result.confidence,
        verdict=result.is_anomalous,
        peak=peak,
        is_hit=is_hit,
        height=height,
        width=width,
        seconds=result.seconds,
    )


def _true_mask(
    sample: Sample, size: tuple[int, int], name: str
) -> tuple[np.ndarray | None, list[str]]:
    """Return the mask of a picture, None if it is not known, and what is wrong with it."""
    problems: list[str] = []
    if not sample.is_anomalous:
        return np.zeros(size, bool), problems
    if sample.mask_path is None:
        return None, problems
    try:
        mask = load_mask(sample.mask_path, sample.mask_level)
    except ImageError as error:
        problems.append(f"The mask of '{name}' does not count: {error}")
        return None, problems
    if mask.shape != size:
        found, wanted = (f"{width} × {height}" for height, width in (mask.shape, size))
        problems.append(
            f"The mask of '{name}' has {found} pixels and the picture {wanted}; the mask does not "
            "count."
        )
        return None, problems
    if not mask.any():
        problems.append(f"The mask of '{name}' marks nothing; it does not count.")
        return None, problems
    return mask, problems
