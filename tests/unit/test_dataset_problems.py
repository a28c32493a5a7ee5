"""Whatever is odd in a data set is named in one sentence; whatever is damaged is refused in one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from dataset_trees import (
    TREES,
    Tree,
    mvtec,
    mvtec_one,
    plain,
    plain_classes,
    problem_with,
    refusal_of,
)
from PIL import Image

from inpformer.annotations.annotation import Annotation
from inpformer.annotations.store import AnnotationStore
from inpformer.datasets.checks import check_masks
from inpformer.datasets.find import open_dataset

# --- pictures and masks


@pytest.mark.parametrize("name", [name for name in TREES if name != "store"])
def test_without_its_mask_a_picture_stays_and_is_named(tmp_path, name):
    tree = TREES[name][0](tmp_path / "data")
    for expected in tree.expected.values():
        if expected.mask:
            (tree.root / expected.mask).unlink()
    dataset = open_dataset(tree.root)
    assert len(dataset.samples) == len(tree.expected)
    anomalous = [item for item in dataset.samples if item.is_anomalous]
    assert all(item.mask_path is None and not item.is_masked for item in anomalous)
    assert sum(row.unmasked for row in dataset.counts()) == len(anomalous)
    problem = problem_with(dataset, "No mask was found for ")
    names = [item.path.relative_to(dataset.root).as_posix() for item in anomalous]
    assert sum(name in problem for name in names) == min(3, len(names))
    assert (f"and {len(names) - 3} more" in problem) == (len(names) > 3)


@pytest.mark.parametrize(
    ("build", "mask"),
    [
        (mvtec, "bottle/ground_truth/contamination/077_mask.png"),
        (mvtec, "bottle/ground_truth/other/000_mask.png"),
        (mvtec, "bottle/test/good/077_mask.png"),
        (plain, "masks/077.png"),
        (plain, "defect/077_mask.png"),
        (plain_classes, "nut/mask/077.png"),
    ],
)
def test_a_mask_without_a_picture_is_named_and_is_no_picture(tmp_path, build, mask):
    tree = build(tmp_path / "data")
    tree.touch(mask)
    dataset = open_dataset(tree.root)
    assert len(dataset.samples) == len(tree.expected)
    assert mask in problem_with(dataset, "these masks have no picture")


def test_black_masks_of_normal_pictures_are_no_matter(tmp_path):
    tree = mvtec_one(tmp_path / "data")
    tree.touch("ground_truth/good/000_mask.png")
    dataset = open_dataset(tree.root)
    assert not dataset.problems
    assert all(item.mask_path is None for item in dataset.samples if not item.is_anomalous)


@pytest.mark.parametrize(
    ("build", "place"),
    [
        (mvtec, "bottle/test/contamination/"),
        (mvtec, "bottle/train/good/"),
        (mvtec, "bottle/train/"),
        (plain, "defect/"),
        (plain, "masks/"),
    ],
)
def test_files_that_are_no_pictures_are_named_unless_they_are_hidden(tmp_path, build, place):
    tree = build(tmp_path / "data")
    tree.touch(f"{place}Thumbs.db")
    tree.touch(f"{place}.DS_Store")
    dataset = open_dataset(tree.root)
    assert len(dataset.samples) == len(tree.expected)
    assert f"{place}Thumbs.db" in problem_with(dataset, "they are no pictures")
    assert "DS_Store" not in " ".join(dataset.problems)


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (mvtec, "extra/0.png"),
        (mvtec, "0.png"),
        (mvtec, "bottle/more/0.png"),
        (mvtec, "bottle/0.png"),
        (mvtec, "bottle/test/0.png"),
        (mvtec, "bottle/test/contamination/more/0.png"),
        (plain, "more/0.png"),
        (plain, "0.png"),
        (plain_classes, "more/0.png"),
        (plain_classes, "0.png"),
    ],
)
def test_pictures_and_folders_out_of_place_are_named(tmp_path, build, name):
    tree = build(tmp_path / "data")
    tree.touch(name)
    dataset = open_dataset(tree.root)
    assert len(dataset.samples) == len(tree.expected)
    named = name.removesuffix("/0.png")
    assert named in problem_with(dataset, "do not belong to the layout")


def test_defects_among_pictures_to_train_on_are_left_out_and_named(tmp_path):
    tree = mvtec(tmp_path / "data")
    tree.touch("cable/train/bent_wire/000.png")
    dataset = open_dataset(tree.root)
    assert len(dataset.samples) == len(tree.expected)
    assert "cable/train/bent_wire/000.png" in problem_with(dataset, "only normal pictures")


def test_pictures_of_one_name_and_those_that_share_a_mask_are_named(tmp_path):
    tree = mvtec_one(tmp_path / "data")
    tree.touch("test/hole/000.jpg")
    dataset = open_dataset(tree.root)
    assert len(dataset.samples) == len(tree.expected) + 1
    for words in ("one name", "a mask in common"):
        assert "test/hole/000.jpg, test/hole/000.png" in problem_with(dataset, words)


def test_pictures_of_two_kinds_do_not_share_a_mask_unseen(tmp_path):
    tree = Tree(tmp_path / "data")
    for name in ("ok/0.png", "bad/0.png", "bad/dent/0.png", "masks/0.png"):
        tree.touch(name)
    assert "bad/0.png, bad/dent/0.png" in problem_with(open_dataset(tree.root), "mask in common")


def test_a_folder_of_defects_that_is_named_like_normal_ones_stays_anomalous(tmp_path):
    tree = Tree(tmp_path / "data")
    for name in ("normal/0.png", "normal/1.png", "bad/good/0.png"):
        tree.touch(name)
    found = {item.path.parent.name: item.defect for item in open_dataset(tree.root).samples}
    assert found == {"normal": "good", "good": "bad"}


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_folder_that_links_in_a_circle_is_named(tmp_path):
    tree = plain(tmp_path / "data")
    (tree.root / "defect" / "again").symlink_to(tree.root, target_is_directory=True)
    dataset = open_dataset(tree.root)
    assert len(dataset.samples) == len(tree.expected)
    assert "defect/again" in problem_with(dataset, "Passed over")


# --- classes


def test_classes_without_pictures_are_named(tmp_path):
    tree = mvtec(tmp_path / "data")
    (tree.root / "grid" / "train" / "good").mkdir(parents=True)
    dataset = open_dataset(tree.root)
    assert dataset.class_names == ("bottle", "cable")
    assert "grid" in problem_with(dataset, "These classes have no pictures")


def test_what_classes_lack_is_named(tmp_path):
    tree = Tree(tmp_path / "data")
    for name in ("a/train/good/0.png", "a/train/good/1.png", "a/test/good/0.png"):
        tree.touch(name)
    for name in ("b/train/good/0.png", "c/test/good/0.png", "c/test/hole/0.png"):
        tree.touch(name)
    tree.touch("c/ground_truth/hole/0.png")
    dataset = open_dataset(tree.root)
    assert problem_with(dataset, "anomalous pictures to test with").endswith(": a, b.")
    assert problem_with(dataset, "normal pictures to test with: ").endswith(": b.")
    assert problem_with(dataset, "pictures to train on").endswith(": c.")
    assert problem_with(dataset, "just one picture").endswith(": b.")


def test_the_only_class_is_called_by_its_folder(tmp_path):
    tree = Tree(tmp_path / "washers")
    tree.touch("train/good/0.png")
    tree.touch("train/good/1.png")
    assert problem_with(open_dataset(tree.root), "anomalous").endswith(": washers.")


# --- what is refused


@pytest.mark.parametrize("name", ["empty", "loose", "other"])
def test_a_folder_of_no_layout_is_refused_by_what_was_looked_for_and_found(tmp_path, name):
    root = tmp_path / name
    root.mkdir()
    if name != "empty":
        (root / "0.png").touch()
    if name == "other":
        for folder in ("alpha", "beta"):
            (root / folder).mkdir()
    message = refusal_of(root)
    assert "mvtec" in message and "real-iad" in message and "train/good" in message
    assert ("alpha, beta" in message) == (name == "other")
    assert ("1 pictures" in message) == (name != "empty")


def test_a_folder_that_is_not_there_or_is_a_file_is_refused(tmp_path):
    assert "check the path" in refusal_of(tmp_path / "none")
    (tmp_path / "file").touch()
    assert "check the path" in refusal_of(tmp_path / "file")


def test_a_data_set_without_any_picture_is_refused(tmp_path):
    (tmp_path / "train" / "good").mkdir(parents=True)
    assert "no pictures" in refusal_of(tmp_path)


def test_a_folder_that_may_not_be_read_is_refused_in_one_sentence(tmp_path, monkeypatch):
    tree = mvtec_one(tmp_path / "data")
    scandir = os.scandir

    def refuse(folder: Path):
        if Path(folder).name == "hole":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    assert "hole" in refusal_of(tree.root)


# --- stores


def test_unlabelled_skipped_and_unmarked_pictures_of_a_store_are_named(tmp_path):
    store = AnnotationStore(tmp_path / "store")
    for seed, label in enumerate(("unlabelled", "skipped", "anomalous", "normal")):
        image = np.random.default_rng(seed).integers(0, 255, (20, 30, 3), dtype=np.uint8)
        name = store.add_picture(image, f"{label}.png")
        if label != "unlabelled":
            store.save(Annotation(name, np.zeros((20, 30), np.uint8), label))
    dataset = open_dataset(store.folder)
    assert {item.path.stem: item.defect for item in dataset.samples} == {
        "anomalous": "anomalous",
        "normal": "good",
    }
    told = problem_with(dataset, "no labels")
    assert "pictures/unlabelled.png" in told and "pictures/skipped.png" in told
    assert "pictures/anomalous.png" in problem_with(dataset, "No mask was found")


# --- sizes of masks


def write(path: Path, size: tuple[int, int], **options: object) -> None:
    Image.new("L", size).save(path, **options)


def test_masks_of_another_size_and_files_that_are_no_pictures_are_named_when_asked(tmp_path):
    tree = mvtec_one(tmp_path / "data")
    for name in tree.expected:
        write(tree.root / name, (30, 20))
    masks = [tree.root / facts.mask for facts in tree.expected.values() if facts.mask]
    for mask in masks:
        write(mask, (30, 20))
    assert check_masks(open_dataset(tree.root)) == []
    write(masks[0], (20, 30))
    masks[1].write_bytes(b"")
    masks[2].write_bytes(masks[3].read_bytes()[:12])
    dataset = open_dataset(tree.root)
    other_size, unreadable = check_masks(dataset)
    assert "another size" in other_size and masks[0].name[:3] in other_size
    assert "cannot be read" in unreadable and unreadable.count(".png") == 2


def test_a_picture_that_exif_turns_fits_an_upright_mask(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    tree = Tree(tmp_path / "data")
    for name in ("train/good/0.jpg", "test/hole/0.jpg", "ground_truth/hole/0_mask.png"):
        tree.touch(name)
    write(tree.root / "test/hole/0.jpg", (30, 20), exif=exif)
    write(tree.root / "ground_truth/hole/0_mask.png", (20, 30))
    assert check_masks(open_dataset(tree.root)) == []


def test_only_the_beginning_of_a_file_is_read_for_its_size(tmp_path):
    tree = Tree(tmp_path / "data")
    tree.touch("train/good/0.png")
    noise = np.random.default_rng(0).integers(0, 255, (400, 500), dtype=np.uint8)
    for name in ("test/hole/0.png", "ground_truth/hole/0_mask.png"):
        path = tree.touch(name)
        Image.fromarray(noise).save(path)
        path.write_bytes(path.read_bytes()[:2000])
    assert check_masks(open_dataset(tree.root)) == []
