"""What the processes of `test_annotation_kill.py` do; it imports little, so they begin fast."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from inpformer.annotations.annotation import Annotation
from inpformer.annotations.store import AnnotationStore, ConflictError

NAME = "part.png"
SHAPE = (40, 50)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def mask_of(version: int) -> np.ndarray:
    """A mask that tells the version it belongs to."""
    return np.random.default_rng(version).integers(0, 2, SHAPE, dtype=np.uint8)


def save_for_ever(folder: Path, confirmed) -> None:
    """Save version after version, and say so after each."""
    store = AnnotationStore(folder)
    now = store.load(NAME)
    while True:
        now = store.save(
            replace(now, mask=mask_of(now.version + 1), label="corrected", sources=None)
        )
        confirmed.send(now.version)


def mark_pixels(folder: Path, first: int, last: int) -> None:
    """Mark the pixels `first` to `last`, one by one, starting anew after every conflict."""
    store = AnnotationStore(folder)
    for number in range(first, last):
        while True:
            now = store.load(NAME)
            mask = now.mask.copy()
            mask.flat[number] = 1
            try:
                store.save(replace(now, mask=mask, label="corrected", sources=None))
                break
            except ConflictError as error:
                assert error.theirs.version > now.version


def add_all(folder: Path, kind: str) -> None:
    store = AnnotationStore(folder)
    for number in range(8):
        store.add_class(f"{kind} {number}")
        name = store.add_picture(picture(9, 9, seed=number + 50 * len(kind)), "same name.png")
        store.save(Annotation(name, np.ones((9, 9), np.uint8), "anomalous"))
