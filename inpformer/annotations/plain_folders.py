"""Two folders of pictures: `normal` and `defect`, with masks if there are any."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inpformer.annotations.annotation import Annotation
from inpformer.annotations.labelled_set import ClassBook, Entry, LabelledSet
from inpformer.annotations.masks import read_binary_mask
from inpformer.images import IMAGE_SUFFIXES, load_image

NORMAL_FOLDERS = ("normal", "good", "ok")
DEFECT_FOLDERS = ("defect", "defects", "anomalous", "anomaly", "bad", "ng")
MASK_FOLDERS = ("masks", "mask")


def read_plain_folders(root: Path) -> LabelledSet:
    """Read folders of normal and of defective pictures.

    A mask of `defect/x.jpg` is `masks/x.png` or `masks/x_mask.png`; a picture without one is
    anomalous, and nothing is marked in it.
    """
    found = LabelledSet(ClassBook())
    for folder in sorted(item for item in root.iterdir() if item.is_dir()):
        kind = folder.name.lower()
        if kind not in NORMAL_FOLDERS + DEFECT_FOLDERS:
            continue
        is_normal = kind in NORMAL_FOLDERS
        for picture in sorted(folder.rglob("*")):
            hidden = any(part.startswith(".") for part in picture.relative_to(folder).parts)
            if picture.suffix.lower() in IMAGE_SUFFIXES and picture.is_file() and not hidden:
                found.readers.append(
                    lambda picture=picture, is_normal=is_normal: _read_picture(
                        root, picture, is_normal, found.book
                    )
                )
    return found


def _read_picture(root: Path, picture: Path, is_normal: bool, book: ClassBook) -> Entry:
    shape = load_image(picture).shape[:2]
    name = picture.relative_to(root).as_posix()
    if is_normal:
        return Entry(picture, Annotation(name, np.zeros(shape, np.uint8), "normal"))
    candidates = [
        root / folder / f"{picture.stem}{end}"
        for folder in MASK_FOLDERS
        for end in (".png", "_mask.png")
    ]
    mask = np.zeros(shape, np.uint8)
    for path in candidates:
        if path.is_file():
            mask[read_binary_mask(path, shape)] = book.value_of("defect")
            break
    return Entry(picture, Annotation(name, mask, "anomalous"))
