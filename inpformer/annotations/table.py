"""Pictures, PNG masks and a CSV table; the table also goes beside formats that hold less.

`metadata.csv` has the columns that Hugging Face's image folders know (`file_name`,
`mask_file_name`); `classes.csv` says what the values in the masks are.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from inpformer.annotations.annotation import Annotation, DefectClass, settle_label
from inpformer.annotations.labelled_set import (
    ClassBook,
    Entry,
    LabelledSet,
    OutgoingSet,
    PictureFinder,
    blame,
    read_seconds,
)
from inpformer.annotations.masks import encode_mask, find_mask_regions, read_class_mask
from inpformer.errors import UserError
from inpformer.files import is_formula
from inpformer.images import load_image

TABLE = "metadata.csv"
CLASSES = "classes.csv"
_KIND = "the PNG and CSV format"
_COLUMNS = ("file_name", "mask_file_name", "name", "label", "sources", "detector_id", "seconds")
_CLASS_COLUMNS = ("value", "name", "colour")


def write_table_set(folder: Path, outgoing: OutgoingSet) -> list[str]:
    """Write all pictures with masks and table into a folder; nothing is lost."""
    rows = []
    for item in outgoing:
        picture = f"pictures/{item.copy_to(folder / 'pictures')}"
        rows.append(table_row(folder, picture, f"masks/{item.stem}.png", item.annotation))
    write_table(folder, rows, outgoing.classes)
    return []


def table_row(folder: Path, picture: str, mask: str, annotation: Annotation) -> list[str]:
    """Write the mask of a picture and return its row of the table."""
    path = folder / mask
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_mask(annotation.mask))
    about = (annotation.name, annotation.label, " ".join(annotation.sources))
    return [picture, mask, *about, annotation.detector_id or "", repr(annotation.seconds)]


def write_table(
    folder: Path, rows: Iterable[Sequence[str]], classes: Sequence[DefectClass]
) -> None:
    """Write `metadata.csv` and `classes.csv`."""
    _write_csv(folder / TABLE, _COLUMNS, rows)
    write_classes(folder, classes)


def write_classes(folder: Path, classes: Sequence[DefectClass]) -> None:
    """Write `classes.csv`."""
    rows = [[str(item.value), item.name, item.colour] for item in classes]
    _write_csv(folder / CLASSES, _CLASS_COLUMNS, rows)


def read_classes(folder: Path) -> ClassBook:
    """Read `classes.csv`; where there is none, no class is known yet.

    Raises:
        UserError: The file is damaged.
    """
    path = folder / CLASSES
    if not path.is_file():
        return ClassBook()
    with blame(path, _KIND):
        return ClassBook(
            [
                DefectClass(int(row["value"]), _bare(row["name"]), row["colour"])
                for row in read_csv(path)
            ]
        )


def read_table(folder: Path) -> dict[str, dict[str, str]]:
    """Read the rows of `metadata.csv` by their `file_name`; none where there is no such file.

    Raises:
        UserError: The file is damaged.
    """
    path = folder / TABLE
    if not path.is_file():
        return {}
    with blame(path, _KIND):
        rows = [{key: _bare(value) for key, value in row.items()} for row in read_csv(path)]
        return {row["file_name"]: row for row in rows}


def read_table_set(root: Path) -> LabelledSet:
    """Read a folder that `write_table_set` wrote, or one with those columns.

    Only `file_name` must be there: a picture without a mask has nothing marked.

    Raises:
        UserError: A table is damaged.
    """
    found = LabelledSet(read_classes(root))
    finder = PictureFinder(root)
    for row in read_table(root).values():
        found.readers.append(lambda row=row: _read_row(root, finder, row))
    return found


def _read_row(root: Path, finder: PictureFinder, row: dict[str, str]) -> Entry:
    picture = finder.find(row["file_name"], TABLE)
    name = row.get("name") or finder.name_of(picture)
    return Entry(picture, row_annotation(root, row, name, load_image(picture).shape[:2]))


def row_annotation(
    root: Path, row: dict[str, str], name: str, shape: tuple[int, int]
) -> Annotation:
    """Return what a row of the table says.

    Args:
        root: The data set's folder.
        row: Of `metadata.csv`.
        name: That the picture is to have.
        shape: `(H, W)` of the picture.

    Raises:
        UserError: The row or its mask is damaged.
    """
    mask = _mask_of(root, row, shape)
    sources = tuple((row.get("sources") or "").split())
    if len(sources) != len(find_mask_regions(mask)):  # it was painted on since
        sources = None
    with blame(root / TABLE, _KIND):
        return Annotation(
            name,
            mask,
            settle_label(row.get("label") or None, mask),
            sources,
            row.get("detector_id") or None,
            read_seconds(row.get("seconds")),
        )


def _mask_of(root: Path, row: dict[str, str], shape: tuple[int, int]) -> np.ndarray:
    given = row.get("mask_file_name")
    if not given:
        return np.zeros(shape, np.uint8)
    path = PictureFinder(root).find(given, TABLE)
    return read_class_mask(path, f"'{given}'", shape)


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows([_guarded(cell) for cell in row] for row in rows)


def _guarded(text: str) -> str:
    """Put a quote before what a spreadsheet would run as a formula; `_bare` takes it off."""
    return f"'{text}" if is_formula(text.lstrip("'")) else text


def _bare(text: str) -> str:
    is_guarded = text.startswith("'") and is_formula(text.lstrip("'"))
    return text[1:] if is_guarded else text


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read a CSV table in UTF-8, a row as text by column; what a short row lacks is empty.

    Raises:
        UserError: It is missing or damaged.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream, strict=True))
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"'{path.name}' cannot be read as a CSV table in UTF-8.") from error
    return [{key: value or "" for key, value in row.items() if key} for row in rows]
