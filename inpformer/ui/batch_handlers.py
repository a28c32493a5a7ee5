"""One function per action of a visitor with many pictures and the list of results."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from inpformer.batch_prediction import BatchConfig, inspect_many
from inpformer.errors import UserError
from inpformer.images import LoadedImage, read_image
from inpformer.picture_sources import PictureSource, find_pictures
from inpformer.prediction import Looking
from inpformer.ui import views
from inpformer.ui.inspect_handlers import InspectHandlers, InspectReport, report
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
from inpformer.ui.translate import say, translate
from inpformer.ui.words import Words


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
        found = find_pictures(paths, session.limits.pictures)
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
        started, done, opened = time.monotonic(), 0, None
        with closing(self._inspections(session, pictures, looking)) as inspections:
            for number, source in enumerate(pictures):
                if job.should_stop():
                    break
                bar = _progress(number, count, source.name, time.monotonic() - started, words)
                yield BatchReport(bar, list_results(session), opened, True)
                opened = None
                inspection = next(inspections)
                if session.is_forgotten:
                    return
                if isinstance(inspection, UserError):
                    problems.append(say(inspection, words))
                    continue
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

    def _inspections(
        self, session: Session, pictures: Sequence[PictureSource], looking: Looking | None
    ) -> Iterator[Inspection | UserError]:
        """Yield what is kept of each picture, or why it cannot be used; the next are read ahead."""
        key = session.detector_key
        detector = self.handlers.shelf.detector(session, key)
        copies: dict[PictureSource, Path] = {}

        def read(source: PictureSource) -> LoadedImage:
            copies[source] = session.new_path(PurePosixPath(source.name).name[-100:])
            session.require_room(source.size)
            session.write(copies[source], source.read_bytes())
            return read_image(copies[source])

        config = BatchConfig(looking or Looking())
        try:
            with closing(inspect_many(detector, pictures, read, config)) as found:
                for each in found:
                    name, copy = each.source.name, replace(each, source=copies[each.source])
                    try:
                        inspection = self.inspecting.inspection(session, detector, key, copy, name)
                    except UserError as error:
                        yield error
                    else:
                        del copies[each.source]
                        yield inspection
        finally:
            # Of pictures that were refused, or read ahead of a stop.
            for path in copies.values():
                shutil.rmtree(path.parent, ignore_errors=True)


def _progress(number: int, count: int, name: str, seconds: float, words: Words) -> str:
    """Draw how far an inspection of many is: at picture `number` from 0, after `seconds`."""
    line = words.BATCH_STARTED.format(count=count, name=name)
    if number:
        left = seconds / number * (count - number)
        line = words.BATCH_PROGRESS.format(done=number, count=count, name=name, seconds=left)
    return views.progress(number / max(1, count), line)
