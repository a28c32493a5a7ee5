"""What a visitor annotates: their store of pictures, what was predicted, and the masks in work."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from inpformer.annotations.annotation import Annotation
from inpformer.annotations.edits import as_normal, as_skipped, with_drawing, with_prediction
from inpformer.annotations.store import AnnotationStore, ConflictError, PictureInfo
from inpformer.errors import UserError
from inpformer.proposal import Prediction, ProposalCut
from inpformer.ui.painter_data import (
    LabelClass,
    PaintedMask,
    answer_patch,
    painter_mask,
)
from inpformer.ui.translate import say
from inpformer.ui.words import ENGLISH, Words

MAX_QUEUE = 96
_MAX_IN_WORK = 8
_REVISIONS = 1_000_000  # between two loads of a mask, so that no old drawing fits by accident
# A pause of more than this is no work on the picture.
_MOST_SECONDS = 60.0
_NO_COLOUR = "#808080"


class Predicted(NamedTuple):
    """A prediction, and who made it."""

    detector_key: str
    detector_title: str
    prediction: Prediction


@dataclass
class InWork:
    """A picture whose mask is at the browser.

    Attributes:
        annotation: As stored; its version is the stored one.
        painted: What the painter shows.
        is_proposal: Whether that is a prediction which nobody has accepted or changed yet, and
            which is therefore not stored.
    """

    annotation: Annotation
    painted: PaintedMask
    is_proposal: bool = False


class AnnotationDesk:
    """One visitor's pictures to annotate. All methods may be called from any thread.

    A change is on the disk before it is confirmed.

    Args:
        folder: Of the store.
        clock: Monotonic seconds.

    Attributes:
        store: The pictures, and what is said of them.
        predicted: Newest prediction of each picture, by name.
        thumbnails: Addresses of small pictures, by name.
        current: The picture on the screen.
        order: How the queue is sorted.
        cut: How much of a map becomes a proposal.
        value: Class of proposed regions.
        taken: Ids of the inspections that were taken over.
        former: For keys of retrained detectors, the key of what they were retrained from.
        overlaps: IoU of prediction and mask by picture, version and detector, for the ledger.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.store = AnnotationStore(folder)
        self.predicted: dict[str, Predicted] = {}
        self.thumbnails: dict[str, str] = {}
        self.current: str | None = None
        self.order = "next"
        self.cut = ProposalCut()
        self.value = 1
        self.taken: set[str] = set()
        self.former: dict[str, str] = {}
        self.overlaps: dict[tuple[str, int, str], float] = {}
        self._known: dict[str, PictureInfo] | None = None  # as reading all records takes a while
        self._in_work: OrderedDict[str, InWork] = OrderedDict()
        self._starts = count(_REVISIONS, _REVISIONS)
        self._lock = threading.RLock()
        self._clock = clock
        self._touched = clock()

    def pictures(self) -> list[PictureInfo]:
        """List the pictures by name."""
        with self._lock:
            if self._known is None:
                self._known = {item.name: item for item in self.store.pictures()}
            return [self._known[name] for name in sorted(self._known)]

    def classes(self) -> list[LabelClass]:
        """Return the classes as the painter takes them: the first has the value 1."""
        known = {item.value: LabelClass(item.name, item.colour) for item in self.store.classes}
        unused = LabelClass("–", _NO_COLOUR)
        return [known.get(value, unused) for value in range(1, max(known, default=1) + 1)]

    def add(self, source: Path | bytes, name: str) -> str:
        """Keep a picture; the same one under the same name is kept once.

        Returns:
            The name it got.

        Raises:
            UserError: It cannot be used.
        """
        with self._lock:
            self._known = None
            return self.store.add_picture(source, name)

    def predict(self, name: str, predicted: Predicted) -> None:
        """Keep a prediction; a picture that shows an older one as a proposal shows this one."""
        with self._lock:
            self.predicted[name] = predicted
            work = self._in_work.get(name)
            if work is not None and self._is_untouched(work):
                self._show_proposal(name, work)

    def open(self, name: str) -> InWork:
        """Put a picture on the screen. Nobody has said anything of it: it shows the proposal.

        Raises:
            UserError: There is no such picture.
        """
        with self._lock:
            work = self._work(name)
            self.current, self._touched = name, self._clock()
            return work

    def work_of(self, name: str) -> InWork:
        """Return a picture without putting it on the screen.

        Raises:
            UserError: There is no such picture.
        """
        with self._lock:
            return self._work(name)

    def propose(self, name: str, cut: ProposalCut, value: int) -> InWork | None:
        """Cut proposals in another way; return the picture if it shows one, else None."""
        with self._lock:
            self.cut, self.value = cut, value
            for other, each in self._in_work.items():
                if each.is_proposal and other in self.predicted:
                    self._show_proposal(other, each)
            work = self._in_work.get(name)
            return work if work is not None and work.is_proposal else None

    def accept(self, name: str) -> Annotation:
        """Store the proposal as the picture's mask, whatever its mask was.

        Raises:
            UserError: There is no prediction of it.
        """
        with self._lock:
            work = self._work(name)
            if name not in self.predicted:
                raise UserError(
                    f"There is no prediction of '{name}' yet; let a detector predict it first."
                )
            mask = self._proposed(name)
            title = self.predicted[name].detector_title
            return self._store(work, with_prediction(work.annotation, mask, title))

    def say_normal(self, name: str) -> Annotation:
        """Store that nothing is wrong with a picture.

        Raises:
            UserError: There is no such picture.
        """
        with self._lock:
            work = self._work(name)
            return self._store(work, as_normal(work.annotation))

    def skip(self, name: str) -> Annotation:
        """Put a picture off.

        Raises:
            UserError: There is no such picture.
        """
        with self._lock:
            work = self._work(name)
            return self._store(work, as_skipped(work.annotation))

    def set_mask(self, name: str, mask: np.ndarray) -> Annotation:
        """Store a mask that was drawn elsewhere.

        Args:
            name: The picture.
            mask: `(H, W)` uint8 of the picture's own size.

        Raises:
            UserError: Its size or a class of it is wrong.
        """
        with self._lock:
            work = self._work(name)
            return self._store(work, with_drawing(work.annotation, mask))

    def draw(self, name: str, payload: Any, words: Words = ENGLISH) -> dict[str, Any]:
        """Store a stroke of the painter's, and return what it is told, in somebody's language."""
        with self._lock:
            work = self._work(name)
            painted, answer = answer_patch(work.painted, name, payload, len(self.classes()))
            if answer["state"] != "saved" or painted is work.painted:
                return answer
            try:
                drawn = with_drawing(self._base(name, work), painted.labels)
                self._store(work, drawn, painted)
            except ConflictError:
                revision = self._work(name).painted.revision
                return {**answer, "state": "stale", "revision": revision}
            except UserError as error:
                revision = work.painted.revision
                reason = say(error, words)
                return {**answer, "state": "refused", "reason": reason, "revision": revision}
            return answer

    def resync(self, name: str) -> dict[str, Any]:
        """Return the mask of a picture as the painter takes it.

        Raises:
            UserError: There is no such picture.
        """
        with self._lock:
            work = self._work(name)
            return painter_mask(name, work.painted, work.is_proposal)

    def remove(self, name: str) -> None:
        """Forget a picture and all that was said of it.

        Raises:
            UserError: There is no such picture.
        """
        with self._lock:
            self.store.remove_picture(name)
            for kept in (self.predicted, self.thumbnails, self._in_work):
                kept.pop(name, None)
            self.current, self._known = None, None

    def reload(self) -> None:
        """Look at the store again, after something else has written to it."""
        with self._lock:
            self._in_work.clear()
            self._known = None

    def _work(self, name: str) -> InWork:
        work = self._in_work.pop(name, None)
        if work is None:
            annotation = self.store.load(name)
            work = InWork(annotation, PaintedMask(annotation.mask, next(self._starts)))
            if self._is_untouched(work) and name in self.predicted:
                self._show_proposal(name, work)
        self._in_work[name] = work
        if len(self._in_work) > _MAX_IN_WORK:
            self._in_work.popitem(last=False)
        return work

    def _is_untouched(self, work: InWork) -> bool:
        return work.is_proposal or work.annotation.version == 0

    def _show_proposal(self, name: str, work: InWork) -> None:
        work.is_proposal = True
        work.painted = work.painted.replaced(self._proposed(name))

    def _proposed(self, name: str) -> np.ndarray:
        mask = self.predicted[name].prediction.mask(self.cut)
        return mask.astype(np.uint8) * np.uint8(self.value)

    def _base(self, name: str, work: InWork) -> Annotation:
        """Return what a stroke is drawn on: the proposal too, if that is what was shown."""
        if not work.is_proposal:
            return work.annotation
        title = self.predicted[name].detector_title
        return with_prediction(work.annotation, work.painted.labels, title)

    def _store(
        self, work: InWork, annotation: Annotation, painted: PaintedMask | None = None
    ) -> Annotation:
        now = self._clock()
        spent = min(now - self._touched, _MOST_SECONDS) if annotation.name == self.current else 0.0
        seconds = annotation.seconds + spent
        try:
            saved = self.store.save(replace(annotation, seconds=round(seconds, 1)))
        except ConflictError:
            # Read again before the next try.
            self._in_work.pop(annotation.name, None)
            self._known = None
            raise
        if self._known is not None:
            known = self._known[saved.name]
            self._known[saved.name] = replace(known, info=self.store.history(saved.name)[-1])
        self._touched = now
        work.annotation, work.is_proposal = saved, False
        work.painted = painted or work.painted.replaced(saved.mask)
        return saved
