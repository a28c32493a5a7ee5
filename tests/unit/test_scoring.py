"""Maps and scores against loops over the equations and against a direct convolution."""

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F

from inpformer.modeling.build import build_encoder, build_model
from inpformer.scales import Calibration
from inpformer.scoring import (
    EDGE_WEIGHT,
    anomaly_maps,
    border_weights,
    distance_map,
    fuse_maps,
    image_score,
    reconstruction_map,
    resize,
    score_size,
    smooth,
)


@pytest.fixture
def output(tiny_model, images):
    with torch.no_grad():
        return tiny_model(images)


def calibration(reconstruction_level, segmentation_level):
    return Calibration({}, 0.05, 9, 1, "", reconstruction_level, segmentation_level)


def upsampled(values, output):
    """Token values `(B, N)` brought to the input's size, as section 3 says."""
    grid = values.view(len(values), 1, *output.grid_size)
    return F.interpolate(grid, size=output.input_size, mode="bilinear", align_corners=True)[:, 0]


def slow_errors(output, with_length):
    """Equation 9 (with length) or 1 - cosine, token by token, each group on its own."""
    groups, batch, tokens, _ = output.encoder_groups.shape
    errors = torch.zeros(groups, batch, tokens)
    for group in range(groups):
        for b in range(batch):
            for i in range(tokens):
                e, d = output.encoder_groups[group, b, i], output.decoder_groups[group, b, i]
                cosine = sum(e * d) / (math.sqrt(sum(e**2)) * math.sqrt(sum(d**2)))
                error = 1 - cosine
                if with_length:
                    error = 0.5 * (error + math.sqrt(sum((e - d) ** 2)))
                errors[group, b, i] = error
    return errors


@pytest.mark.parametrize("with_length", [False, True])
def test_the_reconstruction_map_is_the_mean_of_the_upsampled_groups(output, with_length):
    errors = slow_errors(output, with_length)
    expected = sum(upsampled(group, output) for group in errors) / len(errors)
    actual = reconstruction_map(output, with_length)
    assert actual.shape == (3, 56, 70)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


