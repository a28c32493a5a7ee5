"""Sentences of the whole page; those of one tab are beside this file."""

from __future__ import annotations

from typing import Final

TITLE: Final = "INP-Former++ Lab"
LEAD: Final = (
    "Find what is anomalous in a picture, where, and why. Show a few normal pictures, fit a "
    "detector in a minute, then inspect. Nothing you upload leaves this server unless you push it."
)
NO_SUCH_EXAMPLE: Final = "This example is not on the server; choose another one."
NO_READY_DETECTOR: Final = (
    "The ready detector of {title} is missing or damaged on this server, and your page is "
    "unchanged. Fit one: use the normal pictures of the part under 'More example pictures'."
)
MAP_TITLES: Final = {
    "fused": "Fused: reconstruction + head (+ memory)",
    "reconstruction": "Reconstruction",
    "segmentation": "Segmentation head",
    "distance": "INP distance",
}
VERDICTS: Final = {True: "✕ Anomalous", False: "✓ Normal", None: "? Not calibrated"}
CONFIDENCE: Final = "anomaly confidence {value:.0%}"
READY: Final = "Detector in use: {name}"
UNFITTED_NAME: Final = "no normal pictures yet, {encoder}"
ZERO_SHOT_NAME: Final = "zero-shot (multi-part prototypes, learnt on other parts), {encoder}"
WITH_MEMORY: Final = "{variant} with a memory of normal patches (not in the paper)"
FITTED_NAME: Final = "{variant} from {shots} normal picture(s), {encoder}"
ON_THE_HUB: Final = "On the Hub: {repo} · revision {revision} · sha256 {sha256}"
CALIBRATED: Final = (
    "Threshold from {method}; about {rate:.0%} of them lie above it. Of new normal parts, "
    "up to {part_rate:.0%} may be flagged: more normal pictures make that less."
)
NOTICE: Final = "Note: {text}."
NO_DISK: Final = (
    "The server cannot keep {name}: its disk is full or may not be written to. Try again later, or "
    "tell whoever runs it."
)
YOUR_FILES: Final = "your files"
NO_ROOM: Final = "The server keeps no more files just now; try again in a minute."
UPLOAD_GONE: Final = "{name} is no longer on the server; upload it again."
NOT_DONE: Final = "Not done"
LOST: Final = (
    "Something went wrong on the server, and it was written to its log as {request}. Your pictures "
    "are still here; please try again."
)
STOPPING: Final = "The server is about to stop and takes nothing new; try again in a minute."
DISK_FULL: Final = (
    "Your files would take more than the {limit} MB that the server keeps for a visitor; press "
    "'Forget me', or bring fewer or smaller pictures."
)
BUSY: Final = "Your {what} is still running; wait for it, or cancel it, and then try again."
BUSY_FOR: Final = (
    "Your {what} is still running, for about {seconds:.0f} s; try again then, or cancel it."
)
QUEUE_FULL: Final = "Too many visitors are waiting for their turn; try again in a minute."
QUEUE_FULL_OF_YOURS: Final = (
    "{count} of your actions are waiting for their turn; try again when one of them has begun."
)
TAB_INSPECT: Final = "Inspect"
TAB_FEWSHOT: Final = "Few-shot"
TAB_EXPLORER: Final = "INP explorer"
TAB_COMPARE: Final = "Compare"
TAB_EVALUATE: Final = "Evaluate"
TAB_MODELS: Final = "Models"
TAB_LEARN: Final = "Learn"
DETECTOR_LABEL: Final = "Detector in use, in every tab"
FREE_TITLE: Final = "Training-free prototypes (no normal pictures needed)"
ZERO_SHOT_TITLE: Final = "Zero-shot: prototypes learnt on other parts"
PART_DETECTOR_TITLE: Final = "Ready detector: {title}"
NO_SUCH_DETECTOR: Final = (
    "This detector is no longer on the server; choose another one under 'Detector in use'."
)
OLDEST_DETECTOR_GONE: Final = (
    "At most {limit} detectors are kept for you, so the oldest, '{name}', has gone."
)
FORGET_ME: Final = "Forget me"
WORK_GONE: Final = (
    "What you had here before is gone: the server was started anew, or you were away for too long. "
    "Bring back what you downloaded: detectors in 'Few-shot', masks in 'Annotate'."
)
FORGOTTEN: Final = "Your pictures, detectors and results are deleted from the server."
A_FIT: Final = "fit"
STARTED_WITH_TITLE: Final = "The detector of this server"
INSPECTION_GONE: Final = "This result is no longer on the server; inspect the picture again."
