"""What comes with the program to try it on: parts, their detectors, and a gallery of results."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inpformer.errors import UserError
from inpformer.places import ASSETS, WEIGHTS

GOOD = "good"
MULTI_PART = "multi-part"
DETECTORS = WEIGHTS / "detectors"


@dataclass(frozen=True)
class ExamplePicture:
    """A picture to inspect.

    Attributes:
        path: The file.
        defect: Folder name of its defect, or `good`.
        mask_path: The true mask of the defect; None for a good part.
    """

    path: Path
    defect: str
    mask_path: Path | None = None

    @property
    def title(self) -> str:
        """The defect in words."""
        return self.defect.replace("_", " ")


@dataclass(frozen=True)
class ExamplePart:
    """A kind of part with pictures of it, in MVTec layout on disk.

    Attributes:
        name: Folder name.
        title: What people call it.
        normal_paths: Normal pictures to fit on.
        pictures: Pictures to inspect, defects first.
        detector_path: Its ready detector; None if there is none.
    """

    name: str
    title: str
    normal_paths: tuple[Path, ...]
    pictures: tuple[ExamplePicture, ...]
    detector_path: Path | None


@dataclass(frozen=True)
class GalleryEntry:
    """A result that was computed beforehand.

    Attributes:
        part: Name of the part.
        title: What people call the part.
        defect: What its maker knows to be wrong with it, in words; `good` for nothing.
        source_path: The picture that was inspected.
        picture_path: The drawing of the result.
        is_anomalous: The verdict.
        confidence: That it is anomalous, 0 to 1.
        score: Image score, raw scale.
        threshold: What it was compared with.
    """

    part: str
    title: str
    defect: str
    source_path: Path
    picture_path: Path
    is_anomalous: bool
    confidence: float
    score: float
    threshold: float


@dataclass(frozen=True)
class Examples:
    """All that comes with the program; empty where nothing does.

    Attributes:
        parts: The example parts.
        gallery: Results to show before anything is clicked.
        multi_part_path: Detector fitted on all parts together, for parts it never saw.
    """

    parts: tuple[ExamplePart, ...] = ()
    gallery: tuple[GalleryEntry, ...] = ()
    multi_part_path: Path | None = None

    def part(self, name: str | None) -> ExamplePart | None:
        """Return the part of this name, if there is one."""
        return next((part for part in self.parts if part.name == name), None)


def find_examples(assets: Path = ASSETS, detectors: Path = DETECTORS) -> Examples:
    """Return whatever is there of parts, gallery and detectors.

    Args:
        assets: Folder with `examples/` and `gallery/`.
        detectors: Folder with a detector file per part.

    Raises:
        UserError: A list of them is damaged.
    """
    parts = example_parts(assets, detectors)
    return Examples(parts, gallery_entries(parts, assets), multi_part_detector_path(detectors))


def example_parts(assets: Path = ASSETS, detectors: Path = DETECTORS) -> tuple[ExamplePart, ...]:
    """Return the example parts, none if they were not installed; see `find_examples`."""
    root = assets / "examples"
    described = _read_json(root / "parts.json") or {}
    return tuple(
        _part(root / name, about, detectors / f"{name}.safetensors")
        for name, about in described.items()
        if (root / name).is_dir()
    )


def multi_part_detector_path(detectors: Path = DETECTORS) -> Path | None:
    """Return the detector that was fitted on all parts together, if there is one."""
    return _existing(detectors / f"{MULTI_PART}.safetensors")


def gallery_entries(
    parts: tuple[ExamplePart, ...], assets: Path = ASSETS
) -> tuple[GalleryEntry, ...]:
    """Return the stored results that these parts still have their pictures of."""
    titles = {part.name: part.title for part in parts}
    known = {picture.path for part in parts for picture in part.pictures}
    entries = []
    for item in (_read_json(assets / "gallery" / "gallery.json") or {}).get("entries", ()):
        source = assets / "examples" / item["part"] / item["source"]
        picture = assets / "gallery" / item["picture"]
        if source in known and picture.is_file():
            entries.append(
                GalleryEntry(
                    part=item["part"],
                    title=titles[item["part"]],
                    defect=item["defect"],
                    source_path=source,
                    picture_path=picture,
                    is_anomalous=item["is_anomalous"],
                    confidence=item["confidence"],
                    score=item["score"],
                    threshold=item["threshold"],
                )
            )
    return tuple(entries)


def _part(folder: Path, about: dict[str, Any], detector_path: Path) -> ExamplePart:
    pictures = [
        ExamplePicture(path, defect, _existing(_mask_path(folder, defect, path)))
        for defect in (*about["defects"], GOOD)
        for path in _pictures_in(folder / "test" / defect)
    ]
    return ExamplePart(
        name=folder.name,
        title=about["title"],
        normal_paths=_pictures_in(folder / "train" / GOOD),
        pictures=tuple(pictures),
        detector_path=_existing(detector_path),
    )


def _pictures_in(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(path for path in folder.glob("*") if path.suffix in (".jpg", ".png")))


def _mask_path(folder: Path, defect: str, path: Path) -> Path:
    return folder / "ground_truth" / defect / f"{path.stem}_mask.png"


def _existing(path: Path) -> Path | None:
    return path if path.is_file() else None


def _read_json(path: Path) -> Any:
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise UserError(
            f"'{path}' is damaged. Install the program again, or remove the file to go on without "
            "its examples."
        ) from error
