"""Labelled pictures on their way out of a store or into one, whatever the format."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from inpformer.annotations.annotation import (
    Annotation,
    DefectClass,
    check_classes,
    free_value,
    settle_label,
    suggest_colour,
)
from inpformer.annotations.masks import MaskCanvas
from inpformer.annotations.store import AnnotationStore
from inpformer.errors import UserError
from inpformer.files import UniqueNames
from inpformer.images import IMAGE_SUFFIXES


@dataclass(frozen=True)
class Entry:
    """One picture that is read from a data set.

    Attributes:
        picture: Its file, or the bytes of one.
        annotation: Under the name that the picture is to have.
    """

    picture: Path | bytes
    annotation: Annotation


@dataclass
class LabelledSet:
    """A data set that can be read, one picture at a time, and again.

    Attributes:
        book: Its classes, complete once all entries were read.
        readers: One per picture; each raises a `UserError` that names a bad file.
        notes: What its reader had to leave out or guess, one sentence each.
    """

    book: ClassBook
    readers: list[Callable[[], Entry]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        """Add a note, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def painted(
        self,
        picture: Path | bytes,
        name: str,
        canvas: MaskCanvas,
        label: str | None,
        ours: Mapping[str, Any],
    ) -> Entry:
        """Return a picture whose mask was put together from pieces, and note what overlapped.

        Args:
            picture: Its file, or the bytes of one.
            name: That it is to have.
            canvas: The pieces.
            label: That the data set gives; None if it gives none.
            ours: What we wrote beside a picture of our own: `detector_id`, `seconds`; may be empty.
        """
        detector_id = ours.get("detector_id")
        if not isinstance(name, str) or not isinstance(detector_id, (str, type(None))):
            raise ValueError("a name is no text")
        if not (name + (detector_id or "")).isprintable():  # half a sign, which no file can hold
            raise ValueError("a name holds signs that cannot be shown")
        if canvas.overlaps:
            self.note("Where regions of two classes overlapped, the later one was taken.")
        annotation = Annotation(
            name,
            canvas.mask,
            settle_label(label, canvas.mask),
            canvas.sources(),
            detector_id,
            read_seconds(ours.get("seconds")),
        )
        return Entry(picture, annotation)


def read_seconds(value: object) -> float:
    """Return the time that a data set says a person took; 0 where it says none.

    Raises:
        ValueError: It is no number from 0 on.
    """
    seconds = float(value or 0)
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError("a time is no number from 0 on")
    return seconds


class ClassBook:
    """The classes of a data set, found by name; new names get the lowest free value."""

    def __init__(self, classes: Sequence[DefectClass] = ()) -> None:
        self._by_name = {item.name.casefold(): item for item in check_classes(classes)}

    @property
    def classes(self) -> tuple[DefectClass, ...]:
        """By value."""
        return check_classes(list(self._by_name.values()))

    def value_of(self, name: str) -> int:
        """Return the value of a class.

        Raises:
            UserError: It would be the 256th class, or the name cannot be used.
        """
        known = self._by_name.get(name.casefold())
        if known is None:
            value = free_value(self.classes)
            known = DefectClass(value, name, suggest_colour(value))
            self._by_name[name.casefold()] = known
        return known.value


@dataclass(frozen=True)
class Outgoing:
    """One picture to export.

    Attributes:
        file: The picture's file in the store.
        file_name: What to call it: safe, and without its ending still unlike all others.
        annotation: What is known of it.
    """

    file: Path
    file_name: str
    annotation: Annotation

    @property
    def stem(self) -> str:
        """The file name without its ending."""
        return Path(self.file_name).stem

    def copy_to(self, folder: Path) -> str:
        """Copy the picture into a folder and return its name there."""
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.file, folder / self.file_name)
        return self.file_name


class OutgoingSet:
    """All pictures of a store, read one at a time, and its classes."""

    def __init__(self, store: AnnotationStore) -> None:
        self._store = store
        self.classes = store.classes
        self.names = [item.name for item in store.pictures()]

    def __iter__(self) -> Iterator[Outgoing]:
        names = UniqueNames()
        for name in self.names:
            file = self._store.picture_path(name)
            file_name = names.give(file.stem) + file.suffix
            yield Outgoing(file, file_name, self._store.load(name))


class PictureFinder:
    """Finds the pictures that a data set names, never outside of its folder."""

    def __init__(self, root: Path) -> None:
        self._root = Path(os.path.abspath(root))

    @cached_property
    def _by_file_name(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for path in sorted(self._root.rglob("*")):
            if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
                found.setdefault(path.name, []).append(path)
        return found

    def find(self, given: str, told_by: str, start: Path | None = None) -> Path:
        """Find a picture.

        Args:
            given: Its path as written in the data set; where that leads nowhere or elsewhere, a
                picture of that file name is looked for in the whole data set.
            told_by: The file that names it, for the message.
            start: Folder that the path starts from; the data set's if left out.

        Raises:
            UserError: There is none, or there are several.
        """
        parts = given.replace("\\", "/")
        path = Path(os.path.normpath((start or self._root) / parts))
        with contextlib.suppress(OSError):  # a name may be longer than any file's
            if path.is_relative_to(self._root) and path.is_file():
                return path
        found = self._by_file_name.get(parts.rsplit("/", 1)[-1], [])
        if len(found) != 1:
            problem = "is not in" if not found else "is several times in"
            raise UserError(
                f"{told_by} names the picture '{given}', which {problem} the data set's folder; "
                "put it there once."
            )
        return found[0]

    def name_of(self, path: Path) -> str:
        """Return the name of a picture that has none: its place in the data set."""
        return Path(os.path.abspath(path)).relative_to(self._root).as_posix()


@contextlib.contextmanager
def blame(path: Path, kind: str) -> Iterator[None]:
    """Turn what goes wrong with a file's content into a `UserError` that names it."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        detail = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise UserError(
            f"'{path.name}' is not as {kind} writes it ({detail}); export it again."
        ) from error


def parse_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        UserError: It is missing or damaged.
    """
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"'{path.name}' cannot be read as JSON; export it again.") from error


def write_text(path: Path, text: str) -> None:
    """Write a text file, its folder too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8", newline="\n")
