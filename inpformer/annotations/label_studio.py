"""Label Studio: tasks whose predictions are brush masks, to be opened and corrected there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from xml.sax.saxutils import quoteattr

import numpy as np

from inpformer.annotations.annotation import LABELS
from inpformer.annotations.brush_rle import decode_brush, encode_brush
from inpformer.annotations.labelled_set import (
    Entry,
    LabelledSet,
    Outgoing,
    OutgoingSet,
    PictureFinder,
    blame,
    parse_json,
    write_text,
)
from inpformer.annotations.masks import MaskCanvas
from inpformer.annotations.polygons import check_points, fill_area
from inpformer.annotations.table import read_classes, write_classes
from inpformer.images import load_image

FILE = "tasks.json"
IMAGE_PREFIX = "/data/local-files/?d="
_KIND = "Label Studio"
# Label Studio's own words for who made a region.
_ORIGINS = {"predicted": "prediction", "human": "manual", "edited": "prediction-changed"}
_SOURCES = {origin: source for source, origin in _ORIGINS.items()}
_UPLOAD_PREFIX = re.compile(r"^[0-9a-f]{8}-")


def write_label_studio(folder: Path, outgoing: OutgoingSet) -> list[str]:
    """Write `pictures`, `tasks.json` to import, and `label_config.xml` to set up a project."""
    names = {item.value: item.name for item in outgoing.classes}
    tasks = []
    for item in outgoing:
        item.copy_to(folder / "pictures")
        tasks.append(_task(item, names))
    write_text(folder / FILE, json.dumps(tasks, ensure_ascii=False))
    write_text(folder / "label_config.xml", _label_config(outgoing))
    write_classes(folder, outgoing.classes)
    return [
        "Label Studio must be told where the pictures are: set "
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and "
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT to the exported folder, and add it as local "
        "storage."
    ]


def _task(item: Outgoing, names: dict[int, str]) -> dict[str, Any]:
    annotation = item.annotation
    height, width = annotation.mask.shape
    common = {
        "to_name": "image",
        "image_rotation": 0,
        "original_width": width,
        "original_height": height,
    }
    result = []
    for number, (region, source) in enumerate(
        zip(annotation.regions, annotation.sources, strict=True)
    ):
        rle = encode_brush(region.full((height, width)))
        value = {"format": "rle", "rle": rle, "brushlabels": [names[region.value]]}
        fields = {"id": f"region{number}", "type": "brushlabels", "from_name": "brush"}
        result.append({**fields, **common, "origin": _ORIGINS[source], "value": value})
    choice = {"id": "label", "type": "choices", "from_name": "label", "origin": "manual"}
    result.append({**choice, **common, "value": {"choices": [annotation.label]}})
    return {
        "data": {"image": f"{IMAGE_PREFIX}pictures/{quote(item.file_name)}"},
        "meta": {
            "name": annotation.name,
            "seconds": annotation.seconds,
            "detector_id": annotation.detector_id,
        },
        "predictions": [{"model_version": annotation.detector_id or "", "result": result}],
    }


def _label_config(outgoing: OutgoingSet) -> str:
    labels = "".join(
        f"    <Label value={quoteattr(item.name)} background={quoteattr(item.colour)}/>\n"
        for item in outgoing.classes
    )
    choices = "".join(f'    <Choice value="{label}"/>\n' for label in LABELS)
    return (
        '<View>\n  <Image name="image" value="$image" zoom="true"/>\n'
        f'  <BrushLabels name="brush" toName="image">\n{labels}  </BrushLabels>\n'
        f'  <Choices name="label" toName="image">\n{choices}  </Choices>\n</View>\n'
    )


def read_label_studio(path: Path, root: Path) -> LabelledSet:
    """Read tasks: brush masks, polygons and boxes, of a person if there are any, else predicted.

    A task with an empty result is normal, one without any is unlabelled.

    Args:
        path: The JSON file.
        root: Folder in which its pictures lie.

    Raises:
        UserError: The file is damaged.
    """
    tasks = parse_json(path)
    found = LabelledSet(read_classes(root))
    finder = PictureFinder(root)
    with blame(path, _KIND):
        if not isinstance(tasks, list):
            raise ValueError("it holds no list of tasks")
        for task in tasks:
            found.readers.append(lambda task=task: _read_task(path, finder, task, found))
    return found


def _read_task(
    path: Path, finder: PictureFinder, task: dict[str, Any], found: LabelledSet
) -> Entry:
    with blame(path, _KIND):
        picture = finder.find(_picture_name(task), f"'{path.name}'", path.parent)
        canvas = MaskCanvas(load_image(picture).shape[:2])
        results = _results(task)
        label = None if results is not None else "unlabelled"
        for item in results or []:
            kind = str(item["type"])
            if kind == "choices":
                label = item["value"]["choices"][0]
            else:
                _paint(canvas, kind, item, found)
        meta = task.get("meta") or {}
        name = meta.get("name") or finder.name_of(picture)
        return found.painted(picture, name, canvas, label, meta)


def _picture_name(task: dict[str, Any]) -> str:
    """Return the path that a task names, without the server, and without an upload's prefix."""
    address = urlsplit(str(task["data"]["image"]))
    _, marker, local = address.query.partition("d=")
    given = unquote(local if marker else address.path).lstrip("/")
    folder, slash, name = given.rpartition("/")
    if folder.startswith("data/upload"):
        name = _UPLOAD_PREFIX.sub("", name)
    return folder + slash + name


def _results(task: dict[str, Any]) -> list[dict[str, Any]] | None:
    for kind in ("annotations", "predictions"):
        given = [item for item in task.get(kind) or [] if not item.get("was_cancelled")]
        if given:
            return given[-1]["result"]
    return None


def _paint(canvas: MaskCanvas, kind: str, item: dict[str, Any], found: LabelledSet) -> None:
    value, shape = item["value"], canvas.mask.shape
    labels = value.get(kind)
    if kind not in ("brushlabels", "polygonlabels", "rectanglelabels") or not labels:
        found.note(f"Results of the kind '{kind}' were left out.")
        return
    if (item["original_height"], item["original_width"]) != shape:
        raise ValueError("a result is for a picture of another size")
    if kind == "brushlabels":
        pixels = decode_brush(value["rle"], shape)
    else:
        pixels = _fill_percent(kind, value, shape)
    source = _SOURCES.get(item.get("origin"), "human")
    canvas.paint(pixels, found.book.value_of(str(labels[0])), source)


def _fill_percent(kind: str, value: dict[str, Any], shape: tuple[int, int]) -> np.ndarray:
    """Fill a polygon or an upright box whose numbers are per cent of the picture."""
    if kind == "polygonlabels":
        corners = value["points"]
    else:
        if value.get("rotation"):
            raise ValueError("a box is turned; draw it as a polygon")
        x, y, w, h = (float(value[key]) for key in ("x", "y", "width", "height"))
        corners = [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
    height, width = shape
    points = [(float(x) * width / 100, float(y) * height / 100) for x, y in corners]
    if len(points) < 3:
        raise ValueError("a polygon has fewer than 3 points")
    return fill_area([check_points(points, shape)], shape)
