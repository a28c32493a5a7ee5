"""What is known of one picture, as a JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from inpformer.annotations.annotation import Annotation, Label, Source
from inpformer.annotations.mask_files import MaskFile
from inpformer.errors import UserError
from inpformer.files import save_bytes


@dataclass(frozen=True)
class RegionInfo:
    """One region of a stored mask.

    Attributes:
        value: Its class.
        source: Who drew it.
        box: `[left, top, width, height]` in pixels.
        area: Pixels in it.
    """

    value: int
    source: Source
    box: list[int]
    area: int


@dataclass(frozen=True)
class VersionInfo:
    """One version of an annotation, without its mask.

    Attributes:
        version: 0 is the picture before the first save.
        previous: The version that `undo` goes back to.
        label: What is said of the picture as a whole.
        regions: In the order of `Annotation.regions`.
        mask: Where the mask is; None if all is background.
        detector_id: The detector whose prediction was the start, if one was.
        seconds: Time that a person spent on it, in all.
        saved_at: ISO date and time, UTC.
    """

    version: int
    previous: int | None
    label: Label
    regions: tuple[RegionInfo, ...]
    mask: MaskFile | None
    detector_id: str | None
    seconds: float
    saved_at: str | None

    @classmethod
    def of(
        cls, annotation: Annotation, previous: int | None, mask: MaskFile | None, saved_at: str
    ) -> VersionInfo:
        """Describe an annotation that is being saved."""
        regions = tuple(
            RegionInfo(region.value, source, list(region.box), region.area)
            for region, source in zip(annotation.regions, annotation.sources, strict=True)
        )
        return cls(
            annotation.version,
            previous,
            annotation.label,
            regions,
            mask,
            annotation.detector_id,
            annotation.seconds,
            saved_at,
        )

    @classmethod
    def from_json(cls, item: dict[str, Any]) -> VersionInfo:
        """Read what a record's file says of a version."""
        regions = tuple(RegionInfo(**region) for region in item["regions"])
        mask = None if item["mask"] is None else MaskFile(**item["mask"])
        if mask is not None:
            _require_file_name(mask.file)
        info = cls(**{**item, "regions": regions, "mask": mask})
        texts = (info.label, info.detector_id or "", info.saved_at or "")
        numbers = (info.version, info.previous or 0, info.seconds)
        if not all(isinstance(text, str) for text in texts) or not all(
            type(number) in (int, float) for number in numbers
        ):
            raise TypeError("a version is described by values of another kind")
        return info

    @property
    def values(self) -> set[int]:
        """The classes in the mask."""
        return {region.value for region in self.regions}

    def annotation(self, name: str, mask: np.ndarray) -> Annotation:
        """Return the whole annotation.

        Raises:
            UserError: The mask is not the one that is described.
        """
        return Annotation(
            name,
            mask,
            self.label,
            tuple(region.source for region in self.regions),
            self.detector_id,
            self.seconds,
            version=self.version,
        )


_UNTOUCHED = VersionInfo(0, None, "unlabelled", (), None, None, 0.0, None)


@dataclass(frozen=True)
class Record:
    """One picture of a store.

    Attributes:
        name: Of the picture.
        picture: Its file.
        size: `(width, height)` in pixels.
        picture_sha256: Of its file.
        versions: At least one; the newest is the last.
    """

    name: str
    picture: str
    size: tuple[int, int]
    picture_sha256: str
    versions: tuple[VersionInfo, ...]

    @classmethod
    def begin(cls, name: str, picture: str, size: tuple[int, int], picture_sha256: str) -> Record:
        """Return the record of a picture that nobody has labelled."""
        return cls(name, picture, size, picture_sha256, (_UNTOUCHED,))

    def find(self, version: int) -> VersionInfo | None:
        """Return a version, if it is kept."""
        return next((item for item in self.versions if item.version == version), None)

    def to_json(self) -> dict[str, Any]:
        """Return what the file holds."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any], path: Path) -> Record:
        """Read what the file at `path` held.

        Raises:
            UserError: It is no record.
        """
        try:
            versions = tuple(VersionInfo.from_json(item) for item in content["versions"])
            width, height = content["size"]
            texts = [content[key] for key in ("name", "picture", "picture_sha256")]
            if not all(isinstance(text, str) for text in texts):
                raise TypeError("a picture is described by values of another kind")
            _require_file_name(content["picture"])
            record = cls(*texts[:2], (width, height), texts[2], versions)
            return replace(record, versions=versions or (_UNTOUCHED,))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError(damage_of(path)) from error


def _require_file_name(name: object) -> None:
    """See that a file of a store is named alone: a stranger's record must not lead out of it.

    Raises:
        ValueError: It leads to another folder.
    """
    is_alone = isinstance(name, str) and name == Path(name).name and "\\" not in name
    if not is_alone or name in ("", ".", ".."):
        raise ValueError("a file is named with a folder")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds one object.

    Raises:
        FileNotFoundError: It is not there.
        UserError: It holds something else or is damaged.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(damage_of(path)) from error
    if not isinstance(content, dict):
        raise UserError(damage_of(path))
    return content


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file for people and programs, whole and on the disk.

    Raises:
        UserError: It cannot be written.
    """
    text = json.dumps(content, indent=1, ensure_ascii=False)
    save_bytes(path, text.encode(), durable=True)


def damage_of(path: Path) -> str:
    """Say that a file cannot be used."""
    return f"'{path}' is damaged; bring back a copy of it, or move it away."
