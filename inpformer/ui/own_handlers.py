"""What a visitor does with their own detectors: use, rename, save, load and remove them."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import NamedTuple

from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError
from inpformer.ui import views
from inpformer.ui.handlers import DetectorReport, Handlers
from inpformer.ui.session import FREE, OwnDetector, Session
from inpformer.ui.words import Words

_SUFFIX = ".safetensors"


class OwnReport(NamedTuple):
    """A visitor's detectors as the page shows them, with one of them chosen."""

    detector: DetectorReport
    choices: list[tuple[str, str]]
    chosen: str | None
    name: str
    card: str
    file: Path | None
    said: str


class OwnHandlers:
    """What a visitor does with their own detectors.

    Args:
        handlers: The actions of the whole page, and with them the visitors.
    """

    def __init__(self, handlers: Handlers) -> None:
        self.handlers = handlers

    def show(self, session_id: str, key: str | None = None, said: str = "") -> OwnReport:
        """Return a visitor's detectors, with the one called `key` chosen.

        Args:
            session_id: The visitor.
            key: None, or one that is gone, chooses the one in use, or else the newest.
            said: What has just been done.
        """
        session = self.handlers.sessions.get(session_id)
        own = session.own
        fallback = (
            session.detector_key if session.detector_key in own else next(reversed(own), None)
        )
        key = key if key in own else fallback
        chosen = own.get(key) if key else None
        _drop_old_files(session)
        return OwnReport(
            detector=self.handlers.report_detector(session),
            choices=[(each.name, each.key) for each in reversed(own.values())],
            chosen=key,
            name=chosen.name if chosen else "",
            card=_card(session, chosen),
            file=_saved(session, chosen) if chosen else None,
            said=said,
        )

    def use(self, session_id: str, key: str | None) -> OwnReport:
        """Use one of the visitor's detectors in every tab.

        Raises:
            UserError: It is not there any more.
        """
        session = self.handlers.sessions.get(session_id)
        session.detector_key = self._own(session, key).key
        return self.show(session_id, key)

    def rename(self, session_id: str, key: str | None, name: str) -> OwnReport:
        """Call a detector something else; a name that is taken gets a number.

        Raises:
            UserError: It is not there any more, or the name is empty.
        """
        session = self.handlers.sessions.get(session_id)
        own, words = self._own(session, key), session.words
        if not name.strip():
            raise UserError(words.OWN_NAME_EMPTY)
        if name.strip() != own.name:
            name = session.free_name(name)
            session.own[own.key] = replace(own, name=name)
            shutil.rmtree(_folder(session, own.key), ignore_errors=True)
        return self.show(session_id, key, words.OWN_RENAMED.format(name=session.own[own.key].name))

    def remove(self, session_id: str, key: str | None) -> OwnReport:
        """Forget a detector; if it was in use, the one of the start takes its place.

        Raises:
            UserError: It is not there any more.
        """
        session = self.handlers.sessions.get(session_id)
        own = self._own(session, key)
        del session.own[own.key]
        if session.detector_key == own.key:
            session.detector_key = FREE
        return self.show(session_id, None, session.words.OWN_REMOVED.format(name=own.name))

    def load(self, session_id: str, path: str | None) -> OwnReport:
        """Load a detector from a file that the visitor brought, and use it.

        Raises:
            UserError: It is no detector file, is damaged, or its encoder is not here.
        """
        session = self.handlers.sessions.get(session_id)
        words = session.words
        if not path:
            raise UserError(words.OWN_LOAD_NONE)
        upload = Path(path)
        if not upload.is_file():
            raise UserError(words.UPLOAD_GONE.format(name=upload.name))
        session.uploads.add(upload)
        # By its name alone: nothing is opened that could be a pickle.
        if upload.suffix.lower() != _SUFFIX:
            raise UserError(words.OWN_WRONG_FILE.format(name=upload.name))
        start = self.handlers.shelf.start
        detector = AnomalyDetector.load(upload, str(start.device))
        if detector.has_encoder_of(start):
            detector = detector.sharing_encoder(start)
        name = session.free_name(upload.stem.replace("_", " "))
        gone = session.add_detector(name, detector)
        said = words.OWN_LOADED.format(name=name)
        if gone is not None:
            limit = len(session.own)
            said += " " + words.OLDEST_DETECTOR_GONE.format(limit=limit, name=gone.name)
        return self.show(session_id, None, said)

    def _own(self, session: Session, key: str | None) -> OwnDetector:
        if not key or key not in session.own:
            raise UserError(session.words.OWN_CHOOSE)
        return session.own[key]


def _card(session: Session, chosen: OwnDetector | None) -> str:
    """Say what a detector is, and how many the visitor has of those that are kept."""
    words: Words = session.words
    if chosen is None:
        return views.message(words.OWN_NONE)
    detector = chosen.detector
    what = views.detector_name(detector, words)
    if detector.calibration is not None:
        rate = detector.calibration.part_alarm_rate
        what = words.OWN_ABOUT.format(what=what, part_rate=rate)
    if session.detector_key == chosen.key:
        what = f"✓ {words.OWN_IN_USE} · {what}"
    kept = words.OWN_COUNT.format(count=len(session.own), limit=session.limits.detectors)
    return (
        f'<div class="message"><div>{escape(what)}</div>'
        f'{views.hub_line(chosen.origin, words)}<div class="faint">{escape(kept)}</div></div>'
    )


def _saved(session: Session, own: OwnDetector) -> Path:
    """Return the file of a detector in the visitor's folder, named as the detector is."""
    # Some systems count bytes of a name, of which other scripts need three for a letter.
    stem = re.sub(r"[^\w.+-]+", "_", own.name)[:60].strip("._") or "detector"
    path = _folder(session, own.key) / f"{stem}{_SUFFIX}"
    if not path.is_file():
        own.detector.save(path)
    return path


def _folder(session: Session, key: str) -> Path:
    return session.folder / "detectors" / _folder_name(key)


def _folder_name(key: str) -> str:
    return re.sub(r"\W+", "-", key)


def _drop_old_files(session: Session) -> None:
    """Delete the files of detectors that are gone."""
    kept = {_folder_name(key) for key in session.own}
    folder = session.folder / "detectors"
    for each in folder.iterdir() if folder.is_dir() else ():
        if each.name not in kept:
            shutil.rmtree(each, ignore_errors=True)
