"""What a visitor reads on the Annotate tab."""

from __future__ import annotations

from typing import Final

TAB_ANNOTATE: Final = "Annotate"
ANNOTATE_LEAD: Final = (
    "Correct what the detector found. Its mask is there to begin with: accept it, draw on it, or "
    "say that the picture is normal. Everything is stored at once, at the picture's own resolution."
)
ANNOTATE_EMPTY: Final = (
    "No pictures yet. Inspect some on the Inspect tab, or add pictures, an example part or a data "
    "set below."
)
QUEUE_TITLE: Final = "Pictures to label"
QUEUE_ORDER: Final = "Sorted by"
QUEUE_ORDERS: Final = {
    "next": "next best to label",
    "confidence": "confidence",
    "disagreement": "disagreement of the maps",
    "name": "name",
}
QUEUE_ORDER_INFO: Final = (
    "Next best: the detector is least sure, and its maps disagree most. Others: highest first."
)
ANNOTATE_LABELS: Final = {
    "unlabelled": "unlabelled",
    "normal": "normal",
    "anomalous": "anomalous",
    "corrected": "corrected",
    "skipped": "skipped",
}
QUEUE_CONFIDENCE: Final = "{value:.0%} confidence"
QUEUE_SCORE: Final = "score {value:.3f}"
QUEUE_UNPREDICTED: Final = "no prediction"
ANNOTATE_PLACE: Final = "{place} of {count} · {done} labelled"
ANNOTATE_PROPOSAL: Final = (
    "Shown is the prediction of {title}; it is not stored until you accept it or draw on it."
)
ANNOTATE_STORED: Final = "✓ Stored on the server, version {version}."
ANNOTATE_NOTHING_STORED: Final = "Nothing is said of this picture yet."
ANNOTATE_ACCEPTED: Final = "✓ Accepted: {name}"
ANNOTATE_NORMAL: Final = "✓ Normal: {name}"
ANNOTATE_REMOVE: Final = "Take the open picture and its mask out"
ANNOTATE_REMOVED: Final = "{name} was taken out, with its mask"
ANNOTATE_SKIPPED: Final = "Skipped: {name}"
ANNOTATE_ALL_DONE: Final = "Every picture is labelled."
ANNOTATE_ACCEPT: Final = "✓ Accept prediction (A)"
ANNOTATE_SAY_NORMAL: Final = "Normal (N)"
ANNOTATE_SKIP: Final = "Skip (S)"
ANNOTATE_PREVIOUS: Final = "← Previous (K)"
ANNOTATE_NEXT: Final = "Next (J) →"
ANNOTATE_KEYS: Final = (
    "Keys: A accept, N normal, S skip, J next, K previous, Z undo, Y redo, [ and ] brush size, "
    "B brush, E eraser, P polygon, R box, F magic fill, 1 to 9 classes."
)
ANNOTATE_TIMES: Final = "Threshold, × the usual one"
ANNOTATE_SMOOTHING: Final = "Smoothing, pixels of the map"
ANNOTATE_VALUE: Final = "Class of proposed regions"
ANNOTATE_SLIDERS: Final = "Prediction"
ANNOTATE_SLIDERS_INFO: Final = (
    "The sliders change what is proposed. A mask that you have stored changes only when you press "
    "Accept; undo brings it back."
)
ANNOTATE_ADD_TITLE: Final = "Add pictures"
ANNOTATE_FILES: Final = "Pictures or zip files"
ANNOTATE_ADD: Final = "Add and predict"
ANNOTATE_PART: Final = "Example part"
ANNOTATE_ADD_PART: Final = "Add its test pictures"
ANNOTATE_PREDICT: Final = "Predict again with the detector in use"
ANNOTATE_STOP: Final = "Stop"
ANNOTATE_RUNNING: Final = "Picture {number} of {count}: {name}"
ANNOTATE_ADDED: Final = "{count} pictures are in the queue and predicted."
ANNOTATE_STOPPED: Final = "Stopped after {done} of {count} pictures."
ANNOTATE_NOTHING_TO_PREDICT: Final = (
    "The detector in use has predicted every picture of the queue already."
)
ANNOTATE_FULL: Final = (
    "The queue holds {limit} pictures and is full; '{name}' was left out. Export what is labelled, "
    "press Forget me, and go on with the next ones."
)
ANNOTATE_NO_FILES: Final = "Add pictures or a zip file first."
ANNOTATE_NO_PICTURE: Final = "Choose a picture of the queue first."
AN_ANNOTATION: Final = "prediction for the Annotate tab"
CLASSES_TITLE: Final = "Defect classes"
CLASS_CHOICE: Final = "Class"
CLASS_NEW: Final = "New class"
CLASS_NAME: Final = "Name"
CLASS_COLOUR: Final = "Colour"
CLASS_SAVE: Final = "Save class"
CLASS_SAVED: Final = "The class '{name}' is saved."
CLASS_BAD_COLOUR: Final = "Choose a colour like #d55e00."
EXCHANGE_TITLE: Final = "Export and import"
EXPORT_KIND: Final = "Format"
EXPORT_KINDS: Final = {
    "zip": "Everything, with a card (lossless)",
    "mvtec": "MVTec layout (lossless)",
    "png": "PNG masks and CSV (lossless)",
    "coco": "COCO with RLE (lossless)",
    "labelme": "LabelMe polygons (lossless by a mask beside them)",
    "label-studio": "Label Studio (lossless)",
    "yolo": "YOLO segmentation (lossy: polygons only)",
}
EXPORT_RUN: Final = "Export as a zip file"
EXPORT_DONE: Final = "{count} pictures exported."
EXPORT_LOSSY: Final = "This format cannot hold everything; keep a lossless export, too."
IMPORT_FILE: Final = "Data set as a zip file"
IMPORT_KIND: Final = "Format of the data set"
IMPORT_KINDS: Final = {
    "auto": "find out",
    "mvtec": "MVTec layout",
    "png": "PNG masks and CSV",
    "coco": "COCO",
    "labelme": "LabelMe",
    "label-studio": "Label Studio",
    "yolo": "YOLO segmentation",
    "folders": "folders “normal” and “defect”",
}
IMPORT_RUN: Final = "Import"
IMPORT_DONE: Final = "{count} pictures imported."
IMPORT_NO_FILE: Final = "Choose a zip file to import first."
IMPORT_TOO_LARGE: Final = (
    "'{name}' holds more than {limit} pictures or {size} MB; split it into several files."
)
PAINTER_UNKNOWN: Final = "This picture is no longer on the server; open another one."
MASK_NO_BASE64: Final = "The mask must be a PNG file as base64 text."
RETRAIN_TITLE: Final = "Retrain"
RETRAIN_LEAD: Final = (
    "Real defects train the segmentation head of the detector in use; its prototypes stay as they "
    "are, and its thresholds are set anew. The result is a new version, and the former one stays."
)
RETRAIN_DETECTOR: Final = "Detector: {title}"
RETRAIN_MARKED: Final = "Pictures with a marked defect: {count}"
RETRAIN_SHOTS: Final = (
    "Normal pictures: {shots} behind the detector, {used} of {normal} labelled normal"
)
RETRAIN_NO_HEAD: Final = (
    "This detector has no segmentation head to train: fit INP-Former++ on the Few-shot tab, or "
    "choose a ready detector at the top of the page."
)
RETRAIN_NOTHING: Final = "Mark a defect in at least one picture first."
RETRAIN_NO_SHOTS: Final = (
    "The normal pictures behind this detector are not here; label at least one picture normal."
)
RETRAIN_USE_NORMAL: Final = "Pictures labelled normal join the normal pictures"
RETRAIN_RUN: Final = "Retrain"
RETRAIN_CANCEL: Final = "Cancel"
RETRAIN_BACK: Final = "Roll back"
RETRAIN_BACK_TO: Final = "Roll back to {title}"
RETRAIN_COMPARING: Final = "Comparing both versions on every labelled picture …"
RETRAIN_CURVE: Final = "Looking what fewer corrected pictures would have given …"
RETRAIN_CANCELLED: Final = "Cancelled; the detector is the one from before."
RETRAIN_STOPPED: Final = "The rest of the comparison was cancelled."
RETRAIN_DONE: Final = (
    "'{name}' is trained with {count} corrected pictures in {seconds:.0f} s, and is in use now."
)
RETRAIN_NO_FORMER: Final = "The detector in use has no former version here."
A_RETRAINING: Final = "retraining"
CHANGES_COUNTS: Final = "What changed: {worse} got worse, {better} better, {same} stayed alike."
CHANGES_FIGURES: Final = {
    "image_auroc": "Image AUROC",
    "pixel_ap": "Pixel AP",
    "aupro": "AUPRO",
}
CHANGES_HEADERS: Final = ("Judged without being trained with", "before", "after", "change")
CHANGES_NO_FIGURES: Final = (
    "Every labelled picture with a defect was trained with, so there are no figures of the whole; "
    "with 2 to 8 of them, each would be judged by a version that was trained without it."
)
CHANGES_KINDS: Final = {"regression": "worse", "improvement": "better", "unchanged": "alike"}
CHANGES_AP: Final = "pixel AP {before:.2f} → {after:.2f}"
CHANGES_VERDICTS: Final = "verdict {before} → {after}"
CHANGES_SAID: Final = {True: "anomalous", False: "normal", None: "open"}
CHANGES_LEFT_OUT: Final = "judged by a version trained without it"
CHANGES_USED: Final = "trained with it"
CHANGES_BEFORE: Final = "before"
CHANGES_AFTER: Final = "after"
CHANGES_SLIDE: Final = "From before to after"
MASKS_CURVE: Final = "What more corrected pictures give"
MASKS_CURVE_X: Final = "corrected pictures trained with"
MASKS_CURVE_Y: Final = "figure of merit"
MASKS_CURVE_NOTE: Final = "Each picture is judged by versions that were trained without it."
LEDGER_TITLE: Final = "Labelling ledger"
LEDGER_COUNT: Final = "Labelled pictures: {count}, with a defect: {masks}."
LEDGER_SECONDS: Final = "A mask took {seconds:.0f} s (median)."
LEDGER_OVERLAP: Final = "Prediction and final mask overlap by {overlap:.2f} (mean IoU)."
LEDGER_NEXT: Final = "Label next: {name}; its label teaches most."
LEDGER_HEADERS: Final = ("Picture", "Label", "Seconds", "IoU of prediction and mask")
