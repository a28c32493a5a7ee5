"""COCO instance segmentation: one annotation per region, as compressed run lengths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from inpformer.annotations.annotation import (
    DefectClass,
    settle_source,
    suggest_colour,
)
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
from inpformer.annotations.masks import MaskCanvas, MaskRegion
from inpformer.annotations.polygons import check_points, fill_area
from inpformer.errors import UserError
from inpformer.images import load_image

FILE = "annotations.json"
_KIND = "the COCO format"
_MOST_BITS = 40  # a longer number only makes each next step of reading it slower


def write_coco(folder: Path, outgoing: OutgoingSet) -> list[str]:
    """Write `pictures` and `annotations.json`; nothing is lost.

    What COCO has no field for is in fields of ours: `label`, `name`, `detector_id` and `seconds`
    of an image, `source` of an annotation, `colour` of a category.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, item in enumerate(outgoing, start=1):
        item.copy_to(folder / "pictures")
        images.append(_image(image_id, item))
        for region, source in zip(item.annotation.regions, item.annotation.sources, strict=True):
            fields = _region(region, item.annotation.mask.shape)
            ids = {"id": len(annotations) + 1, "image_id": image_id}
            annotations.append({**ids, **fields, "source": source})
    categories = [
        {"id": item.value, "name": item.name, "supercategory": "defect", "colour": item.colour}
        for item in outgoing.classes
    ]
    content = {
        "info": {"description": "Written by INP-Former++ Lab."},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }
    write_text(folder / FILE, json.dumps(content, ensure_ascii=False))
    return []


def _image(image_id: int, item: Outgoing) -> dict[str, Any]:
    annotation = item.annotation
    height, width = annotation.mask.shape
    return {
        "id": image_id,
        "file_name": f"pictures/{item.file_name}",
        "width": width,
        "height": height,
        "name": annotation.name,
        "label": annotation.label,
        "detector_id": annotation.detector_id,
        "seconds": annotation.seconds,
    }


def run_lengths(mask: np.ndarray) -> dict[str, Any]:
    """Return a mask `(H, W)` bool as COCO's compressed run lengths: `size` and `counts`."""
    lengths = coco_mask.encode(np.asfortranarray(mask.view(np.uint8)))
    return {"size": list(mask.shape), "counts": lengths["counts"].decode("ascii")}


def _region(region: MaskRegion, shape: tuple[int, int]) -> dict[str, Any]:
    return {
        "category_id": region.value,
        "segmentation": run_lengths(region.full(shape)),
        "area": region.area,
        "bbox": list(region.box),
        "iscrowd": 0,
    }


def read_coco(path: Path, root: Path) -> LabelledSet:
    """Read a COCO file: run lengths, compressed or not, and polygons.

    A picture without annotations is normal, unless the file says something else.

    Args:
        path: The JSON file.
        root: Folder in which its pictures lie.

    Raises:
        UserError: The file is damaged.
    """
    content = parse_json(path)
    with blame(path, _KIND):
        values, book = _classes(content["categories"])
        found = LabelledSet(book)
        finder = PictureFinder(root)
        regions: dict[Any, list[dict[str, Any]]] = {}
        for item in content["annotations"]:
            regions.setdefault(item["image_id"], []).append(item)
        unknown = regions.keys() - {image["id"] for image in content["images"]}
        if unknown:
            raise ValueError(f"there is no image {sorted(map(str, unknown))[0]}")
        for image in content["images"]:
            mine = regions.get(image["id"], [])
            found.readers.append(
                lambda image=image, mine=mine: _read_image(path, finder, image, mine, values, found)
            )
    return found


def _classes(categories: list[dict[str, Any]]) -> tuple[dict[Any, int], ClassBook]:
    """Return the value of each category id; ids that no mask can hold are counted anew."""
    ids = [item["id"] for item in categories]
    fits = all(isinstance(number, int) and 1 <= number <= 255 for number in ids)
    values = {number: number if fits else place for place, number in enumerate(ids, start=1)}
    classes = [
        DefectClass(
            values[item["id"]],
            str(item["name"]),
            item.get("colour") or suggest_colour(values[item["id"]]),
        )
        for item in categories
    ]
    return values, ClassBook(classes)


def _read_image(
    path: Path,
    finder: PictureFinder,
    image: dict[str, Any],
    regions: list[dict[str, Any]],
    values: dict[Any, int],
    found: LabelledSet,
) -> Entry:
    with blame(path, _KIND):
        picture = finder.find(str(image["file_name"]), f"'{path.name}'", path.parent)
        shape = load_image(picture).shape[:2]
        if (image["height"], image["width"]) != shape:
            raise UserError(
                f"'{path.name}' says that '{picture.name}' is {image['width']} × "
                f"{image['height']} pixels, but it is {shape[1]} × {shape[0]}; export both again."
            )
        canvas = MaskCanvas(shape)
        for item in regions:
            pixels = _decode(item["segmentation"], shape)
            canvas.paint(pixels, values[item["category_id"]], settle_source(item.get("source")))
        name = image.get("name") or finder.name_of(picture)
        return found.painted(picture, name, canvas, image.get("label"), image)


def _decode(segmentation: Any, shape: tuple[int, int]) -> np.ndarray:
    """Return `(H, W)` bool; the sizes are checked first, as the C code trusts them."""
    height, width = shape
    if isinstance(segmentation, list):
        if any(len(polygon) < 6 or len(polygon) % 2 for polygon in segmentation):
            raise ValueError("a polygon has fewer than 3 points")
        pairs = [zip(polygon[::2], polygon[1::2], strict=True) for polygon in segmentation]
        return fill_area([check_points(list(pair), shape) for pair in pairs], shape)
    if list(segmentation["size"]) != [height, width]:
        raise ValueError(f"a region has the size {segmentation['size']}")
    counts = segmentation["counts"]
    runs = [int(run) for run in counts] if isinstance(counts, list) else _expand(str(counts))
    if min(runs, default=0) < 0 or sum(runs) != height * width:
        raise ValueError("the run lengths of a region do not add up to the picture")
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return flat.reshape((height, width), order="F")


def _expand(text: str) -> list[int]:
    """Return the run lengths in a compressed string.

    Five bits per character, the sixth says that more follow; from the third on, runs are written
    as the difference to the one before the last. Not with pycocotools, which writes beyond its
    memory when a damaged file has runs that do not add up.
    """
    runs: list[int] = []
    number = shift = 0
    for letter in text.encode("ascii"):
        bits = letter - 48
        if not 0 <= bits < 64:
            raise ValueError("the run lengths of a region hold a character that is none of theirs")
        if shift > _MOST_BITS:
            raise ValueError("the run lengths of a region hold a number that no picture needs")
        number |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            number -= 1 << shift
        runs.append(number + runs[-2] if len(runs) > 2 else number)
        number = shift = 0
    if shift:
        raise ValueError("the run lengths of a region are cut short")
    return runs