def test_the_zero_shot_map_is_the_distance_to_the_nearest_prototype(output):
    fused = output.encoder_groups.mean(dim=0)
    distances = torch.zeros(3, 20)
    for b in range(3):
        for i in range(20):
            similarity = F.cosine_similarity(fused[b, i].expand(4, -1), output.inps[b], dim=-1)
            distances[b, i] = min(1 - similarity)
    expected = upsampled(distances, output)
    torch.testing.assert_close(distance_map(output), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("with_length", [False, True])
def test_a_perfect_rebuild_has_an_empty_map_and_one_wrong_token_shows_at_its_place(
    output, with_length
):
    decoder = output.encoder_groups.clone()
    perfect = output._replace(decoder_groups=decoder)
    assert reconstruction_map(perfect, with_length).abs().max() < 1e-5
    decoder[:, 1, 13] *= -1  # picture 1, row 2, column 3 of 4 x 5
    maps = reconstruction_map(perfect, with_length)
    assert maps[[0, 2]].abs().max() < 1e-5
    row, column = divmod(int(maps[1].argmax()), 70)
    assert (row / 55 * 3, column / 69 * 4) == pytest.approx((2, 3), abs=0.1)


def fused_map_of(output, config, levels=None):
    maps = anomaly_maps(output, config, levels)
    return maps["fused"]


def test_the_fused_map_of_the_paper_is_half_the_sum_made_at_the_inputs_size(output, tiny_config):
    config = dataclasses.replace(tiny_config, map_balance="paper")
    errors = upsampled(slow_errors(output, True).mean(dim=0), output)
    by_equation = 0.5 * (errors + output.segmentation_map)
    expected = smooth(resize(by_equation, score_size(output.input_size)))
    # The levels must not matter where the paper's balance is asked for.
    for levels in (None, calibration(3.0, 0.5)):
        actual = fused_map_of(output, config, levels)
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


def test_the_calibrated_balance_divides_each_map_by_its_level(output, tiny_config):
    assert tiny_config.map_balance == "calibrated"
    maps = anomaly_maps(output, tiny_config, calibration(4.0, 0.5))
    expected = 0.5 * (maps["reconstruction"] / 4.0 + maps["segmentation"] / 0.5)
    torch.testing.assert_close(maps["fused"], expected)
    plain = 0.5 * (maps["reconstruction"] + maps["segmentation"])
    torch.testing.assert_close(fused_map_of(output, tiny_config), plain)
    torch.testing.assert_close(fuse_maps(maps, tiny_config, None), plain)


@pytest.mark.parametrize("variant", ["training-free", "inp-former", "inp-former++"])
def test_a_model_gives_the_maps_its_config_names_at_the_score_size(variant, tiny_config, images):
    config = dataclasses.replace(tiny_config, variant=variant)
    model = build_model(config, build_encoder(config.encoder))
    with torch.no_grad():
        maps = anomaly_maps(model(images), config, None)
    assert tuple(maps) == config.map_names
    for name, values in maps.items():
        assert values.shape == (3, *score_size(tuple(images.shape[-2:]))), name
        assert values.isfinite().all() and values.min() > -1e-6, name


def test_inp_former_measures_angles_and_plus_plus_also_lengths(output, tiny_config):
    size = score_size(output.input_size)
    for variant, with_length in (("inp-former", False), ("inp-former++", True)):
        config = dataclasses.replace(tiny_config, variant=variant)
        maps = anomaly_maps(output, config, None)
        expected = smooth(resize(reconstruction_map(output, with_length), size))
        torch.testing.assert_close(maps["reconstruction"], expected)


def test_maps_that_need_decoding_are_left_out_if_it_was_not_done(tiny_model, images, tiny_config):
    with torch.no_grad():
        output = tiny_model(images, decode=False)
    assert list(anomaly_maps(output, tiny_config, None)) == ["distance"]


def test_the_score_size_of_the_benchmark_input_is_the_evaluators():
    assert score_size((392, 392)) == (256, 256)


@pytest.mark.parametrize("size", [(56, 70), (280, 560), (784, 196), (1, 1)])
def test_other_inputs_keep_the_evaluators_scale_and_their_aspect(size):
    for seen, pixels in zip(size, score_size(size), strict=True):
        assert pixels >= 1 and abs(pixels - seen * 256 / 392) <= 0.5


def test_smoothing_equals_a_direct_two_dimensional_convolution():
    maps = torch.rand(2, 9, 12, generator=torch.Generator().manual_seed(0)).double()
    offsets = range(-2, 3)
    kernel = [[math.exp(-(dx**2 + dy**2) / (2 * 4.0**2)) for dx in offsets] for dy in offsets]
    kernel = torch.tensor(kernel, dtype=torch.float64)
    kernel /= kernel.sum()
    padded = F.pad(maps, (2, 2, 2, 2))
    expected = torch.zeros_like(maps)
    for y in range(9):
        for x in range(12):
            window = padded[:, y : y + 5, x : x + 5]
            expected[:, y, x] = (window * kernel).sum(dim=(1, 2))
    torch.testing.assert_close(smooth(maps), expected, rtol=1e-10, atol=1e-12)


def test_smoothing_leaves_a_flat_map_flat_away_from_its_edges():
    blurred = smooth(torch.full((1, 20, 30), 7.0))
    torch.testing.assert_close(blurred[:, 2:-2, 2:-2], torch.full((1, 16, 26), 7.0))
    assert blurred.max() <= 7.0 + 1e-5


def test_resizing_is_what_the_evaluator_does_and_nothing_at_the_same_size():
    maps = torch.rand(2, 8, 10, generator=torch.Generator().manual_seed(0))
    assert torch.equal(resize(maps, (8, 10)), maps)
    expected = F.interpolate(maps[:, None], (13, 7), mode="bilinear", align_corners=False)[:, 0]
    torch.testing.assert_close(resize(maps, (13, 7)), expected)


def test_the_image_score_is_the_mean_of_the_highest_pixels():
    maps = torch.arange(400.0).view(1, 20, 20).repeat(2, 1, 1)
    maps[1] += 1000
    assert image_score(maps).tolist() == [397.5, 1397.5]  # 1% of 400 pixels: 396 to 399
    assert image_score(maps, 0.5).tolist() == [299.5, 1299.5]


def test_the_image_score_lies_between_the_mean_and_the_maximum():
    maps = torch.randn(5, 30, 40, generator=torch.Generator().manual_seed(0))
    highest, mean = maps.amax(dim=(1, 2)), maps.mean(dim=(1, 2))
    scores = image_score(maps)
    assert (mean < scores).all() and (scores < highest).all()
    torch.testing.assert_close(image_score(maps, 1.0), mean)
    torch.testing.assert_close(image_score(maps, 1e-9), highest)


def test_a_map_of_one_pixel_has_a_score():
    assert image_score(torch.tensor([[[3.0]]])).tolist() == [3.0]


@pytest.mark.parametrize("top_fraction", [0.0, -0.1, 1.01, math.nan])
def test_a_top_share_outside_zero_to_one_is_refused(top_fraction):
    with pytest.raises(ValueError, match="top_fraction"):
        image_score(torch.zeros(1, 4, 4), top_fraction)


@pytest.mark.parametrize("size", [(40, 40), (40, 90), (31, 20)])
def test_the_border_counts_less_the_nearer_to_the_edge_it_is_and_on_all_sides_alike(size):
    weights = border_weights(size, 0.2)
    width = 0.2 * min(size)
    assert weights.shape == size and weights.min() >= EDGE_WEIGHT and weights.max() == 1
    for turned in (weights.flip(0), weights.flip(1)):
        torch.testing.assert_close(turned, weights)
    torch.testing.assert_close(border_weights(size[::-1], 0.2), weights.T)
    middle = weights[:, size[1] // 2]
    assert (middle.diff()[: int(width)] >= 0).all() and (middle[: int(width)] < 1).all()
    assert (weights[math.ceil(width) : -math.ceil(width), size[1] // 2] == 1).all()


def test_a_spot_at_the_edge_scores_lower_than_the_same_in_the_middle_but_is_not_lost():
    maps = torch.zeros(2, 50, 60)
    maps[0, 20:23, 30:33] = maps[1, :3, 30:33] = 4.0
    whole, cut = image_score(maps, 0.003, border=0.1).tolist()
    assert whole == 4.0 and EDGE_WEIGHT * 4 < cut < 0.75 * 4
    assert image_score(maps, 0.003).tolist() == [4.0, 4.0]
