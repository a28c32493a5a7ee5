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

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from inpformer.annotations.annotation import Annotation
from inpformer.annotations.mask_files import MaskFile
from inpformer.annotations.names import file_key
from inpformer.annotations.picture_folder import CLASS_FILE, PictureFolder, PictureInfo
from inpformer.annotations.records import Record, VersionInfo
from inpformer.errors import UserError

KEPT_VERSIONS = 50

__all__ = ["KEPT_VERSIONS", "AnnotationStore", "ConflictError", "PictureInfo"]


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


class AnnotationStore(PictureFolder):
    """Pictures and their annotations in one folder.

    Any number of processes and threads may use one folder at once.

    Args:
        folder: Of a store; one that is empty or not there becomes a store.

    Raises:
        UserError: The folder holds something else, or cannot be written to.
    """

    @classmethod
    def open(cls, folder: str | Path) -> AnnotationStore:
        """Open a store that must be there.

        Raises:
            UserError: There is none in that folder.
        """
        if not (Path(folder) / CLASS_FILE).is_file():
            raise UserError(f"'{folder}' is no annotation store; check the path.")
        return cls(folder)

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

    def mask_path(self, name: str) -> Path | None:
        """Return the file with the newest mask, to be read only; None if all is background.

        Raises:
            UserError: There is no such picture.
        """
        mask = self._record(name).versions[-1].mask
        return None if mask is None else self._masks.folder / mask.file

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
