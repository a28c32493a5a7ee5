"""What agents are told: results and reasons in plain values that JSON can hold, and drawings."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from inpformer.annotations.coco import run_lengths
from inpformer.detector import AnomalyDetector
from inpformer.pictures import draw_heatmap, draw_mask, draw_outline, draw_overlay, find_regions
from inpformer.progress import FitStep
from inpformer.prototypes import draw_inp_sheet
from inpformer.report import describe_result
from inpformer.result import AnomalyResult
from inpformer.ui.explorer_look import Look
from inpformer.ui.explorer_views import reason_sentences, reason_table
from inpformer.ui.inspection import Inspection, at_display_size
from inpformer.ui.translate import translate
from inpformer.ui.views import detector_name
from inpformer.ui.words import Words

# Those with the highest peaks; a threshold far too low finds hundreds.
MAX_REGIONS = 20


def verdict_facts(inspection: Inspection, words: Words) -> dict[str, Any]:
    """Return verdict, scores and notes of an inspected picture."""
    result = inspection.result
    facts = describe_result(result)
    height, width = facts["size"]
    kept = ("verdict", "confidence", "image_score", "threshold", "map", "scores", "area")
    return {
        **{name: facts[name] for name in kept},
        "width": width,
        "height": height,
        "detector_title": inspection.detector_title,
        "seconds": facts["seconds"],
        "notes": [translate(note, words) for note in (*inspection.notes, *result.notices)],
    }


def region_facts(result: AnomalyResult) -> dict[str, Any]:
    """Return the mask and its regions; None and none without a threshold.

    Returns:
        `mask` in COCO's run lengths; `region_count`; and `regions`, those with the highest peaks
        first, at most `MAX_REGIONS`: `bbox` (left, top, width, height), `area` in pixels, `score`
        (the highest value of the map, in the unit of the threshold), `peak` (x, y of it), `rle`.
    """
    if result.threshold is None:
        return {"mask": None, "region_count": 0, "regions": []}
    mask = result.mask()
    regions = find_regions(mask, result.anomaly_map)
    _, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    told = []
    for region in regions[:MAX_REGIONS]:
        x, y = region.peak_at
        told.append(
            {
                "bbox": list(region.box),
                "area": region.area,
                "score": region.peak,
                "peak": [x, y],
                "rle": run_lengths(labels == labels[y, x]),
            }
        )
    return {"mask": run_lengths(mask), "region_count": len(regions), "regions": told}


def result_drawings(inspection: Inspection) -> dict[str, np.ndarray]:
    """Draw a result: `overlay`, `heatmap` and `prototypes` at display size, `mask` in full."""
    result, image = inspection.result, inspection.display_image
    values, colours = inspection.display_map(result.map_name), result.colour_range()
    overlay = draw_overlay(image, values, colours)
    drawings = {"heatmap": draw_heatmap(values, colours)}
    if result.threshold is not None:
        overlay = draw_outline(overlay, values > result.threshold)
        drawings["mask"] = draw_mask(result.mask())
    inspected = at_display_size(result.geometry.crop_to_inspected(inspection.read()))
    sheet = draw_inp_sheet(inspected, result.inp_attention, result.inp_assignment)
    return {"overlay": overlay, **drawings, "prototypes": sheet}


def reason_facts(look: Look, words: Words) -> dict[str, Any]:
    """Return the reason of the chosen patch, in sentences and in numbers."""
    reason = look.reason()
    return {"words": reason_sentences(reason, look, words), "reason": reason_table(reason)}


def fitted_facts(detector: AnomalyDetector, words: Words) -> dict[str, Any]:
    """Return what was fitted, and its threshold."""
    calibration, name = detector.calibration, detector.map_names[0]
    return {
        "fitted": detector_name(detector, words),
        "shots": detector.provenance.shot_count,
        "map": name,
        "threshold": calibration.scales[name].threshold,
        "threshold_from": translate(calibration.method, words),
        "notes": [translate(notice, words) for notice in detector.notices],
    }


def step_facts(step: FitStep, words: Words) -> dict[str, Any]:
    """Return how far a fit is."""
    return {
        "state": "fitting",
        "phase": words.PHASES[step.phase],
        "step": step.step,
        "step_count": step.step_count,
        "fraction": round(step.fraction, 3),
        "seconds_left": round(step.seconds_left, 1),
        "notes": [translate(step.notice, words)] if step.notice else [],
    }
