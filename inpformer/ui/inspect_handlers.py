"""One function per action of a visitor on the Inspect tab, callable without a page."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from inpformer.batch_prediction import Inspected
from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError
from inpformer.images import read_image
from inpformer.pictures import draw_overlay
from inpformer.prediction import Looking
from inpformer.ui import views
from inpformer.ui.figures import jpeg_uri
from inpformer.ui.handlers import Handlers
from inpformer.ui.inspection import Inspection, ViewSettings, at_display_size
from inpformer.ui.result_list import Listing, list_results
from inpformer.ui.session import Session
from inpformer.ui.side_by_side import draw_side_by_side
from inpformer.ui.viewer_data import (
    cut_layer,
    heat_value,
    layer_value,
    picture_value,
    value_at,
)
from inpformer.ui.why_panel import draw_why
from inpformer.ui.words import Words

_THUMBNAIL_SIDE, _THUMBNAIL_QUALITY = 224, 85


class LayerReport(NamedTuple):
    """What a slider changes: the verdict, and the viewer's small new layer."""

    verdict: str
    layer: dict[str, Any]


class MapReport(NamedTuple):
    """What the choice of another map changes."""

    verdict: str
    heat: dict[str, Any]
    layer: dict[str, Any]


class InspectReport(NamedTuple):
    """An inspected picture as the page shows it.

    `most_times` is the end of the threshold's slider; `listing` the list of results, None where
    it stays as it is.
    """

    verdict: str
    picture: dict[str, Any]
    heat: dict[str, Any]
    layer: dict[str, Any]
    map_choices: list[tuple[str, str]]
    settings: ViewSettings
    most_times: float
    is_calibrated: bool
    why: str
    listing: Listing | None = None


class InspectHandlers:
    """What a visitor does with pictures to inspect.

    Args:
        handlers: The actions of the whole page, and with them the visitors.
    """

    def __init__(self, handlers: Handlers) -> None:
        self.handlers = handlers

    def inspect(
        self, session_id: str, path: str | None, looking: Looking | None = None
    ) -> InspectReport:
        """Inspect one picture with the visitor's detector.

        Raises:
            UserError: There is no picture, or it cannot be read.
        """
        session = self.handlers.sessions.get(session_id)
        if not path:
            raise UserError(session.words.NO_PICTURE)
        return self.inspect_with(session.detector_key, session, path, looking)

    def inspect_again(
        self, session_id: str, looking: Looking | None = None
    ) -> InspectReport | None:
        """Inspect the picture on the screen with the detector now in use; None without one."""
        session = self.handlers.sessions.get(session_id)
        shown = session.inspection
        if shown is None or shown.detector_key == session.detector_key:
            return None
        return self.inspect_with(session.detector_key, session, shown.path, looking)

    def inspect_with(
        self,
        detector_key: str,
        session: Session,
        path: str | Path,
        looking: Looking | None = None,
    ) -> InspectReport:
        """Inspect one picture with a detector and keep the result in a session.

        Raises:
            UserError: The picture cannot be read; the session is then as it was.
        """
        detector = self.handlers.shelf.detector(session, detector_key)
        copy = session.keep(path)
        try:
            inspection = self.predict(session, detector, detector_key, copy, looking)
        except UserError:
            shutil.rmtree(copy.parent, ignore_errors=True)
            raise
        session.add_inspection(inspection)
        listing = list_results(session)
        return report(inspection, None, session.words)._replace(listing=listing)

    def predict(
        self,
        session: Session,
        detector: AnomalyDetector,
        detector_key: str,
        copy: Path,
        looking: Looking | None = None,
    ) -> Inspection:
        """Inspect a file in the visitor's folder; keeping the result is the caller's.

        Raises:
            UserError: The picture or a way of looking cannot be used.
        """
        picture = read_image(copy)
        looking = looking or Looking()
        result = detector.predict(picture.image, geometry=looking.geometry, tiles=looking.tiles)
        inspected = Inspected(copy, picture, result)
        return self.inspection(session, detector, detector_key, inspected, copy.name)

    def inspection(
        self,
        session: Session,
        detector: AnomalyDetector,
        detector_key: str,
        inspected: Inspected[Path],
        name: str,
    ) -> Inspection:
        """Return what the page keeps of a picture in the visitor's folder, called `name`.

        Raises:
            UserError: The picture could not be inspected.
        """
        result = inspected.unwrap()
        inspection = Inspection(
            name=name,
            path=inspected.source,
            result=result,
            detector=detector,
            detector_key=detector_key,
            detector_title=self.handlers.shelf.title(session, detector_key),
            notes=inspected.picture.notes,
            _display_image=at_display_size(inspected.picture.image),
        )
        inspection.thumbnail = _thumbnail(inspection)
        return inspection

    def show(
        self, session_id: str, inspection_id: str, settings: ViewSettings | None = None
    ) -> InspectReport:
        """Open a kept result with the map and threshold that are set; runs no model.

        Raises:
            UserError: The result is not there any more.
        """
        session = self.handlers.sessions.get(session_id)
        before, inspection = session.inspection, session.show(inspection_id)
        # A raw cut means nothing as a multiple of a threshold, nor the other way round.
        is_alike = before is None or bool(before.result.scales) == bool(inspection.result.scales)
        return report(inspection, settings if is_alike else None, session.words)

    def redraw(self, session_id: str, settings: ViewSettings) -> LayerReport:
        """Cut the map on the screen at another threshold or area; runs no model.

        Raises:
            UserError: Nothing was inspected yet.
        """
        inspection, words = self._shown(session_id)
        name = _map_of(inspection, settings)
        layer = cut_layer(inspection, name, settings.cut)
        verdict = views.verdict_card(inspection, name, layer, words)
        return LayerReport(verdict, layer_value(inspection, name, layer, words))

    def choose_map(self, session_id: str, settings: ViewSettings) -> MapReport:
        """Show another map of the picture on the screen; runs no model.

        Raises:
            UserError: Nothing was inspected yet.
        """
        verdict, layer = self.redraw(session_id, settings)
        inspection, words = self._shown(session_id)
        return MapReport(
            verdict, heat_value(inspection, _map_of(inspection, settings), words), layer
        )

    def value_at(self, session_id: str, x: int, y: int, settings: ViewSettings) -> dict[str, Any]:
        """Return the value of the shown map at a picture pixel, raw and in threshold units.

        Raises:
            UserError: Nothing was inspected yet.
        """
        inspection, words = self._shown(session_id)
        return value_at(inspection, _map_of(inspection, settings), settings.cut, x, y, words)

    def side_by_side(self, session_id: str) -> str:
        """Return all maps of the picture on the screen on one scale, as HTML; runs no model.

        Raises:
            UserError: Nothing was inspected yet.
        """
        return draw_side_by_side(*self._shown(session_id))

    def _shown(self, session_id: str) -> tuple[Inspection, Words]:
        session = self.handlers.sessions.get(session_id)
        if session.inspection is None:
            raise UserError(session.words.NOTHING_INSPECTED)
        return session.inspection, session.words


