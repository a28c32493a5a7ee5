"""Every layout is found out by looking, and gives the right samples."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from dataset_trees import TREES, Expected, Tree, mvtec, plain, plain_split, real_iad, store, visa
from PIL import Image

from inpformer.annotations.store import AnnotationStore
from inpformer.datasets.find import LAYOUTS, open_dataset
from inpformer.datasets.mvtec import read_mvtec_folder
from inpformer.datasets.sample import DataSet, load_mask
from inpformer.errors import UserError
from inpformer.places import ASSETS

DRAWN = ("folders", "folders-classes", "store")


@pytest.fixture(params=list(TREES))
def named(request) -> str:
    return request.param


@pytest.fixture
def tree(named, tmp_path) -> Tree:
    return TREES[named][0](tmp_path / "data")


def found_in(dataset: DataSet, root: Path) -> dict[str, Expected]:
    def name(path: Path | None) -> str | None:
        return path and path.relative_to(root).as_posix()

    return {
        name(item.path): Expected(item.class_name, item.split, item.defect, name(item.mask_path))
        for item in dataset.samples
    }


def test_every_layout_gives_its_classes_splits_defects_and_masks(named, tree):
    dataset = open_dataset(tree.root)
    assert dataset.layout == TREES[named][1]
    found = found_in(dataset, tree.root)
    assert found.keys() == tree.expected.keys()
    for name, expected in tree.expected.items():
        drawn = expected.split is None
        assert found[name]._replace(split=None) == expected._replace(split=None), name
        assert drawn or found[name].split == expected.split, name
    assert len(dataset.samples) == len(tree.expected)
    assert all(item.is_masked for item in dataset.samples)


def test_nothing_is_odd_in_a_whole_data_set(named, tree):
    told = " ".join(open_dataset(tree.root).problems)
    if named in DRAWN:
        assert "one in five" in told
    if named == "mvtec-ad-2":
        assert "no labels: " in told and "test_private" in told and "validation" in told
    if named not in (*DRAWN, "mvtec-ad-2"):
        assert not told


def test_samples_are_sorted_by_class_split_and_name(tree):
    samples = open_dataset(tree.root).samples
    keys = [(item.class_name, item.split == "test", str(item.path)) for item in samples]
    assert keys == sorted(keys)


def test_counts_and_summary_agree_with_the_samples(tree):
    dataset = open_dataset(tree.root)
    for row in dataset.counts():
        assert row.train == len(dataset.of(row.class_name, "train"))
        test = dataset.of(row.class_name, "test")
        assert row.test_anomalous == sum(item.is_anomalous for item in test)
        assert row.test_normal + row.test_anomalous == len(test)
        assert row.unmasked == 0
    anomalous = sum(item.is_anomalous for item in dataset.samples)
    assert f"{anomalous} anomalous" in dataset.summary()


def test_no_picture_is_read(named, tree, monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("a picture was opened")

    monkeypatch.setattr(Image, "open", refuse)
    monkeypatch.setattr("inpformer.images._open_picture", refuse)
    assert open_dataset(tree.root).samples


def test_a_data_set_that_is_wrapped_in_folders_and_given_as_text_is_found(tree, tmp_path):
    outer = tmp_path / "unpacked" / "archive"
    outer.mkdir(parents=True)
    shutil.move(tree.root, outer / "inner")
    (tmp_path / "unpacked" / "licence.txt").write_text("x")
    (tmp_path / "unpacked" / ".hidden").mkdir()
    (tmp_path / "unpacked" / "__MACOSX").mkdir()
    found = found_in(open_dataset(str(tmp_path / "unpacked")), outer / "inner")
    assert found.keys() == tree.expected.keys()


def test_a_layout_that_is_named_is_the_one_that_is_read(tmp_path):
    tree = visa(tmp_path / "data")
    for name in ("candle", "pcb1"):
        tree.touch(f"{name}/train/good/000.png")
    assert open_dataset(tree.root).layout == "VisA"
    assert open_dataset(tree.root, "visa").layout == "VisA"
    assert open_dataset(tree.root, "mvtec").layout == "MVTec AD"
    assert open_dataset(plain_split(tmp_path / "split").root, "folders").layout == "Plain folders"
    with pytest.raises(UserError, match="real-iad"):
        open_dataset(tree.root, "real-iad")
    with pytest.raises(UserError, match=", ".join(LAYOUTS)):
        open_dataset(tree.root, "coco")


def test_an_object_opened_alone_has_the_pictures_that_it_has_among_others(tmp_path):
    tree = mvtec(tmp_path / "data")
    alone = open_dataset(tree.root / "bottle")
    among = open_dataset(tree.root)
    assert alone.class_names == ("",) and among.class_names == ("bottle", "cable")
    assert {item.path for item in alone.samples} == {
        item.path for item in among.samples if item.class_name == "bottle"
    }
    assert set(alone.samples) == set(read_mvtec_folder(tree.root / "bottle"))


@pytest.mark.parametrize("opened", ["realiad_1024", "realiad_jsons", "realiad_jsons_sv"])
def test_a_folder_of_real_iad_opens_all_of_it(tmp_path, opened):
    tree = real_iad(tmp_path / "data")
    shutil.copytree(tree.root / "realiad_jsons", tree.root / "realiad_jsons_sv")
    (tree.root / "realiad_jsons_sv" / "mint.json").unlink()
    dataset = open_dataset(tree.root / opened)
    assert dataset.root == tree.root
    single_view = opened.endswith("_sv")
    assert dataset.class_names == (("audiojack",) if single_view else ("audiojack", "mint"))
    (problem,) = dataset.problems
    assert "other splits" in problem
    assert ("realiad_jsons_sv" in problem) != single_view


def test_the_resolution_that_is_opened_is_used_and_else_the_one_of_the_papers(tmp_path):
    tree = real_iad(tmp_path / "data")
    shutil.copytree(tree.root / "realiad_1024", tree.root / "realiad_256")
    for opened, used in (("", "realiad_1024"), ("realiad_256", "realiad_256")):
        dataset = open_dataset(tree.root / opened)
        assert len(dataset.samples) == len(tree.expected)
        assert {item.path.relative_to(tree.root).parts[0] for item in dataset.samples} == {used}


# --- masks of several classes


def test_masks_of_class_numbers_are_defect_wherever_they_are_not_0(tmp_path):
    tree = visa(tmp_path / "data")
    values = np.zeros((16, 20), np.uint8)
    values[4:8, 5:9], values[9:12, 5:9] = 1, 3
    sample = next(item for item in open_dataset(tree.root).samples if item.mask_path)
    grey = Image.fromarray(values)
    coloured = Image.fromarray(values, "P")
    coloured.putpalette([0, 0, 0, 0, 128, 0, 0, 0, 128, 0, 0, 200])
    for picture in (grey, coloured):
        picture.save(sample.mask_path)
        mask = load_mask(sample.mask_path, sample.mask_level)
        np.testing.assert_array_equal(mask, values > 0)


def test_masks_of_a_store_are_its_own_files_and_are_read_as_it_reads_them(tmp_path):
    tree = store(tmp_path / "data")
    kept = AnnotationStore.open(tree.root)
    for sample in open_dataset(tree.root).samples:
        assert sample.path == kept.picture_path(sample.path.name)
        if sample.mask_path is not None:
            mask = kept.load(sample.path.name).mask != 0
            np.testing.assert_array_equal(load_mask(sample.mask_path, sample.mask_level), mask)
            assert mask.any()


# --- the drawn split


@pytest.mark.parametrize("build", [plain, store])
def test_one_in_five_normal_pictures_is_kept_for_the_test_and_always_the_same(tmp_path, build):
    first = open_dataset(build(tmp_path / "one").root)
    again = open_dataset(build(tmp_path / "elsewhere" / "two").root)

    def splits(dataset: DataSet) -> dict[str, str]:
        return {item.path.name: item.split for item in dataset.samples if not item.is_anomalous}

    assert splits(first) == splits(again)
    counts = Counter(splits(first).values())
    assert counts["test"] == round(0.2 * sum(counts.values()))


@pytest.mark.parametrize(("normal", "train"), [(1, 1), (2, 1), (3, 2), (50, 40)])
def test_few_normal_pictures_are_for_both_if_there_are_two(tmp_path, normal, train):
    tree = Tree(tmp_path / "data")
    for index in range(normal):
        tree.touch(f"good/{index}.png")
    (row,) = open_dataset(tree.root).counts()
    assert (row.train, row.test_normal) == (train, normal - train)


def test_pictures_that_are_added_move_few_others_to_the_other_side(tmp_path):
    tree = Tree(tmp_path / "data")
    for index in range(50):
        tree.touch(f"good/{index}.png")
    before = {item.path: item.split for item in open_dataset(tree.root).samples}
    for index in range(50, 60):
        tree.touch(f"good/{index}.png")
    after = {item.path: item.split for item in open_dataset(tree.root).samples}
    assert sum(after[path] != split for path, split in before.items()) <= 4


# --- size, and real pictures


def test_many_pictures_are_listed_quickly(tmp_path):
    tree = Tree(tmp_path / "data")
    for place in ("train/good", "test/good", "test/hole", "ground_truth/hole"):
        folder = tree.root / place
        folder.mkdir(parents=True)
        end = "_mask.png" if "truth" in place else ".png"
        for index in range(1000):
            (folder / f"{index:05}{end}").touch()
    start = time.perf_counter()
    assert len(open_dataset(tree.root).samples) == 3000
    assert time.perf_counter() - start < 5


def test_the_photos_of_tiles_are_found(tiles):
    dataset = open_dataset(tiles)
    assert dataset.layout == "MVTec AD" and not dataset.problems
    assert dataset.counts() == [("", 60, 40, 90, 0)]
    assert set(dataset.samples) == set(read_mvtec_folder(tiles))
    assert open_dataset(tiles.parent).class_names == ("magnetic_tile",)


def test_the_example_parts_are_found():
    dataset = open_dataset(ASSETS / "examples")
    assert dataset.layout == "MVTec AD" and not dataset.problems
    assert {"washer", "fabric", "pcb"} <= set(dataset.class_names)
    assert all(load_mask(item.mask_path).any() for item in dataset.samples if item.is_anomalous)
