"""A folder with pictures, masks, and what is known of them; safe from kills and from each other.

    store.json               the classes
    pictures/KEY.png         each picture, as it was given
    masks/KEY.v3.png         the mask of a version, one value per class; none if all is background
    records/KEY.json         name, size, and the last versions, the newest one at the end

The record is what counts: a mask without a version in a record is rubbish. A save writes the
mask, then the record, each under another name first. So a kill leaves the old or the new version,
and after a save came back, it is on the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from inpformer.annotations.annotation import Annotation, DefectClass
from inpformer.annotations.class_file import ClassFile
from inpformer.annotations.kept_picture import picture_to_keep
from inpformer.annotations.mask_files import MaskFile, MaskFolder
from inpformer.annotations.names import clean_name, file_key
from inpformer.annotations.records import Record, VersionInfo, read_json, write_json
from inpformer.errors import UserError
from inpformer.files import PARTIAL_SUFFIX, make_folder, save_bytes
from inpformer.images import load_image

KEPT_VERSIONS = 50
LOCK_SECONDS = 30.0
CLASS_FILE = "store.json"

_FOLDERS = ("pictures", "masks", "records")


class ConflictError(UserError):
    """Somebody else saved in between; nothing was overwritten.

    Attributes:
        mine: What was to be saved.
        theirs: What is stored now.
    """

    def __init__(self, mine: Annotation, theirs: Annotation) -> None:
        self.mine = mine
        self.theirs = theirs
        super().__init__(
            f"'{mine.name}' was changed elsewhere in the meantime (version {theirs.version}; yours "
            f"is based on {mine.version}). Look at both, then save the one to keep."
        )


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


class AnnotationStore:
    """Pictures and their annotations in one folder.

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
        if not self._class_file.path.is_file() and self._is_foreign():
            raise UserError(
                f"'{self.folder}' holds other files, but no store; choose an empty folder."
            )
        with self._locked():
            for name in _FOLDERS:
                make_folder(self.folder / name)
            self._class_file.begin()
            self._sweep()
        _ = self.classes  # a file of another kind or a newer program is refused here

    @classmethod
    def open(cls, folder: str | Path) -> AnnotationStore:
        """Open a store that must be there.

        Raises:
            UserError: There is none in that folder.
        """
        if not (Path(folder) / CLASS_FILE).is_file():
            raise UserError(f"'{folder}' is no annotation store; check the path.")
        return cls(folder)

    def _is_foreign(self) -> bool:
        known = {*_FOLDERS, ".lock"}
        return any(
            item.name not in known and not item.name.endswith(PARTIAL_SUFFIX)
            for item in self.folder.iterdir()
        )

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

    # --- annotations

    def load(self, name: str, version: int | None = None) -> Annotation:
        """Return an annotation: the newest version, or the one that is asked for.

        Raises:
            UserError: There is none, or a file of it is missing or damaged.
        """
        try:
            return self._annotation(self._record(name), version)
        except UserError:
            with self._locked():  # its mask may have been dropped as too old while being read
                return self._annotation(self._record(name), version)

    def history(self, name: str) -> tuple[VersionInfo, ...]:
        """Return the versions that are kept, oldest first.

        Raises:
            UserError: There is no such picture.
        """
        return self._record(name).versions

    def save(self, annotation: Annotation) -> Annotation:
        """Store an annotation as a new version, on the disk when this comes back.

        Args:
            annotation: Its `version` is the one it is based on. To keep one's own after a
                `ConflictError`, save it with the version of the other one.

        Returns:
            The same with its new version.

        Raises:
            ConflictError: The newest version is another one than it is based on.
            UserError: The mask has another size than the picture, or a class that is not known;
                or nothing can be written.
        """
        with self._locked():
            record = self._record(annotation.name)
            self._check_base(record, annotation)
            self._check_mask(record, annotation)
            saved = replace(annotation, version=annotation.version + 1)
            file = f"{file_key(record.name)}.v{saved.version}.png"
            mask = self._masks.save(file, saved.mask)
            return self._append(record, saved, mask, previous=annotation.version)

    def undo(self, annotation: Annotation) -> Annotation:
        """Go back to what was before the last save; again, and it goes further back.

        It is a new version too, so nothing is lost and others notice.

        Args:
            annotation: The newest version, as loaded or saved.

        Raises:
            ConflictError: It is not the newest version.
            UserError: Nothing earlier is kept.
        """
        return self._go_back(annotation, None)

    def restore(self, annotation: Annotation, version: int) -> Annotation:
        """Make an earlier version the newest one; `undo` takes that back.

        Args:
            annotation: The newest version, as loaded or saved.
            version: The one to go back to.

        Raises:
            ConflictError: It is not the newest version.
            UserError: That version is not kept.
        """
        return self._go_back(annotation, version)

    def _go_back(self, annotation: Annotation, version: int | None) -> Annotation:
        with self._locked():
            record = self._record(annotation.name)
            self._check_base(record, annotation)
            now = record.versions[-1]
            target = now.previous if version is None else version
            info = None if target is None else record.find(target)
            if info is None:
                raise UserError(f"No earlier version of '{record.name}' is kept.")
            previous = info.previous if version is None else now.version
            old = replace(self._annotation(record, target), version=now.version + 1)
            return self._append(record, old, info.mask, previous)

    def _check_base(self, record: Record, annotation: Annotation) -> None:
        if record.versions[-1].version != annotation.version:
            raise ConflictError(annotation, self._annotation(record))

    def _check_mask(self, record: Record, annotation: Annotation) -> None:
        height, width = annotation.mask.shape
        if (width, height) != record.size:
            raise UserError(
                f"The mask of '{record.name}' is {width} × {height} pixels, but the picture is "
                f"{record.size[0]} × {record.size[1]}; both must have one size."
            )
        known = {item.value for item in self.classes}
        unknown = sorted({region.value for region in annotation.regions} - known)
        if unknown:
            raise UserError(
                f"The mask of '{record.name}' has the value {unknown[0]}, which no class has; add "
                "the class first."
            )

    def _append(
        self, record: Record, saved: Annotation, mask: MaskFile | None, previous: int | None
    ) -> Annotation:
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        versions = (*record.versions, VersionInfo.of(saved, previous, mask, now))
        dropped, kept = versions[:-KEPT_VERSIONS], versions[-KEPT_VERSIONS:]
        self._write(replace(record, versions=kept))
        self._masks.drop({item.mask for item in dropped} - {item.mask for item in kept})
        return saved

    def _annotation(self, record: Record, version: int | None = None) -> Annotation:
        info = record.versions[-1] if version is None else record.find(version)
        if info is None:
            raise UserError(f"Version {version} of '{record.name}' is not kept.")
        return info.annotation(record.name, self._masks.load(info.mask, record.size[::-1]))

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
