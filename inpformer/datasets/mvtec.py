"""Read one object in the layout of MVTec AD."""

from __future__ import annotations

import logging
from pathlib import Path

from inpformer.datasets.sample import NORMAL, Sample, shown
from inpformer.errors import UserError
from inpformer.images import IMAGE_SUFFIXES

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
    folders = [root / "train" / NORMAL, *_subfolders(root / "test")]
    for folder in (folders[0], root / "test"):
        if not folder.is_dir():
            raise UserError(
                f"'{root}' is not in the layout of MVTec AD: it has no folder "
                f"{folder.relative_to(root).as_posix()}."
            )
    samples, unmasked, used_masks = [], [], set()
    for folder in folders:
        split, defect = folder.parts[-2:]
        for picture in _pictures(folder, root):
            mask = None
            if defect != NORMAL:
                mask = root / "ground_truth" / defect / f"{picture.stem}_mask.png"
                used_masks.add(mask)
                if not mask.is_file():
                    unmasked.append(picture)
            samples.append(Sample(picture, split, defect, mask))
    if unmasked:
        raise UserError(
            f"These pictures of defects have no mask in '{root / 'ground_truth'}': "
            f"{shown(unmasked, root)}."
        )
    if not any(sample.split == "train" for sample in samples):
        raise UserError(f"The folder '{folders[0]}' has no pictures.")
    _warn_of_odd_masks(root, used_masks)
    return samples


def _subfolders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(item for item in folder.iterdir() if item.is_dir() and item.name[0] != ".")


def _pictures(folder: Path, root: Path) -> list[Path]:
    files = sorted(item for item in folder.iterdir() if not item.name.startswith("."))
    pictures = [item for item in files if item.suffix.lower() in IMAGE_SUFFIXES and item.is_file()]
    odd = [item for item in files if item not in set(pictures)]
    if odd:
        _logger.warning("Passed over, for they are no pictures: %s.", shown(odd, root))
    return pictures


def _warn_of_odd_masks(root: Path, used: set[Path]) -> None:
    folders = _subfolders(root / "ground_truth")
    odd = [mask for folder in folders for mask in _pictures(folder, root) if mask not in used]
    if odd:
        _logger.warning("Passed over, for these masks have no picture: %s.", shown(odd, root))
