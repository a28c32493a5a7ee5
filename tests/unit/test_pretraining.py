"""The made-up parts that the embedded encoder is trained on, and its training program."""

from __future__ import annotations

import random
import sys

import pytest
import torch

from inpformer.modeling.build import build_encoder, read_state_dict
from inpformer.places import HOME
from inpformer.presets import encoder_preset

sys.path.insert(0, str(HOME / "tools"))

from pretrain_encoder import (
    area_under_curve,
    export,
    filter_scale,
    make_optimizer,
    rate_at,
    resume,
    save_checkpoint,
    take_step,
)
from pretraining.parts import BROKEN, SIDE, VIEWS, PartStore, draw_part, patch_labels
from pretraining.pupil import Pupil, nearest_distance
from pretraining.scenes import scene

CPU = torch.device("cpu")
PATCH = 8


@pytest.fixture(scope="module")
def parts():
    return [draw_part(seed) for seed in range(6)]


@pytest.fixture
def pupil():
    torch.manual_seed(0)
    return Pupil(encoder_preset("embedded"), filter_scale())


def test_a_part_is_its_seed(parts):
    images, pixels = draw_part(1)
    assert torch.equal(images, parts[1][0]) and torch.equal(pixels, parts[1][1])
    assert not torch.equal(parts[0][0], parts[1][0])


def test_only_the_last_views_have_defects(parts):
    for images, pixels in parts:
        assert images.shape == (VIEWS, 3, SIDE, SIDE) and images.dtype == torch.uint8
        assert not pixels[: VIEWS - BROKEN].any()
    assert any((pixels[VIEWS - BROKEN :] > 0).any() for _, pixels in parts)


def test_a_broken_scene_differs_where_its_changes_say_and_nowhere_else():
    found = 0
    for seed in range(8):
        rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
        pictures, changes = scene(rng, generator, 3, 1, 64)
        assert pictures.min() >= 0 and pictures.max() <= 1
        assert not changes[:2].any()
        found += bool(changes[2].any())
        assert (changes[2] == 0).float().mean() > 0.3, "one thing is wrong, not all of them"
    assert found >= 4


def test_a_patch_is_defective_from_a_share_of_its_pixels_on():
    pixels = torch.zeros(1, 16, 16)
    pixels[0, :8, :8] = 1
    pixels[0, 0, 8] = 1  # one of 64: neither
    pixels[0, 8, 0] = -1
    assert patch_labels(pixels, PATCH).tolist() == [[1, -1, -1, 0]]


def test_a_store_gives_views_and_labels_that_belong_together(parts):
    store = PartStore(4, CPU)
    marked = torch.zeros_like(parts[0][0]), torch.zeros_like(parts[0][1])
    marked[0][:, :, 100:140, 60:90] = 255
    marked[1][:, 100:140, 60:90] = 1
    for _ in range(6):
        store.add(*(values[None] for values in marked))
    assert store.drawn == 6
    for seed in range(8):
        images, pixels = store.sample(2, random.Random(seed))
        for grey, marks in zip(images.mean(dim=2), pixels, strict=True):
            inside, outside = grey[marks == 1].mean(), grey[marks == 0].mean()
            assert (inside - outside).abs() > 0.5, "turned, cut and recoloured together"


def test_distances_are_to_the_nearest_token_of_the_same_part():
    support = torch.eye(4).view(2, 1, 2, 4)  # each part knows two directions of its own
    queries = torch.eye(4).view(1, 1, 4, 4).expand(2, 1, 4, 4)
    assert nearest_distance(support, queries)[:, 0].tolist() == [[0, 0, 1, 1], [1, 1, 0, 0]]


def test_the_loss_sends_a_gradient_through_the_good_pictures_too(parts, pupil):
    images = parts[0][0][None, ..., :64, :64].float() / 255
    tokens = []
    pupil.register_forward_hook(lambda module, given, found: tokens.append(found))
    pupil.distances(images)
    assert sum(map(len, tokens)) == VIEWS and all(found.requires_grad for found in tokens)


def test_steps_on_one_part_tell_its_defects_better(parts, pupil):
    images = parts[0][0][None, ..., 96:144, 96:144].float() / 255
    pixels = torch.zeros(1, VIEWS, 48, 48)
    pixels[:, -1, 16:40, 16:40] = 1
    images[:, -1, :, 16:40, 16:40] *= 0.8
    optimizer = make_optimizer(pupil)
    first = take_step(pupil, optimizer, (images, pixels), CPU)
    for _ in range(6):
        last = take_step(pupil, optimizer, (images, pixels), CPU)
    assert last["near"] < first["near"]


def test_a_stopped_training_goes_on_and_its_file_is_an_encoder(pupil, tmp_path):
    optimizer = make_optimizer(pupil)
    keepers = {"pupil": pupil, "optimizer": optimizer}
    with torch.no_grad():
        pupil.stem.learnt.weight.add_(0.25)
    save_checkpoint(tmp_path / "c.pt", keepers, 7, 12.5)
    torch.manual_seed(1)
    other = Pupil(encoder_preset("embedded"), filter_scale())
    again = {"pupil": other, "optimizer": make_optimizer(other)}
    assert resume(tmp_path / "nothing.pt", again, CPU) == (0, 0.0)
    assert resume(tmp_path / "c.pt", again, CPU) == (7, 12.5)
    assert torch.equal(other.stem.learnt.weight, pupil.stem.learnt.weight)
    export(other, tmp_path / "e.safetensors")
    encoder = build_encoder(encoder_preset("embedded"), read_state_dict(tmp_path / "e.safetensors"))
    assert torch.allclose(
        encoder.vit.patch_embed.learnt.weight, pupil.stem.learnt.weight, atol=1e-3
    )


def test_the_rate_rises_and_then_falls_to_almost_nothing():
    rates = [rate_at(step / 100) for step in range(101)]
    highest = rates.index(max(rates))
    assert 0 < highest < 10 and rates[-1] < 0.02
    assert rates[highest:] == sorted(rates[highest:], reverse=True)


def test_the_area_under_the_curve_counts_pairs():
    values = torch.tensor([0.1, 0.4, 0.35, 0.8])
    assert area_under_curve(values, torch.tensor([False, False, True, True])) == 0.75
