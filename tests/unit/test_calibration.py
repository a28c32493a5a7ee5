"""Thresholds that keep their promise, and scales that survive odd maps."""

import dataclasses
import math
from fractions import Fraction

import pytest
import torch

from inpformer.calibration import (
    MIN_SEGMENTATION_LEVEL,
    TYPICAL_CONFIDENCE,
    Shots,
    calibrate,
    false_alarm_bound,
    shot_deviation,
)
from inpformer.scales import Calibration
from inpformer.scoring import fuse_maps, image_score

SIZE = (20, 30)


@pytest.fixture
def free_config(tiny_config):
    """A model with one map, `distance`."""
    return dataclasses.replace(tiny_config, variant="training-free")


def random_views(count, names, seed=0, tiles=1):
    generator = torch.Generator().manual_seed(seed)
    return [
        [
            {name: torch.rand(SIZE, generator=generator) * (i + 1) / count for name in names}
            for _ in range(tiles)
        ]
        for i in range(count)
    ]


def constant_views(values):
    return [[{"distance": torch.full(SIZE, float(value))}] for value in values]


def confidence(score, scale):
    return 1 / (1 + math.exp(-(score - scale.threshold) / scale.score_scale))


@pytest.mark.parametrize(("count", "rate"), [(22, 0.05), (44, 0.05), (96, 0.05), (30, 0.2)])
def test_new_exchangeable_scores_exceed_the_threshold_no_more_often_than_wished(count, rate):
    draws = 4000
    generator = torch.Generator().manual_seed(count)
    scores = torch.randn(draws, count, generator=generator).exp()
    new = torch.randn(draws, generator=generator).exp()
    bounds = [false_alarm_bound(row, rate) for row in scores]
    thresholds = torch.tensor([bound.threshold for bound in bounds])
    observed = (new > thresholds).float().mean().item()
    # Three standard errors of an observed share.
    tolerance = 3 * math.sqrt(rate * (1 - rate) / draws)
    assert bounds[0].rate <= rate
    assert observed <= rate + tolerance
    assert observed == pytest.approx(bounds[0].rate, abs=tolerance), "the rate it states"


@pytest.mark.parametrize("percent", [1, 5, 10, 20, 44, 50, 70, 96])
def test_the_threshold_is_the_smallest_score_that_keeps_the_promise(percent):
    for count in range(1, 120):
        scores = torch.arange(1.0, count + 1).flip(0)
        bound = false_alarm_bound(scores, percent / 100)
        # A new score exceeds the k-th smallest of n with probability 1 - k / (n + 1).
        enough = [
            k for k in range(1, count + 1) if 1 - Fraction(k, count + 1) <= Fraction(percent, 100)
        ]
        rank = enough[0] if enough else count
        assert bound.threshold == rank, f"{count} scores"
        assert bound.rate == pytest.approx(1 - rank / (count + 1))


def test_too_few_scores_give_the_largest_and_say_what_it_stands_for():
    bound = false_alarm_bound(torch.tensor([3.0, 1.0, 2.0]), 0.05)
    assert bound.threshold == 3
    assert bound.rate == pytest.approx(0.25)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.3, 0.9])
def test_the_threshold_is_always_one_of_the_scores(rate):
    scores = torch.rand(17, generator=torch.Generator().manual_seed(0))
    assert false_alarm_bound(scores, rate).threshold in scores.tolist()


def test_every_map_of_the_model_gets_a_scale_of_its_own(tiny_config):
    names = ("reconstruction", "segmentation", "distance")
    views = random_views(20, names)
    for view in views:
        view[0]["reconstruction"] *= 10
    result = calibrate(views, tiny_config, 0.1, 2, "left out")
    assert set(result.scales) == set(tiny_config.map_names)
    assert (result.score_count, result.shot_count, result.method) == (20, 2, "left out")
    assert result.false_alarm_rate <= 0.1
    assert result.scales["reconstruction"].threshold > 5 * result.scales["distance"].threshold
    fused = torch.stack([fuse_maps(view[0], tiny_config, result) for view in views])
    expected = false_alarm_bound(image_score(fused), 0.1).threshold
    assert result.scales["fused"].threshold == pytest.approx(expected)


