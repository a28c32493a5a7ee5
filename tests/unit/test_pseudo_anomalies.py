"""Synthetic defects: inside the mask and nowhere else, the same for the same seed."""

import pytest
import torch
from torch import Generator

from inpformer import pseudo_anomalies
from inpformer.pseudo_anomalies import (
    augment_texture,
    make_pseudo_anomaly,
    noise_mask,
    perlin_noise,
    procedural_texture,
    shuffled_picture,
)

# Grids of ours, a narrow strip, and the smallest picture of two patches.
SIZES = [(392, 392), (378, 406), (196, 784), (14, 28), (70, 56)]
SMALL_SIZES = [(70, 56), (14, 28), (28, 112)]
AUGMENTER_COUNT = 10


def seeded(seed: int) -> Generator:
    return Generator().manual_seed(seed)


def random_picture(size, seed=0) -> torch.Tensor:
    return torch.rand(3, *size, generator=seeded(seed))


@pytest.mark.parametrize("size", SIZES)
def test_masks_are_never_empty_and_never_everything(size):
    shares = []
    for seed in range(15):
        mask = noise_mask(size, seeded(seed))
        assert mask.shape == size and mask.dtype == torch.bool
        assert mask.any()
        shares.append(mask.float().mean().item())
    assert sum(shares) / len(shares) < 0.5, "defects are a small part of a picture"


def test_masks_differ_in_place_and_in_fineness():
    masks = torch.stack([noise_mask((126, 126), seeded(seed)) for seed in range(80)]).float()
    covered = masks.amax(dim=0).mean().item()
    assert covered > 0.9, "a defect can be nearly anywhere"
    edges = (masks[:, 1:] != masks[:, :-1]).flatten(1).float().mean(dim=1)
    assert edges.max() > 5 * edges.min()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("with_textures", [False, True])
def test_a_defect_changes_the_picture_inside_its_mask_and_nowhere_else(size, with_textures):
    textures = [random_picture((50, 40), seed=9)] if with_textures else []
    for seed in range(4):
        picture = random_picture(size)
        before = picture.clone()
        defective, mask = make_pseudo_anomaly(picture, seeded(seed), textures)
        assert torch.equal(picture, before), "the normal picture itself stays as it was"
        assert defective.shape == picture.shape and mask.shape == size
        assert mask.any()
        assert torch.equal(defective[:, ~mask], picture[:, ~mask])
        changed = (defective != picture).any(dim=0)[mask].float().mean()
        assert changed > 0.9
        assert defective.min() >= 0 and defective.max() <= 1


def test_the_same_seed_gives_the_same_defect_and_another_seed_another():
    picture = random_picture((70, 56))
    first, first_mask = make_pseudo_anomaly(picture, seeded(3))
    torch.manual_seed(123)  # the global generator must not matter
    again, again_mask = make_pseudo_anomaly(picture, seeded(3))
    other, _ = make_pseudo_anomaly(picture, seeded(4))
    assert torch.equal(first, again) and torch.equal(first_mask, again_mask)
    assert not torch.equal(first, other)


def test_the_global_generator_is_not_touched():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    for seed in range(6):
        make_pseudo_anomaly(random_picture((70, 56)), seeded(seed))
    assert torch.equal(torch.get_rng_state(), before)


def test_textures_that_are_given_are_used(monkeypatch):
    monkeypatch.setattr(pseudo_anomalies, "augment_texture", lambda texture, generator: texture)
    picture = torch.zeros(3, 70, 56)
    red, green = torch.zeros(2, 3, 30, 90)
    red[0], green[1] = 1, 1
    seen = set()
    for seed in range(12):
        defective, mask = make_pseudo_anomaly(picture, seeded(seed), [red, green])
        strength = defective[:, mask].amax(dim=1)
        assert (strength > 0).sum() == 1 and strength[2] == 0
        seen.add(int(strength.argmax()))
    assert seen == {0, 1}, "each texture has its turn"


def test_a_defect_lets_at_most_four_fifths_of_the_picture_through():
    textures = [random_picture((50, 40), seed=9)]
    shares = []
    for seed in range(60):
        # With given textures the same seed pastes the same thing on black and on white, so the
        # difference that is left inside the mask is the share of the picture, beta.
        on_black, mask = make_pseudo_anomaly(torch.zeros(3, 28, 28), seeded(seed), textures)
        on_white, white_mask = make_pseudo_anomaly(torch.ones(3, 28, 28), seeded(seed), textures)
        assert torch.equal(mask, white_mask)
        difference = (on_white - on_black)[:, mask]
        assert difference.max() - difference.min() < 1e-5
        shares.append(difference.mean().item())
    assert min(shares) >= -1e-6 and max(shares) <= 0.8 + 1e-6
    assert min(shares) < 0.15 and max(shares) > 0.65, "drawn from the whole range"


