"""What the server keeps of a visitor, and nobody else's."""

from __future__ import annotations

import shutil
import tempfile
import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from inpformer.detector import AnomalyDetector
from inpformer.errors import UserError
from inpformer.settings import Settings
from inpformer.sharing.records import PulledFile, RepoAddress, RepoLook
from inpformer.ui.inspection import Inspection, ViewSettings
from inpformer.ui.turns import TURNS, Pace
from inpformer.ui.words import ENGLISH, Words

if TYPE_CHECKING:
    from inpformer.ui.annotation_desk import AnnotationDesk
    from inpformer.ui.evaluation_desk import EvaluationDesk

MAX_INSPECTIONS = 48
MAX_PULLED = 24
MAX_NAME = 80
FREE = "free"

SessionKind = Literal["page", "answer", "detector"]


@dataclass(frozen=True)
class HubOrigin:
    """Where on the Hub a detector is, to the byte.

    Attributes:
        address: The repository with the commit as its revision.
        sha256: Of the detector file.
    """

    address: RepoAddress
    sha256: str


@dataclass(frozen=True)
class OwnDetector:
    """A detector of a visitor's own.

    Attributes:
        key: How the page names it to the server.
        name: What the visitor calls it.
        detector: The detector.
        shots: The normal pictures behind it at display size, `(h, w, 3)` uint8; may be none.
        origin: Where on the Hub it is; None if it came from elsewhere.
    """

    key: str
    name: str
    detector: AnomalyDetector
    shots: tuple[np.ndarray, ...] = ()
    origin: HubOrigin | None = None


@dataclass
class Job:
    """Long work of a visitor; one at a time.

    Attributes:
        what: What it is, in their language.
        stop: Set to end it.
        seconds_left: As far as is known.
    """

    what: str
    stop: threading.Event = field(default_factory=threading.Event)
    seconds_left: float | None = None
    _pace: Pace = field(default_factory=Pace, repr=False)

    def should_stop(self) -> bool:
        """Let visitors who wait for an answer go first, then say whether to end; ask often."""
        TURNS.give_way(self._pace, self.stop.is_set)
        return self.stop.is_set()


