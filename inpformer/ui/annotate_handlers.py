"""One function per action of a visitor on the Annotate tab, callable without a page."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import numpy as np

from inpformer.annotations.masks import read_class_mask
from inpformer.errors import UserError
from inpformer.images import load_image
from inpformer.proposal import Prediction, ProposalCut
from inpformer.ui.annotate_queue import in_order, next_open, rows, status
from inpformer.ui.annotation_desk import MAX_QUEUE, AnnotationDesk, InWork, Predicted
from inpformer.ui.figures import jpeg_uri
from inpformer.ui.handlers import Handlers
from inpformer.ui.inspection import at_display_size
from inpformer.ui.painter_data import (
    painter_classes,
    painter_levels,
    painter_mask,
    painter_picture,
)
from inpformer.ui.session import Session

_PICTURE_QUALITY = 92
_THUMBNAIL_SIDE = 88


class DeskReport(NamedTuple):
    """The Annotate tab as the page shows it.

    `painter` holds the painter's properties that change, none if it stays as it is; `thumbnails`
    is None where they stay.
    """

    rows: list[dict[str, Any]]
    status: str
    painter: dict[str, Any]
    thumbnails: dict[str, str] | None = None
    said: str = ""


class AnnotateHandlers:
    """What a visitor does with pictures to label.

    Args:
        handlers: The actions of the whole page, and with them the visitors.
    """

    def __init__(self, handlers: Handlers) -> None:
        self.handlers = handlers
        self._lock = threading.Lock()

    def desk(self, session: Session) -> AnnotationDesk:
        """Return what a visitor annotates, made when first asked for."""
        with self._lock:
            if session.desk is None:
                session.desk = AnnotationDesk(session.folder / "annotations")
            return session.desk

    def arrive(self, session_id: str) -> DeskReport:
        """Show the tab; what was inspected since the last time joins the queue."""
        session = self.handlers.sessions.get(session_id)
        desk = self.desk(session)
        for inspection in list(session.inspections.values()):
            if inspection.id in desk.taken:
                continue
            if len(desk.pictures()) >= MAX_QUEUE:
                break
            desk.taken.add(inspection.id)
            name = desk.add(inspection.path, inspection.name)
            result = Prediction.of(inspection.result)
            desk.predict(
                name, Predicted(inspection.detector_key, inspection.detector_title, result)
            )
            desk.thumbnails[name] = thumbnail(inspection.read())
        return self.show(session)

    def show(self, session: Session, said: str = "") -> DeskReport:
        """Show the queue and the picture on the screen, or the first one that waits for a label."""
        desk = self.desk(session)
        pictures = in_order(desk)
        names = [item.name for item in pictures]
        if desk.current not in names:
            desk.current = next_open(pictures, None) or next(iter(names), None)
        return self._report(session, desk.current, said)._replace(thumbnails=desk.thumbnails)

    def open(self, session_id: str, name: str) -> DeskReport:
        """Put a picture on the screen.

        Raises:
            UserError: It is not there.
        """
        return self._report(self.handlers.sessions.get(session_id), name)

    def step(self, session_id: str, steps: int) -> DeskReport:
        """Go on or back in the queue; at an end it stays there.

        Raises:
            UserError: There are no pictures.
        """
        session = self.handlers.sessions.get(session_id)
        desk = self.desk(session)
        names = [item.name for item in in_order(desk)]
        if not names:
            raise UserError(session.words.ANNOTATE_NO_PICTURE)
        at = names.index(desk.current) if desk.current in names else -1
        return self._report(session, names[min(len(names) - 1, max(0, at + steps))])

    def sort(self, session_id: str, order: str) -> DeskReport:
        """Sort the queue; the picture on the screen stays."""
        session = self.handlers.sessions.get(session_id)
        desk = self.desk(session)
        if order in session.words.QUEUE_ORDERS:
            desk.order = order
        return self._redraw(session)

    def propose(self, session_id: str, times: float, smoothing: float, value: int) -> DeskReport:
        """Cut the proposal in another way; stored masks stay as they are.

        Raises:
            UserError: A value is outside what is allowed.
        """
        session = self.handlers.sessions.get(session_id)
        desk = self.desk(session)
        value = value if 1 <= value <= len(desk.classes()) else 1
        work = desk.propose(desk.current or "", ProposalCut(times, smoothing), value)
        report = self._redraw(session)
        if work is None:
            return report
        return report._replace(
            painter={"mask": painter_mask(desk.current, work.painted, work.is_proposal)}
        )

    def accept(self, session_id: str, name: str | None = None) -> DeskReport:
        """Store the proposal as it is cut now, and go on to the next picture.

        Raises:
            UserError: There is no picture, or no prediction of it.
        """
        return self._say(session_id, name, "accept")

    def say_normal(self, session_id: str, name: str | None = None) -> DeskReport:
        """Store that nothing is wrong with a picture, and go on to the next one.

        Raises:
            UserError: There is no picture.
        """
        return self._say(session_id, name, "say_normal")

    def skip(self, session_id: str, name: str | None = None) -> DeskReport:
        """Put a picture off, and go on to the next one.

        Raises:
            UserError: There is no picture.
        """
        return self._say(session_id, name, "skip")

    def remove(self, session_id: str) -> DeskReport:
        """Take the picture on the screen out of the queue, with all that was said of it.

        Raises:
            UserError: There is no picture.
        """
        session = self.handlers.sessions.get(session_id)
        desk, words = self.desk(session), session.words
        name = desk.current
        if name is None:
            raise UserError(words.ANNOTATE_NO_PICTURE)
        following = next_open(in_order(desk), name)
        desk.remove(name)
        desk.current = None if following == name else following
        return self.show(session, words.ANNOTATE_REMOVED.format(name=name))

    def draw(self, session_id: str, name: str, patch: Any) -> dict[str, Any]:
        """Store a stroke, and return the painter's answer."""
        session = self.handlers.sessions.get(session_id)
        try:
            return self.desk(session).draw(name, patch, session.words)
        except (UserError, TypeError, AttributeError):
            # Forgotten meanwhile, or no picture's name at all.
            patch_id = patch.get("id") if isinstance(patch, dict) else None
            reason = session.words.PAINTER_UNKNOWN
            return {"picture": name, "patch": patch_id, "state": "refused", "reason": reason}

    def resync(self, session_id: str, name: str) -> dict[str, Any]:
        """Return a picture's mask as the painter takes it.

        Raises:
            UserError: There is no such picture.
        """
        return self.desk(self.handlers.sessions.get(session_id)).resync(name)

    def after_drawing(self, session_id: str) -> DeskReport:
        """Show what a stroke has made of the labels."""
        return self._redraw(self.handlers.sessions.get(session_id))

    def set_mask(self, session_id: str, name: str, png: bytes) -> dict[str, Any]:
        """Store a mask that was drawn elsewhere, and return what is now said of the picture.

        Args:
            session_id: The visitor.
            name: The picture.
            png: Grey 8-bit PNG file of the picture's size, one value per class.

        Raises:
            UserError: The file, its size or a class of it is wrong.
        """
        desk = self.desk(self.handlers.sessions.get(session_id))
        shape = desk.open(name).painted.labels.shape
        desk.set_mask(name, read_class_mask(png, f"of '{name}'", shape))
        return self.annotation(session_id, name)

    def annotation(self, session_id: str, name: str) -> dict[str, Any]:
        """Return what is stored of a picture, without its mask.

        Raises:
            UserError: There is no such picture.
        """
        desk = self.desk(self.handlers.sessions.get(session_id))
        said = desk.store.load(name)
        regions = [
            {"class": region.value, "source": source, "box": list(region.box), "area": region.area}
            for region, source in zip(said.regions, said.sources, strict=True)
        ]
        return {
            "name": said.name,
            "label": said.label,
            "regions": regions,
            "detector": said.detector_id,
            "seconds": said.seconds,
            "version": said.version,
        }

    def _say(self, session_id: str, name: str | None, what: str) -> DeskReport:
        session = self.handlers.sessions.get(session_id)
        desk, words = self.desk(session), session.words
        name = name or desk.current
        if name is None:
            raise UserError(words.ANNOTATE_NO_PICTURE)
        getattr(desk, what)(name)
        sentences = {
            "accept": words.ANNOTATE_ACCEPTED.format(name=name),
            "say_normal": words.ANNOTATE_NORMAL.format(name=name),
            "skip": words.ANNOTATE_SKIPPED.format(name=name),
        }
        following = next_open(in_order(desk), name)
        said = sentences[what]
        if following is None:
            said = f"{said}. {words.ANNOTATE_ALL_DONE}"
        return self._report(session, following or name, said)

    def _report(self, session: Session, name: str | None, said: str = "") -> DeskReport:
        """Show a picture, the whole of it."""
        desk = self.desk(session)
        if name is None:
            return self._redraw(session)._replace(
                painter={"value": None, "mask": None, "levels": None}, said=said
            )
        work = desk.open(name)
        return self._redraw(session)._replace(painter=_painter(desk, work), said=said)

    def _redraw(self, session: Session) -> DeskReport:
        """Show the queue and what is said of the picture; the painter stays."""
        desk = self.desk(session)
        pictures, work = in_order(desk), None
        if desk.current in {item.name for item in pictures}:
            work = desk.work_of(desk.current)
        return DeskReport(
            rows(pictures, desk, session.words), status(pictures, work, desk, session.words), {}
        )


def thumbnail(image: np.ndarray) -> str:
    """Return the address of a small picture for the queue."""
    return jpeg_uri(at_display_size(image, _THUMBNAIL_SIDE), quality=75)


def _painter(desk: AnnotationDesk, work: InWork) -> dict[str, Any]:
    name, predicted = work.annotation.name, desk.predicted.get(work.annotation.name)
    image = load_image(desk.store.picture_path(name))
    return {
        "value": painter_picture(name, name, image.shape[:2], jpeg_uri(image, _PICTURE_QUALITY)),
        "mask": painter_mask(name, work.painted, work.is_proposal),
        "classes": painter_classes(desk.classes()),
        "levels": None if predicted is None else painter_levels(predicted.prediction.levels()),
    }
