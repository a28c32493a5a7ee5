import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inpformer.datasets.mvtec import read_mvtec_folder
from inpformer.datasets.sample import Sample, load_mask
from inpformer.errors import ImageError, UserError


def write(path: Path, values: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((16, 20), np.uint8) if values is None else values).save(path)
    return path


@pytest.fixture
def folder(tmp_path) -> Path:
    """A small object: 3 normal parts to train on, 1 to test, 2 with a hole, 1 with a scratch."""
    root = tmp_path / "part"
    for name in ("train/good/002.png", "train/good/000.png", "train/good/001.png"):
        write(root / name)
    write(root / "test/good/000.png")
    for kind, name in (("hole", "000"), ("hole", "001"), ("scratch", "000")):
        write(root / f"test/{kind}/{name}.png")
        write(root / f"ground_truth/{kind}/{name}_mask.png")
    return root


def test_every_picture_is_listed_with_its_split_kind_and_mask(folder):
    samples = read_mvtec_folder(folder)
    shown = [(s.path.relative_to(folder).as_posix(), s.split, s.defect) for s in samples]
    assert shown == [
        ("train/good/000.png", "train", "good"),
        ("train/good/001.png", "train", "good"),
        ("train/good/002.png", "train", "good"),
        ("test/good/000.png", "test", "good"),
        ("test/hole/000.png", "test", "hole"),
        ("test/hole/001.png", "test", "hole"),
        ("test/scratch/000.png", "test", "scratch"),
    ]
    masks = [s.mask_path and s.mask_path.relative_to(folder).as_posix() for s in samples]
    assert masks[:4] == [None] * 4
    assert masks[5] == "ground_truth/hole/001_mask.png"
    assert [s.is_anomalous for s in samples] == [False] * 4 + [True] * 3


def test_a_folder_given_as_text_is_read_too(folder):
    assert read_mvtec_folder(str(folder)) == read_mvtec_folder(folder)


def test_pictures_of_any_kind_have_masks_in_png(folder):
    write(folder / "test/hole/010.JPG")
    mask = write(folder / "ground_truth/hole/010_mask.png")
    sample = next(s for s in read_mvtec_folder(folder) if s.path.name == "010.JPG")
    assert sample == Sample(folder / "test/hole/010.JPG", "test", "hole", mask)


def test_missing_masks_are_named_in_one_sentence(folder):
    for mask in (folder / "ground_truth").rglob("*.png"):
        mask.unlink()
    write(folder / "test/hole/002.png")
    with pytest.raises(UserError) as error:
        read_mvtec_folder(folder)
    message = str(error.value)
    assert "test/hole/000.png, test/hole/001.png, test/hole/002.png and 1 more" in message
    assert "ground_truth" in message and message.endswith(".") and "\n" not in message


@pytest.mark.parametrize("missing", ["train/good", "test"])
def test_a_folder_of_another_layout_is_refused_by_what_it_lacks(folder, missing):
    (folder / missing).rename(folder / "elsewhere")
    with pytest.raises(UserError, match=missing):
        read_mvtec_folder(folder)
    with pytest.raises(UserError, match="train/good"):
        read_mvtec_folder(folder / "nowhere")


def test_a_folder_without_training_pictures_is_refused(folder):
    for path in (folder / "train/good").iterdir():
        path.unlink()
    with pytest.raises(UserError, match="no pictures"):
        read_mvtec_folder(folder)


def test_odd_files_are_passed_over_and_named_in_the_log(folder, caplog):
    expected = read_mvtec_folder(folder)
    assert not caplog.messages
    (folder / "test/hole/Thumbs.db").write_text("x")
    (folder / "train/good/notes").mkdir()
    (folder / "train/good/.hidden.png").write_text("x")
    (folder / "test/.cache").mkdir()
    write(folder / "ground_truth/hole/077_mask.png")
    (folder / "license.txt").write_text("x")
    with caplog.at_level(logging.WARNING):
        assert read_mvtec_folder(folder) == expected
    told = " ".join(caplog.messages)
    for name in ("test/hole/Thumbs.db", "train/good/notes", "ground_truth/hole/077_mask.png"):
        assert name in told
    assert "hidden" not in told and len(caplog.messages) == 3


def test_a_mask_is_true_where_it_is_brighter_than_half(tmp_path):
    values = np.array([[0, 127], [128, 255]], np.uint8).repeat(8, 0).repeat(8, 1)
    mask = load_mask(write(tmp_path / "mask.png", values))
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, values > 127)
    two_tone = Image.fromarray(values).convert("1", dither=Image.Dither.NONE)
    two_tone.save(tmp_path / "one_bit.png")
    assert load_mask(tmp_path / "one_bit.png").mean() == 0.5
    with pytest.raises(ImageError):
        load_mask(tmp_path / "none.png")


@pytest.mark.parametrize(("name", "share"), [("m.png", 0.5), ("m.bmp", 0.5), ("m.jpg", 0.0)])
def test_a_mask_that_is_nowhere_bright_is_true_where_it_is_not_0_if_no_pixel_was_lost(
    tmp_path, name, share
):
    values = np.array([[0, 1], [0, 1]], np.uint8).repeat(8, 0).repeat(8, 1)
    assert load_mask(write(tmp_path / name, values)).mean() == share
    assert not load_mask(write(tmp_path / name, values * 0)).any()


def test_the_real_photos_are_read(tiles):
    samples = read_mvtec_folder(tiles)
    kinds = {s.defect for s in samples if s.split == "test"}
    assert kinds == {"good", "blowhole", "break", "crack"}
    assert sum(s.split == "train" for s in samples) == 60
    assert sum(s.is_anomalous for s in samples) == 90
    assert all(load_mask(s.mask_path).any() for s in samples if s.is_anomalous)
