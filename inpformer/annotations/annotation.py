"""What a person (or a detector) says of one picture: a label, and a mask with a value per class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from inpformer.annotations.masks import MaskRegion, find_mask_regions
from inpformer.errors import UserError

Label = Literal["unlabelled", "normal", "anomalous", "corrected", "skipped"]
Source = Literal["predicted", "human", "edited"]
LABELS: tuple[Label, ...] = get_args(Label)
SOURCES: tuple[Source, ...] = get_args(Source)


@dataclass(frozen=True, eq=False)
class Annotation:
    """One picture's label and mask.

    Attributes:
        name: The picture's name in its store.
        mask: `(H, W)` uint8 of the picture's own size: 0 is background, others are classes. It
            is copied and cannot be written to.
        label: What is said of the picture as a whole.
        sources: Who drew each region, in the order of `regions`; all by a human if left out.
        detector_id: The detector whose prediction was the start, if one was.
        seconds: Time that a person spent on it, in all.
        version: The stored version that this is, or is based on; 0 before the first save.

    Raises:
        UserError: Values contradict each other or are none of those allowed.
    """

    name: str
    mask: np.ndarray
    label: Label = "unlabelled"
    sources: tuple[Source, ...] | None = None
    detector_id: str | None = None
    seconds: float = 0.0
    version: int = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        mask = np.array(self.mask, order="C")
        if mask.dtype != np.uint8 or mask.ndim != 2:
            raise UserError(
                f"The mask of '{self.name}' must be rows and columns of whole numbers from 0 to "
                f"255 (uint8), not {mask.dtype} of shape {mask.shape}."
            )
        mask.setflags(write=False)
        object.__setattr__(self, "mask", mask)
        if self.label not in LABELS:
            raise UserError(
                f"The label of '{self.name}' must be one of {', '.join(LABELS)}, not {self.label}."
            )
        if self.label == "normal" and mask.any():
            raise UserError(
                f"'{self.name}' is labelled normal, but something is marked in it; clear the mask "
                "or choose another label."
            )
        self._settle_sources()

    def _settle_sources(self) -> None:
        sources = self.sources
        sources = ("human",) * len(self.regions) if sources is None else tuple(sources)
        odd = [source for source in sources if source not in SOURCES]
        if odd or len(sources) != len(self.regions):
            raise UserError(
                f"'{self.name}' needs one source per region ({len(self.regions)}), each of "
                f"{', '.join(SOURCES)}."
            )
        object.__setattr__(self, "sources", sources)

    @cached_property
    def regions(self) -> tuple[MaskRegion, ...]:
        """Connected regions of one class each, by class, then from top to bottom."""
        return tuple(find_mask_regions(self.mask))


def settle_label(label: str | None, mask: np.ndarray) -> Label:
    """Say what label a mask from elsewhere has.

    Args:
        label: What came with it; None if nothing did.
        mask: `(H, W)` uint8.
    """
    if label in LABELS and not (label == "normal" and mask.any()):
        return label
    if label == "normal":  # marked by another program since
        return "corrected"
    return "anomalous" if mask.any() else "normal"


def settle_source(source: object) -> Source:
    """Return a source that came from elsewhere; what is not known as one was a human."""
    return source if source in SOURCES else "human"


def trace_sources(mask: np.ndarray, predicted: np.ndarray) -> tuple[Source, ...]:
    """Say of each region whether it was predicted, drawn by a person, or edited.

    Args:
        mask: `(H, W)` uint8, after the person's work.
        predicted: `(H, W)` uint8, what the person was shown.

    Returns:
        For each region of `mask`, in the order of `Annotation.regions`: `predicted` if the same
        pixels were predicted as one region, of whatever class; `human` if none of its pixels was
        predicted; else `edited`.
    """
    found = {
        (region.box, region.pixels.tobytes()) for region in find_mask_regions(_as_one(predicted))
    }
    sources: list[Source] = []
    for region in find_mask_regions(mask):
        if (region.box, region.pixels.tobytes()) in found:
            sources.append("predicted")
        else:
            overlaps = (predicted[region.slices] != 0)[region.pixels].any()
            sources.append("edited" if overlaps else "human")
    return tuple(sources)


def _as_one(mask: np.ndarray) -> np.ndarray:
    return (mask != 0).astype(np.uint8)


@dataclass(frozen=True)
class DefectClass:
    """One kind of defect.

    Attributes:
        value: In the masks, 1 to 255.
        name: For people; not empty, on one line.
        colour: `#rrggbb`.

    Raises:
        UserError: A value is outside what is allowed.
    """

    value: int
    name: str
    colour: str

    def __post_init__(self) -> None:
        if not (isinstance(self.value, int) and 1 <= self.value <= 255):
            raise UserError(f"A class must have a value from 1 to 255, not {self.value}.")
        if not self.name.strip() or not self.name.isprintable() or len(self.name) > 100:
            raise UserError("Give each class a name of 1 to 100 characters on one line.")
        digits = self.colour[1:]
        if self.colour[:1] != "#" or len(digits) != 6 or set(digits.lower()) - set(_HEX):
            raise UserError(f"The colour of a class is written #rrggbb, not '{self.colour}'.")


_HEX = "0123456789abcdef"
# Distinct under common kinds of colour blindness, as far as eight can be (Okabe and Ito).
_COLOURS = ("#d55e00", "#56b4e9", "#f0e442", "#009e73", "#cc79a7", "#e69f00", "#0072b2", "#999999")


def suggest_colour(value: int) -> str:
    """Return a colour for a class that has none yet, `#rrggbb`."""
    return _COLOURS[(value - 1) % len(_COLOURS)]


def free_value(classes: Sequence[DefectClass]) -> int:
    """Return the lowest value that no class has.

    Raises:
        UserError: There are 255 classes already.
    """
    taken = {item.value for item in classes}
    value = next((value for value in range(1, 256) if value not in taken), None)
    if value is None:
        raise UserError("There are 255 classes already, and a mask can hold no more.")
    return value


def check_classes(classes: Sequence[DefectClass]) -> tuple[DefectClass, ...]:
    """Return the classes by value.

    Raises:
        UserError: Two have one value or one name.
    """
    for what in ("value", "name"):
        seen = [str(getattr(item, what)).casefold() for item in classes]
        twice = sorted({item for item in seen if seen.count(item) > 1})
        if twice:
            raise UserError(f"Two classes have the {what} '{twice[0]}'; change one of them.")
    return tuple(sorted(classes, key=lambda item: item.value))
