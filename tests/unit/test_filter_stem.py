"""The fixed filters of the embedded encoder: what moves, what stays, who recognises them."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from inpformer.config import ModelConfig
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.errors import ConfigError, WeightsError
from inpformer.modeling.build import (
    build_encoder,
    build_model,
    encoder_fingerprint,
    read_state_dict,
)
from inpformer.modeling.encoder import FrozenEncoder
from inpformer.modeling.filter_bank import FilterBank
from inpformer.modeling.filter_stem import DESCRIPTOR_DIM, LEVELS, ORIENTATIONS, FilterStem
from inpformer.places import WEIGHTS
from inpformer.presets import ENCODER_PRESETS

FILTERS = ENCODER_PRESETS["filters"]
SHIPPED = WEIGHTS / "embedded.safetensors"
# Mean and maximum of every map come first, level by level; then colours, contrasts, constants.
MAPS = ORIENTATIONS + 4
RESPONSES = slice(0, 2 * LEVELS * MAPS)
COLOURS = slice(RESPONSES.stop, RESPONSES.stop + 3)
CONTRASTS = slice(COLOURS.stop, COLOURS.stop + 3)
CONSTANTS = slice(CONTRASTS.stop, DESCRIPTOR_DIM)


@pytest.fixture(scope="module")
def stem() -> FilterStem:
    return FilterStem(img_size=56, patch_size=14, embed_dim=DESCRIPTOR_DIM)


@pytest.fixture(scope="module")
def shipped():
    return build_encoder(FILTERS, read_state_dict(SHIPPED), SHIPPED.name)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def texture(height: int, width: int) -> torch.Tensor:
    """Random colours with structure on every scale, that join at their ends."""
    image = torch.zeros(1, 3, height, width)
    for step in (1, 2, 4, 8, 14):
        part = noise(1, 3, -(-height // step), -(-width // step), seed=step)
        big = part.repeat_interleave(step, dim=2).repeat_interleave(step, dim=3)
        image += big[..., :height, :width] / 2
    return image


def gratings(size: int, wavelength: float, angle: float) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    angle = torch.tensor(angle * torch.pi / 180)
    wave = torch.sin(2 * torch.pi / wavelength * (x * torch.cos(angle) + y * torch.sin(angle)))
    return wave.expand(1, 3, -1, -1)


# --- shapes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("grid", [(1, 1), (2, 7), (5, 3)])
@pytest.mark.parametrize("patch", [8, 14, 16])
def test_a_token_for_every_patch_of_pictures_that_need_not_be_square(grid, patch):
    stem = FilterStem(img_size=56, patch_size=patch, embed_dim=DESCRIPTOR_DIM)
    tokens = stem(noise(2, 3, grid[0] * patch, grid[1] * patch))
    assert tokens.shape == (2, *grid, DESCRIPTOR_DIM)
    assert tokens.isfinite().all()


def test_the_encoder_gives_the_descriptors_at_every_block_row_by_row():
    encoder = build_encoder(FILTERS)
    images = noise(2, 3, 24, 40).sigmoid()
    tokens = torch.stack(encoder(images))
    assert encoder.grid_size(images) == (3, 5)
    assert tokens.shape == (1, 2, 15, FILTERS.embed_dim)
    described = encoder.vit.patch_embed.describe((images - encoder.mean) / encoder.std)
    for layer in tokens:
        torch.testing.assert_close(layer, described.flatten(1, 2))


def test_a_patch_of_an_odd_number_of_pixels_is_refused():
    with pytest.raises(ConfigError, match="even"):
        FilterStem(img_size=63, patch_size=7, embed_dim=DESCRIPTOR_DIM)


def test_a_batch_equals_its_pictures_one_by_one(stem):
    images = noise(3, 3, 42, 56)
    together = stem(images)
    for image, tokens in zip(images, together, strict=True):
        torch.testing.assert_close(stem(image[None])[0], tokens, rtol=1e-4, atol=1e-5)


def test_tokens_of_another_width_are_projected_and_start_as_the_descriptors():
    config = replace(FILTERS, embed_dim=DESCRIPTOR_DIM + 6, num_heads=6, stem="filters")
    encoder = build_encoder(config)
    stem, images = encoder.vit.patch_embed, noise(1, 3, 32, 48)
    assert isinstance(stem.proj, nn.Linear)
    tokens = stem(images)
    torch.testing.assert_close(tokens[..., :DESCRIPTOR_DIM], stem.describe(images))
    assert (tokens[..., DESCRIPTOR_DIM:] == 0).all()
    assert torch.stack(encoder(images.sigmoid())).isfinite().all()


# --- what the filters say ----------------------------------------------------------------------


@pytest.mark.parametrize(("patch", "shift"), [(16, 1), (14, 4)])
@pytest.mark.parametrize("dim", [2, 3])
def test_a_texture_that_moves_by_whole_patches_moves_its_tokens(patch, shift, dim):
    # Exact only where a shift is whole pixels on every level: 8 pixels are one on the coarsest.
    side = 20 * patch
    stem = FilterStem(img_size=side, patch_size=patch, embed_dim=DESCRIPTOR_DIM)
    image = texture(side, side)
    before, after = stem(image), stem(image.roll(shift * patch, dims=dim))
    margin = 6  # patches up to which the border is felt
    inside = slice(margin, -margin)
    kept, moved = slice(margin, -margin - shift), slice(margin + shift, -margin)
    if dim == 2:
        before, after = before[:, kept, inside], after[:, moved, inside]
    else:
        before, after = before[:, inside, kept], after[:, inside, moved]
    assert before.numel() and before.std() > 0.1
    torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-4)


def test_a_shift_of_a_single_patch_moves_tokens_nearly_whole_on_the_coarse_levels(stem):
    image = texture(280, 280)
    before, after = stem(image), stem(image.roll(14, dims=3))
    kept, moved = before[:, 6:-6, 6:-7], after[:, 6:-6, 7:-6]
    fine = slice(0, 2 * 2 * MAPS)  # the two levels on which 14 pixels are whole ones
    torch.testing.assert_close(moved[..., fine], kept[..., fine], rtol=1e-3, atol=1e-4)
    error = (moved - kept)[..., RESPONSES].std()
    stayed = (after - before)[:, 6:-6, 7:-6][..., RESPONSES].std()
    assert error < stayed / 3


def test_the_brightness_of_a_flat_picture_changes_only_its_colour(stem):
    dark, bright = (stem.respond(torch.full((1, 3, 56, 70), value)) for value in (-1.0, 1.5))
    change = (bright - dark).abs()
    torch.testing.assert_close(change[..., COLOURS.start], torch.full((1, 4, 5), 2.5))
    change[..., COLOURS.start] = 0
    assert change.max() < 1e-4


def test_red_and_blue_are_told_apart_by_the_colour_of_the_patch(stem):
    red, blue = torch.zeros(2, 1, 3, 28, 28)
    red[:, 0], blue[:, 2] = 1.0, 1.0
    colours = [stem.respond(image)[0, 0, 0, COLOURS] for image in (red, blue)]
    torch.testing.assert_close(colours[0], torch.tensor([1 / 3, 1.0, 0.5]))
    torch.testing.assert_close(colours[1], torch.tensor([1 / 3, 0.0, -1.0]))


def test_a_patch_that_differs_from_its_surroundings_has_contrast(stem):
    image = torch.zeros(1, 3, 126, 126)
    image[..., 56:70, 56:70] = 2.0
    contrast = stem.respond(image)[0, :, :, CONTRASTS.start]
    assert contrast[4, 4] == contrast.max() and contrast[4, 4] > 0.2
    assert contrast[0, 0].abs() < 1e-6


@pytest.mark.parametrize("index", range(ORIENTATIONS))
def test_stripes_excite_the_filter_of_their_orientation_most(stem, index):
    stripes = gratings(84, 4.5, 180 * index / ORIENTATIONS)
    energies = stem.respond(stripes)[0, 2:-2, 2:-2, :ORIENTATIONS].mean(dim=(0, 1))
    assert energies.argmax() == index
    assert energies[index] > 1.3 * energies.sort().values[-2]


def test_coarse_stripes_are_heard_on_a_coarser_level(stem):
    for level in range(3):
        stripes = gratings(280, 4.5 * 2**level, 0)
        responses = stem.respond(stripes)[0, 6:-6, 6:-6, RESPONSES].mean(dim=(0, 1))
        energies = responses.view(LEVELS, 2, MAPS)[:, 0, 0]
        assert energies.argmax() == level


def test_a_bright_and_a_dark_spot_are_different_responses(stem):
    image = torch.zeros(1, 3, 70, 70)
    image[..., 34:36, 34:36] = 3.0
    bright, dark = (
        stem.respond(sign * image)[0, 2, 2, RESPONSES].view(LEVELS, 2, MAPS)[0, 1, -4:-2]
        for sign in (1, -1)
    )
    assert bright[0] > 2 * bright[1]
    torch.testing.assert_close(bright, dark.flip(0))


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_flat_picture_gives_finite_tokens_that_are_all_alike(shipped, value):
    tokens = torch.stack(shipped(torch.full((1, 3, 56, 70), value)))
    assert tokens.isfinite().all()
    assert tokens.std(dim=2).max() < 1e-3


def test_the_last_channels_are_constants_that_no_picture_changes(stem):
    images = torch.cat([noise(1, 3, 56, 56), torch.zeros(1, 3, 56, 56), 9 * noise(1, 3, 56, 56)])
    constants = stem.respond(images)[..., CONSTANTS]
    assert constants.shape[-1] == 2
    assert constants.min() == constants.max() and constants.min() > 1


def test_oriented_filters_have_no_mean_and_a_norm_of_one(stem):
    pairs = stem.quadrature_pairs.flatten(1)
    assert len(pairs) == 2 * ORIENTATIONS
    assert pairs.sum(dim=1).abs().max() < 1e-5
    torch.testing.assert_close(pairs.norm(dim=1), torch.ones(len(pairs)))


# --- the shipped weights, and who knows them ---------------------------------------------------


def test_the_shipped_weights_load_strictly_and_have_a_scale(shipped):
    stem = shipped.vit.patch_embed
    state = load_file(SHIPPED)
    assert torch.equal(stem.descriptor_mean, state["patch_embed.descriptor_mean"])
    assert torch.equal(stem.descriptor_scale, state["patch_embed.descriptor_scale"])
    assert stem.descriptor_mean[RESPONSES].gt(0).all()
    assert stem.descriptor_scale.gt(0).all() and stem.descriptor_scale.isfinite().all()
    # A constant that was moved to zero would no longer hold the direction of an empty patch.
    assert (stem.descriptor_mean[CONSTANTS] == 0).all()
    assert (stem.descriptor_scale[CONSTANTS] == 1).all()


def test_shipped_weights_without_their_scale_are_refused():
    state = read_state_dict(SHIPPED)
    del state["patch_embed.descriptor_scale"]
    with pytest.raises(WeightsError, match="descriptor_scale"):
        build_encoder(FILTERS, state, SHIPPED.name)


def test_the_shipped_encoder_gives_finite_tokens_that_differ_from_place_to_place(shipped):
    tokens = torch.stack(shipped(texture(32, 40).sigmoid()))
    assert tokens.shape == (1, 1, 20, FILTERS.embed_dim)
    assert tokens.isfinite().all()
    assert tokens.std(dim=2)[..., RESPONSES].min() > 0


def test_the_fingerprint_is_that_of_the_file_and_its_scale(shipped):
    again = build_encoder(FILTERS, read_state_dict(SHIPPED), SHIPPED.name)
    assert encoder_fingerprint(again) == encoder_fingerprint(shipped)
    assert encoder_fingerprint(build_encoder(FILTERS)) != encoder_fingerprint(shipped)
    again.vit.patch_embed.descriptor_scale[0] += 0.5
    assert encoder_fingerprint(again) != encoder_fingerprint(shipped)


def detector_on(encoder) -> AnomalyDetector:
    config = ModelConfig.for_encoder(FILTERS, variant="training-free", inp_count=3)
    return AnomalyDetector(build_model(config, encoder), config, Provenance("weights", "shipped"))


def test_a_detector_refuses_filters_of_another_scale(shipped, tmp_path):
    path = detector_on(shipped).save(tmp_path / "d.safetensors")
    state = load_file(SHIPPED)
    AnomalyDetector.load(path, "cpu", SHIPPED)
    state["patch_embed.descriptor_scale"] *= 2
    other = tmp_path / "other.safetensors"
    save_file(state, other)
    with pytest.raises(WeightsError, match=r"d\.safetensors"):
        AnomalyDetector.load(path, "cpu", other)
    scaled = detector_on(build_encoder(FILTERS, state, other.name))
    assert not scaled.has_encoder_of(detector_on(shipped))


def test_a_bundled_detector_keeps_the_scale_of_its_filters(shipped, tmp_path, monkeypatch):
    path = detector_on(shipped).save(tmp_path / "d.safetensors", bundle_encoder=True)
    monkeypatch.setattr("inpformer.hub.find_encoder_weights", None)
    loaded = AnomalyDetector.load(path, "cpu")
    assert loaded.has_encoder_of(detector_on(shipped))


def test_the_filter_bank_is_what_a_timm_vit_without_blocks_would_be():
    vit = VisionTransformer(
        img_size=FILTERS.patch_size * FILTERS.native_grid,
        patch_size=FILTERS.patch_size,
        embed_dim=FILTERS.embed_dim,
        depth=FILTERS.depth,
        num_heads=FILTERS.num_heads,
        no_embed_class=True,
        dynamic_img_size=True,
        num_classes=0,
        embed_layer=FilterStem,
        block_fn=nn.Identity,
    )
    bank = FilterBank(FILTERS)
    state = {key: torch.rand_like(value) + 0.5 for key, value in bank.state_dict().items()}
    vit.load_state_dict(state, strict=True)
    bank.load_state_dict(state, strict=True)
    encoders = [FrozenEncoder(each, FILTERS.layers, FILTERS.patch_size) for each in (vit, bank)]
    images = noise(2, 3, 48, 64)
    expected, found = (encoder(images) for encoder in encoders)
    assert len(found) == len(expected) == 1
    assert torch.equal(found[0], expected[0])
