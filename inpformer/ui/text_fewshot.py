"""Sentences of the Few-shot tab."""

from __future__ import annotations

from typing import Final

FEWSHOT_LEAD: Final = (
    "Show 1 to 16 pictures of normal parts. The reference-set doctor looks at them first; then a "
    "detector is fitted on them, in about a minute. It is yours alone, and serves in every tab."
)
STEP_NORMAL: Final = "1 · Normal pictures"
NORMAL_LABEL: Final = "1 to 16 pictures without a defect"
NORMAL_GALLERY: Final = "Normal pictures"
FEWSHOT_PART_LABEL: Final = "Or those of an example part"
FEWSHOT_TAKE_NORMALS: Final = "Take its normal pictures"
STEP_FIT: Final = "2 · Fit a detector"
FIT: Final = "Fit"
FITTING: Final = "Fitting …"
CANCEL: Final = "Cancel"
NEW_NAME_LABEL: Final = "Name of the new detector"
NEW_NAME_HINT: Final = "Such as that of the part; may stay empty"
NEW_NAME: Final = "My part, {shots} shot(s)"
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
FIT_TILES_LABEL: Final = "Tiles"
FIT_TILES_INFO: Final = "For small defects in large pictures; takes as many times longer."
TILE_CHOICES: Final = (
    ("Whole pictures", ""),
    ("2 × 2", "2x2"),
    ("3 × 3", "3x3"),
    ("As the size asks for", "auto"),
)
RATE_LABEL: Final = "Wished false-alarm rate"
RATE_INFO: Final = (
    "Share of views of normal parts above the threshold. Few shots cannot hold a low one."
)
ENCODER_LABEL: Final = "Encoder"
ENCODER_INFO: Final = "Only encoders whose weights are on this server."
FIT_DONE: Final = "Done in {seconds:.0f} s: '{name}' is in use in every tab. Now inspect a picture."
IDENTICAL: Final = "Some of the {count} pictures are identical and count once: {used} were used."
FIT_CANCELLED: Final = "Cancelled. The detector in use is the one from before."
FIT_PROGRESS: Final = "{phase} · {fraction:.0%} · about {seconds:.0f} s left"
NO_NORMALS: Final = "Add at least 1 normal picture, then press Fit."
TOO_MANY: Final = "Choose at most {limit} normal pictures; these are {count}."
NO_SUCH_ENCODER: Final = "The encoder '{name}' is not on this server; choose another one."
PHASES: Final = {
    "encode": "reading the normal pictures",
    "train": "learning to rebuild them",
    "anomalies": "making synthetic defects",
    "head": "learning to outline defects",
    "calibrate": "setting the threshold",
}
LOSSES: Final = {
    "reconstruction": "rebuilding",
    "coherence": "INP coherence",
    "segmentation": "outlining defects",
}
CURVE_TITLE: Final = "Loss at each training step; lower is better"
CURVE_X: Final = "training step"
CURVE_Y: Final = "loss"

DOCTOR_LOOKS: Final = "The reference-set doctor is looking at the pictures …"
DOCTOR_FINE: Final = "✓ The reference-set doctor found nothing out of place in {count} picture(s)."
DOCTOR_ALONE: Final = (
    "With one picture there is nothing to compare it with: 4 or more make a better threshold, and "
    "a defect among them can be seen."
)
DOCTOR_FOUND: Final = "The reference-set doctor found:"
DOCTOR_LINE: Final = "{mark} {who}: {what}"
DOCTOR_ASKS: Final = (
    "The detector would learn that this is normal. Take the picture out, or fit all the same if it "
    "is meant to be there."
)
FIT_ANYWAY: Final = "Fit all the same"
NOT_YET: Final = "Not yet"
SEVERITY_MARKS: Final = {"stop": "✕", "warn": "!", "info": "ℹ", "fine": "✓"}
FINDINGS: Final = {
    "identical": "the same picture; it counts once",
    "near_duplicate": "one picture saved twice, it seems; it teaches hardly more than once",
    "unlike": "unlike the other pictures; is it the same part, shown the same way?",
    "unlike_pair": "unlike each other; are they the same part, shown the same way?",
    "odd_place": "the ringed place stands out from the other pictures; is it a defect?",
    "blurred": "blurred",
    "aspect": "of another shape than the others; cut off, or of another camera?",
    "size": "of another size than the others; a closer view, or of another camera?",
    "small": "smaller than what the detector could make use of",
    "dark": "very dark",
    "overexposed": "overexposed",
    "light": "of another brightness than the others",
    "flat": "one even surface, on which there is nothing to learn",
}
FIGURE_UNLIKE: Final = "{overall:.2f} times as far away as usual"
FIGURE_ODD: Final = "{local:.2f} times as strange as usual"
FIGURE_BLUR: Final = "sharpness {sharpness:.2f}, usual {usual:.2f}"
FIGURE_LIGHT: Final = "{mean:.0f} of 255, usual {usual:.0f}"
FIGURE_SIZE: Final = "{width:.0f} × {height:.0f}"
FIGURE_GRAIN: Final = "{agreement:.0%} of the grain agrees"

