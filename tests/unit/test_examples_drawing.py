"""The example parts: how they are drawn, and how the tool lays them out on disk."""

import json
import sys
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.random import default_rng
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import make_examples
from example_parts.kinds import PARTS
from example_parts.part import PartKind, make_picture
from example_parts.station import (
    VISIBLE_DIFFERENCE,
    develop,
    difference_mask,
    expose,
    lay_dust,
    line_mask,
    random_shot,
)

NAMES = ("washer", "fabric", "pcb", "blister", "wood", "cap")
SEED = 11
SHOT = random_shot(default_rng(SEED))
LARGEST_SHARE = 0.25
SPOTS_SHARE = 0.003
CLEAR_LEVELS = 20  # of 255
SMALL_SIDE = 8  # pixels
QUICK_DEFECTS = 2


def drawn(kind: PartKind, defect: str | None, number: int) -> tuple[np.ndarray, dict]:
    """A scene on the sensor, and where its source of randomness stands afterwards."""
    rng = default_rng(SEED)
    scene = kind.draw(rng, defect, default_rng([SEED, number]))
    assert scene.ndim == 3 and scene.shape[2] == 3 and min(scene.shape[:2]) >= 400
    assert np.isfinite(scene).all()
    return expose(scene, SHOT), rng.bit_generator.state


@cache
def clean(name: str) -> tuple[np.ndarray, dict]:
    return drawn(PARTS[name], None, 0)


def all_defects() -> list:
    """Each defect of each kind; all but the first ones only with `-m slow`."""
    return [
        pytest.param(
            kind.name,
            defect,
            id=f"{kind.name}-{defect}",
            marks=[pytest.mark.slow] if number >= QUICK_DEFECTS else [],
        )
        for kind in PARTS.values()
        for number, defect in enumerate(kind.defects)
    ]


def test_all_six_kinds_are_registered_under_their_own_names():
    assert tuple(PARTS) == NAMES
    for name, kind in PARTS.items():
        assert kind.name == name
        assert kind.title
        assert len(set(kind.defects)) == len(kind.defects) >= make_examples.SHIPPED_DEFECTS
        assert "good" not in kind.defects


@pytest.mark.parametrize(("name", "defect"), all_defects())
def test_a_defect_is_clear_inside_its_mask_and_changes_nothing_else(name, defect):
    sound, sound_state = clean(name)
    broken, broken_state = drawn(PARTS[name], defect, 1)
    # The next scene of the same source is the same one, with or without the defect.
    assert broken_state == sound_state

    mask = difference_mask(sound, broken)
    _, _, width, height = cv2.boundingRect(mask.astype(np.uint8))
    assert max(width, height) >= SMALL_SIDE
    assert 0 < mask.mean() < LARGEST_SHARE

    # As the picture shows them, before the sensor adds its noise.
    levels = [255 * np.clip(picture, 0, 1) ** (1 / 2.2) for picture in (sound, broken)]
    difference = np.abs(levels[0] - levels[1]).max(axis=2)
    assert difference[mask].max() >= CLEAR_LEVELS
    # The mask leaves out single spots of a few pixels, such as the fibres around a torn thread.
    assert (difference[~mask] > 255 * VISIBLE_DIFFERENCE).mean() < SPOTS_SHARE


@pytest.mark.parametrize("name", NAMES)
def test_one_good_part_is_not_like_the_next_yet_of_the_same_batch(name):
    picture, mask = make_picture(PARTS[name], SEED, 0)
    assert picture.dtype == np.uint8 and mask.dtype == bool
    assert mask.shape == picture.shape[:2]
    assert not mask.any()

    other = develop(default_rng(1), clean(name)[0], SHOT)
    assert picture.shape == other.shape
    blurred = [cv2.GaussianBlur(image, (0, 0), 2).astype(int) for image in (picture, other)]
    # Not just by its noise: seen through a blur too.
    assert (np.abs(blurred[0] - blurred[1]).max(axis=2) > 6).mean() > 0.05
    assert np.abs(picture.mean((0, 1)) - other.mean((0, 1))).max() < 40


def dot_scene(rng, defect, defect_rng):
    """A kind of part that is drawn in no time: grey, with a white square as its defect."""
    scene = np.full((48, 48, 3), rng.uniform(0.1, 0.3), np.float32)
    if defect is not None:
        row, column = defect_rng.integers(4, 30, 2)
        scene[row : row + 12, column : column + 12] = 0.9
    return scene


def invisible_scene(rng, defect, defect_rng):
    return np.full((48, 48, 3), 0.2, np.float32)


DOTS = ("a", "b", "c", "d", "e")


@pytest.fixture
def small_parts(monkeypatch):
    parts = {name: PartKind(name, name.title(), DOTS, dot_scene) for name in ("dot", "spot")}
    monkeypatch.setattr(make_examples, "PARTS", parts)
    return parts


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_same_seed_and_number_give_the_same_picture_and_others_do_not():
    kind = PartKind("dot", "Dot", DOTS, dot_scene)
    picture, mask = make_picture(kind, SEED, 0, "a")
    again, mask_again = make_picture(kind, SEED, 0, "a")
    assert np.array_equal(picture, again) and np.array_equal(mask, mask_again)
    for seed, number, defect in ((SEED + 1, 0, "a"), (SEED, 1, "a"), (SEED, 0, "b")):
        assert not np.array_equal(picture, make_picture(kind, seed, number, defect)[0])


