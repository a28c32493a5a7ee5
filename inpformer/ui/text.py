"""Every sentence a visitor reads, in one place."""

from __future__ import annotations

from typing import Final

TITLE: Final = "INP-Former++ Lab"
LEAD: Final = (
    "Find what is anomalous in a picture, where, and why. Show a few normal pictures, fit a "
    "detector in a minute, then inspect. Nothing you upload leaves this server."
)

GALLERY_LEAD: Final = (
    "See it at work: each part has a detector fitted on a few normal pictures. Click a result to "
    "open it, then move its threshold and look at its prototypes, or try your own pictures below."
)
GALLERY_LABEL: Final = "Results computed beforehand; click one to open it"
GALLERY_CAPTION: Final = "{title}: {known}\n{verdict} · {confidence}"
GALLERY_GOOD: Final = "good part"
MORE_EXAMPLES: Final = "More example pictures"
PART_LABEL: Final = "Part"
PART_PICTURES: Final = "Click a picture to open it with the ready detector of its part."
USE_NORMALS: Final = "Use its normal pictures for a fit"
NORMALS_READY: Final = "{count} normal pictures of the {title} are chosen; press Fit."
NO_SUCH_EXAMPLE: Final = "This example is not on the server; choose another one."
NO_READY_DETECTOR: Final = (
    "The ready detector of {title} is missing or damaged on this server, and your page is "
    "unchanged. Fit one: use the normal pictures of the part under 'More example pictures'."
)

START_OVER: Final = "Start over"
USE_ZERO_SHOT: Final = "Zero-shot (multi-part prototypes)"
USE_TRAINING_FREE: Final = "Training-free prototypes"
START_CHOICE: Final = "Without normal pictures of your part, look with:"
START_WORDS: Final = (
    "Zero-shot prototypes were learnt on other parts, training-free ones are clusters of the "
    "picture itself. Both maps show what is unusual within a picture. They are not the map of a "
    "detector fitted on your part, and have no threshold or verdict."
)

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

STEP_INSPECT: Final = "2 · Picture to inspect"
PICTURE_LABEL: Final = "Drop, paste or choose a picture"
INSPECT: Final = "Inspect"

STEP_RESULT: Final = "3 · Result"
RESULT_EMPTY: Final = "The result appears here: add a picture on the left and press Inspect."
OVERLAY_TAB: Final = "Overlay"
COMPARE_TAB: Final = "Before / after"
HEATMAP_TAB: Final = "Heatmap"
OVERLAY_LABEL: Final = "Anomaly map over the picture; outlined where it exceeds the threshold"
COMPARE_LABEL: Final = "Drag the handle: picture on the left, overlay on the right"
HEATMAP_LABEL: Final = "Anomaly map, fixed colour scale"
SCALE_LABEL: Final = "Colour scale"
THRESHOLD_LABEL: Final = "Threshold (1 = calibrated)"
CUT_LABEL: Final = "Cut on the raw distance (not calibrated)"
OPACITY_LABEL: Final = "Overlay opacity"
MAP_LABEL: Final = "Map"
COLOURS_LABEL: Final = "Colours"
MAP_TITLES: Final = {
    "fused": "Fused: reconstruction + segmentation head",
    "reconstruction": "Reconstruction",
    "segmentation": "Segmentation head",
    "distance": "INP distance",
}

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

VERDICTS: Final = {True: "✕ Anomalous", False: "✓ Normal", None: "? Not calibrated"}
CONFIDENCE: Final = "anomaly confidence {value:.0%}"
NOT_CALIBRATED: Final = (
    "This map shows what is unusual within the picture. For a verdict, fit the detector with "
    "normal pictures."
)
SCORE_LINE: Final = "Score {score:.3f}, threshold {threshold:.3f}"
RAW_SCORE_LINE: Final = "Score {score:.3f}, cut {threshold:.3f}"
AREA_LINE: Final = "{regions} region(s) above it, {area:.1%} of the picture"
MAP_LINE: Final = "Map: {name}"
TIME_LINE: Final = "{seconds:.2f} s"

READY: Final = "Detector in use: {name}"
UNFITTED_NAME: Final = "no normal pictures yet, {encoder}"
ZERO_SHOT_NAME: Final = "zero-shot (multi-part prototypes, learnt on other parts), {encoder}"
READY_NAME: Final = "ready detector of {title}, {name}"
FITTED_NAME: Final = "{variant} from {shots} normal picture(s), {encoder}"
CALIBRATED: Final = (
    "Threshold from {method}; about {rate:.0%} of such views lie above it. Of new normal parts, "
    "up to {part_rate:.0%} may be flagged: more normal pictures make that less."
)
FIT_DONE: Final = "Done in {seconds:.0f} s. Now inspect a picture."
IDENTICAL: Final = "Some of the {count} pictures are identical and count once: {used} were used."
FIT_CANCELLED: Final = "Cancelled. The detector in use is the one from before."
FIT_PROGRESS: Final = "{phase} · {fraction:.0%} · about {seconds:.0f} s left"
NOTICE: Final = "Note: {text}."

NO_NORMALS: Final = "Add at least 1 normal picture, then press Fit."
NO_PICTURE: Final = "Add a picture to inspect, then press Inspect."
UPLOAD_GONE: Final = "{name} is no longer on the server; upload it again."
NOTHING_INSPECTED: Final = "Inspect a picture first; the sliders then redraw its map."
TOO_MANY: Final = "Choose at most {limit} normal pictures; these are {count}."
LOST: Final = (
    "Something went wrong on the server, and it was written to its log. Your pictures are still "
    "here; please try again."
)
BUSY: Final = "A fit of yours is already running; wait for it, or cancel it."
