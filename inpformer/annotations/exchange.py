"""A store's content in the formats of other programs, out and back."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from inpformer.annotations.annotation import Annotation
from inpformer.annotations.archive import pack, unpack, write_card_set
from inpformer.annotations.coco import read_coco, write_coco
from inpformer.annotations.label_studio import read_label_studio, write_label_studio
from inpformer.annotations.labelled_set import LabelledSet, OutgoingSet, parse_json
from inpformer.annotations.labelme import read_labelme, write_labelme
from inpformer.annotations.mvtec import read_mvtec, write_mvtec
from inpformer.annotations.plain_folders import read_plain_folders
from inpformer.annotations.store import AnnotationStore
from inpformer.annotations.table import CLASSES, TABLE, read_table_set, write_table_set
from inpformer.annotations.yolo import read_yolo, write_yolo
from inpformer.datasets.folders import only_folder
from inpformer.datasets.plain import is_plain
from inpformer.errors import UserError
from inpformer.files import PARTIAL_SUFFIX, disk_problem, make_folder, remove_abandoned
from inpformer.scratch import scratch_folder


@dataclass(frozen=True)
class ExportFormat:
    """A format to export to.

    Attributes:
        write: Fills an empty folder and returns notes.
        is_lossless: Whether an import gives back masks, labels, classes and sources to the bit.
        is_file: Whether it is one zip file.
    """

    write: Callable[[Path, OutgoingSet], list[str]]
    is_lossless: bool = True
    is_file: bool = False


EXPORT_FORMATS = {
    "mvtec": ExportFormat(write_mvtec),
    "png": ExportFormat(write_table_set),
    "coco": ExportFormat(write_coco),
    "labelme": ExportFormat(write_labelme),
    "yolo": ExportFormat(write_yolo, is_lossless=False),
    "label-studio": ExportFormat(write_label_studio),
    "zip": ExportFormat(write_card_set, is_file=True),
}
IMPORT_FORMATS = ("auto", "mvtec", "png", "coco", "labelme", "yolo", "label-studio", "folders")


@dataclass(frozen=True)
class ExportReport:
    """What was exported.

    Attributes:
        path: The folder or file.
        pictures: How many.
        is_lossless: Whether an import gives everything back.
        notes: What the reader of the export must know, one sentence each.
    """

    path: Path
    pictures: int
    is_lossless: bool
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ImportReport:
    """What was imported.

    Attributes:
        names: Of the pictures in the store.
        notes: What was left out or guessed, one sentence each.
    """

    names: tuple[str, ...]
    notes: tuple[str, ...]


def export_annotations(store: AnnotationStore, kind: str, output: str | Path) -> ExportReport:
    """Write all pictures of a store in a format; all of it or nothing.

    Args:
        store: Is only read.
        kind: One of `EXPORT_FORMATS`.
        output: Folder that is empty or not there; for `zip` a file, which is replaced.

    Raises:
        UserError: The format is not known, the store is empty or damaged, or nothing can be
            written.
    """
    output = Path(output)
    chosen = EXPORT_FORMATS.get(kind)
    if chosen is None:
        raise UserError(f"The format must be one of {', '.join(EXPORT_FORMATS)}, not '{kind}'.")
    outgoing = OutgoingSet(store)
    if not outgoing.names:
        raise UserError(f"The store '{store.folder}' has no pictures to export.")
    if chosen.is_file:
        with scratch_folder(output.name) as temporary, _disk_problems(output):
            notes = chosen.write(temporary, outgoing)
            pack(temporary, output)
    else:
        with _new_folder(output) as folder, _disk_problems(output):
            notes = chosen.write(folder, outgoing)
    return ExportReport(output, len(outgoing.names), chosen.is_lossless, tuple(notes))


@contextmanager
def _new_folder(output: Path) -> Iterator[Path]:
    """Give a folder beside `output`, and rename it to `output` once that went well."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(f"'{output}' is not empty; choose a new folder.")
    partial = output.parent / f".{output.name}.{uuid.uuid4().hex}{PARTIAL_SUFFIX}"
    make_folder(output.parent)
    remove_abandoned(output)
    with _disk_problems(output):
        partial.mkdir()
    try:
        yield partial
        with _disk_problems(output):
            if output.exists():
                output.rmdir()
            os.rename(partial, output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _disk_problems(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise disk_problem(output, error) from error


def import_annotations(
    store: AnnotationStore, source: str | Path, kind: str = "auto"
) -> ImportReport:
    """Add the pictures and annotations of a data set to a store.

    Everything is checked before anything is added. An annotation of a picture that the store has
    already becomes its newest version. Classes are matched by name; a store without pictures
    takes the classes as they are.

    Args:
        store: Where to.
        source: Folder, zip file, or the JSON file of COCO or Label Studio.
        kind: One of `IMPORT_FORMATS`; `auto` looks what it is.

    Raises:
        UserError: A file is bad (the message names it), or the format is not known.
    """
    if kind not in IMPORT_FORMATS:
        raise UserError(f"The format must be one of {', '.join(IMPORT_FORMATS)}, not '{kind}'.")
    with _opened(Path(source)) as path:
        found = _reader(path, kind, Path(source).name)
        for read in found.readers:
            _check_values(read().annotation, found)
        if not found.readers:
            raise UserError(f"'{source}' has no pictures.")
        values = store.merge_classes(found.book.classes)
        names = [_add(store, read, values) for read in found.readers]
    return ImportReport(tuple(names), tuple(found.notes))


@contextmanager
def _opened(source: Path) -> Iterator[Path]:
    if not source.exists():
        raise UserError(f"There is no file or folder '{source}'; check the path.")
    if source.is_dir() or source.suffix.lower() == ".json":
        yield _without_wrapping(source)
        return
    with scratch_folder(source.name) as temporary:
        unpack(source, temporary)
        yield _without_wrapping(temporary)


def _without_wrapping(path: Path) -> Path:
    """Go into a folder that is the only one, as zip files often have it."""
    if not path.is_dir() or _kind_of(path) is not None:
        return path
    inside = only_folder(path)
    return path if inside is None else _without_wrapping(inside)


def _reader(path: Path, kind: str, name: str) -> LabelledSet:
    kind = (_kind_of(path) or "") if kind == "auto" else kind
    if kind in ("coco", "label-studio"):
        wanted = path if path.is_file() else _find_json(path, kind, name)
        root = wanted.parent if path.is_file() else path
        return read_coco(wanted, root) if kind == "coco" else read_label_studio(wanted, root)
    readers = {
        "png": read_table_set,
        "mvtec": read_mvtec,
        "labelme": read_labelme,
        "yolo": read_yolo,
        "folders": read_plain_folders,
    }
    if kind not in readers or not path.is_dir():
        raise UserError(
            f"'{name}' is in none of the known layouts; name the format, or put normal "
            "pictures in a folder 'normal' and others in a folder 'defect'."
        )
    return readers[kind](path)


def _kind_of(path: Path) -> str | None:
    """Say what a folder or a JSON file is, by what lies in it."""
    if path.is_file():
        return _json_kind(path)
    if (path / "train" / "good").is_dir() or (path / "test").is_dir():
        return "mvtec"
    if (path / TABLE).is_file():
        return "png"
    if (path / "images").is_dir() and (path / "labels").is_dir():
        return "yolo"
    kinds = [_json_kind(item) for item in _json_files(path)]
    for kind in ("coco", "label-studio", "labelme"):
        if kind in kinds:
            return kind
    return "folders" if is_plain(path) else None


def _json_files(folder: Path) -> list[Path]:
    places = (folder, folder / "annotations")
    return [item for place in places for item in sorted(place.glob("*.json"))]


def _json_kind(path: Path) -> str | None:
    content = parse_json(path)
    if isinstance(content, list):
        is_task = bool(content) and isinstance(content[0], dict) and "data" in content[0]
        return "label-studio" if is_task else None
    if isinstance(content, dict) and {"images", "annotations", "categories"} <= content.keys():
        return "coco"
    return "labelme" if isinstance(content, dict) and "shapes" in content else None


def _find_json(folder: Path, kind: str, name: str) -> Path:
    found = [item for item in _json_files(folder) if _json_kind(item) == kind]
    if len(found) != 1:
        problem = "no JSON file" if not found else "several JSON files"
        raise UserError(f"'{name}' has {problem} of that format; name the file to import.")
    return found[0]


def _check_values(annotation: Annotation, found: LabelledSet) -> None:
    known = {item.value for item in found.book.classes}
    unknown = sorted({region.value for region in annotation.regions} - known)
    if unknown:
        raise UserError(
            f"The mask of '{annotation.name}' has the value {unknown[0]}, but the data set names "
            f"no such class; add a line for it to {CLASSES}."
        )


def _add(store: AnnotationStore, read: Callable, values: dict[int, int]) -> str:
    entry = read()
    given = _with_values(entry.annotation, values)
    name = store.add_picture(entry.picture, given.name)
    now = store.load(name)
    given = replace(given, name=name, version=now.version)
    if not _is_same(given, now):
        store.save(given)
    return name


def _with_values(annotation: Annotation, values: dict[int, int]) -> Annotation:
    """Return an annotation with other values for its classes."""
    table = np.zeros(256, np.uint8)
    for old, new in values.items():
        table[old] = new
    # Regions are sorted by class, so their sources move with them.
    pairs = zip(annotation.regions, annotation.sources, strict=True)
    moved = sorted(pairs, key=lambda pair: values[pair[0].value])
    return replace(
        annotation, mask=table[annotation.mask], sources=tuple(source for _, source in moved)
    )


def _is_same(one: Annotation, other: Annotation) -> bool:
    facts = ("label", "sources", "detector_id", "seconds")
    same = all(getattr(one, fact) == getattr(other, fact) for fact in facts)
    return same and np.array_equal(one.mask, other.mask)
