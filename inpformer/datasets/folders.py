"""What lies in a folder, and the names that tell normal pictures, defects and masks apart.

Nothing is read but names, so a hundred thousand pictures are listed in seconds.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from inpformer.errors import UserError
from inpformer.images import IMAGE_SUFFIXES

NORMAL_FOLDERS = ("normal", "good", "ok")
DEFECT_FOLDERS = (
    *("defect", "defects", "defective", "anomalous", "anomaly", "anomalies", "abnormal"),
    *("bad", "ng", "ko"),
)
TRUTH_FOLDER = "ground_truth"
MASK_FOLDERS = ("masks", "mask", TRUTH_FOLDER)
MASK_ENDING = "_mask"
PLAIN_TITLE = "Plain folders"


class Content(NamedTuple):
    """What lies directly in a folder, sorted by name; hidden files are left out."""

    pictures: list[Path]
    folders: list[Path]
    others: list[Path]


class PicturesAndMasks(NamedTuple):
    """Pictures, the mask of each by its stem, and masks that belong to none of them."""

    pictures: list[Path]
    masks: dict[str, Path]
    lone: list[Path]


def look_into(folder: Path) -> Content:
    """Return what lies directly in a folder; nothing if it is not there.

    Raises:
        UserError: It cannot be opened.
    """
    content = Content([], [], [])
    for entry in sorted(_entries(folder), key=lambda item: item.name):
        _kind_of(entry, content).append(Path(entry.path))
    return content


def folders_in(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted by name; quick even where there are many pictures.

    Raises:
        UserError: It cannot be opened.
    """
    return sorted(Path(entry.path) for entry in _entries(folder) if entry.is_dir())


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not _is_hidden(entry.name)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"The folder '{folder}' cannot be opened; see who may read it.") from error


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _kind_of(entry: os.DirEntry[str], content: Content) -> list[Path]:
    if entry.is_dir():
        return content.folders
    is_picture = os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES and entry.is_file()
    return content.pictures if is_picture else content.others


def walk(folder: Path) -> Iterator[tuple[str, Content]]:
    """Yield what lies in a folder and in those below it, each with its place, such as `a/b/`.

    Links to folders below it are not followed, as they may lead in a circle; they count as
    `others`.
    """
    waiting = [("", folder)]
    while waiting:
        place, current = waiting.pop()
        pictures, folders, others = look_into(current)
        linked = [item for item in folders if item.is_symlink()]
        inside = [item for item in folders if item not in linked]
        yield place, Content(pictures, inside, others + linked)
        waiting += [(f"{place}{item.name}/", item) for item in reversed(inside)]


def only_folder(folder: Path) -> Path | None:
    """Return the folder in a folder that has just one, as archives often have it."""
    folders = folders_in(folder)
    return folders[0] if len(folders) == 1 else None


def pair_masks(files: Iterable[Path]) -> PicturesAndMasks:
    """Tell pictures from masks among the files of a folder: `x_mask.png` is the mask of `x.png`."""
    pictures, found, masks = [], [], {}
    for path in files:
        if path.stem.endswith(MASK_ENDING):
            found.append(path)
            masks.setdefault(path.stem.removesuffix(MASK_ENDING), path)
        else:
            pictures.append(path)
    used = {masks.get(path.stem) for path in pictures}
    return PicturesAndMasks(pictures, masks, [path for path in found if path not in used])


class MaskFolders:
    """Masks in folders of their own, found by the names of their pictures.

    Args:
        folders: Where they may lie, also in folders below; those that are not there are left out.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.others: list[Path] = []
        self._masks: dict[str, Path] = {}
        self._unused: dict[Path, None] = {}
        for folder in folders:
            for place, content in walk(folder):
                self.others += content.others
                for path in content.pictures:
                    self._add(place, path)

    def _add(self, place: str, path: Path) -> None:
        self._unused[path] = None
        if path.stem.endswith(MASK_ENDING):
            self._masks[place + path.stem.removesuffix(MASK_ENDING)] = path
        else:
            self._masks.setdefault(place + path.stem, path)

    def find(self, *places: str) -> Path | None:
        """Return the mask in the first of these places that has one.

        Args:
            places: Paths of the picture without its ending, as in `hole/000`, to be found below a
                folder as `hole/000_mask.png` or `hole/000.png`; any format of pictures will do.
        """
        for place in places:
            mask = self._masks.get(place)
            if mask is not None:
                self._unused.pop(mask, None)
                return mask
        return None

    @property
    def lone(self) -> list[Path]:
        """Those that no picture has asked for."""
        return list(self._unused)
