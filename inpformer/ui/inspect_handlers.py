"""One function per action of a visitor on the Inspect tab, callable without a page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from inpformer.errors import UserError
from inpformer.images import read_image
from inpformer.ui import views
from inpformer.ui.handlers import Handlers
from inpformer.ui.inspection import Inspection
from inpformer.ui.session import Session
from inpformer.ui.views import MapView, PrototypeView, ViewSettings


class InspectReport(NamedTuple):
    """A newly inspected picture as the page shows it."""

    map_view: MapView
    prototype_view: PrototypeView
    map_names: tuple[str, ...]
    map_name: str
    cut: float
    most_cut: float
    is_calibrated: bool


class InspectHandlers:
    """What a visitor does with pictures to inspect.

    Args:
        handlers: The actions of the whole page, and with them the visitors.
    """

    def __init__(self, handlers: Handlers) -> None:
        self.handlers = handlers

    def inspect(
        self, session_id: str, path: str | None, opacity: float, colour_map: str
    ) -> InspectReport:
        """Inspect one picture with the visitor's detector.

        Raises:
            UserError: There is no picture, or it cannot be read.
        """
        session = self.handlers.sessions.get(session_id)
        if not path:
            raise UserError(session.words.NO_PICTURE)
        return self.inspect_with(session.detector_key, session, path, opacity, colour_map)

    def inspect_again(
        self, session_id: str, opacity: float, colour_map: str
    ) -> InspectReport | None:
        """Inspect the picture on the screen with the detector now in use; None without one."""
        session = self.handlers.sessions.get(session_id)
        shown = session.inspection
        if shown is None or shown.detector_key == session.detector_key:
            return None
        return self.inspect_with(session.detector_key, session, shown.path, opacity, colour_map)

    def inspect_with(
        self,
        detector_key: str,
        session: Session,
        path: str | Path,
        opacity: float,
        colour_map: str,
    ) -> InspectReport:
        """Inspect one picture with a detector and keep the result in a session.

        Raises:
            UserError: The picture cannot be read; the session is then as it was.
        """
        shelf = self.handlers.shelf
        detector = shelf.detector(session, detector_key)
        copy = session.keep(path)
        picture = read_image(copy)
        inspection = Inspection(
            name=copy.name,
            path=copy,
            result=detector.predict(picture.image),
            detector=detector,
            detector_key=detector_key,
            detector_title=shelf.title(session, detector_key),
            notes=picture.notes,
        )
        session.add_inspection(inspection)
        return self._report(session, inspection, opacity, colour_map)

    def redraw(self, session_id: str, settings: ViewSettings) -> MapView:
        """Redraw the inspected picture; runs no model.

        Raises:
            UserError: Nothing was inspected yet.
        """
        session = self.handlers.sessions.get(session_id)
        inspection = session.inspection
        if inspection is None:
            raise UserError(session.words.NOTHING_INSPECTED)
        if settings.map_name not in inspection.result.score_maps:
            settings = replace(settings, map_name=inspection.result.map_name)
        return views.draw_map_view(inspection, settings, session.words)

    def _report(
        self, session: Session, inspection: Inspection, opacity: float, colour_map: str
    ) -> InspectReport:
        result, words = inspection.result, session.words
        cut = views.CutScale.of(result)
        settings = ViewSettings(result.map_name, cut.start, opacity, colour_map)
        return InspectReport(
            map_view=views.draw_map_view(inspection, settings, words),
            prototype_view=views.draw_prototype_view(inspection, words),
            map_names=tuple(result.score_maps),
            map_name=result.map_name,
            cut=cut.start,
            most_cut=cut.most,
            is_calibrated=result.map_name in result.scales,
        )
