"""One function per action of a visitor with the example parts, callable without a page."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError
from inpformer.examples import GOOD, ExamplePart, Examples, GalleryEntry
from inpformer.images import load_image
from inpformer.ui import text
from inpformer.ui.handlers import Handlers, InspectReport
from inpformer.ui.ready import ReadyDetectors

logger = logging.getLogger(__name__)

_THUMBNAIL_SIDE = 192
# As many as a ready detector was fitted on; more are slower on a machine without a GPU.
_SHOT_COUNT = 4


class OpenReport(NamedTuple):
    """An example that was opened: its part, its picture, and what the page says about them."""

    part: ExamplePart
    path: Path
    detector_card: str
    inspection: InspectReport


class ExampleHandlers:
    """What a visitor does with the example parts.

    Args:
        handlers: The other actions, and with them the visitors.
        examples: What there is.
        ready: Where ready detectors come from.
    """

    def __init__(self, handlers: Handlers, examples: Examples, ready: ReadyDetectors) -> None:
        self.handlers = handlers
        self.examples = examples
        self.ready = ready

    def open_gallery_entry(
        self, session_id: str, index: int, opacity: float, colour_map: str
    ) -> OpenReport:
        """Open the picture behind a result of the gallery; see `open_picture`."""
        if not 0 <= index < len(self.examples.gallery):
            raise UserError(text.NO_SUCH_EXAMPLE)
        entry = self.examples.gallery[index]
        part = self._part(entry.part)
        paths = [picture.path for picture in part.pictures]
        number = paths.index(entry.source_path)
        return self.open_picture(session_id, part.name, number, opacity, colour_map)

    def open_picture(
        self, session_id: str, part_name: str, index: int, opacity: float, colour_map: str
    ) -> OpenReport:
        """Make a part's ready detector the visitor's own, and inspect one of its pictures.

        Raises:
            UserError: There is no such picture, or the detector cannot be used; the visitor then
                keeps all that was there before.
        """
        part = self._part(part_name)
        if not 0 <= index < len(part.pictures):
            raise UserError(text.NO_SUCH_EXAMPLE)
        path = part.pictures[index].path
        detector = self._ready_detector(part)
        session = self.handlers.sessions.get(session_id)
        report = self.handlers.inspect_with(detector, session, path, opacity, colour_map)
        session.detector, session.part = detector, part
        return OpenReport(part, path, self.handlers.card_of(session), report)

    def thumbnails(self, part_name: str) -> list[tuple[np.ndarray, str]]:
        """Return a part's pictures to inspect, small, with their defects in words."""
        return [
            (_thumbnail(picture.path), picture.title) for picture in self._part(part_name).pictures
        ]

    def normals(self, part_name: str) -> tuple[list[Path], str]:
        """Return a few normal pictures of a part to fit on, and a sentence about them."""
        part = self._part(part_name)
        paths = list(part.normal_paths[:_SHOT_COUNT])
        return paths, text.NORMALS_READY.format(count=len(paths), title=part.title)

    def _part(self, name: str) -> ExamplePart:
        part = self.examples.part(name)
        if part is None:
            raise UserError(text.NO_SUCH_EXAMPLE)
        return part

    def _ready_detector(self, part: ExamplePart) -> AnomalyDetector:
        try:
            if part.detector_path is not None:
                return self.ready.get(part.detector_path)
        except UserError as error:
            # What is wrong with a file of the server is its owner's business, not the visitor's.
            logger.warning("The ready detector of %s cannot be used: %s", part.name, error)
        raise UserError(text.NO_READY_DETECTOR.format(title=part.title))


def gallery_caption(entry: GalleryEntry) -> str:
    """Return what is written under a result of the gallery."""
    known = text.GALLERY_GOOD if entry.defect == GOOD else entry.defect
    return text.GALLERY_CAPTION.format(
        title=entry.title,
        known=known,
        verdict=text.VERDICTS[entry.is_anomalous],
        confidence=text.CONFIDENCE.format(value=entry.confidence),
    )


def _thumbnail(path: Path) -> np.ndarray:
    image = load_image(path)
    scale = min(1.0, _THUMBNAIL_SIDE / max(image.shape[:2]))
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
