"""One function per action of a visitor on the Compare tab, callable without a page."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from inpformer.comparison import disagreement, order_by_disagreement, scaled_map
from inpformer.errors import UserError
from inpformer.examples import GOOD
from inpformer.images import read_image
from inpformer.ui import compare_views, views
from inpformer.ui.compare_views import ComparedDetector, ComparedPicture
from inpformer.ui.handlers import Handlers, SourceChoices
from inpformer.ui.inspection import at_display_size
from inpformer.ui.session import FREE, Job, Session
from inpformer.ui.shelf import PART, ZERO_SHOT
from inpformer.ui.translate import say, translate
from inpformer.ui.words import Words

MAX_PICTURES = 12
_SIDE = 360


class CompareReport(NamedTuple):
    """State of a comparison as the page shows it; None leaves what is there."""

    progress: str
    is_running: bool
    summary: str | None = None
    rows: str | None = None
    headers: list[str] | None = None
    table: list[list[str]] | None = None


class _Picture(NamedTuple):
    """A picture to compare on; `defect` is `""` for a good one, None if nothing is known."""

    name: str
    path: Path
    defect: str | None = None


class CompareHandlers:
    """What a visitor does with several detectors.

    Args:
        handlers: The actions of the whole page, and with them the visitors.
    """

    def __init__(self, handlers: Handlers) -> None:
        self.handlers = handlers

    def choices(self, session_id: str, chosen: Sequence[str] = ()) -> SourceChoices:
        """Return what a visitor can compare now.

        Args:
            session_id: The visitor.
            chosen: Keys of detectors chosen so far; those that are still there stay chosen.
        """
        session, shelf = self.handlers.sessions.get(session_id), self.handlers.shelf
        words, detectors = session.words, shelf.choices(session)
        keys = [key for _, key in detectors]
        kept = [key for key in chosen if key in keys]
        if len(kept) < 2:
            # The one in use, and what one would look with otherwise.
            wished = [*kept, session.detector_key, *session.own, ZERO_SHOT, FREE, *keys]
            kept = [key for key in dict.fromkeys(wished) if key in keys][:2]
        in_use = session.detector_key.removeprefix(PART)
        parts = shelf.examples.parts
        names = [part.name for part in parts]
        source = "inspected" if session.inspections else "part" if parts else "uploaded"
        return SourceChoices(
            detectors=detectors,
            chosen=kept,
            sources=[(title, key) for key, title in words.COMPARE_SOURCES.items()],
            source=source,
            parts=[(translate(part.title, words), part.name) for part in parts],
            part=in_use if in_use in names else next(iter(names), None),
        )

    def compare(
        self,
        session_id: str,
        keys: Sequence[str],
        source: str,
        files: Sequence[str] | None = None,
        part_name: str | None = None,
    ) -> Iterator[CompareReport]:
        """Let detectors look at the same pictures, reporting while they do.

        Args:
            session_id: The visitor.
            keys: Two or three detectors, as the shelf knows them.
            source: `inspected`, `uploaded` or `part`.
            files: Uploaded pictures.
            part_name: The example part whose test pictures are taken.

        Raises:
            UserError: Too few or many detectors, no picture that can be read, or other long work
                of this visitor is running.
        """
        session = self.handlers.sessions.get(session_id)
        words = session.words
        if not 2 <= len(set(keys)) <= len(compare_views.LETTERS):
            raise UserError(words.COMPARE_COUNT.format(count=len(set(keys))))
        shelf = self.handlers.shelf
        detectors = [
            ComparedDetector(shelf.title(session, key), shelf.detector(session, key))
            for key in dict.fromkeys(keys)
        ]
        pictures = self._pictures(session, source, files or (), part_name)
        with session.work(words.A_COMPARISON) as job:
            yield from self._run(session, job, detectors, pictures)

    def _run(
        self,
        session: Session,
        job: Job,
        detectors: list[ComparedDetector],
        pictures: list[_Picture],
    ) -> Iterator[CompareReport]:
        words, notes, compared = session.words, [], []
        if len(pictures) > MAX_PICTURES:
            notes.append(words.COMPARE_SOME.format(count=len(pictures), limit=MAX_PICTURES))
            pictures = pictures[:MAX_PICTURES]
        started, count = time.monotonic(), len(pictures)
        yield CompareReport(compare_views.progress(0, count, None, words), True)
        for number, picture in enumerate(pictures, 1):
            if job.should_stop():
                break
            try:
                compared.append(_compare(session, picture, detectors))
            except UserError as error:
                reason = say(error, words)
                notes.append(words.COMPARE_LEFT_OUT.format(reason=reason))
            left = (time.monotonic() - started) / number * (count - number)
            yield CompareReport(compare_views.progress(number, count, left, words), True)
        if not compared and not job.stop.is_set():
            raise UserError(" ".join(notes))
        done = len(compared)
        if not job.stop.is_set():
            ending = words.COMPARE_DONE.format(count=done, seconds=time.monotonic() - started)
        elif compared:
            ending = words.COMPARE_CANCELLED.format(done=done, count=count)
        else:
            ending = words.COMPARE_CANCELLED_EARLY
        yield _report(" ".join((ending, *notes)), compared, detectors, words)

    def cancel(self, session_id: str) -> None:
        """Ask a visitor's running comparison to stop after the picture at hand."""
        session = self.handlers.sessions.get(session_id)
        session.stop_job(session.words.A_COMPARISON)

    def _pictures(
        self, session: Session, source: str, files: Sequence[str], part_name: str | None
    ) -> list[_Picture]:
        words = session.words
        if source == "part":
            part = self.handlers.shelf.examples.part(part_name)
            if part is None:
                raise UserError(words.COMPARE_NO_PART)
            return [
                _Picture(
                    f"{each.path.parent.name}/{each.path.name}",
                    each.path,
                    "" if each.defect == GOOD else each.title,
                )
                for each in part.pictures
            ]
        if source == "uploaded":
            paths = [Path(file) for file in files]
            if not paths:
                raise UserError(words.COMPARE_NO_FILES)
            # Noted, so that they are deleted with the rest of the visitor.
            session.uploads.update(paths)
            return [_Picture(path.name, path) for path in paths]
        # Newest first; one picture may have been inspected with several detectors.
        unique = {}
        for inspection in reversed(session.inspections.values()):
            if not inspection.path.is_file():
                continue
            content = hashlib.sha256(inspection.path.read_bytes()).digest()
            unique.setdefault(content, _Picture(inspection.name, inspection.path))
        if not unique:
            raise UserError(words.COMPARE_NO_INSPECTED)
        return list(unique.values())


