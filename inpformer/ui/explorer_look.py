"""What the INP explorer works from while it looks at one picture."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple
from weakref import WeakKeyDictionary

import cv2
import numpy as np

from inpformer.detector import AnomalyDetector
from inpformer.patch_pictures import (
    Box,
    cut_patch,
    draw_patch_map,
    mark_patch,
    residual_range,
    scaled_box,
)
from inpformer.patch_reason import (
    PatchReason,
    PatchTokens,
    explain_patch,
    patch_means,
    typical_similarity,
)
from inpformer.pictures import draw_outline
from inpformer.prototypes import draw_assignment_mosaic
from inpformer.result import AnomalyResult
from inpformer.ui.inspection import Inspection, at_display_size
from inpformer.ui.session import Session
from inpformer.ui.shelf import Shelf

# Pictures that are sent again with every click.
DRAWING_SIDE = 640
VIEWS = ("picture", "mosaic", "distance", "residual")
_SIMILAR = 4


class KnownShots(NamedTuple):
    """The normal pictures behind a detector, and what it holds of their patches."""

    images: tuple[np.ndarray, ...] = ()
    tokens: tuple[PatchTokens, ...] = ()


class ShotBook:
    """Tokens of the normal pictures behind each detector, made once and kept as long as it is."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._known: WeakKeyDictionary[AnomalyDetector, KnownShots] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def of(self, session: Session, inspection: Inspection) -> KnownShots:
        """Return the normal pictures behind the detector of an inspection; none if not known."""
        detector = inspection.detector
        with self._lock:
            if detector not in self._known:
                images = tuple(self._shelf.shots(session, inspection.detector_key))
                tokens = tuple(detector.patch_tokens(image) for image in images)
                self._known[detector] = KnownShots(images, tokens)
            return self._known[detector]


@dataclass
class Look:
    """One picture in the explorer; everything on the tab is drawn from it without a model.

    Attributes:
        result: What the detector says, with as many prototypes as were asked for.
        tokens: Of the same picture.
        image: What the patches cover, `(h, w, 3)` uint8 at display size.
        shots: The normal pictures behind the detector.
        patch: Row and column of the chosen patch.
    """

    result: AnomalyResult
    tokens: PatchTokens
    image: np.ndarray
    shots: KnownShots
    patch: tuple[int, int]
    _drawings: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    @classmethod
    def at(cls, inspection: Inspection, shots: KnownShots, inp_count: int | None = None) -> Look:
        """Look at an inspected picture; begins with its most anomalous patch.

        Args:
            inspection: Of the picture.
            shots: Behind its detector.
            inp_count: Prototypes of a training-free detector; None takes the inspection's.
        """
        image, result, detector = inspection.read(), inspection.result, inspection.detector
        geometry = result.geometry
        if inp_count is not None and inp_count != detector.config.inp_count:
            detector = detector.with_inp_count(inp_count)
            result = detector.predict(image, geometry=geometry.name)
        means = patch_means(result, result.map_name)
        row, column = np.unravel_index(means.argmax(), means.shape)
        return cls(
            result=result,
            tokens=detector.patch_tokens(image, geometry.name),
            image=at_display_size(geometry.crop_to_inspected(image)),
            shots=shots,
            patch=(int(row), int(column)),
        )

    @property
    def inp_count(self) -> int:
        """Prototypes that are looked at."""
        return len(self.result.explanation.inps)

    @property
    def frame(self) -> Box:
        """Edges of all patches together, in picture pixels."""
        geometry = self.result.geometry
        rows, columns = geometry.grid_size
        return (*geometry.patch_box(0, 0)[:2], *geometry.patch_box(rows - 1, columns - 1)[2:])

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Values of the first and the last colour of the two maps."""
        return {
            "distance": self.result.colour_range("distance"),
            "residual": residual_range(self.shots.tokens),
        }

    @cached_property
    def typical_similarity(self) -> float | None:
        """Cosine that a typical patch finds in the normal pictures; None if none are known."""
        return typical_similarity(self.tokens, self.shots.tokens)

    @property
    def views(self) -> tuple[str, ...]:
        """Which of `VIEWS` there are; without a decoder there is no residual."""
        return VIEWS if self.tokens.residual is not None else VIEWS[:-1]

    def known_view(self, view: str) -> str:
        """Return the drawing of that name, or the picture where there is none."""
        return view if view in self.views else VIEWS[0]

    def patch_at(self, view: str, x: float, y: float) -> tuple[int, int] | None:
        """Return the patch under a pixel of one of the drawings; None if there is none."""
        height, width = self.drawing(view).shape[:2]
        top, left, bottom, right = self.frame
        across = left + (x + 0.5) / width * (right - left)
        down = top + (y + 0.5) / height * (bottom - top)
        return self.result.geometry.patch_at(int(across), int(down))

    def move(self, down: int, right: int) -> None:
        """Choose a patch beside the chosen one; at the edge it stays."""
        limits = self.result.geometry.grid_size
        moved = (self.patch[0] + down, self.patch[1] + right)
        row, column = (
            min(max(place, 0), limit - 1) for place, limit in zip(moved, limits, strict=True)
        )
        self.patch = (row, column)

    def reason(self) -> PatchReason:
        """Return the reason of the chosen patch."""
        return explain_patch(self.result, self.tokens, self.patch, self.shots.tokens, _SIMILAR)

    def drawing(self, view: str) -> np.ndarray:
        """Return one of `VIEWS`, `(h, w, 3)` uint8, without a mark."""
        if view not in self._drawings:
            self._drawings[view] = self._draw(view)
        return self._drawings[view]

    def marked(self, view: str) -> np.ndarray:
        """Return one of `VIEWS` with the chosen patch marked."""
        drawing = self.drawing(view)
        box = scaled_box(self.result.geometry.patch_box(*self.patch), self.frame, drawing.shape)
        return mark_patch(drawing, box, rulers=True)

    def crop(self, box: Box, shot: int | None) -> np.ndarray:
        """Cut a patch out of this picture, or out of a normal one."""
        if shot is not None:
            return cut_patch(self.shots.images[shot], box)
        return cut_patch(self.image, scaled_box(box, self.frame, self.image.shape))

    def _draw(self, view: str) -> np.ndarray:
        explanation, small = self.result.explanation, at_display_size(self.image, DRAWING_SIDE)
        if view == "picture":
            return self._outlined(small)
        if view == "mosaic":
            return draw_assignment_mosaic(small, explanation.inp_assignment, self.inp_count)
        values = explanation.inp_distance if view == "distance" else self.tokens.residual
        return draw_patch_map(values, small.shape, self.ranges[view])

    def _outlined(self, image: np.ndarray) -> np.ndarray:
        """Outline what lies above the threshold, if there is one."""
        if self.result.threshold is None:
            return image
        values, size = self.result.score_maps[self.result.map_name], image.shape[1::-1]
        return draw_outline(image, cv2.resize(values, size) > self.result.threshold)
