"""Sentences of the Inspect tab and of the example parts on it."""

from __future__ import annotations

from typing import Final

WHY_TITLE: Final = "Why: its prototypes (INPs)"
WHY_LEAD: Final = (
    "Each patch in the colour of the prototype it resembles most. The prototypes are taken from "
    "this very picture; what they cannot rebuild is anomalous."
)
WHY_LEAD_TRAINING_FREE: Final = (
    "Each patch in the colour of the prototype it resembles most. These prototypes are clusters "
    "of this very picture; what lies far from all of them is unusual."
)
WHY_ALT: Final = "The picture, each patch tinted by its nearest prototype"
WHY_MORE: Final = "Ask for the reason of a patch"

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
STEP_INSPECT: Final = "Pictures to inspect"
ONE_PICTURE_TAB: Final = "One picture"
MANY_PICTURES_TAB: Final = "Many pictures"
PICTURE_LABEL: Final = "Drop, paste or choose a picture"
INSPECT: Final = "Inspect"
MANY_LABEL: Final = "Pictures or zip files, up to 48 pictures in one go"
FOLDER_LABEL: Final = "Or a folder of pictures"
INSPECT_ALL: Final = "Inspect all"
STOP_ALL: Final = "Stop"
HOW_LABEL: Final = "How pictures are looked at"
GEOMETRY_LABEL: Final = "Part of the picture"
GEOMETRIES: Final = (
    ("All of it, at its own aspect", "full"),
    ("The middle, as in the papers' benchmarks", "benchmark"),
)
LOOK_TILES_LABEL: Final = "Tiles"
LOOK_TILES_INFO: Final = (
    "Tiles see smaller defects and take longer; a detector fitted on tiles uses them anyway."
)
LOOK_TILES: Final = (
    ("As the detector was fitted", "fitted"),
    ("The whole picture at once", ""),
    ("2 × 2 tiles", "2x2"),
    ("3 × 3 tiles", "3x3"),
    ("As many as suit the picture", "auto"),
)
STEP_RESULT: Final = "Result"
RESULT_EMPTY: Final = "The result appears here: add a picture and press Inspect."
THRESHOLD_LABEL: Final = "Threshold (1 = calibrated)"
CUT_LABEL: Final = "Cut on the raw distance (not calibrated)"
MIN_AREA_LABEL: Final = "Smallest region (% of the picture)"
MAP_LABEL: Final = "Map"
USE_FOR_ALL: Final = "Use this map, threshold and area for all results"
USED_FOR_ALL: Final = "The list and its downloads now use this map, threshold and area."
MAPS_SIDE_BY_SIDE: Final = "Maps side by side, on one scale"
SIDE_SHOW: Final = "Show the maps of this picture"

VIEWER_TEXTS: Final = {
    "modes": "What is shown",
    "overlay": "Overlay",
    "heatmap": "Heatmap",
    "mask": "Mask",
    "picture": "Picture",
    "show": "On top of it",
    "split": "Before / after",
    "outlines": "Outlines",
    "boxes": "Boxes",
    "zoom": "Zoom",
    "zoomIn": "Zoom in",
    "zoomOut": "Zoom out",
    "reset": "Whole picture",
    "stage": (
        "Picture with its anomaly map. Plus and minus zoom, arrows move, 0 shows all of it, Enter "
        "reads the value in the middle."
    ),
    "splitHandle": "Before on the left, after on the right",
    "empty": "No picture yet",
    "clickHint": "Click the picture for the value under it. Wheel or two fingers zoom, drag moves.",
    "unseenNote": "Hatched: never inspected, as this way of looking crops the picture.",
    "opacity": "Overlay opacity",
    "colours": "Colours",
    "regions": "Regions above the threshold",
    "noRegions": "No region lies above the threshold.",
    "goToRegion": "Zoom to region",
    "regionNumber": "No.",
    "regionBox": "Left, top · size (pixels)",
    "regionArea": "Area",
    "regionPeak": "Peak",
}
SCALE_UNIT: Final = "Multiples of the threshold; colours are fixed by calibration"
SCALE_RAW: Final = "Raw distance, not calibrated; colours are fixed"
REGION_AREA: Final = "{pixels:.0f} px · {share:.2%}"
MORE_REGIONS: Final = "{count} smaller ones are not listed."
RAW_VALUE: Final = "{value:.4g} raw"
TIMES_VALUE: Final = "{times:.2f} × threshold · {value:.4g} raw"
VALUE_AT: Final = "Pixel {x}, {y}: {value}, {side}."
VALUE_ABOVE: Final = "above the threshold as set"
VALUE_BELOW: Final = "not above the threshold as set"
VALUE_UNSEEN: Final = "Pixel {x}, {y} was never inspected."

STEP_RESULTS: Final = "Your results"
RESULTS_LEAD: Final = "Sorted by confidence. Click one, or press Enter on it, to open it above."
CARD_SCORE: Final = "score {score:.3f}, no verdict"
RESULTS_COUNT: Final = "{shown} of {count} results, {anomalous} anomalous"
BATCH_STARTED: Final = "{count} pictures · {name}"
BATCH_PROGRESS: Final = "{done} of {count} · {name} · about {seconds:.0f} s left"
BATCH_DONE: Final = "{done} pictures inspected in {seconds:.0f} s."
BATCH_STOPPED: Final = "Stopped: {done} of {count} pictures are inspected and kept."
BATCH_PROBLEMS: Final = "Left out:"
A_BATCH: Final = "inspection of many pictures"
FILTER_VERDICT: Final = "Show"
FILTER_CHOICES: Final = (
    ("All", "all"),
    ("✕ Anomalous", "anomalous"),
    ("✓ Normal", "normal"),
    ("? Not calibrated", "not calibrated"),
)
FILTER_NAME: Final = "Name contains"
TABLE_LABEL: Final = "Results; click a row to open it"
TABLE_HEADERS: Final = (
    "No.",
    "Name",
    "Verdict",
    "Confidence",
    "Score",
    "Threshold",
    "Area",
    "Regions",
    "Map",
    "Seconds",
    "Detector",
)
DOWNLOAD_CSV: Final = "Download CSV"
DOWNLOAD_JSON: Final = "Download JSON"
DOWNLOAD_ZIP: Final = "Download maps, masks, overlays and run card (zip)"
NO_RESULTS: Final = "Inspect a picture first; there is no result to download yet."
NO_PICTURES: Final = "Add pictures, a folder or a zip file, then press Inspect all."
NO_SUCH_RESULT: Final = "This result is no longer in the list; choose another one."

SIDE_LEAD: Final = (
    "One scale for all: its ends are the normal level and twice as far as the threshold, which "
    "lies in its middle, so equal colours mean equally suspicious. The last picture shows where "
    "the maps differ."
)
SIDE_ONE_MAP: Final = "This detector gives one map, {name}; there is nothing to compare it with."
SIDE_RAW: Final = "These maps were never calibrated: raw values on the fixed colours of each."
SIDE_AGREE: Final = "All maps come to the same verdict."
SIDE_DIFFER: Final = "The maps come to different verdicts."
SIDE_OVERLAP: Final = "Of all pixels that any of them flags, {share:.0%} are flagged by all."
SIDE_TOP: Final = "Of the highest 1% of each map, {share:.0%} are common to all."
DISAGREEMENT: Final = "Disagreement"
DISAGREEMENT_LINE: Final = "mean {mean:.2f}, most {most:.2f} (1 = normal level to threshold)"
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
