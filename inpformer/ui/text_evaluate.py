"""Sentences of the Evaluate tab."""

from __future__ import annotations

from typing import Final

EVALUATE_LEAD: Final = (
    "How good is a detector? Let it look at pictures of which you know what is right, and see the "
    "figures of the papers, the false alarms and the misses, and what another threshold would do."
)
EVALUATE_DETECTORS: Final = "Detectors to evaluate, 1 to 4"
EVALUATE_SOURCE: Final = "Pictures whose truth is known"
EVALUATE_SOURCES: Final = {
    "part": "Test pictures of an example part",
    "annotations": "What I have labelled in Annotate",
    "zip": "A data set in a zip file",
}
EVALUATE_FOLDER_SOURCE: Final = "A folder on this computer"
EVALUATE_PART: Final = "Example part"
EVALUATE_ZIP: Final = "Zip file: MVTec AD, VisA or Real-IAD layout, or folders normal/ and defect/"
EVALUATE_FOLDER: Final = "Path of the folder"
EVALUATE_PROTOCOL: Final = "How pictures are seen"
EVALUATE_PROTOCOLS: Final = {
    "full-image": "Whole, as in Inspect",
    "paper": "As in the papers: the middle 77%, maps of 256 × 256",
}
EVALUATE_RUN: Final = "Evaluate"
EVALUATE_CANCEL: Final = "Cancel the evaluation"
AN_EVALUATION: Final = "evaluation"
EVALUATE_STARTED: Final = "Looking at {count} pictures …"
EVALUATE_PROGRESS: Final = "{title}: {done} of {count} pictures · about {seconds:.0f} s left"
EVALUATE_DONE: Final = "{count} pictures, {detectors} detector(s), {seconds:.0f} s."
EVALUATE_CANCELLED: Final = "Cancelled. What was shown before stays as it is."
EVALUATE_COUNT: Final = "Choose 1 to 4 detectors to evaluate; these are {count}."
EVALUATE_NO_PART: Final = "Choose an example part to evaluate on."
EVALUATE_NO_LABELS: Final = (
    "You have not labelled a picture yet. Label some in Annotate, or evaluate on an example part."
)
EVALUATE_NO_ZIP: Final = "Add the zip file of a data set first."
EVALUATE_NO_FOLDER: Final = "Type the path of a folder on this computer."
EVALUATE_FOLDER_REFUSED: Final = (
    "Folders can be named only where the page runs on your own computer; add a zip file instead."
)
EVALUATE_NO_TEST: Final = "There are no test pictures in this data set; add some and try again."
EVALUATE_SOME: Final = (
    "There are {count} test pictures; {limit} of them, evenly chosen, were looked at. The command "
    "`inpformer evaluate` takes all."
)
EVALUATE_NOTHING: Final = "Evaluate a detector first; there is nothing to show yet."

EVALUATE_FIGURES: Final = "Figures of merit, in %"
EVALUATE_DETECTOR: Final = "Detector"
EVALUATE_CLASS: Final = "Class"
EVALUATE_MEAN: Final = "mean of {count} classes"
EVALUATE_METRICS: Final = {
    "image_auroc": "Image AUROC",
    "image_ap": "Image AP",
    "image_f1_max": "Image F1 max",
    "pixel_auroc": "Pixel AUROC",
    "pixel_ap": "Pixel AP",
    "pixel_f1_max": "Pixel F1 max",
    "aupro": "AUPRO",
}
EVALUATE_HITS: Final = "Peak in the defect"
EVALUATE_SECONDS: Final = "s / picture"
EVALUATE_COUNTS: Final = "{normal} normal and {anomalous} anomalous pictures, {regions} defects"
EVALUATE_MISSING: Final = "Why a figure is missing: {reasons}"
EVALUATE_BY_DEFECT: Final = "By kind of defect"
EVALUATE_DEFECT: Final = "Defect"

EVALUATE_SHOWN: Final = "Detector shown below"
EVALUATE_HISTOGRAM: Final = "Image scores"
EVALUATE_SCORE: Final = "image score, raw scale"
EVALUATE_PICTURES: Final = "pictures"
EVALUATE_NORMAL: Final = "normal"
EVALUATE_ANOMALOUS: Final = "anomalous"
EVALUATE_THRESHOLD: Final = "Threshold on the image score"
EVALUATE_CUT: Final = "threshold"
EVALUATE_CALIBRATED_CUT: Final = "calibrated on normal pictures: {threshold:.4g}"
EVALUATE_BEST_CUT: Final = (
    "this detector has no calibrated threshold; the slider starts at the best F1 on these pictures"
)
EVALUATE_CONFUSION: Final = "Verdicts at this threshold"
EVALUATE_FOUND: Final = "{found} of {anomalous} anomalous pictures found"
EVALUATE_ALARMS: Final = "{alarms} of {normal} normal pictures flagged"
EVALUATE_RATES: Final = "precision {precision}, recall {recall}"
EVALUATE_FALSE_ALARMS: Final = "False alarms, the highest score first"
EVALUATE_MISSES: Final = "Misses, the lowest score first"
EVALUATE_NONE: Final = "No picture at this threshold."
EVALUATE_MORE: Final = "and {count} more"
EVALUATE_PICTURE: Final = "score {score:.4g}"
EVALUATE_CURVES: Final = {
    "image_roc": "Image ROC",
    "image_pr": "Image precision and recall",
    "pixel_roc": "Pixel ROC",
    "pixel_pr": "Pixel precision and recall",
    "pro": "Per-region overlap",
}
EVALUATE_AXES: Final = {
    "roc": "found",
    "pr": "precision",
    "pro": "overlap",
    "alarms": "false alarms",
    "recall": "recall",
}
EVALUATE_DISAGREE: Final = "Where the detectors disagree, each at its own threshold"
EVALUATE_AGREE: Final = "The detectors agree on all pictures."
EVALUATE_REPORT: Final = "Download the report"
EVALUATE_PROBLEMS: Final = "What to know"

LIMIT_TITLE: Final = "Detection limit: the smallest defect that is found"
LIMIT_LEAD: Final = (
    "Discs of known size, lighter or darker than what is under them, are drawn on a few of the "
    "normal pictures chosen above, and the detector in use looks at them. A disc counts as found "
    "if the picture is flagged and the map's peak lies in it. Real defects look different: this "
    "says what is too small or too faint, not what will be found."
)
LIMIT_RUN: Final = "Measure the detection limit"
A_LIMIT: Final = "measurement of the detection limit"
LIMIT_PROGRESS: Final = "{done} of {count} drawn pictures · about {seconds:.0f} s left"
LIMIT_DONE: Final = "{count} drawn pictures, {seconds:.0f} s. Detector: {title}."
LIMIT_CANCELLED: Final = "Cancelled: there is no limit to show."
LIMIT_NO_THRESHOLD: Final = (
    "A limit needs a calibrated threshold; choose a detector that was fitted on normal pictures."
)
LIMIT_NO_NORMALS: Final = "There are no normal pictures to draw on; choose other pictures."
LIMIT_CHART: Final = "Share of discs that are found, by their size"
LIMIT_SIZE: Final = "size in pixels"
LIMIT_FOUND: Final = "found"
LIMIT_CONTRAST: Final = "{value:g} grey levels"
LIMIT_SMALLEST: Final = (
    "{contrast:g} grey levels of 255 lighter or darker: found from {size} pixels on."
)
LIMIT_NONE: Final = (
    "{contrast:g} grey levels of 255 lighter or darker: not found, whatever the size."
)
LIMIT_ALARMS: Final = "With nothing drawn, {alarms} of these {count} pictures are flagged."