@pytest.mark.parametrize("cells", [(1, 1), (4, 2), (8, 8), (32, 16)])
def test_noise_stays_in_its_range_and_uses_it(cells):
    noise = torch.stack([perlin_noise((128, 64), cells, seeded(seed)) for seed in range(20)])
    assert noise.shape == (20, 128, 64)
    assert noise.abs().max() <= 1 + 1e-6
    assert noise.max() > 0.4 and noise.min() < -0.4
    assert abs(noise.mean().item()) < 0.1


def test_noise_is_zero_at_the_corners_of_its_cells():
    noise = perlin_noise((64, 96), (4, 8), seeded(0))
    torch.testing.assert_close(noise[::16, ::12], torch.zeros(4, 8))


@pytest.mark.parametrize("cells", [(1, 1), (2, 4), (4, 2)])
def test_noise_is_continuous_across_cells(cells):
    size = (512, 512)
    noise = perlin_noise(size, cells, seeded(0))
    for axis in (0, 1):
        # The steepest slope of gradient noise is a few units per cell; a seam would be a jump.
        step = noise.diff(dim=axis).abs().max().item()
        assert step < 5 * cells[axis] / size[axis]


def test_there_are_ten_augmenters():
    assert len(pseudo_anomalies._augmenters(seeded(0))) == AUGMENTER_COUNT


@pytest.mark.parametrize("size", SMALL_SIZES)
@pytest.mark.parametrize("number", range(AUGMENTER_COUNT))
def test_every_augmenter_keeps_the_shape_and_the_range_and_does_something(number, size):
    texture = procedural_texture(size, seeded(1)) * 0.5 + random_picture(size) * 0.5
    before = texture.clone()
    changed = False
    for seed in range(10):
        augmented = pseudo_anomalies._augmenters(seeded(seed))[number](texture)
        assert augmented.shape == texture.shape and augmented.dtype == texture.dtype
        assert augmented.isfinite().all()
        assert augmented.min() >= 0 and augmented.max() <= 1 + 1e-6
        changed |= not torch.allclose(augmented, texture, atol=1e-3)
    assert changed
    assert torch.equal(texture, before)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("number", range(AUGMENTER_COUNT))
def test_every_augmenter_takes_a_flat_texture(number, value):
    for seed in range(5):
        flat = torch.full((3, 28, 28), value)
        augmented = pseudo_anomalies._augmenters(seeded(seed))[number](flat)
        assert augmented.isfinite().all()
        assert augmented.min() >= 0 and augmented.max() <= 1 + 1e-6


@pytest.mark.parametrize("size", [(56, 70), (28, 112), (112, 28), (196, 784)])
def test_turning_a_texture_uncovers_no_black_corner(size):
    turn = AUGMENTER_COUNT - 1
    for seed in range(10):
        bright = torch.full((3, *size), 0.9)
        turned = pseudo_anomalies._augmenters(seeded(seed))[turn](bright)
        assert turned.min() > 0.8


def test_three_different_augmenters_are_applied(monkeypatch):
    applied = []

    def recording(generator):
        return [lambda texture, i=i: applied.append(i) or texture for i in range(AUGMENTER_COUNT)]

    monkeypatch.setattr(pseudo_anomalies, "_augmenters", recording)
    for seed in range(40):
        applied.clear()
        augment_texture(random_picture((14, 14)), seeded(seed))
        assert len(applied) == len(set(applied)) == 3


@pytest.mark.parametrize("size", SMALL_SIZES)
def test_procedural_textures_fill_the_size_and_differ(size):
    textures = [procedural_texture(size, seeded(seed)) for seed in range(12)]
    for texture in textures:
        assert texture.shape == (3, *size)
        assert texture.min() >= 0 and texture.max() <= 1
        assert texture.std() > 0
    assert len({texture.sum().item() for texture in textures}) == len(textures)


def test_shuffling_a_picture_keeps_its_pixels_and_moves_them():
    picture = random_picture((64, 80))
    shuffled = shuffled_picture(picture, seeded(0))
    assert not torch.equal(shuffled, picture)
    assert torch.equal(shuffled.flatten().sort().values, picture.flatten().sort().values)


@pytest.mark.parametrize("size", [(14, 28), (70, 57), (378, 406), (5, 3)])
def test_shuffling_works_where_the_cells_do_not_fit_the_picture(size):
    picture = random_picture(size)
    shuffled = shuffled_picture(picture, seeded(0))
    assert shuffled.shape == picture.shape
    assert set(shuffled.flatten().tolist()) <= set(picture.flatten().tolist())
