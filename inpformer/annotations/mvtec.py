"""The layout of MVTec AD, which knows one kind of defect per picture and no classes in masks.

What it cannot hold (several classes, sources, names, pictures that are not labelled) lies beside,
in the tables of `table.py` and the folders `class_masks`, `unlabelled` and `skipped`. On the way
back it counts only where the ground truth still agrees with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from inpformer.annotations.annotation import Annotation, DefectClass, settle_label
from inpformer.annotations.labelled_set import ClassBook, Entry, LabelledSet, Outgoing, OutgoingSet
from inpformer.annotations.masks import encode_mask, read_binary_mask
from inpformer.annotations.names import folder_key
from inpformer.annotations.table import (
    read_classes,
    read_table,
    row_annotation,
    table_row,
    write_table,
)
from inpformer.datasets.folders import TRUTH_FOLDER, MaskFolders, look_into
from inpformer.datasets.sample import NORMAL
from inpformer.errors import UserError
from inpformer.files import UniqueNames
from inpformer.images import load_image

COMBINED, UNMARKED = "combined", "anomalous"
_ASIDE = ("unlabelled", "skipped")


class _Listed(NamedTuple):
    """A picture, where it lies, its mask, and its row in the table."""

    path: Path
    place: str
    mask: Path | None
    row: dict[str, str] | None


def write_mvtec(folder: Path, outgoing: OutgoingSet) -> list[str]:
    """Write all pictures into the layout of MVTec AD; the tables beside it lose nothing."""
    folders = defect_folders(outgoing.classes)
    rows, aside = [], 0
    for item in outgoing:
        place = _place_of(item.annotation, folders)
        aside += place in _ASIDE
        item.copy_to(folder / place)
        if place.startswith("test/") and place != f"test/{NORMAL}":
            _write_ground_truth(folder / "ground_truth" / place.removeprefix("test/"), item)
        picture, mask = f"{place}/{item.file_name}", f"class_masks/{item.stem}.png"
        rows.append(table_row(folder, picture, mask, item.annotation))
    write_table(folder, rows, outgoing.classes)
    if not aside:
        return []
    return [
        f"{aside} pictures without a verdict are in folders that MVTec AD does not know "
        f"({' and '.join(_ASIDE)})."
    ]


def _place_of(annotation: Annotation, folders: dict[int, str]) -> str:
    if annotation.label in _ASIDE:
        return annotation.label
    if annotation.label == "normal":
        return f"train/{NORMAL}"
    values = {region.value for region in annotation.regions}
    if not values:
        return f"test/{NORMAL if annotation.label == 'corrected' else UNMARKED}"
    return f"test/{folders[values.pop()] if len(values) == 1 else COMBINED}"


def _write_ground_truth(folder: Path, item: Outgoing) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    mask = (item.annotation.mask != 0).astype(np.uint8) * 255
    (folder / f"{item.stem}_mask.png").write_bytes(encode_mask(mask))


def defect_folders(classes: Sequence[DefectClass]) -> dict[int, str]:
    """Return what the folder of each class is called, by value; never like a normal one's."""
    names = UniqueNames()
    for name in (NORMAL, COMBINED, UNMARKED):
        names.give(name)
    return {item.value: names.give(folder_key(item.name)) for item in classes}


def read_mvtec(root: Path) -> LabelledSet:
    """Read a folder in the layout of MVTec AD, without `train/good` too.

    Raises:
        UserError: A table is damaged.
    """
    found = LabelledSet(read_classes(root))
    table = read_table(root)
    by_folder = {name: value for value, name in defect_folders(found.book.classes).items()}
    masks = MaskFolders([root / TRUTH_FOLDER])
    places = [f"train/{NORMAL}", *_ASIDE]
    places += [f"test/{item.name}" for item in look_into(root / "test").folders]
    for place in places:
        for path in look_into(root / place).pictures:
            mask = masks.find(f"{place.removeprefix('test/')}/{path.stem}")
            listed = _Listed(path, place, mask, table.get(f"{place}/{path.name}"))
            found.readers.append(
                lambda listed=listed: _read_picture(root, listed, found.book, by_folder)
            )
    return found


def _read_picture(root: Path, listed: _Listed, book: ClassBook, by_folder: dict[str, int]) -> Entry:
    picture, place, mask_file, row = listed
    shape = load_image(picture).shape[:2]
    defect = place.removeprefix("test/") if place.startswith("test/") else NORMAL
    marked = np.zeros(shape, bool)
    if defect != NORMAL:
        if mask_file is None:
            raise UserError(
                f"The picture '{picture.stem}' has no mask in '{root / TRUTH_FOLDER / defect}'; "
                f"add '{picture.stem}_mask.png' there."
            )
        marked = read_binary_mask(mask_file, shape)
    name = (row or {}).get("name") or f"{place}/{picture.name}"
    if row is not None:
        annotation = row_annotation(root, row, name, shape)
        if place in _ASIDE or np.array_equal(annotation.mask != 0, marked):
            return Entry(picture, annotation)
    if place in _ASIDE:
        return Entry(picture, Annotation(name, marked.astype(np.uint8), place))
    if not marked.any():
        return Entry(picture, Annotation(name, marked.astype(np.uint8), _empty_label(defect)))
    value = by_folder.get(defect) or book.value_of(defect)
    mask = marked.astype(np.uint8) * np.uint8(value)
    label = (row or {}).get("label")
    return Entry(picture, Annotation(name, mask, settle_label(label, mask)))


def _empty_label(defect: str) -> str:
    return "normal" if defect == NORMAL else "anomalous"
