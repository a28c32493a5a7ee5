"""Sentences of the Compare tab."""

from __future__ import annotations

from typing import Final

COMPARE_LEAD: Final = (
    "Two or three detectors look at the same pictures. Calibrated maps share one scale: 0 is what "
    "the detector sees in normal pictures, 1 is its threshold. Pictures about which the detectors "
    "disagree come first."
)
COMPARE_DETECTORS: Final = "Detectors to compare, 2 or 3"
COMPARE_SOURCE: Final = "Pictures"
COMPARE_SOURCES: Final = {
    "inspected": "Those I have inspected",
    "uploaded": "New pictures",
    "part": "Test pictures of an example part",
}
COMPARE_FILES: Final = "Pictures to compare on"
COMPARE_PART: Final = "Example part"
COMPARE_RUN: Final = "Compare"
COMPARE_CANCEL: Final = "Cancel the comparison"
A_COMPARISON: Final = "comparison"
COMPARE_STARTED: Final = "Comparing {count} picture(s) …"
COMPARE_PROGRESS: Final = "{done} of {count} pictures · about {seconds:.0f} s left"
COMPARE_DONE: Final = "{count} picture(s) compared in {seconds:.0f} s."
COMPARE_CANCELLED: Final = "Cancelled: {done} of {count} pictures are shown below."
COMPARE_CANCELLED_EARLY: Final = "Cancelled before the first picture was done."

COMPARE_COUNT: Final = "Choose 2 or 3 detectors to compare; these are {count}."
COMPARE_NO_INSPECTED: Final = (
    "You have not inspected a picture yet. Inspect one first, or compare on new pictures or on "
    "those of an example part."
)
COMPARE_NO_FILES: Final = "Add at least 1 picture to compare on."
COMPARE_NO_PART: Final = "Choose an example part whose pictures are compared."
COMPARE_SOME: Final = "There are {count} pictures; the first {limit} were compared."
COMPARE_LEFT_OUT: Final = "Left out: {reason}"

COMPARE_DETECTOR: Final = "{letter}: {title}"
COMPARE_MAP: Final = "Map: {name}"
COMPARE_CALIBRATED: Final = "threshold and verdict from normal pictures"
COMPARE_UNCALIBRATED: Final = (
    "not calibrated: no threshold and no verdict, colours on its own fixed scale from "
    "{low:g} to {high:g}"
)
COMPARE_NO_VERDICT: Final = "? No verdict"
COMPARE_NO_VERDICT_SCORE: Final = "raw score {score:.3f}"
COMPARE_SCALE: Final = "Colours of calibrated maps"
COMPARE_SCALE_ENDS: Final = ("normal level", "threshold", "twice as far or more")

COMPARE_VERDICTS: Final = "Of {count} picture(s), verdicts differ on {differing}."
COMPARE_FLAGGED: Final = "{letter} calls {flagged} anomalous."
COMPARE_RIGHT: Final = "{letter} is right about {right} of the {count} pictures with a known label."
COMPARE_MEAN: Final = (
    "The maps differ by {difference:.2g} on average, where 1 is the way from the normal level to "
    "the threshold."
)
COMPARE_MEAN_RAW: Final = "The raw maps of {letters} differ by {difference:.2g} on average."
COMPARE_NO_SCALE: Final = (
    "These maps have no common scale, so the pictures are ordered by how little their highest "
    "places coincide."
)

COMPARE_ROW_DIFFER: Final = "⚠ Verdicts differ"
COMPARE_ROW_AGREE: Final = "Verdicts agree"
COMPARE_KNOWN: Final = "known: {defect}"
COMPARE_GOOD: Final = "good part"
COMPARE_PICTURE: Final = "Picture"
COMPARE_DIFFERENCE_MAP: Final = "Where they differ"
COMPARE_ALT: Final = "{name}: anomaly map of {letter} over the picture"
COMPARE_DIFFERENCE: Final = "difference {value:.2g}"
COMPARE_IOU: Final = "flagged pixels in common {value:.0%}"
COMPARE_TOP: Final = "highest 1% in common {value:.0%}"

COMPARE_TABLE: Final = "All pictures, the largest disagreement first"
COMPARE_COLUMNS: Final = ("Picture", "Known", "Difference", "Flagged in common", "Top 1% in common")
COMPARE_VERDICT_COLUMN: Final = "{letter}: verdict, anomaly confidence"
COMPARE_CELL: Final = "{verdict} · {confidence:.0%}"
