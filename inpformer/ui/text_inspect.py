"""Sentences of the Inspect tab and of the example parts on it."""

from __future__ import annotations

from typing import Final

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
NOT_CALIBRATED: Final = (
    "This map shows what is unusual within the picture. For a verdict, fit the detector with "
    "normal pictures."
)
SCORE_LINE: Final = "Score {score:.3f}, threshold {threshold:.3f}"
RAW_SCORE_LINE: Final = "Score {score:.3f}, cut {threshold:.3f}"
AREA_LINE: Final = "{regions} region(s) above it, {area:.1%} of the picture"
MAP_LINE: Final = "Map: {name}"
TIME_LINE: Final = "{seconds:.2f} s"
NO_PICTURE: Final = "Add a picture to inspect, then press Inspect."
NOTHING_INSPECTED: Final = "Inspect a picture first; the sliders then redraw its map."