def _report(
    ending: str,
    pictures: list[ComparedPicture],
    detectors: list[ComparedDetector],
    words: Words,
) -> CompareReport:
    if not pictures:
        return CompareReport(views.message(ending), False)
    order = order_by_disagreement([picture.disagreement for picture in pictures])
    ordered = [pictures[index] for index in order]
    sentences = " ".join(compare_views.summary(ordered, detectors, words))
    legend = compare_views.legend(detectors, words)
    return CompareReport(
        progress=views.message(ending),
        is_running=False,
        summary=f'<div class="compare-summary">{escape(sentences)}</div>{legend}',
        rows=compare_views.draw_rows(ordered, words),
        headers=compare_views.table_headers(detectors, words),
        table=[compare_views.table_row(picture, words) for picture in ordered],
    )


def _compare(
    session: Session, picture: _Picture, detectors: Sequence[ComparedDetector]
) -> ComparedPicture:
    if not picture.path.is_file():
        raise UserError(session.words.UPLOAD_GONE.format(name=picture.name))
    image = read_image(picture.path).image
    small = at_display_size(image, _SIDE)
    maps = []
    for each in detectors:
        result = each.detector.predict(image)
        maps.append(scaled_map(result, values=_at_size_of(small, result.anomaly_map)))
    return ComparedPicture(picture.name, small, tuple(maps), disagreement(maps), picture.defect)


def _at_size_of(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    if values.shape == image.shape[:2]:
        return values
    return cv2.resize(values, image.shape[1::-1], interpolation=cv2.INTER_AREA)
