"""Draws of shots and of anomalies: nested, reproducible, spread, and out of the test."""

from __future__ import annotations

from collections import Counter

import pytest
from dataset_trees import Tree, mvtec

from inpformer.datasets.draws import draw_anomalies, draw_shots, without
from inpformer.datasets.find import open_dataset
from inpformer.datasets.sample import DataSet
from inpformer.errors import UserError

SHOTS, KINDS = 30, {"crack": 9, "dent": 4, "hole": 2}


@pytest.fixture
def tree(tmp_path) -> Tree:
    tree = Tree(tmp_path / "data")
    for name in ("bolt", "nut"):
        for index in range(SHOTS):
            tree.touch(f"{name}/train/good/{index:03}.png")
        tree.touch(f"{name}/test/good/000.png")
        for kind, count in KINDS.items():
            for index in range(count):
                tree.touch(f"{name}/test/{kind}/{index:03}.png")
                tree.touch(f"{name}/ground_truth/{kind}/{index:03}_mask.png")
    return tree


@pytest.fixture
def dataset(tree) -> DataSet:
    return open_dataset(tree.root)


def test_shots_are_different_normal_pictures_of_the_class_to_train_on(dataset):
    shots = draw_shots(dataset, "nut", 8, seed=1)
    assert len(set(shots)) == 8
    assert set(shots) <= set(dataset.of("nut", "train"))
    assert set(draw_shots(dataset, "nut", SHOTS, seed=1)) == set(dataset.of("nut", "train"))


@pytest.mark.parametrize("draw", [draw_shots, draw_anomalies])
def test_the_same_seed_gives_the_same_draw_and_a_smaller_one_is_part_of_a_larger(dataset, draw):
    largest = draw(dataset, "nut", 12, seed=3)
    for count in (1, 2, 4, 8):
        assert draw(dataset, "nut", count, seed=3) == largest[:count]
    assert len({tuple(draw(dataset, "nut", 4, seed)) for seed in range(10)}) > 5


def test_every_picture_is_drawn_by_some_seed(dataset):
    drawn = {draw_shots(dataset, "bolt", 1, seed)[0] for seed in range(400)}
    assert drawn == set(dataset.of("bolt", "train"))


def test_a_draw_does_not_depend_on_the_place_or_on_other_classes(dataset, tree, tmp_path):
    wanted = [item.path.name for item in draw_shots(dataset, "nut", 8, seed=0)]
    alone = open_dataset(tree.root / "nut")
    assert [item.path.name for item in draw_shots(alone, "", 8, seed=0)] == wanted
    (tmp_path / "elsewhere").mkdir()
    moved = open_dataset(tree.root.rename(tmp_path / "elsewhere" / "data"))
    assert [item.path.name for item in draw_shots(moved, "nut", 8, seed=0)] == wanted


def test_anomalies_are_spread_over_the_kinds_as_far_as_they_go(dataset):
    for count in range(1, sum(KINDS.values()) + 1):
        drawn = draw_anomalies(dataset, "bolt", count, seed=2)
        assert len(set(drawn)) == count
        assert all(item.mask_path and item.split == "test" for item in drawn)
        found = Counter(item.defect for item in drawn)
        most = max(found.values())
        for kind, there in KINDS.items():
            assert found[kind] in (most, most - 1) or found[kind] == there


def test_only_pictures_with_a_mask_are_drawn(tree):
    for mask in (tree.root / "bolt" / "ground_truth" / "crack").iterdir():
        mask.unlink()
    dataset = open_dataset(tree.root)
    drawn = draw_anomalies(dataset, "bolt", 6, seed=0)
    assert {item.defect for item in drawn} == {"dent", "hole"}
    with pytest.raises(UserError, match="has 6"):
        draw_anomalies(dataset, "bolt", 7, seed=0)


def test_what_is_taken_out_of_the_test_is_said_and_nothing_else_changes(dataset):
    drawn = draw_anomalies(dataset, "nut", 5, seed=0)
    left = without(dataset, drawn)
    assert set(left.samples) == set(dataset.samples) - set(drawn)
    assert left.problems[:-1] == dataset.problems
    assert "nut/test" in left.problems[-1] and "and 2 more" in left.problems[-1]
    assert len(dataset.of("nut", "test")) == len(left.of("nut", "test")) + 5


def test_pictures_to_train_on_can_be_taken_out_and_the_next_draw_goes_on_without_them(dataset):
    first, second, *others = draw_shots(dataset, "nut", 6, seed=0)
    left = without(dataset, [second])
    assert draw_shots(left, "nut", 5, seed=0) == [first, *others]
    assert left.problems[-1].startswith("Taken out of the pictures to train on: nut/train")
    assert without(dataset, []) == dataset


@pytest.mark.parametrize("draw", [draw_shots, draw_anomalies])
def test_a_wish_that_cannot_be_met_is_refused(tmp_path, draw):
    dataset = open_dataset(mvtec(tmp_path / "data").root)
    for class_name, count, words in (
        ("bottle", 0, "at least 1"),
        ("bottle", 99, "99"),
        ("grid", 1, "bottle, cable"),
    ):
        with pytest.raises(UserError, match=words):
            draw(dataset, class_name, count, 0)