def test_the_share_of_normal_views_above_the_threshold_is_as_promised(free_config):
    views = random_views(40, ("distance",))
    result = calibrate(views, free_config, 0.1, 2, "")
    scores = image_score(torch.stack([view[0]["distance"] for view in views]))
    above = (scores > result.scales["distance"].threshold).float().mean().item()
    assert 0 < above <= 0.1


def test_the_threshold_lies_in_the_middle_of_the_colours(tiny_config):
    names = ("reconstruction", "segmentation", "distance")
    result = calibrate(random_views(20, names), tiny_config, 0.05, 2, "")
    for scale in result.scales.values():
        low, high = scale.colour_range
        assert low == scale.normal_level < scale.threshold < high
        assert (low + high) / 2 == pytest.approx(scale.threshold)


def test_a_typical_normal_picture_has_a_confidence_of_one_in_twenty(free_config):
    assert TYPICAL_CONFIDENCE == 0.05
    views = random_views(21, ("distance",))
    scale = calibrate(views, free_config, 0.05, 2, "").scales["distance"]
    typical = image_score(torch.stack([view[0]["distance"] for view in views])).median().item()
    assert confidence(typical, scale) == pytest.approx(0.05, abs=1e-4)
    assert confidence(scale.threshold, scale) == 0.5


def test_the_colours_begin_at_a_typical_normal_pixel(free_config):
    views = constant_views([1, 1, 2, 3, 9])
    assert calibrate(views, free_config, 0.3, 1, "").scales["distance"].normal_level == 2


@pytest.mark.parametrize("value", [0.0, 1e-12, 0.3, 5e4])
@pytest.mark.parametrize("count", [1, 22])
def test_constant_maps_divide_by_no_zero_and_give_no_nan(tiny_config, value, count):
    names = ("reconstruction", "segmentation", "distance")
    views = [[{name: torch.full(SIZE, value) for name in names}] for _ in range(count)]
    result = calibrate(views, tiny_config, 0.05, 1, "")
    assert result.reconstruction_level > 0 and result.segmentation_level > 0
    for scale in result.scales.values():
        assert all(map(math.isfinite, dataclasses.astuple(scale)))
        assert scale.score_scale > 0
        low, high = scale.colour_range
        assert low < high
        assert confidence(scale.threshold, scale) == 0.5


def test_the_score_of_a_view_is_that_of_its_highest_tile(free_config):
    tiled = random_views(15, ("distance",), tiles=3)
    highest = [
        [max(view, key=lambda tile: image_score(tile["distance"][None]).item())] for view in tiled
    ]
    result = calibrate(tiled, free_config, 0.1, 1, "")
    expected = calibrate(highest, free_config, 0.1, 1, "")
    assert result.scales["distance"].threshold == expected.scales["distance"].threshold
    assert result.scales["distance"].score_scale == expected.scales["distance"].score_scale
    assert result.score_count == 15, "a view counts once, however many tiles it has"


def test_tiles_may_differ_in_size(free_config):
    tiles = [{"distance": torch.full(size, 1.0)} for size in ((9, 12), (12, 9), (4, 4))]
    result = calibrate([tiles, tiles[:1]], free_config, 0.1, 1, "")
    assert result.scales["distance"].threshold == 1.0


def test_a_silent_segmentation_map_does_not_blow_up_the_fused_one(tiny_config):
    names = ("reconstruction", "segmentation", "distance")
    views = random_views(20, names)
    for view in views:
        view[0]["segmentation"] *= 1e-6
    quiet = calibrate(views, tiny_config, 0.05, 2, "")
    assert quiet.segmentation_level == MIN_SEGMENTATION_LEVEL


