"""Sentences of the INP explorer."""

from __future__ import annotations

from typing import Final

ATTENTION_LABEL: Final = "Attention of each prototype"

EXPLORER_TITLE: Final = "Why: the prototypes (INPs) of a picture"
EXPLORER_LEAD: Final = (
    "The detector describes a picture by a handful of prototypes (INPs) taken from the picture "
    "itself. Click any place of the picture or of a map to get the reason for that patch."
)
EXPLORER_EMPTY: Final = (
    "Nothing to explain yet: inspect a picture on the tab 'Inspect', or open one of its results, "
    "and come back."
)
GO_TO_INSPECT: Final = "Go to Inspect"
EXPLORED_LABEL: Final = "Inspected picture"
VIEWS: Final = {
    "picture": "Picture",
    "mosaic": "Nearest INP",
    "distance": "Distance",
    "residual": "Residual",
}
VIEW_LABEL: Final = "What to see; click a place of it to get the reason"
PICTURE_NOTE: Final = "Outlined: above the threshold. Framed: the patch whose reason is given."
PICTURE_NOTE_RAW: Final = "Framed: the patch whose reason is given."
PATCH_ROW: Final = "Row"
PATCH_COLUMN: Final = "Column"
PATCH_KEYS_NOTE: Final = "Or choose a patch by its row and column, or step from patch to patch:"
STEP_LEFT: Final = "← Left"
STEP_RIGHT: Final = "Right →"
STEP_UP: Final = "↑ Up"
STEP_DOWN: Final = "↓ Down"
NO_SUCH_PATCH: Final = (
    "This picture has {rows} rows and {columns} columns of patches; give numbers from 1 up to "
    "these."
)
PATCH_OUTSIDE: Final = "The model did not look at this place; click inside the picture."
ATTENTION_TITLE: Final = "Where each prototype looked"
ATTENTION_NOTE: Final = (
    "Grey is no attention, yellow much of it. Single heads share one scale, and so do decoder "
    "layers: a faint prototype does attend less. Percentages: patches nearest to the prototype."
)
ATTENTION_CHOICE: Final = "Attention of"
ATTENTION_ALL: Final = "INP extractor, all heads together"
ATTENTION_HEAD: Final = "INP extractor, head {number}"
ATTENTION_LAYER: Final = "Decoder layer {number}: patches that use the prototype"
HEALTH_TITLE: Final = "Prototype health"
INP_COUNT_LABEL: Final = "Number of prototypes"
INP_COUNT_INFO: Final = (
    "Changes at once, for this tab only. Thresholds hold for the detector's own number, so "
    "another number has none."
)
REASON_TITLE: Final = "Patch in row {row}, column {column}"
THIS_PATCH: Final = "This patch"
REASON_FAR: Final = (
    "It is most like INP {inp}, but unlike it all the same: distance {distance}, {times} times "
    "that of the picture's typical patch ({typical})."
)
REASON_FARTHER: Final = (
    "It is most like INP {inp}, somewhat farther from it than usual: distance {distance}, {times} "
    "times that of the picture's typical patch ({typical})."
)
REASON_NEAR: Final = (
    "It is most like INP {inp}, and about as near to it as usual: distance {distance}, {times} "
    "times that of the picture's typical patch ({typical})."
)
REASON_NOT_REBUILT: Final = (
    "The decoder could not rebuild it from the prototypes: it is off by {value} ({measure}), "
    "{times} times the typical patch ({typical})."
)
REASON_LESS_REBUILT: Final = (
    "The decoder rebuilt it from the prototypes less well than usual, but within what is normal: "
    "it is off by {value} ({measure}), {times} times the typical patch ({typical})."
)
REASON_REBUILT: Final = (
    "The decoder rebuilt it from the prototypes about as well as usual: it is off by {value} "
    "({measure}), {times} times the typical patch ({typical})."
)
REASON_NOT_DECODED: Final = (
    "Nothing was rebuilt: this detector judges by the distance to the prototypes alone."
)
REASON_SEEN: Final = (
    "The normal pictures have patches like it: cosine {similarity}, and {usual} for the typical "
    "patch."
)
REASON_UNSEEN: Final = (
    "Nothing in the normal pictures is much like it: cosine {similarity} at most, where the "
    "typical patch finds {usual}."
)
STANDING_ABOVE: Final = "✕ {times} × threshold"
STANDING_BELOW: Final = "✓ {times} × threshold"
STANDING_RAW: Final = "{value}, no threshold"
STANDING_RANK: Final = "rank {rank:,} of {count:,}"
STANDING_DECIDES: Final = "{name} (decides)"
SOFT_WEIGHTS: Final = "Prototypes: soft weight and distance"
SOFT_WEIGHTS_NOTE: Final = (
    "Soft weights add up to 1; nearly even ones are usual, since they come from cosines. ◀ marks "
    "the nearest."
)
INP_BAR: Final = "weight {weight:.2f}, distance {distance}"
ERRORS: Final = "What the decoder could not rebuild"
ERRORS_NOTE: Final = "A full bar is {full:.0f} times the picture's typical patch, or more."
COSINE_ERROR: Final = "1 - cosine"
LENGTH_ERROR: Final = "Euclidean distance"
LAYER_GROUP: Final = "layer group {number} of {count}"
ERROR_BAR: Final = "{value}, {times} × typical"
SIMILAR_HERE: Final = "Most similar elsewhere in this picture"
SIMILAR_NORMAL: Final = "Most similar in the normal pictures behind the detector"
NO_SIMILAR_HERE: Final = "This picture has too few patches for another place."
NO_SHOTS: Final = (
    "The normal pictures behind this detector are not known here: use the detector of an example "
    "part, or fit one on the tab 'Few-shot'."
)
CROP: Final = "cosine {similarity} · row {row}, column {column}"
CROP_SHOT: Final = "Normal picture {number}"
SCALE_THRESHOLD: Final = "threshold {value}"
DISTANCE_NOTE: Final = (
    "1 - cosine to the nearest prototype, one tile per patch, on the detector's fixed scale. "
    "In this picture: typical {typical}, largest {largest}."
)
RESIDUAL_NOTE: Final = (
    "Mean size of the residual as a share of a token's size. The scale is fixed by the normal "
    "pictures: it ends at {factor:.0f} times what 1 in 200 of their patches exceeds."
)
RESIDUAL_NOTE_NO_SHOTS: Final = (
    "Mean size of the residual as a share of a token's size, on a fixed scale up to {share:.0%}: "
    "the normal pictures, which would set it better, are not known here."
)
RESIDUAL_OWN: Final = "In this picture: typical {typical}, largest {largest}."
HEALTH_FINE: Final = "Nothing suspicious: the prototypes differ, and each has patches of its own."
HEALTH_NO_THRESHOLD: Final = (
    "Whether a prototype looks mainly at a defect cannot be checked: there is no calibrated "
    "threshold that says which region is flagged. A detector fitted on normal pictures has one."
)
HEALTH_NOTHING_FLAGGED: Final = "No patch lies above the threshold, so no prototype looks at one."
HEALTH_DRAWN: Final = (
    "The flagged region is {area:.1%} of the picture, and prototypes look at it far more than "
    "that: {inps}."
)
HEALTH_DRAWN_INP: Final = (
    "INP {inp} with {share:.0%} of its attention, {factor:.1f} times an even spread"
)
HEALTH_DRAWN_WHY: Final = (
    "They may have taken the defect for normal; such patches then look less anomalous than they "
    "are, above all in the distance map. Trust the reconstruction more here, fit with more normal "
    "pictures, or take fewer prototypes."
)
HEALTH_COINCIDENT: Final = "{inps} coincide (cosine {cosine} or more)."
HEALTH_COINCIDENT_WHY: Final = (
    "They describe the same, so the picture has fewer prototypes than it seems. That is harmless "
    "on an even surface, and no help on a varied one."
)
HEALTH_FEWER_FIT: Final = "What to do: fit again with fewer prototypes."
HEALTH_FEWER_LIVE: Final = "What to do: take fewer prototypes with the slider."
HEALTH_UNUSED: Final = "Nearest to almost no patch: {inps} (of {count})."
HEALTH_UNUSED_WHY: Final = "In the distance map they do nothing."
HEALTH_UNUSED_TRAINED: Final = (
    "The decoder may still mix them in, so this alone is no fault; on an even surface it is usual."
)
HEALTH_COLLAPSED: Final = (
    "All patches have the same nearest prototype: they have collapsed into one. Fit INP-Former++, "
    "whose soft coherence works against that, or take fewer of them."
)
