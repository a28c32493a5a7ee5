"""What a detector on the Hub says of itself, read without trust: a stranger may have written it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inpformer.config import ModelConfig
from inpformer.config_table import from_dict
from inpformer.errors import ConfigError
from inpformer.hub_problems import HubProblemError
from inpformer.scales import Calibration
from inpformer.version import DETECTOR_FORMAT

MAX_BYTES = 1_000_000
MAX_METRICS = 32
_LONGEST_NAME = 80
_MOST_SHOTS = 1_000_000
VARIANT_NAMES = {
    "inp-former++": "INP-Former++",
    "inp-former": "INP-Former",
    "training-free": "training-free",
}


@dataclass(frozen=True)
class Description:
    """What is known of a detector before its file is here; see `RepoLook` for the fields."""

    encoder: str
    is_encoder_inside: bool
    variant: str
    shot_count: int | None
    threshold: float | None
    metrics: Mapping[str, float] = field(default_factory=dict)
    metrics_on: str = ""


def describe(values: Any, repo_id: str) -> Description | None:
    """Read a description, as `config.json` and the header of a detector file have it.

    What is beside the detector itself, such as metrics, is left out where it makes no sense.

    Args:
        values: What the JSON held.
        repo_id: Where it is from, for the words of a problem.

    Returns:
        None if it describes something else than a detector of this program.

    Raises:
        HubProblemError: It is a detector, but not one that this version can read.
    """
    found = values.get("format") if isinstance(values, dict) else None
    kind = DETECTOR_FORMAT.rstrip("0123456789")
    if not isinstance(found, str) or not found.startswith(kind):
        return None
    try:
        if found != DETECTOR_FORMAT:
            raise ConfigError(found)
        config: ModelConfig = from_dict(ModelConfig, values["model"])
        stored = values["calibration"]
        calibration = None if stored is None else from_dict(Calibration, stored)
    except (ConfigError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise HubProblemError(
            f"the detector of {repo_id} is of another version of this program, or damaged"
        ) from error
    scale = calibration and calibration.scales.get(config.map_names[0])
    threshold = scale and scale.threshold
    provenance = values.get("provenance")
    shots = provenance.get("shot_count") if isinstance(provenance, dict) else None
    return Description(
        encoder=as_name(config.encoder.name),
        is_encoder_inside=values.get("encoder_bundled") is True,
        variant=VARIANT_NAMES[config.variant],
        shot_count=shots if type(shots) is int and 0 < shots <= _MOST_SHOTS else None,
        threshold=threshold if threshold is not None and math.isfinite(threshold) else None,
        metrics=_figures(values.get("metrics")),
        metrics_on=as_name(values.get("metrics_on"), 200),
    )


def read_json(data: bytes) -> Any:
    """Return what JSON of a stranger holds; None if it is none, or not of plain numbers."""
    try:
        return json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def read_header(data: bytes) -> Any:
    """Return what the beginning of a safetensors file says of a detector, if it does."""
    size = int.from_bytes(data[:8], "little")
    table = read_json(data[8 : 8 + size]) if size <= MAX_BYTES else None
    metadata = table.get("__metadata__") if isinstance(table, dict) else None
    text = metadata.get("inpformer") if isinstance(metadata, dict) else None
    return read_json(text.encode()) if isinstance(text, str) else None


def read_file_header(path: Path) -> Any:
    """Do the same with a file here."""
    with path.open("rb") as file:
        return read_header(file.read(8 + MAX_BYTES))


def as_name(value: Any, longest: int = _LONGEST_NAME) -> str:
    """Return a stranger's text as one short line of what can be shown; empty if it is no text."""
    if not isinstance(value, str):
        return ""
    line = " ".join(value[: 2 * longest].split())
    return "".join(sign for sign in line if sign.isprintable())[:longest]


def _figures(values: Any) -> dict[str, float]:
    if not isinstance(values, dict):
        return {}
    figures = {
        as_name(name): float(value)
        for name, value in list(values.items())[:MAX_METRICS]
        if type(value) in (int, float) and 0 <= value <= 1
    }
    return {name: value for name, value in figures.items() if name}


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")
