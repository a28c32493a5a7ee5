"""One function per action of a visitor with the example parts, callable without a page."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from inpformer.errors import UserError
from inpformer.examples import GOOD, ExamplePart, Examples, GalleryEntry
from inpformer.images import load_image
from inpformer.ui.handlers import DetectorReport, Handlers
from inpformer.ui.inspect_handlers import InspectHandlers, InspectReport
from inpformer.ui.inspection import at_display_size
from inpformer.ui.session import Session
from inpformer.ui.shelf import PART, PART_SHOTS
from inpformer.ui.translate import translate
from inpformer.ui.words import Words

_THUMBNAIL_SIDE = 192


class OpenReport(NamedTuple):
    """An example that was opened: its part, its picture, and what the page says about them."""

    part: ExamplePart
    path: Path
    detector: DetectorReport
    inspection: InspectReport


class ExampleHandlers:
    """What a visitor does with the example parts.

    Args:
        handlers: The actions of the whole page, and with them the visitors.
        inspecting: The actions of the Inspect tab.
    """

    def __init__(self, handlers: Handlers, inspecting: InspectHandlers) -> None:
        self.handlers = handlers
        self.inspecting = inspecting

    @property
    def examples(self) -> Examples:
        """What there is."""
        return self.handlers.shelf.examples

    def open_gallery_entry(self, session_id: str, index: int) -> OpenReport:
        """Open the picture behind a result of the gallery; see `open_picture`."""
        session = self.handlers.sessions.get(session_id)
        if not 0 <= index < len(self.examples.gallery):
            raise UserError(session.words.NO_SUCH_EXAMPLE)
        entry = self.examples.gallery[index]
        part = self._part(session, entry.part)
        paths = [picture.path for picture in part.pictures]
        number = paths.index(entry.source_path)
        return self.open_picture(session_id, part.name, number)

    def open_picture(self, session_id: str, part_name: str, index: int) -> OpenReport:
        """Use a part's ready detector, and inspect one of its pictures.

        Raises:
            UserError: There is no such picture, or the detector cannot be used; the visitor then
                keeps all that was there before.
        """
        session = self.handlers.sessions.get(session_id)
        part = self._part(session, part_name)
        if not 0 <= index < len(part.pictures):
            raise UserError(session.words.NO_SUCH_EXAMPLE)
        path, key = part.pictures[index].path, PART + part.name
        report = self.inspecting.inspect_with(key, session, path)
        session.detector_key = key
        return OpenReport(part, path, self.handlers.report_detector(session), report)

    def choices(self, words: Words) -> list[tuple[str, str]]:
        """Return what people call each part, and its name."""
        return [(translate(part.title, words), part.name) for part in self.examples.parts]

    def thumbnails(self, part_name: str, words: Words) -> list[tuple[np.ndarray, str]]:
        """Return a part's pictures to inspect, small, with their defects in words."""
        part = self.examples.part(part_name)
        return [
            (
                at_display_size(load_image(picture.path), _THUMBNAIL_SIDE),
                translate(picture.title, words),
            )
            for picture in (part.pictures if part else ())
        ]

    def normals(self, session_id: str, part_name: str) -> tuple[list[Path], str]:
        """Return a few normal pictures of a part to fit on, and a sentence about them."""
        session = self.handlers.sessions.get(session_id)
        part = self._part(session, part_name)
        paths = list(part.normal_paths[:PART_SHOTS])
        title = translate(part.title, session.words)
        return paths, session.words.NORMALS_READY.format(count=len(paths), title=title)

    def _part(self, session: Session, name: str) -> ExamplePart:
        part = self.examples.part(name)
        if part is None:
            raise UserError(session.words.NO_SUCH_EXAMPLE)
        return part


def gallery_caption(entry: GalleryEntry, words: Words) -> str:
    """Return what is written under a result of the gallery."""
    is_good = entry.defect == GOOD
    known = words.GALLERY_GOOD if is_good else translate(entry.defect, words)
    return words.GALLERY_CAPTION.format(
        title=translate(entry.title, words),
        known=known,
        verdict=words.VERDICTS[entry.is_anomalous],
        confidence=words.CONFIDENCE.format(value=entry.confidence),
    )