@dataclass
class Session:
    """One visitor.

    Attributes:
        words: Their language.
        detector_key: The detector in use, as `Shelf` knows it.
        own: Their own detectors by key, the oldest first.
        inspections: What they inspected by id, the oldest first.
        current: Id of the inspection on the screen.
        list_view: The map and cut of the list of results; None for each result's own.
        uploads: Files of the web server's cache that they brought, or that were drawn for them.
        desk: What they annotate; None until they do.
        evaluation: Their newest evaluation; None until there is one.
        looked: What they looked at on the Hub last; None until they do.
        pulled: What they pulled from the Hub, by its address with the commit, the oldest first.
        job: Their running fit or other long work.
        pass_key: A secret of their browser tab's, by which a reloaded page is known again; empty
            for callers that are no page.
        left_at: Monotonic seconds when their page was closed or reloaded; None while it is open.
        last_seen: Monotonic seconds.
        is_forgotten: Set when the visitor is: what still runs for them keeps nothing.
        limits: What a visitor may have.
        root: Where `folder` is made; None for the place of temporary files.
        kind: Whose it is: a page's, or an agent's, for one answer or for one fitted detector.
    """

    words: Words = ENGLISH
    detector_key: str = FREE
    own: OrderedDict[str, OwnDetector] = field(default_factory=OrderedDict)
    inspections: OrderedDict[str, Inspection] = field(default_factory=OrderedDict)
    current: str | None = None
    list_view: ViewSettings | None = None
    uploads: set[Path] = field(default_factory=set)
    desk: AnnotationDesk | None = None
    evaluation: EvaluationDesk | None = None
    looked: RepoLook | None = None
    pulled: OrderedDict[str, PulledFile] = field(default_factory=OrderedDict)
    job: Job | None = None
    pass_key: str = ""
    left_at: float | None = None
    last_seen: float = 0.0
    is_forgotten: bool = False
    limits: Settings = field(default_factory=Settings)
    root: Path | None = None
    kind: SessionKind = "page"
    _folder: Path | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def folder(self) -> Path:
        """The visitor's own folder, made when first asked for."""
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="inpformer-", dir=self.root))
            return self._folder

    @property
    def inspection(self) -> Inspection | None:
        """The inspection on the screen."""
        return self.inspections.get(self.current) if self.current else None

    def keep(self, upload: str | Path) -> Path:
        """Copy an upload into the visitor's folder, and remember to delete it with the rest.

        Raises:
            UserError: The web server has cleaned it away, or there is no room or space for a copy.
        """
        upload = Path(upload)
        if not upload.is_file():
            raise UserError(self.words.UPLOAD_GONE.format(name=upload.name))
        # Before the copy: whatever comes of it, the upload is theirs.
        self.uploads.add(upload)
        self.require_room(upload.stat().st_size)
        copy = self.new_path(upload.name)
        try:
            shutil.copyfile(upload, copy)
        except OSError as error:
            shutil.rmtree(copy.parent, ignore_errors=True)
            raise UserError(self.words.NO_DISK.format(name=upload.name)) from error
        return copy

    def require_room(self, byte_count: int) -> None:
        """See that so many more bytes may be kept of the visitor.

        Raises:
            UserError: They would be more than a visitor may have.
        """
        limit = self.limits.visitor_megabytes
        had = sum(path.stat().st_size for path in _files_below(self._folder))
        if had + byte_count > 1_000_000 * limit:
            raise UserError(self.words.DISK_FULL.format(limit=limit))

    def new_path(self, name: str) -> Path:
        """Return a place for a file of this name in the visitor's folder.

        Raises:
            UserError: There is no space for it.
        """
        try:
            # A folder of its own, so that the file has the name the visitor knows.
            path = self.folder / uuid.uuid4().hex / name
            path.parent.mkdir()
        except OSError as error:
            raise UserError(self.words.NO_DISK.format(name=name)) from error
        return path

    def write(self, path: Path, content: bytes) -> None:
        """Write a file at a place from `new_path`.

        Raises:
            UserError: There is no space for it; nothing is left of it.
        """
        try:
            path.write_bytes(content)
        except OSError as error:
            shutil.rmtree(path.parent, ignore_errors=True)
            raise UserError(self.words.NO_DISK.format(name=path.name)) from error

    def add_inspection(self, inspection: Inspection, is_shown: bool = True) -> None:
        """Keep a result, and put it on the screen or not; the oldest beyond the bound goes."""
        if is_shown:
            if (shown := self.inspection) is not None:
                shown.rest()
            self.current = inspection.id
        else:
            inspection.rest()
        self.inspections[inspection.id] = inspection
        while len(self.inspections) > MAX_INSPECTIONS:
            oldest = next(key for key in self.inspections if key != self.current)
            self._drop_picture(self.inspections.pop(oldest))

    def show(self, inspection_id: str) -> Inspection:
        """Put a kept result on the screen.

        Raises:
            UserError: It is not there any more.
        """
        inspection = self.inspections.get(inspection_id)
        if inspection is None:
            raise UserError(self.words.INSPECTION_GONE)
        if (shown := self.inspection) is not None and shown is not inspection:
            shown.rest()
        self.current = inspection_id
        return inspection

    def add_detector(
        self,
        name: str,
        detector: AnomalyDetector,
        shots: tuple[np.ndarray, ...] = (),
        origin: HubOrigin | None = None,
    ) -> OwnDetector | None:
        """Keep a detector and use it; return the oldest one if it had to make room."""
        key = f"own:{uuid.uuid4().hex[:12]}"
        self.own[key] = OwnDetector(key, name, detector, shots, origin)
        self.detector_key = key
        if len(self.own) <= self.limits.detectors:
            return None
        return self.own.popitem(last=False)[1]

    def note_pulled(self, pulled: PulledFile) -> None:
        """Remember what they pulled, the newest last; the oldest beyond the bound goes."""
        address = str(RepoAddress(pulled.look.address.repo_id, pulled.look.revision))
        self.pulled.pop(address, None)
        self.pulled[address] = pulled
        while len(self.pulled) > MAX_PULLED:
            self.pulled.popitem(last=False)

    def free_name(self, name: str) -> str:
        """Return `name`, with a number if one of their detectors is called so."""
        name = " ".join(name.split())[:MAX_NAME]
        taken = {own.name for own in self.own.values()}
        numbered = (f"{name} ({number})" for number in count(2))
        return name if name not in taken else next(each for each in numbered if each not in taken)

    def start_job(self, what: str) -> Job:
        """Begin long work; whoever begins it ends it with `end_job`, as `work` does.

        Raises:
            UserError: Other long work of this visitor is running.
        """
        with self._lock:
            self.refuse_if_busy()
            self.job = Job(what)
            return self.job

    def refuse_if_busy(self) -> None:
        """Say why other long work cannot begin now, and when to come back.

        Raises:
            UserError: Long work of this visitor is running.
        """
        job = self.job
        if job is None:
            return
        if job.seconds_left is None:
            raise UserError(self.words.BUSY.format(what=job.what))
        raise UserError(self.words.BUSY_FOR.format(what=job.what, seconds=job.seconds_left))

    def end_job(self, job: Job) -> None:
        """Tell long work to stop if it still runs, and let other work begin."""
        job.stop.set()
        with self._lock:
            if self.job is job:
                self.job = None

    @contextmanager
    def work(self, what: str) -> Iterator[Job]:
        """Do long work; ends also when a generator in it is closed, as the visitor has left.

        Raises:
            UserError: Other long work of this visitor is running.
        """
        job = self.start_job(what)
        try:
            yield job
        finally:
            self.end_job(job)
            # What was made after the visitor was forgotten goes, too.
            if self.is_forgotten:
                self.clear()

    def stop_job(self, what: str | None = None) -> None:
        """Ask running work to stop: that called `what`, or any for None."""
        if self.job is not None and what in (None, self.job.what):
            self.job.stop.set()

    def clear(self) -> list[Path]:
        """Forget everything: stop work, delete the folder; return uploads to delete."""
        uploads = list(self.uploads)
        self.is_forgotten = True
        if self.job is not None:
            self.job.stop.set()
        self.own.clear()
        self.inspections.clear()
        self.pulled.clear()
        self.uploads.clear()
        self.current, self.detector_key, self.list_view = None, FREE, None
        self.desk = self.evaluation = self.looked = None
        with self._lock:
            folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        return uploads

    def _drop_picture(self, inspection: Inspection) -> None:
        if all(other.path != inspection.path for other in self.inspections.values()):
            shutil.rmtree(inspection.path.parent, ignore_errors=True)


def _files_below(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        # What another thread deletes meanwhile is passed over.
        yield from (path for path in folder.rglob("*") if path.is_file())