def test_a_defect_that_changes_nothing_is_an_error_not_an_empty_mask():
    kind = PartKind("void", "Void", DOTS, invisible_scene)
    with pytest.raises(RuntimeError, match="'a' changed nothing"):
        make_picture(kind, SEED, 0, "a")


def test_the_tool_writes_what_is_shipped_unless_told_otherwise(tmp_path, small_parts):
    assert make_examples.main(["--out", str(tmp_path / "out")]) == 0
    expected = {"parts.json"}
    for name in small_parts:
        expected |= {f"{name}/train/good/{number:03}.jpg" for number in range(8)}
        expected |= {f"{name}/test/good/{number:03}.jpg" for number in range(4)}
        expected |= {f"{name}/test/{defect}/000.jpg" for defect in "abcd"}
        expected |= {f"{name}/ground_truth/{defect}/000_mask.png" for defect in "abcd"}
    assert set(files_in(tmp_path / "out")) == expected
    assert json.loads((tmp_path / "out" / "parts.json").read_text("utf-8")) == {
        "dot": {"title": "Dot", "defects": ["a", "b", "c", "d"]},
        "spot": {"title": "Spot", "defects": ["a", "b", "c", "d"]},
    }
    mask = np.asarray(Image.open(tmp_path / "out/dot/ground_truth/a/000_mask.png"))
    picture = np.asarray(Image.open(tmp_path / "out/dot/test/a/000.jpg"))
    assert mask.shape == picture.shape[:2]
    assert set(np.unique(mask)) == {0, 255}
    assert picture[mask == 255].mean() > picture[mask == 0].mean() + 50


def test_the_same_command_writes_the_same_bytes(tmp_path, small_parts):
    for folder in ("one", "two"):
        make_examples.main(["--out", str(tmp_path / folder), "--train", "1", "--good", "1"])
    assert files_in(tmp_path / "one") == files_in(tmp_path / "two")


def test_no_tested_picture_is_one_of_the_training_however_many_there_are(tmp_path, monkeypatch):
    taken = []

    def record(kind, seed, index, defect):
        taken.append((index, defect))
        return np.zeros((8, 8, 3), np.uint8), np.ones((8, 8), bool)

    parts = {"dot": PartKind("dot", "Dot", DOTS, dot_scene)}
    monkeypatch.setattr(make_examples, "PARTS", parts)
    monkeypatch.setattr(make_examples, "make_picture", record)
    make_examples.main(["--out", str(tmp_path), "--train", "40", "--good", "30"])
    assert len(set(taken)) == len(taken) == 40 + 30 + 4


def test_one_part_can_be_drawn_again_and_the_others_stay(tmp_path, small_parts):
    few = ["--out", str(tmp_path), "--train", "1", "--good", "1", "--defects", "1"]
    (tmp_path / "LICENSES.md").write_text("ours")
    make_examples.main(few)
    before = files_in(tmp_path)
    assert make_examples.main([*few, "--parts", "spot", "--seed", "8", "--good", "0"]) == 0
    after = files_in(tmp_path)
    assert {name for name in before if before[name] != after.get(name)} == {
        "spot/train/good/000.jpg",
        "spot/test/good/000.jpg",
        "spot/test/a/000.jpg",
        "spot/ground_truth/a/000_mask.png",
    }
    assert "spot/test/good/000.jpg" not in after


def test_a_folder_with_other_files_is_refused_in_one_sentence(tmp_path, small_parts, capsys):
    for name in ("notes.txt", "dot/mine.jpg"):
        folder = tmp_path / name.partition(".")[0].partition("/")[0]
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("mine")
        before = files_in(folder)
        assert make_examples.main(["--out", str(folder)]) == 1
        assert files_in(folder) == before
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and "not example parts" in error and "--out" in error


@pytest.mark.parametrize("index", ["{", "[]", '"dot"'])
def test_a_damaged_index_is_said_in_one_sentence(tmp_path, small_parts, capsys, index):
    (tmp_path / "parts.json").write_text(index)
    assert make_examples.main(["--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "parts.json" in error
    assert files_in(tmp_path) == {"parts.json": index.encode()}


def test_a_run_that_breaks_off_leaves_the_older_pictures_whole(tmp_path, small_parts, monkeypatch):
    few = ["--out", str(tmp_path), "--parts", "dot", "--train", "2", "--good", "0"]
    make_examples.main(few)
    before = files_in(tmp_path)

    def break_off(kind, seed, index, defect):
        if defect is not None:
            raise KeyboardInterrupt
        return make_picture(kind, seed, index, defect)

    monkeypatch.setattr(make_examples, "make_picture", break_off)
    with pytest.raises(KeyboardInterrupt):
        make_examples.main([*few, "--seed", "9"])
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("points", [[[-90, -50], [-60, -80]], [[5, 5], [5, 5]], [[-4, 8], [90, 8]]])
def test_a_line_may_leave_the_picture_or_have_no_length(points):
    coverage = line_mask((20, 30), np.array(points, np.float64), 2.0)
    assert coverage.shape == (20, 30)
    assert coverage.min() >= 0 and coverage.max() <= 1
    assert (coverage.max() > 0.9) == (points[-1][0] > 0)


@pytest.mark.parametrize("place", [(-30.0, 5.0), (0.2, 19.8), (12.0, 7.0), (60.0, 5.0)])
def test_dust_may_lie_across_the_border_or_beside_the_picture(place):
    scene = np.zeros((20, 30, 3), np.float32)
    lay_dust(scene, place, 1.0, 0.5)
    assert scene.max() <= 0.5
    assert (scene.max() > 0.3) == (0 <= place[0] < 30)
