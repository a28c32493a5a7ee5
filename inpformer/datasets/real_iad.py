"""Real-IAD: pictures of one resolution per folder, and one JSON file per object that splits them.

Normal ones are in `realiad_1024/audiojack/OK/S0001`, others in `.../NG/<defect>/S0001`, with masks
beside. The files are `realiad_jsons/audiojack.json`, or in one more folder of that name;
`realiad_jsons_sv`, `realiad_jsons_fuiad_0.1` and so on are other splits of the same pictures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from inpformer.annotations.labelled_set import parse_json
from inpformer.datasets.findings import Findings, Reading
from inpformer.datasets.folders import folders_in, look_into
from inpformer.datasets.listed_files import ListedPicture, ListReader
from inpformer.datasets.sample import NORMAL, Sample, Split, first_few
from inpformer.errors import UserError

SPLIT_FOLDER = "realiad_jsons"
# The resolution of the papers comes first.
PICTURE_FOLDERS = ("realiad_1024", "realiad_raw", "realiad_512", "realiad_256")
_MARK = b'"anomaly_class"'
_HEAD = 4096  # bytes, of which an entry takes about 200
_TRIED = 5


class _ObjectList(NamedTuple):
    """What the JSON file of one object says."""

    source: Path
    prefix: str
    pictures: list[ListedPicture]


def read_real_iad(path: Path) -> Reading | None:
    """List Real-IAD by its JSON files.

    Args:
        path: The data set, one of its folders of pictures, or one of its folders of JSON files.
            Unless it is the last, the split in `realiad_jsons` is taken, the one of the papers.

    Returns:
        None if it is none of these.

    Raises:
        UserError: A JSON file is damaged, or names a file outside of the data set.
    """
    place = _find_split(path)
    if place is None:
        return None
    root, folder = place
    findings = Findings(root)
    others = [item.relative_to(root).as_posix() for item in _split_folders(root) if item != folder]
    if others:
        findings.say(
            f"There are other splits of these pictures; open one to use it: {first_few(others)}."
        )
    lists = [_read_list(source) for source in _list_files(folder)]
    reader = ListReader(findings)
    pictures = _picture_folder(root, path, lists, reader)
    samples: list[Sample] = []
    for item in lists:
        if not item.pictures:
            findings.empty_classes.append(item.source.stem)
        base = _base_of(pictures, item, reader) or pictures / item.prefix
        samples += reader.read(base, item.pictures, item.source)
    return Reading("Real-IAD", samples, findings)


# --- where it is


def _find_split(path: Path) -> tuple[Path, Path] | None:
    """Return the data set's folder, and the one with its JSON files."""
    if _list_files(path):
        above = [path, path.parent]
        if path.parent.name.startswith(SPLIT_FOLDER):
            above.append(path.parent.parent)
        names = {source.stem for source in _list_files(path)} | set(PICTURE_FOLDERS)
        holds = (item for item in above if any((item / name).is_dir() for name in names))
        return next(holds, path.parent), path
    root = path.parent if path.name in PICTURE_FOLDERS else path
    folders = _split_folders(root)
    return (root, folders[0]) if folders else None


def _split_folders(root: Path) -> list[Path]:
    """Return the folders with JSON files of splits, the one to use if nothing is said first."""
    main = root / SPLIT_FOLDER
    below = [*folders_in(main), *folders_in(root)]
    folders = [main / SPLIT_FOLDER, main, *(item for item in below if "json" in item.name.lower())]
    return [item for item in dict.fromkeys(folders) if _list_files(item)]


def _list_files(folder: Path) -> list[Path]:
    """Return the JSON files of a split; by their folder's name, or by what they begin with."""
    files = [item for item in look_into(folder).others if item.suffix.lower() == ".json"]
    known = folder.name.startswith(SPLIT_FOLDER)
    return [item for item in files if known or _MARK in _head(item)]


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_HEAD)
    except OSError:
        return b""


def _picture_folder(root: Path, path: Path, lists: list[_ObjectList], reader: ListReader) -> Path:
    """Return the folder of pictures that fits the lists: the one that was opened, if it does."""
    named = [root / name for name in PICTURE_FOLDERS]
    folders = [path, *named, root, *folders_in(root)]
    for folder in dict.fromkeys(item for item in folders if item.is_dir()):
        if any(_base_of(folder, item, reader) for item in lists):
            return folder
    return named[0]


def _base_of(folder: Path, item: _ObjectList, reader: ListReader) -> Path | None:
    """Return where the paths of a list begin: at its prefix, or at the object's folder."""
    names = (item.prefix, item.source.stem, "")
    for base in dict.fromkeys(folder / name for name in names):
        if any(reader.find(base, listed.image, item.source) for listed in item.pictures[:_TRIED]):
            return base
    return None


# --- what it says


def _read_list(source: Path) -> _ObjectList:
    content = parse_json(source)
    if not isinstance(content, dict):
        raise _damaged(source)
    meta = content.get("meta", {})
    if not isinstance(meta, dict):
        raise _damaged(source)
    prefix, normal = meta.get("prefix", ""), meta.get("normal_class", "OK")
    pictures = []
    for split in ("train", "test"):
        entries = content.get(split)
        if not isinstance(entries, list):
            raise _damaged(source)
        pictures += [_listed(entry, split, normal, source) for entry in entries]
    if not isinstance(prefix, str):
        raise _damaged(source)
    return _ObjectList(source, prefix, pictures)


def _listed(entry: Any, split: Split, normal: Any, source: Path) -> ListedPicture:
    if not isinstance(entry, dict):
        raise _damaged(source)
    kind, image, mask = (entry.get(key) for key in ("anomaly_class", "image_path", "mask_path"))
    class_name = entry.get("category", source.stem)
    texts = (kind, image, mask or "", class_name)
    if not all(isinstance(text, str) for text in texts) or not (kind and image and class_name):
        raise _damaged(source)
    defect = NORMAL if kind == normal else kind
    return ListedPicture(image, mask or "", split, defect, class_name)


def _damaged(source: Path) -> UserError:
    return UserError(
        f"'{source.name}' is not as Real-IAD writes it: 'train' and 'test' must list pictures with "
        "'anomaly_class' and 'image_path'; copy it again."
    )
