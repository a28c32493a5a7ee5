"""The layout of MVTec AD, and of the data sets that follow it.

An object's folder has `train/good`, `test/good`, `test/<defect>` and `ground_truth/<defect>`. So
does MPDD. BTAD says `ok` and `ko`, and VisA in its one-class layout `bad`; their masks have the
pictures' own names. MVTec AD 2 tests with `test_public`, which has the masks inside.
"""

from __future__ import annotations

import logging
from pathlib import Path

from inpformer.datasets.findings import Findings, Reading
from inpformer.datasets.folders import (
    MASK_ENDING,
    MASK_FOLDERS,
    NORMAL_FOLDERS,
    PLAIN_TITLE,
    TRUTH_FOLDER,
    MaskFolders,
    folders_in,
    look_into,
    pair_masks,
)
from inpformer.datasets.sample import NORMAL, Sample, Split, shown
from inpformer.errors import UserError

_TRAIN = "train"
_PUBLIC_TEST = "test_public"
_TEST_FOLDERS = ("test", _PUBLIC_TEST)
_PRIVATE_TEST = "test_private"
_VALIDATION = ("validation", "val", "valid")
_logger = logging.getLogger(__name__)


def read_mvtec_folder(path: str | Path) -> list[Sample]:
    """List the pictures of one object in the layout of MVTec AD.

    That is `train/good`, `test/good`, `test/<defect>` and `ground_truth/<defect>/NNN_mask.png` for
    `test/<defect>/NNN.png`. Files that are no pictures, and masks without a picture, are passed
    over with a warning in the log.

    Returns:
        Training pictures, then test pictures by kind; sorted by name.

    Raises:
        UserError: A folder is missing or empty, or a picture of a defect has no mask.
    """
    root = Path(path)
    for folder in (root / _TRAIN / NORMAL, root / "test"):
        if not folder.is_dir():
            raise UserError(
                f"'{root}' is not in the layout of MVTec AD: it has no folder "
                f"{folder.relative_to(root).as_posix()}."
            )
    findings = Findings(root)
    samples = _ObjectReader(root, "", findings).read()
    if findings.unmasked:
        raise UserError(
            f"These pictures of defects have no mask in '{root / TRUTH_FOLDER}': "
            f"{shown(findings.unmasked, root)}."
        )
    if not any(sample.split == "train" for sample in samples):
        raise UserError(f"The folder '{root / _TRAIN / NORMAL}' has no pictures.")
    for sentence in findings.sentences():
        _logger.warning("%s", sentence)
    return samples


def read_mvtec(root: Path) -> Reading | None:
    """List one object in the layout of MVTec AD, or a folder of such objects.

    Validation pictures (MVTec AD 2) are left out, as in the published figures: those are of
    detectors that were trained on `train` alone and tested on `test_public`. Nobody but the
    authors has the labels of `test_private` and `test_private_mixed`, so these are left out too.

    Returns:
        None if it is neither.
    """
    findings = Findings(root)
    if _is_object(root):
        return Reading(_title_of(root), _ObjectReader(root, "", findings).read(), findings)
    content = look_into(root)
    samples, titles = [], set()
    for folder in content.folders:
        # Archives of MVTec AD 2 have each object's folder in a folder of its name.
        place = next((item for item in (folder, folder / folder.name) if _is_object(item)), None)
        if place is None:
            findings.misplaced.append(folder)
            continue
        found = _ObjectReader(place, folder.name, findings).read()
        if not found:
            findings.empty_classes.append(folder.name)
        samples += found
        titles.add(_title_of(place))
    findings.misplaced += content.pictures
    return Reading(" and ".join(sorted(titles)), samples, findings) if titles else None


def _is_object(folder: Path) -> bool:
    """Whether normal pictures are told apart in its splits, or masks belong to its tests."""
    names = {item.name for item in folders_in(folder)}
    splits = names & {_TRAIN, *_TEST_FOLDERS}
    if any(_normal_name(folder / split) for split in splits):
        return True
    return bool(names & set(_TEST_FOLDERS)) and TRUTH_FOLDER in names


def _normal_name(split: Path) -> str | None:
    """Return what the folder of a split's normal pictures is called."""
    names = (item.name.lower() for item in folders_in(split))
    return next((name for name in names if name in NORMAL_FOLDERS), None)


def _title_of(folder: Path) -> str:
    if (folder / _PUBLIC_TEST).is_dir():
        return "MVTec AD 2"
    normal = _normal_name(folder / _TRAIN) or _normal_name(folder / "test")
    if normal in ("ok", "normal"):
        return "BTAD" if normal == "ok" else PLAIN_TITLE
    kinds = {item.name for item in folders_in(folder / "test")}
    masks = look_into(folder / TRUTH_FOLDER / "bad").pictures
    if kinds <= {"good", "bad"} and masks and not masks[0].stem.endswith(MASK_ENDING):
        return "VisA (one-class layout)"
    return "MVTec AD"


class _ObjectReader:
    """Lists one object."""

    def __init__(self, folder: Path, class_name: str, findings: Findings) -> None:
        self._class_name = class_name
        self._findings = findings
        self._content = look_into(folder)
        self._train = [item for item in self._content.folders if item.name == _TRAIN]
        self._tests = [item for item in self._content.folders if item.name in _TEST_FOLDERS]
        self._masks = MaskFolders(
            [item for item in self._content.folders if item.name in MASK_FOLDERS]
            + [test / TRUTH_FOLDER for test in self._tests]
        )

    def read(self) -> list[Sample]:
        """Return its pictures, and note what is odd."""
        samples = []
        for split_folder in self._train + self._tests:
            inside = look_into(split_folder)
            self._findings.misplaced += inside.pictures
            self._findings.others += inside.others
            split = "train" if split_folder.name == _TRAIN else "test"
            for kind in inside.folders:
                if kind.name != TRUTH_FOLDER:
                    samples += self._read_kind(kind, split)
        self._findings.lone_masks += self._masks.lone
        self._findings.misplaced += self._content.pictures
        self._findings.others += self._masks.others
        self._note_other_folders()
        return samples

    def _read_kind(self, folder: Path, split: Split) -> list[Sample]:
        content = look_into(folder)
        pictures, beside, lone = pair_masks(content.pictures)
        self._findings.lone_masks += lone
        self._findings.misplaced += content.folders
        self._findings.others += content.others
        if folder.name.lower() in NORMAL_FOLDERS:
            for picture in pictures:  # some sets have black masks of these
                self._masks.find(f"{folder.name}/{picture.stem}")
            return [self._sample(picture, split, NORMAL) for picture in pictures]
        if split == "train":
            self._findings.train_defects += pictures
            return []
        samples = []
        for picture in pictures:
            place = f"{folder.name}/{picture.stem}"
            mask = beside.get(picture.stem) or self._masks.find(place, picture.stem)
            if mask is None:
                self._findings.unmasked.append(picture)
            samples.append(self._sample(picture, split, folder.name, mask))
        return samples

    def _sample(self, path: Path, split: Split, defect: str, mask: Path | None = None) -> Sample:
        return Sample(path, split, defect, mask, self._class_name)

    def _note_other_folders(self) -> None:
        for folder in self._content.folders:
            if folder.name in (_TRAIN, *_TEST_FOLDERS, *MASK_FOLDERS):
                continue
            if folder.name.startswith(_PRIVATE_TEST):
                self._findings.unlabelled.append(folder)
            elif folder.name in _VALIDATION:
                self._findings.validation.append(folder)
            else:
                self._findings.misplaced.append(folder)
