"""What a visitor does with the whole set they annotate: add, predict, classes, export, import."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from inpformer.annotations.archive import pack
from inpformer.annotations.exchange import export_annotations, import_annotations
from inpformer.errors import UserError
from inpformer.images import load_image
from inpformer.picture_sources import MAX_TOTAL_BYTES, find_pictures
from inpformer.proposal import Prediction
from inpformer.ui import views
from inpformer.ui.annotate_handlers import AnnotateHandlers, DeskReport, thumbnail
from inpformer.ui.annotation_desk import MAX_QUEUE, Predicted
from inpformer.ui.result_list import ending
from inpformer.ui.session import Job, Session
from inpformer.ui.translate import say, translate


class PredictReport(NamedTuple):
    """State of a prediction of many pictures; `desk` is None where the tab stays as it is."""

    progress: str
    is_running: bool
    desk: DeskReport | None = None


class ExchangeReport(NamedTuple):
    """What was written, and what is to be said of it."""

    path: Path
    said: str


class _ToDo(NamedTuple):
    """A picture that is to be predicted; `keep` puts it into the store and returns its name."""

    name: str
    keep: Callable[[], str]


class AnnotationSetHandlers:
    """What a visitor does with all their pictures to label.

    Args:
        annotating: The actions with one picture.
    """

    def __init__(self, annotating: AnnotateHandlers) -> None:
        self.annotating = annotating
        self.handlers = annotating.handlers

    def add(self, session_id: str, paths: Sequence[str] | None) -> Iterator[PredictReport]:
        """Put pictures and those of zip files into the queue and predict them.

        Raises:
            UserError: There is none, or other long work of this visitor is running.
        """
        session = self.handlers.sessions.get(session_id)
        if not paths:
            raise UserError(session.words.ANNOTATE_NO_FILES)
        session.uploads |= {Path(path) for path in paths}
        found = find_pictures(paths, session.limits.pictures)
        session.require_room(sum(source.size for source in found.pictures))
        store = self.annotating.desk(session)
        todo = [
            _ToDo(source.name, lambda source=source: store.add(source.read_bytes(), source.name))
            for source in found.pictures
        ]
        yield from self._run(session, todo, list(found.problems))

    def add_part(self, session_id: str, part_name: str | None) -> Iterator[PredictReport]:
        """Put the test pictures of an example part into the queue, and its kinds of defects.

        Raises:
            UserError: There is no such part, or other long work of this visitor is running.
        """
        session = self.handlers.sessions.get(session_id)
        part = self.handlers.shelf.examples.part(part_name)
        if part is None:
            raise UserError(session.words.NO_SUCH_EXAMPLE)
        desk = self.annotating.desk(session)
        todo = []
        for picture in part.pictures:
            name = f"{part.name}/{picture.defect}_{picture.path.name}"
            keep = lambda path=picture.path, name=name: desk.add(path, name)  # noqa: E731
            todo.append(_ToDo(name, keep))
        yield from self._run(session, todo, [])

    def predict(self, session_id: str) -> Iterator[PredictReport]:
        """Predict what the detector in use has not predicted yet; stored masks stay.

        Raises:
            UserError: There is nothing to predict, or other long work of this visitor is running.
        """
        session = self.handlers.sessions.get(session_id)
        desk, key = self.annotating.desk(session), session.detector_key
        names = [
            item.name
            for item in desk.pictures()
            if item.name not in desk.predicted or desk.predicted[item.name].detector_key != key
        ]
        if not names:
            raise UserError(session.words.ANNOTATE_NOTHING_TO_PREDICT)
        yield from self._run(session, [_ToDo(name, lambda name=name: name) for name in names], [])

    def stop(self, session_id: str) -> None:
        """Stop a visitor's running prediction after the picture at hand."""
        session = self.handlers.sessions.get(session_id)
        session.stop_job(session.words.AN_ANNOTATION)

    def save_class(self, session_id: str, value: int, name: str, colour: str) -> DeskReport:
        """Change a class, or add one.

        Args:
            session_id: The visitor.
            value: Of the class; 0 adds one.
            name: What it is to be called.
            colour: `#rrggbb`, or `rgb(r, g, b)` as browsers say it.

        Raises:
            UserError: The name or the colour cannot be used.
        """
        session = self.handlers.sessions.get(session_id)
        desk, words = self.annotating.desk(session), session.words
        name, hexadecimal = name.strip(), _hexadecimal(colour)
        if hexadecimal is None:
            raise UserError(words.CLASS_BAD_COLOUR)
        if value:
            desk.store.change_class(value, name, hexadecimal)
        else:
            desk.store.add_class(name, hexadecimal)
        return self.annotating.show(session, words.CLASS_SAVED.format(name=name))

    def class_choices(self, session_id: str) -> list[tuple[str, int]]:
        """Return names and values of the classes."""
        desk = self.annotating.desk(self.handlers.sessions.get(session_id))
        return [(item.name, item.value) for item in desk.store.classes]

    def class_of(self, session_id: str, value: int) -> tuple[str, str]:
        """Return name and colour of a class; of 0, those a new one begins with."""
        desk = self.annotating.desk(self.handlers.sessions.get(session_id))
        found = next((item for item in desk.store.classes if item.value == value), None)
        return ("", "#56b4e9") if found is None else (found.name, found.colour)

    def export(self, session_id: str, kind: str) -> ExchangeReport:
        """Write all pictures and what is said of them as one zip file in the visitor's folder.

        Raises:
            UserError: There are no pictures, the format is not known, or nothing can be written.
        """
        session = self.handlers.sessions.get(session_id)
        store, words = self.annotating.desk(session).store, session.words
        # The library would name the folder of the store, which is nobody's business.
        if not store.pictures():
            raise UserError(words.ANNOTATE_EMPTY)
        path = session.new_path(f"annotations_{re.sub('[^a-z-]', '', kind)}.zip")
        folder = path.with_suffix("")
        try:
            report = export_annotations(store, kind, path if kind == "zip" else folder)
            if kind != "zip":
                pack(folder, path)
        except UserError:
            shutil.rmtree(path.parent, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)
        said = [words.EXPORT_DONE.format(count=report.pictures)]
        said += [] if report.is_lossless else [words.EXPORT_LOSSY]
        said += [translate(note, words) for note in report.notes]
        return ExchangeReport(path, " ".join(said))

    def import_set(self, session_id: str, path: str | None, kind: str) -> DeskReport:
        """Take over the pictures and masks of a data set in a zip file.

        Raises:
            UserError: It is no zip file, too large, or something in it is wrong.
        """
        session = self.handlers.sessions.get(session_id)
        words, desk = session.words, self.annotating.desk(session)
        if not path:
            raise UserError(words.IMPORT_NO_FILE)
        upload = Path(path)
        session.uploads.add(upload)
        if not upload.is_file():
            raise UserError(words.UPLOAD_GONE.format(name=upload.name))
        room = MAX_QUEUE - len(desk.pictures())
        if _is_too_large(upload, room):
            size = MAX_TOTAL_BYTES >> 20
            raise UserError(words.IMPORT_TOO_LARGE.format(name=upload.name, limit=room, size=size))
        report = import_annotations(desk.store, upload, kind)
        desk.reload()
        for name in report.names:
            desk.thumbnails[name] = thumbnail(desk.store.read_picture(name))
        said = words.IMPORT_DONE.format(count=len(report.names))
        notes = [translate(note, words) for note in report.notes]
        return self.annotating.show(session, " ".join((said, *notes)))

    def _run(
        self, session: Session, todo: list[_ToDo], problems: list[str]
    ) -> Iterator[PredictReport]:
        with session.work(session.words.AN_ANNOTATION) as job:
            yield from self._predict(session, job, todo, problems)

    def _predict(
        self, session: Session, job: Job, todo: list[_ToDo], problems: list[str]
    ) -> Iterator[PredictReport]:
        words, desk, count = session.words, self.annotating.desk(session), len(todo)
        key, shelf = session.detector_key, self.handlers.shelf
        detector, title, done = shelf.detector(session, key), shelf.title(session, key), 0
        for number, item in enumerate(todo):
            if job.should_stop():
                break
            line = words.ANNOTATE_RUNNING.format(number=number + 1, count=count, name=item.name)
            yield PredictReport(views.progress(number / max(1, count), line), True)
            known = {each.name for each in desk.pictures()}
            if len(known) >= MAX_QUEUE and item.name not in known:
                problems.append(words.ANNOTATE_FULL.format(limit=MAX_QUEUE, name=item.name))
                continue
            try:
                name = item.keep()
                image = load_image(desk.store.picture_path(name))
                result = detector.predict(image)
            except UserError as error:
                reason = say(error, words)
                problems.append(reason if item.name in reason else f"{item.name}: {reason}")
                continue
            if session.is_forgotten:
                return
            desk.predict(name, Predicted(key, title, Prediction.of(result)))
            desk.thumbnails[name] = thumbnail(image)
            done += 1
        end = words.ANNOTATE_ADDED.format(count=done)
        if job.stop.is_set():
            end = words.ANNOTATE_STOPPED.format(done=done, count=count)
        yield PredictReport(ending(end, problems, words), False, self.annotating.show(session))


def _hexadecimal(colour: str) -> str | None:
    """Return `#rrggbb`, or None for what is no colour."""
    colour = (colour or "").strip().lower()
    if re.fullmatch("#[0-9a-f]{6}", colour):
        return colour
    numbers = re.fullmatch(r"rgba?\(([\d.]+), ?([\d.]+), ?([\d.]+)(?:, ?[\d.]+)?\)", colour)
    if numbers is None:
        return None
    return "#" + "".join(f"{min(255, round(float(each))):02x}" for each in numbers.groups())


def _is_too_large(path: Path, room: int) -> bool:
    """Say whether a zip file holds more than a visitor may have; one that is none does not."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return False
    masks_and_more = 4
    is_many = len(members) > masks_and_more * max(0, room) + 50
    return is_many or sum(member.file_size for member in members) > MAX_TOTAL_BYTES
