"""Find out which layout a data set on disk is in, by looking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from inpformer.datasets.annotated import read_store
from inpformer.datasets.checks import class_problems, name_problems
from inpformer.datasets.findings import Reading
from inpformer.datasets.folders import look_into, only_folder
from inpformer.datasets.mvtec import read_mvtec
from inpformer.datasets.plain import read_plain
from inpformer.datasets.real_iad import read_real_iad
from inpformer.datasets.sample import DataSet, Sample, first_few
from inpformer.datasets.visa import read_visa
from inpformer.errors import UserError, one_line


def _read_folders(root: Path) -> Reading | None:
    return read_plain(root) or read_mvtec(root)


# In the order in which they are tried. `mvtec` is also MPDD, BTAD, MVTec AD 2, VisA in its
# one-class layout, and folders with a split.
LAYOUTS: dict[str, Callable[[Path], Reading | None]] = {
    "store": read_store,
    "visa": read_visa,
    "real-iad": read_real_iad,
    "mvtec": read_mvtec,
    "folders": _read_folders,
}
_WRAPPED = 5


def open_dataset(path: str | Path, layout: str | None = None) -> DataSet:
    """List a data set without reading any picture.

    Folders that hold nothing but the data set's folder, as archives have them, are gone into.

    Args:
        path: Folder of a data set, or of one object in the layout of MVTec AD.
        layout: One of `LAYOUTS`; what it looks like if left out.

    Returns:
        Its pictures, and in `problems` all that was left out or is odd. Only files beside the
        objects' folders that are no pictures, such as a licence, are not mentioned.

    Raises:
        UserError: There is no such folder or layout, it is in no layout that is known, it has no
            pictures, or a list in it is damaged.
    """
    root = Path(path)
    if layout is not None and layout not in LAYOUTS:
        raise UserError(f"The layout must be one of {', '.join(LAYOUTS)}, not '{layout}'.")
    if not root.is_dir():
        raise UserError(f"There is no folder '{root}'; check the path.")
    readers = LAYOUTS.values() if layout is None else [LAYOUTS[layout]]
    place: Path | None = root
    for _ in range(_WRAPPED):
        for read in readers:
            reading = read(place)
            if reading is not None:
                return _dataset(reading)
        place = only_folder(place)
        if place is None:
            break
    raise _unknown(root, layout)


def _dataset(reading: Reading) -> DataSet:
    title, samples, findings = reading
    if not samples:
        raise UserError(
            f"'{findings.root}' looks like a data set ({title}), but has no pictures that can be "
            "used; check that all of it was copied."
        )
    dataset = DataSet(findings.root, title, tuple(sorted(samples, key=_place_of)))
    problems = findings.sentences() + name_problems(dataset) + class_problems(dataset)
    return replace(dataset, problems=tuple(map(one_line, problems)))


def _place_of(sample: Sample) -> tuple[str, bool, str]:
    return sample.class_name, sample.split == "test", str(sample.path)


def _unknown(root: Path, layout: str | None) -> UserError:
    content = look_into(root)
    folders = first_few([item.name for item in content.folders]) or "none"
    return UserError(
        f"'{root}' is in no layout that was looked for ({layout or ', '.join(LAYOUTS)}): it has "
        f"{len(content.pictures)} pictures and the folders {folders}; see that it has "
        "'train/good' and 'test', or 'normal' and 'defect'."
    )