def report(inspection: Inspection, settings: ViewSettings | None, words: Words) -> InspectReport:
    """Draw a kept result; runs no model.

    Args:
        inspection: The result.
        settings: Map and threshold that are set; None starts with its own.
        words: The visitor's language.
    """
    result = inspection.result
    name = result.map_name if settings is None else _map_of(inspection, settings)
    is_calibrated = name in result.scales
    low, high = result.colour_range(name)
    # Uncalibrated, the slider is raw, and starts in the middle of the fixed colours; rounded, for
    # people would read 0.139999999.
    start, most = (1.0, 2.0) if is_calibrated else (round((low + high) / 2, 6), high)
    settings = ViewSettings(name, start) if settings is None else replace(settings, map_name=name)
    layer = cut_layer(inspection, name, settings.cut)
    return InspectReport(
        verdict=views.verdict_card(inspection, name, layer, words),
        picture=picture_value(inspection),
        heat=heat_value(inspection, name, words),
        layer=layer_value(inspection, name, layer, words),
        map_choices=[(words.MAP_TITLES[each], each) for each in result.score_maps],
        settings=settings,
        most_times=most,
        is_calibrated=is_calibrated,
        why=draw_why(inspection, words),
    )


def _map_of(inspection: Inspection, settings: ViewSettings) -> str:
    """Return the map that is set, or the result's own where it has no such map."""
    name = settings.map_name
    return name if name in inspection.result.score_maps else inspection.result.map_name


def _thumbnail(inspection: Inspection) -> str:
    result, image = inspection.result, inspection.display_image
    values = inspection.display_map(result.map_name)
    overlay = draw_overlay(image, values, result.colour_range())
    return jpeg_uri(at_display_size(overlay, _THUMBNAIL_SIDE), _THUMBNAIL_QUALITY)
