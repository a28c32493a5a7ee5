"""Which pictures a report shows: the worst misses and false alarms, and the best finds."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from inpformer.datasets.sample import DataSet, Sample, load_mask
from inpformer.errors import UserError
from inpformer.evaluation.plan import ANY_CLASS, picture_name
from inpformer.evaluation.records import Evaluation, PictureRecord
from inpformer.evaluation.verdicts import best_threshold, false_alarms, misses
from inpformer.files import to_jpeg
from inpformer.images import load_image
from inpformer.pictures import draw_outline, draw_overlay, hatch
from inpformer.result import AnomalyResult

if TYPE_CHECKING:
    from inpformer.detector import AnomalyDetector

MOST_SHOWN = 4
THUMBNAIL_SIDE = 320
_QUALITY = 80
_ROOM = 4  # pixels between a defect and the line around it


class ShownPictures(NamedTuple):
    """Pictures of one class that a report shows, at most `MOST_SHOWN` of each kind.

    Attributes:
        misses: Anomalous, but called normal; the lowest score first.
        false_alarms: Normal, but called anomalous; the highest score first.
        found: Anomalous and called so; the highest score first.
        threshold: That decides, raw scale; None where there is none.
        is_calibrated: Whether it is the detector's own; otherwise that of the best F1 value.
    """

    misses: list[PictureRecord]
    false_alarms: list[PictureRecord]
    found: list[PictureRecord]
    threshold: float | None
    is_calibrated: bool


def shown_pictures(evaluation: Evaluation, class_name: str) -> ShownPictures:
    """Choose the pictures of a class that say most about a detector."""
    records = [record for record in evaluation.pictures if record.class_name == class_name]
    (report,) = (each for each in evaluation.classes if each.class_name == class_name)
    cut = best_threshold(records) if report.threshold is None else report.threshold
    if cut is None:
        return ShownPictures([], [], [], None, False)
    found = [record for record in records if record.is_anomalous and record.score > cut]
    # One whose peak lies elsewhere was found by chance.
    found.sort(key=lambda record: (record.is_hit is False, -record.score))
    return ShownPictures(
        misses=misses(records, cut)[:MOST_SHOWN],
        false_alarms=false_alarms(records, cut)[:MOST_SHOWN],
        found=found[:MOST_SHOWN],
        threshold=cut,
        is_calibrated=report.threshold is not None,
    )


def draw_thumbnails(
    evaluation: Evaluation,
    dataset: DataSet,
    detectors: AnomalyDetector | Mapping[str, AnomalyDetector],
) -> dict[str, str]:
    """Look once more at the pictures that the report shows, and draw them.

    They are few; to keep a drawing of every picture would take more space and time.

    Args:
        evaluation: What was found.
        dataset: That was evaluated.
        detectors: As given to `evaluate`.

    Returns:
        By name of the picture, a small overlay as an address that holds the picture itself.
    """
    if not isinstance(detectors, Mapping):
        detectors = {ANY_CLASS: detectors}
    samples = {picture_name(sample.path, dataset.root): sample for sample in dataset.samples}
    geometry = "benchmark" if evaluation.protocol == "paper" else "full"
    drawn = {}
    for report in evaluation.classes:
        detector = detectors.get(report.class_name, detectors.get(ANY_CLASS))
        shown = shown_pictures(evaluation, report.class_name)
        for record in (*shown.misses, *shown.false_alarms, *shown.found):
            if detector is None or record.name not in samples:
                continue
            sample = samples[record.name]
            try:
                image = load_image(sample.path)
                map_name = evaluation.settings["map"]
                result = detector.predict(image, geometry=geometry, map_name=map_name)
                drawn[record.name] = thumbnail(image, result, _mask_of(sample))
            except UserError:
                continue  # the picture is gone since; the report names it without a drawing
    return drawn


def thumbnail(image: np.ndarray, result: AnomalyResult, mask: np.ndarray | None = None) -> str:
    """Draw a small overlay of a picture.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        result: What a detector says about it.
        mask: Where its defects are, `(H, W)` bool, to be outlined; None where it is not known.

    Returns:
        An address that holds a JPEG picture.
    """
    factor = min(1.0, THUMBNAIL_SIDE / max(image.shape[:2]))
    size = tuple(max(1, round(side * factor)) for side in image.shape[1::-1])
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    values = cv2.resize(result.anomaly_map, size, interpolation=cv2.INTER_AREA)
    drawn = draw_overlay(small, values, result.colour_range())
    if not result.inspected_mask.all():
        seen = cv2.resize(result.inspected_mask.astype(np.uint8), size, interpolation=0)
        drawn = hatch(drawn, seen > 0)
    if mask is not None and mask.shape == image.shape[:2]:
        marked = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
        # A little outside, or the line would hide a small defect.
        around = cv2.dilate(marked.astype(np.uint8), np.ones((2 * _ROOM + 1, 2 * _ROOM + 1)))
        drawn = draw_outline(drawn, around > 0)
    return "data:image/jpeg;base64," + base64.b64encode(to_jpeg(drawn, _QUALITY)).decode()


def _mask_of(sample: Sample) -> np.ndarray | None:
    if sample.mask_path is None:
        return None
    try:
        return load_mask(sample.mask_path, sample.mask_level)
    except UserError:
        return None