def test_levels_are_high_quantiles_of_a_typical_normal_map(tiny_config):
    names = ("reconstruction", "segmentation", "distance")
    values = torch.linspace(0, 1, 1001).view(7, 143)
    views = [[dict.fromkeys(names, values * factor)] for factor in (1.0, 2.0, 50.0)]
    result = calibrate(views, tiny_config, 0.05, 1, "")
    assert result.reconstruction_level == pytest.approx(2 * 0.995, rel=1e-4)


def test_no_number_of_views_makes_few_parts_promise_more_than_they_can():
    def of(shots: int, rate: float) -> float:
        calibration = Calibration(
            scales={}, false_alarm_rate=rate, score_count=88, shot_count=shots, method="views"
        )
        return calibration.part_alarm_rate

    assert of(1, 0.05) == 0.5
    assert of(4, 0.05) == 0.2
    assert of(16, 0.01) == pytest.approx(1 / 17)
    assert of(4, 0.4) == 0.4, "what was wished for is the least"


def test_thresholds_of_pictures_lie_above_their_median_by_their_spread(free_config):
    views = random_views(12, ["distance"])
    scores = torch.stack([image_score(view[0]["distance"][None])[0] for view in views])
    rows = [0, 4, 8]
    for rate, assumed in ((0.05, 0.16), (0.3, 0.4)):
        made = calibrate(views, free_config, rate, 3, "", Shots(rows, assumed))
        median, spread = scores[rows].median().item(), shot_deviation(scores[rows], assumed)
        # Of so many scores around that median, as many are above as were asked for.
        draws = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
        above = (median * (spread * draws).exp() > made.scales["distance"].threshold).float()
        assert above.mean().item() == pytest.approx(rate, abs=0.005)
        assert made.false_alarm_rate == rate


@pytest.mark.parametrize("true", [0.04, 0.1, 0.2])
def test_many_shots_tell_their_spread_and_few_lean_on_what_is_assumed(true):
    normal = torch.randn(3000, generator=torch.Generator().manual_seed(1))
    assert shot_deviation((true * normal).exp(), 0.16) == pytest.approx(true, rel=0.1)
    of_few = [shot_deviation((true * four).exp(), 0.16) for four in normal.split(4)]
    assert min(true, 0.16) * 0.5 < sum(of_few) / len(of_few) < max(true, 0.16)
    assert shot_deviation(torch.ones(2), 0.16) < 0.16


def test_a_spread_of_scores_has_no_unit():
    scores = torch.tensor([1.0, 1.1, 1.3, 0.8])
    assert shot_deviation(7 * scores, 0.16) == pytest.approx(shot_deviation(scores, 0.16))


def test_one_odd_shot_of_four_moves_the_threshold_little_whatever_its_score(free_config):
    shots = Shots([1, 3, 5, 7], 0.16)
    usual, odd, very_odd = (
        calibrate(views, free_config, 0.05, 4, "", shots).scales["distance"].threshold
        for views in map(constant_views, ([1] * 8, [*[1] * 7, 9], [*[1] * 7, 90]))
    )
    assert usual < odd < 1.2 * usual and very_odd == pytest.approx(odd)
    unlike_the_rest = constant_views([*[1] * 7, 9])
    assert calibrate(unlike_the_rest, free_config, 0.05, 4, "").scales["distance"].threshold > 5


def test_the_head_alone_has_its_threshold_from_all_views(tiny_config):
    names = ["reconstruction", "segmentation", "distance"]
    views = random_views(12, names)
    plain = calibrate(views, tiny_config, 0.1, 3, "").scales
    made = calibrate(views, tiny_config, 0.1, 3, "", Shots([0, 4, 8], 0.16)).scales
    assert made["segmentation"] == plain["segmentation"] and made["fused"] != plain["fused"]
