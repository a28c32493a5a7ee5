"""From the pictures of a class to its figures, and from the classes to their mean."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np

from inpformer import metrics
from inpformer.datasets.sample import NORMAL
from inpformer.errors import UserError
from inpformer.evaluation.class_state import ClassState
from inpformer.evaluation.curves import precision_recall, roc
from inpformer.evaluation.pixel_histogram import PixelHistogram
from inpformer.evaluation.records import (
    METRICS,
    ClassReport,
    Curve,
    Figure,
    PictureRecord,
)
from inpformer.evaluation.verdicts import confusion_at

_IMAGE_METRICS = {
    "image_auroc": metrics.image_auroc,
    "image_ap": metrics.image_ap,
    "image_f1_max": metrics.image_f1_max,
}


def class_report(class_name: str, state: ClassState, threshold: float | None) -> ClassReport:
    """Return how good a detector is on one class.

    Args:
        class_name: The class.
        state: All of its pictures.
        threshold: Of the detector on the image score; None if it was never calibrated.
    """
    records = [entry.record for entry in state.entries if entry.record is not None]
    histogram = _whole(state.histograms.values())
    anomalous = sum(record.is_anomalous for record in records)
    hits = [record.is_hit for record in records if record.is_hit is not None]
    return ClassReport(
        class_name=class_name,
        figures=_figures(records, histogram),
        normal=len(records) - anomalous,
        anomalous=anomalous,
        pixels=histogram.pixels,
        defect_pixels=histogram.defect_pixels,
        regions=histogram.regions,
        threshold=threshold,
        confusion=None if threshold is None else confusion_at(records, threshold),
        hit_rate=sum(hits) / len(hits) if hits else None,
        seconds=statistics.median(record.seconds for record in records) if records else 0.0,
        by_defect=_by_defect(records, state.histograms),
        curves={**_image_curves(records), **histogram.curves()},
    )


def mean_figures(reports: Sequence[ClassReport]) -> dict[str, Figure]:
    """Return the mean of each figure over the classes that have it."""
    means = {}
    for name in METRICS:
        figures = [report.figures[name] for report in reports]
        found = [figure for figure in figures if figure.value is not None]
        if not found:
            means[name] = Figure(None, reason="No class has this figure.")
            continue
        # The mean of bounds bounds the mean.
        means[name] = Figure(
            statistics.fmean(figure.value for figure in found),
            statistics.fmean(figure.error for figure in found),
        )
    return means


def _figures(records: Sequence[PictureRecord], histogram: PixelHistogram) -> dict[str, Figure]:
    scores, labels = _scores(records)
    figures = {}
    for name, metric in _IMAGE_METRICS.items():
        try:
            figures[name] = Figure(metric(scores, labels))
        except UserError as error:
            figures[name] = Figure(None, reason=str(error))
    return figures | histogram.figures()


def _by_defect(
    records: Sequence[PictureRecord], histograms: dict[str, PixelHistogram]
) -> dict[str, dict[str, Figure]]:
    found = {}
    for kind in sorted({record.defect for record in records if record.is_anomalous}):
        chosen = [record for record in records if record.defect in (kind, NORMAL)]
        parts = [histograms[name] for name in (NORMAL, kind) if name in histograms]
        found[kind] = _figures(chosen, _whole(parts))
    return found


def _whole(histograms: Sequence[PixelHistogram]) -> PixelHistogram:
    whole = PixelHistogram()
    for histogram in histograms:
        whole.merge(histogram)
    return whole


def _image_curves(records: Sequence[PictureRecord]) -> dict[str, Curve]:
    scores, labels = _scores(records)
    if labels.all() or not labels.any():
        return {}
    counts = metrics.count_alarms(scores, labels)
    return {"image_roc": roc(*counts), "image_pr": precision_recall(*counts)}


def _scores(records: Sequence[PictureRecord]) -> tuple[np.ndarray, np.ndarray]:
    scores = np.array([record.score for record in records], np.float64)
    return scores, np.array([record.is_anomalous for record in records], bool)
