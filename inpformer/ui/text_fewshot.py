"""Sentences of the Few-shot tab."""

from __future__ import annotations

from typing import Final

STEP_NORMAL: Final = "1 · Normal pictures"
NORMAL_LABEL: Final = "1 to 16 pictures without a defect"
NORMAL_GALLERY: Final = "Normal pictures"
FIT: Final = "Fit"
FITTING: Final = "Fitting …"
CANCEL: Final = "Cancel"
SETTINGS: Final = "Settings"
VARIANT_LABEL: Final = "Method"
VARIANTS: Final = (
    ("INP-Former++ (paper reproduction)", "inp-former++"),
    ("INP-Former", "inp-former"),
    ("Training-free prototypes (seconds)", "training-free"),
)
STEPS_LABEL: Final = "Training steps"
ANY_ANGLE_LABEL: Final = "Parts may lie at any angle"
ANY_ANGLE_INFO: Final = "Off: every picture shows the part the same way round."
INPS_LABEL: Final = "Prototypes (INPs) per picture"
SEED_LABEL: Final = "Seed"
FIT_DONE: Final = "Done in {seconds:.0f} s. Now inspect a picture."
IDENTICAL: Final = "Some of the {count} pictures are identical and count once: {used} were used."
FIT_CANCELLED: Final = "Cancelled. The detector in use is the one from before."
FIT_PROGRESS: Final = "{phase} · {fraction:.0%} · about {seconds:.0f} s left"
NO_NORMALS: Final = "Add at least 1 normal picture, then press Fit."
TOO_MANY: Final = "Choose at most {limit} normal pictures; these are {count}."
PHASES: Final = {
    "encode": "reading the normal pictures",
    "train": "learning to rebuild them",
    "anomalies": "making synthetic defects",
    "head": "learning to outline defects",
    "calibrate": "setting the threshold",
}
