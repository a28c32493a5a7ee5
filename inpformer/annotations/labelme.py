"""LabelMe: one JSON file per picture, with polygons where a polygon is exact.

A region that no polygon gives exactly (it has a hole, or is a line or a dot) is written as
LabelMe's own `mask` shape (LabelMe 5.2 and newer), which is exact. So the whole export is.
"""

from __future__ import annotations

import base64
import json
import math
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from inpformer.annotations.annotation import LABELS, Annotation, settle_source
from inpformer.annotations.labelled_set import (
    ClassBook,
    Entry,
    LabelledSet,
    Outgoing,
    OutgoingSet,
    PictureFinder,
    blame,
    parse_json,
    write_text,
)
from inpformer.annotations.masks import MaskCanvas, MaskRegion, encode_mask, read_class_mask
from inpformer.annotations.polygons import check_points, fill_with_outline, outline
from inpformer.annotations.table import read_classes, write_classes
from inpformer.images import IMAGE_SUFFIXES, load_image

_KIND = "LabelMe"


def write_labelme(folder: Path, outgoing: OutgoingSet) -> list[str]:
    """Write each picture with its JSON file; says how many regions are polygons."""
    names = {item.value: item.name for item in outgoing.classes}
    polygons = masks = 0
    for item in outgoing:
        item.copy_to(folder)
        content = _content(item, names)
        kinds = [shape["shape_type"] for shape in content["shapes"]]
        polygons += kinds.count("polygon")
        masks += kinds.count("mask")
        write_text(folder / f"{item.stem}.json", json.dumps(content, ensure_ascii=False, indent=1))
    write_classes(folder, outgoing.classes)
    if not masks:
        return []
    return [
        f"{polygons} regions are polygons; {masks} that no polygon gives exactly (holes, lines, "
        "dots) are masks, for which LabelMe must be 5.2 or newer."
    ]


def _content(item: Outgoing, names: dict[int, str]) -> dict[str, Any]:
    annotation = item.annotation
    height, width = annotation.mask.shape
    pairs = zip(annotation.regions, annotation.sources, strict=True)
    return {
        "version": "5.5.0",
        "flags": {label: label == annotation.label for label in LABELS},
        "shapes": [_shape(region, names[region.value], source) for region, source in pairs],
        "imagePath": item.file_name,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
        "inpformer": {
            "name": annotation.name,
            "detector_id": annotation.detector_id,
            "seconds": annotation.seconds,
        },
    }


def _shape(region: MaskRegion, label: str, source: str) -> dict[str, Any]:
    left, top, width, height = region.box
    corners = outline(region.pixels)
    fields = {"label": label, "group_id": None, "description": source, "flags": {}}
    is_exact = len(corners) > 2 and np.array_equal(
        fill_with_outline(corners, region.pixels.shape), region.pixels
    )
    if is_exact:
        points = [[left + x, top + y] for x, y in corners]
        return {**fields, "points": points, "shape_type": "polygon", "mask": None}
    png = encode_mask(region.pixels.astype(np.uint8) * 255)
    return {
        **fields,
        "points": [[left, top], [left + width - 1, top + height - 1]],
        "shape_type": "mask",
        "mask": base64.b64encode(png).decode("ascii"),
    }


def read_labelme(root: Path) -> LabelledSet:
    """Read all LabelMe files in a folder; a picture without one is unlabelled.

    Raises:
        UserError: A file is damaged.
    """
    found = LabelledSet(read_classes(root))
    finder = PictureFinder(root)
    described = set()
    for path in sorted(root.rglob("*.json")):
        content = parse_json(path)
        if not isinstance(content, dict) or "shapes" not in content:
            found.note(f"'{path.name}' is no file of LabelMe and was left out.")
            continue
        with blame(path, _KIND):
            described.add((path.parent / str(content["imagePath"]).replace("\\", "/")).resolve())
        found.readers.append(lambda path=path: _read_file(path, finder, found.book, found))
    for picture in sorted(root.rglob("*")):
        if picture.suffix.lower() in IMAGE_SUFFIXES and picture.resolve() not in described:
            found.readers.append(
                lambda picture=picture: Entry(
                    picture,
                    Annotation(
                        finder.name_of(picture), np.zeros(load_image(picture).shape[:2], np.uint8)
                    ),
                )
            )
    return found


def _read_file(path: Path, finder: PictureFinder, book: ClassBook, found: LabelledSet) -> Entry:
    content = parse_json(path)
    with blame(path, _KIND):
        given, data = str(content["imagePath"]), content.get("imageData")
        if data:
            picture: Path | bytes = base64.b64decode(data, validate=True)
            image = load_image(BytesIO(picture))
            place = path.with_name(given.replace("\\", "/").rsplit("/", 1)[-1])
        else:
            picture = place = finder.find(given, f"'{path.name}'", path.parent)
            image = load_image(picture)
        canvas = MaskCanvas(image.shape[:2])
        for shape in content["shapes"]:
            _paint(canvas, shape, book, found, path)
        ours = content.get("inpformer") or {}
        flags = content.get("flags") or {}
        label = next((label for label in LABELS if flags.get(label)), None)
        name = ours.get("name") or finder.name_of(place)
        return found.painted(picture, name, canvas, label, ours)


def _paint(
    canvas: MaskCanvas, shape: dict[str, Any], book: ClassBook, found: LabelledSet, path: Path
) -> None:
    kind = shape.get("shape_type") or "polygon"
    size = canvas.mask.shape
    points = check_points(shape["points"], size)
    value, source = book.value_of(str(shape["label"])), settle_source(shape.get("description"))
    if kind == "mask":
        (left, top), (right, bottom) = [(int(x), int(y)) for x, y in points]
        data = base64.b64decode(shape["mask"], validate=True)
        crop = (bottom - top + 1, right - left + 1)
        pixels = read_class_mask(data, f"in '{path.name}'", crop) != 0
        canvas.paint(pixels, value, source, (left, top))
    elif kind == "polygon" and len(points) > 2:
        canvas.paint(fill_with_outline(points, size), value, source)
    elif kind in ("rectangle", "circle") and len(points) == 2:
        canvas.paint(_fill_simple(kind, points, size), value, source)
    else:
        found.note(f"Points and lines have no area and were left out ('{path.name}').")


def _fill_simple(kind: str, points: list[tuple[float, float]], size: tuple[int, int]) -> np.ndarray:
    canvas = Image.new("1", (size[1], size[0]))
    draw = ImageDraw.Draw(canvas)
    (x, y), (other_x, other_y) = points
    if kind == "circle":  # centre, and a point on it
        radius = math.hypot(x - other_x, y - other_y)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1, outline=1)
    else:
        corners = (min(x, other_x), min(y, other_y), max(x, other_x), max(y, other_y))
        draw.rectangle(corners, fill=1, outline=1)
    return np.array(canvas, bool)
