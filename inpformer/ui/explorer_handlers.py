"""One function per action of a visitor on the INP explorer, callable without a page."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from inpformer.attention_views import ALL_HEADS, attention_view, attention_view_names
from inpformer.errors import UserError
from inpformer.prototype_health import prototype_health
from inpformer.prototypes import assignment_shares, draw_inp_attention, share_words
from inpformer.ui import explorer_notes, explorer_views
from inpformer.ui.explorer_look import VIEWS, Look, ShotBook
from inpformer.ui.handlers import Handlers
from inpformer.ui.inspection import Inspection
from inpformer.ui.session import Session
from inpformer.ui.words import Words

_ATTENTION_SIDE = 360


class PatchReport(NamedTuple):
    """The chosen patch as the page shows it; row and column count from 1."""

    drawing: np.ndarray
    reason: str
    row: int
    column: int


class ViewReport(NamedTuple):
    """One drawing with the chosen patch marked, and HTML that says how to read it."""

    drawing: np.ndarray
    note: str


class ExplorerReport(NamedTuple):
    """A picture in the explorer as the page shows it.

    Attributes:
        inspection_id: Of the picture.
        choices: Names and ids of all inspected pictures, the newest first.
        view: The drawing that is shown.
        views: Words and names of all drawings.
        note: HTML: how to read the drawing.
        patch: The chosen patch.
        attention_choices: Words and names for `ExplorerHandlers.attention`.
        attention: Drawings and captions of all heads together.
        health: HTML: what may be wrong with the prototypes.
        inp_count: Prototypes that are looked at.
        can_count: Whether another number can be asked for.
    """

    inspection_id: str
    choices: list[tuple[str, str]]
    view: str
    views: list[tuple[str, str]]
    note: str
    patch: PatchReport
    attention_choices: list[tuple[str, str]]
    attention: list[tuple[np.ndarray, str]]
    health: str
    inp_count: int
    can_count: bool


class ExplorerHandlers:
    """What a visitor does with the prototypes of the pictures they inspected.

    Args:
        handlers: The actions of the whole page, and with them the visitors.
    """

    def __init__(self, handlers: Handlers) -> None:
        self.handlers = handlers
        self._shots = ShotBook(handlers.shelf)

    def show(
        self,
        session_id: str,
        inspection_id: str | None = None,
        view: str = VIEWS[0],
        inp_count: int | None = None,
    ) -> ExplorerReport | None:
        """Look at an inspected picture; None if nothing was inspected yet.

        Args:
            session_id: Of the visitor.
            inspection_id: Which picture; None takes the one inspected last.
            view: One of `VIEWS`; where there is no such drawing the picture is shown.
            inp_count: Prototypes of a training-free detector; None leaves them as they are.

        Raises:
            UserError: The result is not there any more, or the prototypes were learnt.
        """
        session = self.handlers.sessions.get(session_id)
        if inspection_id is None and session.inspection is None:
            return None
        inspection = self._inspection(session, inspection_id)
        look = self.look(session, inspection, inp_count)
        return self._report(session, inspection, look, look.known_view(view))

    def draw(self, session_id: str, inspection_id: str | None, view: str) -> ViewReport:
        """Draw the picture, or what the detector makes of it.

        Raises:
            UserError: The result is not there any more.
        """
        session, look = self._open(session_id, inspection_id)
        view = look.known_view(view)
        return ViewReport(look.marked(view), explorer_notes.view_note(look, view, session.words))

    def point(
        self, session_id: str, inspection_id: str | None, view: str, x: float, y: float
    ) -> PatchReport:
        """Give the reason of the patch under a pixel of a drawing.

        Raises:
            UserError: The result is not there any more, or the pixel was not inspected.
        """
        session, look = self._open(session_id, inspection_id)
        patch = look.patch_at(look.known_view(view), x, y)
        if patch is None:
            raise UserError(session.words.PATCH_OUTSIDE)
        look.patch = patch
        return _report_patch(look, view, session.words)

    def pick(
        self,
        session_id: str,
        inspection_id: str | None,
        view: str,
        row: float | None,
        column: float | None,
    ) -> PatchReport:
        """Give the reason of the patch in a row and a column, both from 1.

        Raises:
            UserError: The result is not there any more, or the picture has no such patch.
        """
        session, look = self._open(session_id, inspection_id)
        look.patch = _checked_patch(look, row, column, session.words)
        return _report_patch(look, view, session.words)

    def step(
        self, session_id: str, inspection_id: str | None, view: str, down: int, right: int
    ) -> PatchReport:
        """Give the reason of a patch beside the chosen one.

        Raises:
            UserError: The result is not there any more.
        """
        session, look = self._open(session_id, inspection_id)
        look.move(down, right)
        return _report_patch(look, view, session.words)

    def attention(
        self, session_id: str, inspection_id: str | None, name: str
    ) -> list[tuple[np.ndarray, str]]:
        """Draw one attention of every prototype, with captions.

        Raises:
            UserError: The result is not there any more.
        """
        _, look = self._open(session_id, inspection_id)
        names = attention_view_names(look.result.explanation)
        return _draw_attention(look, name if name in names else ALL_HEADS)

    def explain(self, session_id: str, row: int, column: int) -> dict[str, Any]:
        """Return the reason of a patch of the picture inspected last, in plain numbers.

        Raises:
            UserError: Nothing was inspected yet, or the picture has no such patch.
        """
        session = self.handlers.sessions.get(session_id)
        if session.inspection is None:
            raise UserError(session.words.EXPLORER_EMPTY)
        look = self.look(session, session.inspection)
        look.patch = _checked_patch(look, row, column, session.words)
        return explorer_views.reason_table(look.reason())

    def look(self, session: Session, inspection: Inspection, inp_count: int | None = None) -> Look:
        """Return what explains a picture that the visitor inspected.

        Raises:
            UserError: The prototypes were learnt, so that there is no other number of them.
        """
        look = inspection.look
        if look is None or inp_count not in (None, look.inp_count):
            shots = self._shots.of(session, inspection)
            look = Look.at(inspection, shots, inp_count)
            # One at a time: a look is some megabytes, and a visitor may have many pictures.
            for other in session.inspections.values():
                other.look = None
            inspection.look = look
        return look

    def _open(self, session_id: str, inspection_id: str | None) -> tuple[Session, Look]:
        session = self.handlers.sessions.get(session_id)
        return session, self.look(session, self._inspection(session, inspection_id))

    def _inspection(self, session: Session, inspection_id: str | None) -> Inspection:
        found = session.inspections.get(inspection_id or session.current or "")
        if found is None:
            raise UserError(session.words.INSPECTION_GONE)
        return found

    def _report(
        self, session: Session, inspection: Inspection, look: Look, view: str
    ) -> ExplorerReport:
        words, is_trained = session.words, inspection.detector.config.is_trained
        names = attention_view_names(look.result.explanation)
        return ExplorerReport(
            inspection_id=inspection.id,
            choices=[
                (f"{each.name} · {each.detector_title}", each.id)
                for each in reversed(session.inspections.values())
            ],
            view=view,
            views=[(words.VIEWS[name], name) for name in look.views],
            note=explorer_notes.view_note(look, view, words),
            patch=_report_patch(look, view, words),
            attention_choices=[(_attention_words(name, words), name) for name in names],
            attention=_draw_attention(look, ALL_HEADS),
            health=explorer_notes.health_panel(prototype_health(look.result), is_trained, words),
            inp_count=look.inp_count,
            can_count=not is_trained,
        )


def _report_patch(look: Look, view: str, words: Words) -> PatchReport:
    row, column = look.patch
    return PatchReport(
        drawing=look.marked(look.known_view(view)),
        reason=explorer_views.reason_panel(look, words),
        row=row + 1,
        column=column + 1,
    )


def _checked_patch(
    look: Look, row: float | None, column: float | None, words: Words
) -> tuple[int, int]:
    rows, columns = look.result.geometry.grid_size
    if row is None or column is None or not (1 <= row <= rows and 1 <= column <= columns):
        raise UserError(words.NO_SUCH_PATCH.format(rows=rows, columns=columns))
    return int(row) - 1, int(column) - 1


def _draw_attention(look: Look, name: str) -> list[tuple[np.ndarray, str]]:
    explanation = look.result.explanation
    view = attention_view(explanation, name)
    shares = assignment_shares(explanation.inp_assignment, look.inp_count)
    drawings = draw_inp_attention(look.image, view.maps, _ATTENTION_SIDE, view.value_range)
    captions = [f"INP {index + 1} · {share_words(share)}" for index, share in enumerate(shares)]
    return list(zip(drawings, captions, strict=True))


def _attention_words(name: str, words: Words) -> str:
    kind, _, number = name.partition(":")
    if kind == "layer":
        return words.ATTENTION_LAYER.format(number=number)
    return words.ATTENTION_HEAD.format(number=number) if number else words.ATTENTION_ALL
