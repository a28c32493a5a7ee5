"""Sentences of the INP explorer."""

from __future__ import annotations

from typing import Final

STEP_INPS: Final = "4 · Why: the prototypes (INPs) of this picture"
INPS_LEAD: Final = (
    "The detector describes the picture by a handful of prototypes taken from the picture itself. "
    "Left: which prototype each patch resembles most. Right: where each prototype looked. What "
    "no prototype explains is anomalous."
)
TRAINING_FREE_INPS_LEAD: Final = (
    "These are training-free prototypes: clusters of this picture's own patches, not the learned "
    "INPs of the papers. Left: which prototype each patch resembles most. Right: where each one "
    "is at home. What lies far from all of them is anomalous."
)
MOSAIC_LABEL: Final = "Nearest prototype per patch"
LEGEND_LABEL: Final = "Share of the picture"
ATTENTION_LABEL: Final = "Attention of each prototype"