STEP_OWN: Final = "3 · Your detectors"
OWN_NONE: Final = "You have none yet: fit one, or load a file that you saved before."
OWN_LABEL: Final = "Your detector"
OWN_NAME_LABEL: Final = "Its name"
OWN_RENAME: Final = "Rename"
OWN_DOWNLOAD: Final = "Download"
OWN_REMOVE: Final = "Remove"
OWN_USE: Final = "Use it"
OWN_LOAD: Final = "Load a file (.safetensors)"
OWN_ABOUT: Final = "{what} · about {part_rate:.0%} of new normal parts may be flagged at most"
OWN_IN_USE: Final = "in use"
OWN_COUNT: Final = (
    "{count} of {limit} that are kept for you; a new one beyond that takes the oldest one's place."
)
OWN_LOADED: Final = "'{name}' is loaded and in use in every tab."
OWN_REMOVED: Final = "'{name}' is removed."
OWN_RENAMED: Final = "It is called '{name}' now."
OWN_CHOOSE: Final = "Choose one of your detectors first."
OWN_NAME_EMPTY: Final = "Write a name first."
OWN_WRONG_FILE: Final = (
    "'{name}' is no safetensors file; choose a file that was downloaded here or saved with "
    "detector.save."
)
OWN_LOAD_NONE: Final = "Choose a safetensors file to load."

LAB_TITLE: Final = "Shot lab: how much do the number and the choice of normal pictures matter?"
LAB_LEAD: Final = (
    "Fits detectors on several draws of the normal pictures above, with a short schedule, and "
    "looks at test pictures with all of them. Dots that lie far apart mean that luck decides."
)
LAB_NORMAL: Final = "Test pictures known to be normal"
LAB_ANOMALOUS: Final = "Test pictures known to have a defect"
LAB_UNKNOWN: Final = "Test pictures not known to be either"
LAB_KINDS: Final = {False: "known to be normal", True: "known to have a defect"}
LAB_TAKE_PART: Final = "Take pictures of the example part"
LAB_COUNTS: Final = "Numbers of normal pictures to try"
LAB_DRAWS: Final = "Draws of each number"
LAB_VARIANT: Final = "Method of the lab"
LAB_START: Final = "Start the shot lab"
LAB_RUNNING: Final = "The shot lab runs …"
LAB_TABLE: Final = "Figures by number of normal pictures"
A_LAB: Final = "shot lab"
LAB_PROGRESS: Final = (
    "draw {draw} of {draws}, {shots} normal picture(s) · {fraction:.0%} · "
    "about {seconds:.0f} s left"
)
LAB_DONE: Final = "Done in {seconds:.0f} s: {draws} detectors were fitted; yours are unchanged."
LAB_CANCELLED: Final = "Cancelled after {draws} draw(s), which are shown."
LAB_NO_NORMALS: Final = "Add at least 2 normal pictures at the top of this tab first."
LAB_NO_TESTS: Final = "Add test pictures, or take those of the example part."
LAB_HEADERS: Final = (
    "Normal pictures",
    "Draws",
    "AUROC: mean (lowest to highest)",
    "False alarms",
    "Misses",
    "Spread of a score",
    "Verdicts that flip",
    "Seconds per fit",
)
LAB_CHART_AUROC: Final = "Image AUROC of every draw, and their mean"
LAB_CHART_SPREAD: Final = "Spread of the score of each test picture over the draws, and the mean"
LAB_AXIS_SHOTS: Final = "normal pictures"
LAB_AXIS_AUROC: Final = "AUROC"
LAB_AXIS_SPREAD: Final = "spread"
LAB_SAYS_GAIN: Final = (
    "From {few} to {many} normal picture(s) the mean AUROC goes from {before:.2f} to {after:.2f}."
)
LAB_SAYS_LUCK: Final = (
    "With {shots} normal picture(s) the draw decides: AUROC from {low:.2f} to {high:.2f}."
)
LAB_SAYS_FLIPS: Final = (
    "With {shots} normal picture(s), {flips} of {tests} verdicts depend on the draw, such as that "
    "of {name}."
)
LAB_SAYS_STEADY: Final = "With {shots} normal picture(s), all draws agree on every verdict."
LAB_SAYS_HURTS: Final = (
    "{name} hurts: draws with it have an AUROC {effect:.2f} lower than draws without it "
    "(give or take {margin:.2f}). Look at it again."
)
LAB_SAYS_NO_HURT: Final = "No normal picture hurts by more than chance makes of so few draws."
LAB_SAYS_FREE: Final = (
    "Training-free prototypes take only their threshold from the normal pictures: the order of the "
    "scores, and so the AUROC, is the same in every draw."
)
LAB_SAYS_UNKNOWN: Final = (
    "AUROC, and which picture hurts, can be told only with test pictures of both kinds known."
)
