"""What a person's work makes of an annotation: who drew which region, and what label that is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from inpformer.annotations.annotation import Annotation, Label, Source
from inpformer.annotations.masks import MaskRegion, find_mask_regions


def carry_sources(before: Annotation, mask: np.ndarray) -> tuple[Source, ...]:
    """Say of each region of a changed mask who drew it.

    Args:
        before: The annotation as it was.
        mask: `(H, W)` uint8 as it is now.

    Returns:
        In the order of `Annotation.regions`: a region of the same pixels keeps its source,
        whatever its class; one that has pixels of a predicted or edited region is `edited`; any
        other is `human`.
    """
    known = dict(zip(map(_place, before.regions), before.sources, strict=True))
    machine = np.zeros(mask.shape, bool)
    for region, source in zip(before.regions, before.sources, strict=True):
        if source != "human":
            machine[region.slices] |= region.pixels
    sources: list[Source] = []
    for region in find_mask_regions(mask):
        same = known.get(_place(region))
        touches = machine[region.slices][region.pixels].any()
        sources.append(same or ("edited" if touches else "human"))
    return tuple(sources)


def with_drawing(before: Annotation, mask: np.ndarray) -> Annotation:
    """Return an annotation after somebody drew on its mask.

    What the detector began is `corrected` then, what it did not is `anomalous`. A mask without
    anything in it says nothing: whether the picture is normal is for a person to say.

    Args:
        before: As it was.
        mask: `(H, W)` uint8 as it is now.
    """
    is_correction = before.detector_id is not None or before.label in ("normal", "corrected")
    label: Label = "unlabelled"
    if mask.any():
        label = "corrected" if is_correction else "anomalous"
    return replace(before, mask=mask, label=label, sources=carry_sources(before, mask))


def with_prediction(before: Annotation, mask: np.ndarray, detector_id: str) -> Annotation:
    """Return an annotation that says what the detector says.

    Args:
        before: As it was.
        mask: `(H, W)` uint8 that was predicted; an empty one means that the picture is normal.
        detector_id: What predicted it.
    """
    sources: tuple[Source, ...] = ("predicted",) * len(find_mask_regions(mask))
    label: Label = "anomalous" if sources else "normal"
    return replace(before, mask=mask, label=label, sources=sources, detector_id=detector_id)


def as_normal(before: Annotation) -> Annotation:
    """Return an annotation that says that nothing is wrong with the picture."""
    return replace(before, mask=np.zeros_like(before.mask), label="normal", sources=())


def as_skipped(before: Annotation) -> Annotation:
    """Return an annotation that is put off; its mask stays."""
    return replace(before, label="skipped")


def _place(region: MaskRegion) -> tuple[tuple[int, int, int, int], bytes]:
    return region.box, region.pixels.tobytes()
