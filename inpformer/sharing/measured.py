"""Figures of a detector from the report of `inpformer evaluate`, for its card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from inpformer.errors import UserError

REPORT_FILE = "evaluation.json"
_KIND = "inpformer-evaluation-"
_LARGEST_BYTES = 500_000_000
METRIC_NAMES = {
    "image_auroc": "image AUROC",
    "image_ap": "image AP",
    "image_f1_max": "image F1-max",
    "pixel_auroc": "pixel AUROC",
    "pixel_ap": "pixel AP",
    "pixel_f1_max": "pixel F1-max",
    "aupro": "AUPRO",
}


def read_metrics(path: Path) -> tuple[dict[str, float], str]:
    """Read the mean figures of a report, and on what data they were measured.

    Args:
        path: `evaluation.json`, or the folder it is in.

    Returns:
        Figures from 0 to 1 by their names for people, and the data in one line.

    Raises:
        UserError: It is no report, or one of several detectors.
    """
    file = path / REPORT_FILE if path.is_dir() else path
    try:
        if file.stat().st_size > _LARGEST_BYTES:
            raise ValueError("too large")
        values = json.loads(file.read_text("utf-8"))
        if not str(values["format"]).startswith(_KIND):
            raise ValueError("another format")
        evaluations = values["evaluations"]
        if len(evaluations) == 1:
            return _figures(evaluations[0])
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(
            f"'{path}' is no report of inpformer evaluate; give its folder, or {REPORT_FILE} in it."
        ) from error
    raise UserError(
        f"'{path}' compares {len(evaluations)} detectors; evaluate the one to be pushed alone."
    )


def _figures(evaluation: dict[str, Any]) -> tuple[dict[str, float], str]:
    figures = {
        name: float(evaluation["mean"][key]["value"])
        for key, name in METRIC_NAMES.items()
        if evaluation["mean"][key]["value"] is not None
    }
    return figures, f"{evaluation['data']} ({evaluation['protocol']} protocol)"
