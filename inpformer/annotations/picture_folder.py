"""A folder with pictures, classes of defects, and a record per picture, behind one lock."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from inpformer.annotations.annotation import DefectClass
from inpformer.annotations.class_file import ClassFile
from inpformer.annotations.kept_picture import picture_to_keep
from inpformer.annotations.mask_files import MaskFolder
from inpformer.annotations.names import clean_name, file_key
from inpformer.annotations.records import Record, VersionInfo, read_json, write_json
from inpformer.errors import UserError
from inpformer.files import PARTIAL_SUFFIX, make_folder, save_bytes
from inpformer.images import load_image

LOCK_SECONDS = 30.0
CLASS_FILE = "store.json"

_FOLDERS = ("pictures", "masks", "records")


@dataclass(frozen=True)
class PictureInfo:
    """What a list of pictures shows, without reading masks.

    Attributes:
        name: The picture's name.
        size: `(width, height)` in pixels.
        info: Its newest version.
    """

    name: str
    size: tuple[int, int]
    info: VersionInfo


class PictureFolder:
    """The part of a store that knows no annotations; see `AnnotationStore`.

    Any number of processes and threads may use one folder at once.

    Args:
        folder: Of a store; one that is empty or not there becomes a store.

    Raises:
        UserError: The folder holds something else, or cannot be written to.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        make_folder(self.folder)
        self._class_file = ClassFile(self.folder / CLASS_FILE)
        self._masks = MaskFolder(self.folder / "masks")
        if self._is_foreign():
            raise UserError(
                f"'{self.folder}' holds other files, but no store; choose an empty folder."
            )
        with self._locked():
            for name in _FOLDERS:
                make_folder(self.folder / name)
            self._class_file.begin()
            self._sweep()
        _ = self.classes  # a file of another kind or a newer program is refused here

    def _is_foreign(self) -> bool:
        known = {*_FOLDERS, ".lock"}
        others = [
            item
            for item in self.folder.iterdir()
            if item.name not in known and not item.name.endswith(PARTIAL_SUFFIX)
        ]
        # Asked last: another process may make this a store while its files are listed.
        return bool(others) and not self._class_file.path.is_file()

    def _sweep(self) -> None:
        """Remove what killed writers left; whoever writes holds the lock, so none is at it."""
        for folder in (self.folder, *(self.folder / name for name in _FOLDERS)):
            for path in folder.glob(f".*{PARTIAL_SUFFIX}"):
                path.unlink(missing_ok=True)

    # --- classes

    @property
    def classes(self) -> tuple[DefectClass, ...]:
        """The kinds of defects, by value."""
        return self._class_file.read()

    def add_class(self, name: str, colour: str | None = None) -> DefectClass:
        """Add a kind of defect with the lowest free value; one of that name is returned as it is.

        Raises:
            UserError: There are 255 already, or the name or colour cannot be used.
        """
        with self._locked():
            return self._class_file.add(name, colour)

    def change_class(self, value: int, name: str, colour: str) -> None:
        """Give a class another name and colour; masks stay.

        Raises:
            UserError: There is no such class, or another one has the name.
        """
        with self._locked():
            others = self._class_file.all_but(value)
            self._class_file.write([*others, DefectClass(value, name, colour)])

    def remove_class(self, value: int) -> None:
        """Remove a class that no picture has, in none of its stored versions.

        Raises:
            UserError: There is no such class, or a picture has it.
        """
        with self._locked():
            others = self._class_file.all_but(value)
            for record in self._records():
                if any(value in version.values for version in record.versions):
                    raise UserError(
                        f"'{record.name}' has regions of that class, now or in an earlier "
                        "version; give them another class first."
                    )
            self._class_file.write(others)

    def merge_classes(self, classes: Sequence[DefectClass]) -> dict[int, int]:
        """Add the classes of a data set, matched by name; a store without pictures takes them all.

        Returns:
            For each of their values, the value here.

        Raises:
            UserError: There would be more than 255.
        """
        with self._locked():
            if classes and next(self._records(), None) is None:
                self._class_file.write(classes)
            return self._class_file.merge(classes)

    # --- pictures

    def add_picture(self, source: str | Path | bytes | np.ndarray, name: str | None = None) -> str:
        """Keep a picture.

        A file that only EXIF turns upright is kept as an upright PNG file, for programs that know
        no EXIF; any other file is kept byte by byte.

        Args:
            source: A picture file, its bytes, or `(H, W, 3)` uint8 RGB.
            name: What it is called; the file's name if left out. Folders in it stay.

        Returns:
            The name it got: another picture of that name makes it `name (2)`. The same picture
            under the same name is kept once.

        Raises:
            UserError: The file is no picture that can be used, or has no name.
        """
        if name is None:
            if not isinstance(source, (str, Path)):
                raise UserError("Give the picture a name.")
            name = Path(source).name
        name = clean_name(name)
        kept = picture_to_keep(source)
        digest = hashlib.sha256(kept.data).hexdigest()
        with self._locked():
            found = self._find_free(name, digest)
            if isinstance(found, Record):
                return found.name
            record = Record.begin(found, kept.file_name(found), kept.size, digest)
            save_bytes(self._picture_file(record), kept.data, durable=True)
            self._write(record)
            return found

    def _find_free(self, name: str, digest: str) -> str | Record:
        """Return the record of this very picture, or a name that none has."""
        stem, dot, suffix = name.rpartition(".")
        candidate, count = name, 1
        while self._record_file(candidate).is_file():
            record = self._record(candidate)
            if record.picture_sha256 == digest:
                return record
            count += 1
            candidate = f"{stem} ({count}).{suffix}" if dot and stem else f"{name} ({count})"
        return candidate

    def pictures(self) -> list[PictureInfo]:
        """List the pictures, by name."""
        found = [
            PictureInfo(record.name, record.size, record.versions[-1]) for record in self._records()
        ]
        return sorted(found, key=lambda item: item.name)

    def picture_path(self, name: str) -> Path:
        """Return the file of a picture, to be read only.

        Raises:
            UserError: There is no such picture.
        """
        return self._picture_file(self._record(name))

    def read_picture(self, name: str) -> np.ndarray:
        """Return a picture as `(H, W, 3)` uint8 RGB.

        Raises:
            UserError: There is no such picture, or its file is damaged.
        """
        return load_image(self.picture_path(name))

    def remove_picture(self, name: str) -> None:
        """Forget a picture and all versions of its annotation.

        Raises:
            UserError: There is no such picture.
        """
        with self._locked():
            record = self._record(name)
            self._record_file(name).unlink()
            self._masks.drop(version.mask for version in record.versions)
            self._picture_file(record).unlink(missing_ok=True)

    # --- files

    def _record_file(self, name: str) -> Path:
        return self.folder / "records" / f"{file_key(name)}.json"

    def _picture_file(self, record: Record) -> Path:
        return self.folder / "pictures" / record.picture

    def _record(self, name: str) -> Record:
        path = self._record_file(name)
        try:
            return Record.from_json(read_json(path), path)
        except FileNotFoundError as error:
            raise UserError(f"There is no picture '{name}' in '{self.folder}'.") from error

    def _records(self) -> Iterator[Record]:
        for path in sorted((self.folder / "records").glob("*.json")):
            with contextlib.suppress(FileNotFoundError):  # removed by another process just now
                yield Record.from_json(read_json(path), path)

    def _write(self, record: Record) -> None:
        write_json(self._record_file(record.name), record.to_json())

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with FileLock(self.folder / ".lock", timeout=LOCK_SECONDS):
                yield
        except Timeout as error:
            raise UserError(
                f"Another program has kept '{self.folder}' busy for {LOCK_SECONDS:.0f} seconds; "
                "try again later."
            ) from error
