"""What a training looks at: pictures, the choice of them, views for thresholds, defects."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from training_data import ENCODER, QUICK, write_data

from inpformer.augmentation import VIEW_COUNT, make_view
from inpformer.datasets.sample import DataSet, Sample
from inpformer.errors import ImageError, UserError
from inpformer.images import load_image
from inpformer.model_input import make_geometry, to_tensor
from inpformer.real_anomalies import cut_regions
from inpformer.training.ahead import Ahead
from inpformer.training.calibration_views import calibration_views
from inpformer.training.defects import DefectMaker
from inpformer.training.model_training import planned_phases, views_to_train_on
from inpformer.training.plan import TrainingSet, make_plan
from inpformer.training.processes import Processes
from inpformer.training.schedule import generator_for
from inpformer.training.stream import PictureStream, View


@pytest.fixture
def data(tmp_path) -> DataSet:
    return write_data(tmp_path / "parts")


def plan(data, config=QUICK, classes=()):
    processes, stream = Processes(on_cpu=True), PictureStream(ENCODER, config)
    return make_plan([data], classes, config, processes, lambda *_: None, stream)


# --- pictures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("geometry", "name"), [("paper", "benchmark"), ("full", "full")])
def test_training_shows_a_picture_as_a_prediction_does(data, geometry, name):
    path = data.samples[0].path
    stream = PictureStream(ENCODER, replace(QUICK, geometry=geometry))
    image = load_image(path)
    expected = to_tensor(image, make_geometry(image, name, ENCODER))
    for _ in range(2):  # from the file, and kept
        assert torch.equal(stream.read(View(path)), expected)
    assert torch.equal(stream.read(View(path, 3)), make_view(expected, 3))
    rows, columns = expected.shape[1] // 14, expected.shape[2] // 14
    assert stream.token_count(image.shape[:2]) == rows * columns


@pytest.mark.parametrize(("cache", "is_kept"), [("auto", True), ("none", False)])
def test_pictures_are_kept_where_a_cache_is_wanted(data, cache, is_kept):
    path = data.samples[0].path
    stream = PictureStream(ENCODER, replace(QUICK, cache=cache))
    first = stream.read(View(path))
    path.unlink()
    if is_kept:
        assert torch.equal(stream.read(View(path)), first)
    stream.forget()
    with pytest.raises(ImageError, match="There is no file"):
        stream.read(View(path))


def test_no_more_pictures_are_kept_than_there_is_room_for(data):
    (first, second) = (sample.path for sample in data.samples[:2])
    one = 56 * 56 * 3  # what the model sees of a picture, in bytes
    stream = PictureStream(ENCODER, replace(QUICK, cache_bytes=2 * one - 1))
    for path in (first, second):
        stream.read(View(path))
        path.unlink()
    stream.read(View(first))
    with pytest.raises(ImageError, match="There is no file"):
        stream.read(View(second))


def test_a_mask_lies_over_its_picture_in_either_geometry(data):
    (sample,) = [s for s in data.of("bolt", "test") if s.path.name == "0.png" and s.mask_path]
    for geometry in ("paper", "full"):
        seen = PictureStream(ENCODER, replace(QUICK, geometry=geometry)).read_masked(sample)
        red = (seen.image[0] > 0.8) & (seen.image[1] < 0.2)
        agree = (red & seen.mask).sum() / (red | seen.mask).sum()
        assert seen.mask.any() and agree > 0.7


def test_a_mask_of_another_size_is_refused_by_name(data, tmp_path):
    (sample, *_) = [s for s in data.samples if s.mask_path]
    Image.fromarray(np.full((9, 9), 255, np.uint8)).save(sample.mask_path)
    with pytest.raises(ImageError, match=r"'0_mask\.png' is 9 × 9 pixels, .* 70 × 60"):
        PictureStream(ENCODER, QUICK).read_masked(sample)


def test_what_is_planned_is_made_once_by_other_threads_and_given_away():
    made = []

    def make(key):
        made.append((key, threading.current_thread().name))
        return key * 2

    ahead = Ahead(make, workers=2)
    ahead.plan([1, 2])
    ahead.plan([2])
    assert [ahead.get(1), ahead.get(2), ahead.get(3)] == [2, 4, 6]
    by_key = dict(made)
    assert sorted(key for key, _ in made) == [1, 2, 3]
    assert by_key[1].startswith("ahead") and not by_key[3].startswith("ahead")
    ahead.close()


# --- what is trained on ------------------------------------------------------------------------


def test_every_picture_is_trained_on_or_held_out_and_never_both(data):
    (chosen,) = plan(data, replace(QUICK, hold_out=0.5)).sets
    normal, held_out = set(chosen.normal), set(chosen.held_out)
    assert not normal & held_out
    assert normal | held_out == {s for s in data.samples if s.split == "train"}
    assert {s.class_name for s in held_out} == {"bolt", "nut"}


def test_pictures_of_defects_are_never_trained_on_as_normal_ones(data):
    odd = replace(data.of("bolt", "test")[-1], split="train")
    (chosen,) = plan(replace(data, samples=(*data.samples, odd))).sets
    assert odd not in chosen.normal


def test_a_class_with_one_picture_cannot_be_held_out(tmp_path):
    with pytest.raises(UserError, match="hold_out 0"):
        plan(write_data(tmp_path / "small", train=1), replace(QUICK, hold_out=0.1))


def test_a_class_without_a_name_gives_a_detector_for_all(tmp_path):
    data = write_data(tmp_path / "parts", classes=("",))
    (chosen,) = plan(data, replace(QUICK, setting="single")).sets
    assert chosen.name == "*"


def test_shots_are_shown_in_22_views_and_whole_sets_as_they_are(data):
    few = replace(QUICK, setting="few-shot", shots=2)
    for chosen in plan(data, few).sets:
        views = views_to_train_on(chosen, few)
        assert len(views) == len(set(views)) == 2 * VIEW_COUNT
    (chosen,) = plan(data).sets
    assert views_to_train_on(chosen, QUICK) == [View(s.path) for s in chosen.normal]
    assert [(p.phase, p.steps) for p in planned_phases(chosen, QUICK)] == [
        ("train", 6),
        ("head", 4),
    ]


def samples(count, name="a") -> tuple[Sample, ...]:
    return tuple(Sample(Path(f"{name}{i}.png"), "train", "good") for i in range(count))


def test_thresholds_come_from_views_that_no_training_shows():
    for config in (QUICK, replace(QUICK, setting="few-shot", views="station")):
        config = replace(config, calibration_views=30)
        chosen = TrainingSet("*", samples(4))
        views = calibration_views(chosen, config)
        assert len(views) == len(set(views)) == 30
        assert not set(views) & set(views_to_train_on(chosen, config))
        assert all(view.kind == "slight" and view.index > 0 for view in views)
        assert {view.path for view in views} == {sample.path for sample in chosen.normal}


def test_of_many_pictures_views_of_an_even_part_set_the_thresholds():
    views = calibration_views(TrainingSet("*", samples(100)), replace(QUICK, calibration_views=10))
    assert [view.path.stem for view in views] == [f"a{i}" for i in range(0, 100, 10)]


def test_pictures_that_were_held_out_come_first_as_they_are():
    chosen = TrainingSet("*", samples(9), samples(3, "held"))
    views = calibration_views(chosen, replace(QUICK, calibration_views=5))
    assert [view.index == 0 for view in views] == [True] * 3 + [False] * 2
    assert all(view.path.name.startswith("held") for view in views)
    assert len(calibration_views(chosen, replace(QUICK, calibration_views=1))) == 3


# --- defects -----------------------------------------------------------------------------------


def defect_maker(data, share):
    stream = PictureStream(ENCODER, QUICK)
    normal = data.of("bolt", "train") + data.of("nut", "train")
    regions = {}
    for sample in data.of("bolt", "test"):
        if sample.mask_path:
            found = cut_regions(*stream.read_masked(sample))
            regions.setdefault("bolt", []).extend(found)
    names = [sample.class_name for sample in normal]
    return (
        stream,
        normal,
        DefectMaker(lambda item: stream.read(View(normal[item].path)), names, regions, share),
    )


@pytest.mark.parametrize(
    ("share", "item", "is_real"), [(1.0, 0, True), (0.0, 0, False), (1.0, 5, False)]
)
def test_real_regions_go_on_pictures_of_their_own_class(data, share, item, is_real):
    stream, normal, maker = defect_maker(data, share)
    clean = stream.read(View(normal[item].path))
    reds = 0
    for number in range(6):
        picture = maker(item, generator_for(number))
        assert picture.mask.any() and torch.equal(
            picture.image[:, ~picture.mask], clean[:, ~picture.mask]
        )
        inside = picture.image[:, picture.mask].mean(dim=1)
        reds += bool(inside[0] > 0.7 and inside[1:].max() < 0.35)
    assert (reds >= 5) == is_real


def test_the_same_place_gives_the_same_defect(data):
    *_, maker = defect_maker(data, 0.5)
    first, again, other = (maker(1, generator_for(*place)) for place in ((1, 2), (1, 2), (1, 3)))
    assert torch.equal(first.image, again.image) and not torch.equal(first.image, other.image)
