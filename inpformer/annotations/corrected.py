"""Corrected pictures to retrain with, from a store, a data set, or pictures with masks beside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inpformer.annotations.exchange import import_annotations
from inpformer.annotations.picture_folder import CLASS_FILE
from inpformer.annotations.store import AnnotationStore
from inpformer.corrections import Correction
from inpformer.datasets.folders import look_into, pair_masks
from inpformer.datasets.sample import load_mask
from inpformer.errors import UserError
from inpformer.images import load_image
from inpformer.scratch import scratch_folder


@dataclass(frozen=True)
class CorrectedSet:
    """What a labeller has finished.

    Attributes:
        names: Of the pictures in `corrections`.
        corrections: Pictures with a marked defect.
        normal_images: Pictures labelled normal, `(H, W, 3)` uint8 RGB.
        normal_names: Of these.
    """

    names: tuple[str, ...]
    corrections: tuple[Correction, ...]
    normal_images: tuple[np.ndarray, ...]
    normal_names: tuple[str, ...]


def read_corrected(source: str | Path) -> CorrectedSet:
    """Read corrected pictures.

    Args:
        source: An annotation store; a folder with `NAME_mask.png` beside `NAME.png`; or anything
            that `import_annotations` reads, such as the layout of MVTec AD.

    Raises:
        UserError: It is none of these, a file is bad, or nothing is marked in any picture.
    """
    path = Path(source)
    masks = _masks_beside(path)
    if (path / CLASS_FILE).is_file():
        found = corrected_in(AnnotationStore.open(path))
    elif masks:
        found = _read_beside(masks)
    else:
        with scratch_folder(path.name) as folder:
            store = AnnotationStore(folder)
            import_annotations(store, path)
            found = corrected_in(store)
    if not found.corrections:
        raise UserError(f"Nothing is marked in any picture of '{source}'; mark a defect first.")
    return found


def corrected_in(store: AnnotationStore) -> CorrectedSet:
    """Return what is finished in a store; unlabelled and skipped pictures are passed over."""
    names, corrections, normal, normal_names = [], [], [], []
    for item in store.pictures():
        if item.info.label == "normal":
            normal.append(store.read_picture(item.name))
            normal_names.append(item.name)
        elif item.info.label in ("anomalous", "corrected") and item.info.regions:
            mask = store.load(item.name).mask != 0
            names.append(item.name)
            corrections.append(Correction(store.read_picture(item.name), mask))
    return CorrectedSet(tuple(names), tuple(corrections), tuple(normal), tuple(normal_names))


def _masks_beside(folder: Path) -> list[tuple[Path, Path]]:
    """Return pictures that have a mask of their name beside them."""
    pictures, masks, _ = pair_masks(look_into(folder).pictures)
    return [(item, masks[item.stem]) for item in pictures if item.stem in masks]


def _read_beside(pairs: list[tuple[Path, Path]]) -> CorrectedSet:
    names, corrections, normal, normal_names = [], [], [], []
    for picture, mask_file in pairs:
        image, mask = load_image(picture), load_mask(mask_file)
        if mask.any():
            names.append(picture.name)
            corrections.append(Correction(image, mask))
        else:
            normal.append(image)
            normal_names.append(picture.name)
    return CorrectedSet(tuple(names), tuple(corrections), tuple(normal), tuple(normal_names))
