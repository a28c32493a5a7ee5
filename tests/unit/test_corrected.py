"""Corrected pictures come from a store, from a data set, or from masks beside pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inpformer.annotations.annotation import Annotation
from inpformer.annotations.corrected import read_corrected
from inpformer.annotations.store import AnnotationStore
from inpformer.errors import UserError

SIZE = (40, 50)


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (*SIZE, 3), dtype=np.uint8)


def mask(seed: int) -> np.ndarray:
    marked = np.zeros(SIZE, np.uint8)
    marked[seed : seed + 10, 5:15] = 1
    return marked


def save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def assert_found(found, seeds):
    assert len(found.names) == len(found.corrections) == len(seeds)
    for correction, seed in zip(found.corrections, seeds, strict=True):
        np.testing.assert_array_equal(correction.image, picture(seed))
        np.testing.assert_array_equal(correction.mask, mask(seed) != 0)


def test_masks_beside_pictures_are_read_and_an_empty_one_means_normal(tmp_path):
    for seed in (1, 2):
        save(tmp_path / f"{seed}.png", picture(seed))
        save(tmp_path / f"{seed}_mask.png", 255 * mask(seed))
    save(tmp_path / "3.png", picture(3))
    save(tmp_path / "3_mask.png", np.zeros(SIZE, np.uint8))
    save(tmp_path / "4.png", picture(4))
    found = read_corrected(tmp_path)
    assert_found(found, [1, 2])
    assert len(found.normal_images) == 1


def test_a_store_gives_what_is_finished_in_it(tmp_path):
    store = AnnotationStore(tmp_path / "store")
    value = store.add_class("scratch").value
    labels = {1: "corrected", 2: "anomalous", 3: "normal", 4: "skipped", 5: "unlabelled"}
    for seed, label in labels.items():
        name = store.add_picture(picture(seed), f"{seed}.png")
        marked = value * mask(seed) if label in ("corrected", "anomalous", "skipped") else 0
        store.save(Annotation(name, np.zeros(SIZE, np.uint8) + marked, label))
    found = read_corrected(tmp_path / "store")
    assert_found(found, [1, 2])
    (normal,) = found.normal_images
    np.testing.assert_array_equal(normal, picture(3))


def test_the_layout_of_mvtec_is_read(tmp_path):
    save(tmp_path / "train/good/0.png", picture(0))
    for seed in (1, 2):
        save(tmp_path / f"test/dent/{seed}.png", picture(seed))
        save(tmp_path / f"ground_truth/dent/{seed}_mask.png", 255 * mask(seed))
    assert_found(read_corrected(tmp_path), [1, 2])


def test_a_folder_where_nothing_is_marked_or_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError):
        read_corrected(tmp_path / "none")
    save(tmp_path / "3.png", picture(3))
    save(tmp_path / "3_mask.png", np.zeros(SIZE, np.uint8))
    with pytest.raises(UserError, match="mark"):
        read_corrected(tmp_path)
