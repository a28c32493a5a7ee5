"""Folders of normal and of anomalous pictures, with masks if there are any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from inpformer.datasets.draws import with_drawn_split
from inpformer.datasets.findings import Findings, Reading
from inpformer.datasets.folders import (
    DEFECT_FOLDERS,
    MASK_FOLDERS,
    NORMAL_FOLDERS,
    PLAIN_TITLE,
    MaskFolders,
    folders_in,
    look_into,
    pair_masks,
    walk,
)
from inpformer.datasets.sample import NORMAL, Sample

DRAWN_SPLIT = (
    "Nothing says which normal pictures to train on, so one in five, always the same ones, is kept "
    "to test with."
)


def read_plain(root: Path) -> Reading | None:
    """List folders such as `normal` and `defect`, or a folder per class that has such folders.

    One in five of the normal pictures is kept to test with, see `with_drawn_split`. Where folders
    `train` and `test` decide that, `mvtec.read_mvtec` reads them.

    Returns:
        None if there are no such folders.
    """
    findings = Findings(root)
    content = look_into(root)
    if is_plain(root):
        samples = with_drawn_split(list_plain(root, findings))
    else:
        classes = [folder for folder in content.folders if is_plain(folder)]
        if not classes:
            return None
        samples = []
        findings.misplaced += [item for item in content.folders if item not in classes]
        findings.misplaced += content.pictures
        for folder in classes:
            found = list_plain(folder, findings, folder.name)
            if not found:
                findings.empty_classes.append(folder.name)
            samples += with_drawn_split(found)
    if sum(not item.is_anomalous for item in samples) > 1:
        findings.say(DRAWN_SPLIT)
    return Reading(PLAIN_TITLE, samples, findings)


def is_plain(folder: Path) -> bool:
    """Whether one of its folders is named like one of normal or of anomalous pictures."""
    names = {item.name.lower() for item in folders_in(folder)}
    return not names.isdisjoint((*NORMAL_FOLDERS, *DEFECT_FOLDERS))


def list_plain(folder: Path, findings: Findings, class_name: str = "") -> list[Sample]:
    """List the normal and the anomalous pictures of one class, all of them as to test with.

    Pictures may lie in folders below; the first of these names the kind of defect. The mask of
    `defect/x.jpg` is `defect/x_mask.png`, or `masks/x.png`, `masks/x_mask.png`,
    `masks/defect/x.png` and so on.
    """
    content = look_into(folder)
    masks = MaskFolders(item for item in content.folders if item.name.lower() in MASK_FOLDERS)
    samples = []
    for kind in content.folders:
        name = kind.name.lower()
        if name in NORMAL_FOLDERS:
            samples += _list_normal(kind, class_name, masks, findings)
        elif name in DEFECT_FOLDERS:
            samples += _list_defects(kind, class_name, masks, findings)
        elif name not in MASK_FOLDERS:
            findings.misplaced.append(kind)
    findings.misplaced += content.pictures
    findings.others += masks.others
    findings.lone_masks += masks.lone
    return samples


def _list_normal(
    folder: Path, class_name: str, masks: MaskFolders, findings: Findings
) -> list[Sample]:
    samples = []
    for place, picture, _ in _pictures_below(folder, findings):
        masks.find(f"{folder.name}/{place}{picture.stem}")  # some sets have black masks of these
        samples.append(Sample(picture, "test", NORMAL, None, class_name))
    return samples


def _list_defects(
    folder: Path, class_name: str, masks: MaskFolders, findings: Findings
) -> list[Sample]:
    samples = []
    for place, picture, beside in _pictures_below(folder, findings):
        inside = place + picture.stem
        mask = beside or masks.find(f"{folder.name}/{inside}", inside, picture.stem)
        if mask is None:
            findings.unmasked.append(picture)
        kind = place.split("/")[0]
        defect = folder.name if kind.lower() in ("", *NORMAL_FOLDERS) else kind
        samples.append(Sample(picture, "test", defect, mask, class_name))
    return samples


def _pictures_below(folder: Path, findings: Findings) -> Iterator[tuple[str, Path, Path | None]]:
    """Yield each picture with its place below the folder and the mask beside it."""
    for place, content in walk(folder):
        pictures, beside, lone = pair_masks(content.pictures)
        findings.others += content.others
        findings.lone_masks += lone
        for picture in pictures:
            yield place, picture, beside.get(picture.stem)
