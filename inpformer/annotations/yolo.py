"""YOLO segmentation: outlines only, so holes, sources and some labels are lost."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import yaml

from inpformer.annotations.annotation import Annotation
from inpformer.annotations.labelled_set import (
    ClassBook,
    Entry,
    LabelledSet,
    Outgoing,
    OutgoingSet,
    blame,
    write_text,
)
from inpformer.annotations.masks import MaskCanvas
from inpformer.annotations.polygons import check_points, fill_corners, outline
from inpformer.annotations.table import read_classes, write_classes
from inpformer.images import IMAGE_SUFFIXES, load_image

_KIND = "YOLO"
_MAX_YAML_BYTES = 1 << 20  # of 255 names; reading takes seconds for each megabyte
_LOSS = "YOLO keeps outlines only: holes are filled; names, sources and kinds of labels are lost."


def write_yolo(folder: Path, outgoing: OutgoingSet) -> list[str]:
    """Write `images`, `labels` and `data.yaml`; pictures without a verdict get no label file."""
    numbers = {item.value: number for number, item in enumerate(outgoing.classes)}
    for item in outgoing:
        item.copy_to(folder / "images" / "train")
        if item.annotation.label not in ("unlabelled", "skipped"):
            lines = _lines(item, numbers)
            write_text(folder / "labels" / "train" / f"{item.stem}.txt", "".join(lines))
    # What JSON writes is YAML too, and names with any signs in them are written right.
    names = json.dumps([item.name for item in outgoing.classes], ensure_ascii=False)
    write_text(
        folder / "data.yaml", f"path: .\ntrain: images/train\nval: images/train\nnames: {names}\n"
    )
    write_classes(folder, outgoing.classes)
    return [_LOSS]


def _lines(item: Outgoing, numbers: dict[int, int]) -> list[str]:
    height, width = item.annotation.mask.shape
    lines = []
    for region in item.annotation.regions:
        left, top = region.box[:2]
        corners = outline(region.pixels)
        corners += corners[-1:] * (3 - len(corners))  # three points at least
        # The middle of a pixel, which stays in it when readers cut off the fraction.
        numbers_of = (
            f"{(left + x + 0.5) / width:.8f} {(top + y + 0.5) / height:.8f}" for x, y in corners
        )
        lines.append(f"{numbers[region.value]} {' '.join(numbers_of)}\n")
    return lines


def read_yolo(root: Path) -> LabelledSet:
    """Read pictures in `images` and outlines or boxes in `labels`.

    A picture with an empty label file is normal, one without a file is unlabelled.

    Raises:
        UserError: `data.yaml` is damaged.
    """
    book = read_classes(root)
    names = _class_names(root)
    found = LabelledSet(book, notes=[_LOSS])
    for picture in sorted((root / "images").rglob("*")):
        if picture.suffix.lower() in IMAGE_SUFFIXES and picture.is_file():
            found.readers.append(lambda picture=picture: _read_picture(root, picture, names, found))
    return found


def _class_names(root: Path) -> dict[int, str]:
    path = next(
        (root / name for name in ("data.yaml", "data.yml") if (root / name).is_file()), None
    )
    if path is None:
        return {}
    with blame(path, _KIND):
        try:
            if path.stat().st_size > _MAX_YAML_BYTES:
                raise ValueError("it is far too long")
            names = yaml.safe_load(path.read_text("utf-8-sig"))["names"]
        except (OSError, yaml.YAMLError, RecursionError) as error:
            raise ValueError("it cannot be read") from error
        pairs = names.items() if isinstance(names, dict) else enumerate(names)
        return {int(number): _plain(name) for number, name in pairs}


def _plain(name: object) -> str:
    """Return a name; lists that hold each other many times would be written out without end."""
    if not isinstance(name, (str, int, float)):
        raise ValueError("a name is no text")
    return str(name)


def _read_picture(root: Path, picture: Path, names: dict[int, str], found: LabelledSet) -> Entry:
    shape = load_image(picture).shape[:2]
    place = picture.relative_to(root / "images")
    path = (root / "labels" / place).with_suffix(".txt")
    name = place.as_posix()
    if not path.is_file():
        return Entry(picture, Annotation(name, np.zeros(shape, np.uint8)))
    canvas = MaskCanvas(shape)
    with blame(path, _KIND):
        for line in path.read_text("utf-8-sig").splitlines():
            if line.strip():
                _paint(canvas, line.split(), names, found.book)
    return found.painted(picture, name, canvas, None, {})


def _paint(canvas: MaskCanvas, words: list[str], names: dict[int, str], book: ClassBook) -> None:
    number, places = int(words[0]), [float(word) for word in words[1:]]
    height, width = canvas.mask.shape
    if len(places) == 4:  # a box: its middle and its size
        x, y, w, h = places
        left, top, right, bottom = x - w / 2, y - h / 2, x + w / 2, y + h / 2
        places = [left, top, right, top, right, bottom, left, bottom]
    if len(places) < 6 or len(places) % 2:
        raise ValueError("a line has fewer than 3 points")
    points = [(x * width, y * height) for x, y in zip(places[::2], places[1::2], strict=True)]
    value = book.value_of(names.get(number, f"class {number}"))
    canvas.paint(
        fill_corners(check_points(points, canvas.mask.shape), (height, width)), value, "human"
    )
