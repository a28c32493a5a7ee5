"""One function per action of a visitor with many pictures and the list of results."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from inpformer.errors import UserError
from inpformer.picture_sources import PictureSource, find_pictures
from inpformer.ui import views
from inpformer.ui.inspect_handlers import InspectHandlers, InspectReport, Looking, report
from inpformer.ui.inspection import Inspection, ViewSettings
from inpformer.ui.result_list import (
    Filter,
    Listing,
    ending,
    list_results,
    ranked,
    write_table,
    write_zip,
)
from inpformer.ui.session import Job, Session
from inpformer.ui.translate import translate


class BatchReport(NamedTuple):
    """State of an inspection of many pictures; `opened` is the first result, once."""

    progress: str
    listing: Listing
    opened: InspectReport | None
    is_running: bool


class BatchHandlers:
    """What a visitor does with many pictures.

    Args:
        inspecting: The actions with one picture, and with them the visitors.
    """

    def __init__(self, inspecting: InspectHandlers) -> None:
        self.inspecting = inspecting
        self.handlers = inspecting.handlers

    def inspect_all(
        self, session_id: str, paths: Sequence[str] | None, looking: Looking | None = None
    ) -> Iterator[BatchReport]:
        """Inspect pictures, folders and zip files, reporting after each picture.

        Raises:
            UserError: There is no picture, or other long work of this visitor is running.
        """
        session = self.handlers.sessions.get(session_id)
        words = session.words
        if not paths:
            raise UserError(words.NO_PICTURES)
        session.uploads |= {Path(path) for path in paths}
        found = find_pictures(paths)
        with session.work(words.A_BATCH) as job:
            yield from self._run(session, job, found.pictures, list(found.problems), looking)

    def stop(self, session_id: str) -> None:
        """Stop a visitor's running inspection after the picture at hand."""
        self.handlers.sessions.get(session_id).stop_job()

    def list_results(self, session_id: str, wanted: Filter | None = None) -> Listing:
        """Return the visitor's results, sorted by confidence."""
        return list_results(self.handlers.sessions.get(session_id), wanted)

    def use_for_all(self, session_id: str, settings: ViewSettings) -> Listing:
        """Judge all results by a map, threshold and minimum area; runs no model."""
        session = self.handlers.sessions.get(session_id)
        session.list_view = settings
        return list_results(session)

    def open_row(
        self, session_id: str, number: int, settings: ViewSettings | None = None
    ) -> InspectReport:
        """Open the result of this number in the whole list, from 1.

        Raises:
            UserError: There is none.
        """
        session = self.handlers.sessions.get(session_id)
        pairs = ranked(session)
        if not 1 <= number <= len(pairs):
            raise UserError(session.words.NO_SUCH_RESULT)
        return self.inspecting.show(session_id, pairs[number - 1][0].id, settings)

    def write(self, session_id: str, kind: str) -> Path:
        """Write all results as `csv`, `json` or `zip`.

        Raises:
            UserError: There are none, or they cannot be written.
        """
        session = self.handlers.sessions.get(session_id)
        return write_zip(session) if kind == "zip" else write_table(session, kind)

    def _run(
        self,
        session: Session,
        job: Job,
        pictures: Sequence[PictureSource],
        problems: list[str],
        looking: Looking | None,
    ) -> Iterator[BatchReport]:
        words, count = session.words, len(pictures)
        key = session.detector_key
        started, done, opened = time.monotonic(), 0, None
        for number, source in enumerate(pictures):
            if job.stop.is_set():
                break
            left = (time.monotonic() - started) / max(1, number) * (count - number)
            line = words.BATCH_STARTED.format(count=count, name=source.name)
            if number:
                line = words.BATCH_PROGRESS.format(
                    done=number, count=count, name=source.name, seconds=left
                )
            bar = views.progress(number / max(1, count), line)
            yield BatchReport(bar, list_results(session), opened, True)
            opened = None
            try:
                inspection = self._inspect(session, key, source, looking)
            except UserError as error:
                problems.append(str(error))
                continue
            if session.is_forgotten:
                return
            session.add_inspection(inspection, is_shown=done == 0)
            done += 1
            if done == 1:
                opened = report(inspection, None, words)
        if job.stop.is_set():
            end = words.BATCH_STOPPED.format(done=done, count=count)
        else:
            end = words.BATCH_DONE.format(done=done, seconds=time.monotonic() - started)
        said = [translate(problem, words) for problem in problems]
        yield BatchReport(ending(end, said, words), list_results(session), opened, False)

    def _inspect(
        self, session: Session, key: str, source: PictureSource, looking: Looking | None
    ) -> Inspection:
        detector = self.handlers.shelf.detector(session, key)
        copy = session.new_path(PurePosixPath(source.name).name[-100:])
        try:
            copy.write_bytes(source.read_bytes())
            return self.inspecting.predict(session, detector, key, copy, looking, source.name)
        except UserError:
            shutil.rmtree(copy.parent, ignore_errors=True)
            raise
