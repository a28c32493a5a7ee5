"""What a visitor does anywhere on the page, callable without one; each tab has its own beside."""

from __future__ import annotations

from typing import NamedTuple

from inpformer.detector import AnomalyDetector
from inpformer.ui import views
from inpformer.ui.session import Session
from inpformer.ui.sessions import Sessions
from inpformer.ui.shelf import Shelf


class DetectorReport(NamedTuple):
    """The detector in use as the page shows it."""

    key: str
    choices: list[tuple[str, str]]
    card: str


class SourceChoices(NamedTuple):
    """Detectors to choose, and where pictures for them come from, as choices with their keys."""

    detectors: list[tuple[str, str]]
    chosen: list[str]
    sources: list[tuple[str, str]]
    source: str
    parts: list[tuple[str, str]]
    part: str | None


class Handlers:
    """The actions of the whole page, and what those of the tabs share.

    Args:
        sessions: Where visitors' data is kept.
        shelf: Where detectors come from.
    """

    def __init__(self, sessions: Sessions, shelf: Shelf) -> None:
        self.sessions = sessions
        self.shelf = shelf

    def detector_of(self, session: Session) -> AnomalyDetector:
        """Return the detector a visitor uses.

        Raises:
            UserError: It is not there, or cannot be used.
        """
        return self.shelf.detector(session)

    def report_detector(self, session: Session) -> DetectorReport:
        """Return what the page says of the detector a visitor uses."""
        detector, title = self.detector_of(session), self.shelf.title(session)
        own = session.own.get(session.detector_key)
        origin = own.origin if own is not None else None
        card = views.detector_card(detector, title, session.words, origin)
        return DetectorReport(session.detector_key, self.shelf.choices(session), card)

    def arrive(self, session_id: str, pass_key: str = "") -> DetectorReport:
        """Return what a visitor's page begins with; a reloaded one gets back what it had."""
        session = self.sessions.resume(session_id, pass_key)
        return self.report_detector(session)

    def use_detector(self, session_id: str, key: str) -> DetectorReport:
        """Use another detector from now on, in every tab.

        Raises:
            UserError: It is not there, or cannot be used; the one from before stays.
        """
        session = self.sessions.get(session_id)
        self.shelf.detector(session, key)
        session.detector_key = key
        return self.report_detector(session)

    def forget(self, session_id: str) -> DetectorReport:
        """Delete all of a visitor, stop their work, and return what a page begins with."""
        before = self.sessions.get(session_id)
        words, pass_key = before.words, before.pass_key
        self.sessions.forget(session_id)
        session = self.sessions.get(session_id, words)
        session.pass_key = pass_key
        return self.report_detector(session)
