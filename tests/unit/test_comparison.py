from dataclasses import replace

import numpy as np
import pytest

from inpformer.comparison import (
    THRESHOLD_RANGE,
    Disagreement,
    disagreement,
    mask_iou,
    order_by_disagreement,
    scaled_map,
)
from inpformer.errors import ConfigError, UserError
from inpformer.geometry import ImageGeometry
from inpformer.result import AnomalyResult
from inpformer.scales import MapScale

SIZE = (56, 70)


def result_of(
    values: np.ndarray,
    score: float = 0.0,
    scale: MapScale | None = None,
    name: str = "distance",
    geometry: str = "full",
) -> AnomalyResult:
    """A result with one map, given at the picture's size."""
    return AnomalyResult(
        map_name=name,
        score_maps={name: values.astype(np.float32)},
        scores={name: score},
        scales={} if scale is None else {name: scale},
        geometry=getattr(ImageGeometry, geometry)(values.shape, 14),
        explanation=None,
    )


def values_with(height: float, box: tuple[slice, slice], level: float = 0.0) -> np.ndarray:
    values = np.full(SIZE, level, np.float32)
    values[box] = height
    return values


LEFT, RIGHT = np.s_[0:20, 0:20], np.s_[0:20, 40:60]
UNIT = MapScale(threshold=1.0, score_scale=0.1, normal_level=0.0)


def test_the_normal_level_is_0_and_the_threshold_1_whatever_the_raw_scale():
    scale = MapScale(threshold=30.0, score_scale=2.0, normal_level=10.0)
    values = values_with(30.0, LEFT, level=10.0)
    scaled = scaled_map(result_of(values, 40.0, scale))
    assert scaled.unit == "threshold"
    assert np.unique(scaled.values).tolist() == [0.0, 1.0]
    assert scaled.score == 1.5


def test_the_scale_spans_the_colours_of_the_calibrated_map():
    scale = MapScale(threshold=0.7, score_scale=0.1, normal_level=0.3)
    result = result_of(values_with(0.5, LEFT), 0.5, scale)
    ends = np.array([result.colour_range()])
    assert np.allclose(scaled_map(result, values=ends).values[0], THRESHOLD_RANGE)


def test_mask_verdict_and_confidence_are_those_of_the_result():
    values = np.random.default_rng(0).normal(size=SIZE)
    result = result_of(values, 1.2, UNIT)
    scaled = scaled_map(result)
    assert np.array_equal(scaled.mask, result.mask())
    assert scaled.is_anomalous is True
    assert scaled.confidence == result.confidence


def test_an_uncalibrated_map_stays_raw_on_its_fixed_scale_and_has_no_verdict():
    result = result_of(values_with(0.4, LEFT), 0.4)
    scaled = scaled_map(result)
    assert scaled.unit == "raw"
    assert scaled.value_range == result.colour_range()
    assert scaled.values.max() == np.float32(0.4)
    assert (scaled.mask, scaled.is_anomalous, scaled.confidence) == (None, None, None)


def test_a_map_that_the_detector_does_not_give_is_refused():
    with pytest.raises(UserError, match="Choose one of: distance"):
        scaled_map(result_of(values_with(1, LEFT)), "fused")


def test_the_same_map_on_two_raw_scales_agrees():
    values = np.random.default_rng(0).normal(size=SIZE)
    tenfold = MapScale(threshold=10.0, score_scale=1.0, normal_level=0.0)
    pair = [
        scaled_map(result_of(values, 1.2, UNIT)),
        scaled_map(result_of(10 * values, 12.0, tenfold, "reconstruction")),
    ]
    found = disagreement(pair)
    assert found.difference == pytest.approx(0, abs=1e-6)
    assert not found.verdicts_differ
    assert found.mask_iou == found.top_overlap == 1


def test_the_difference_lies_where_only_one_map_is_high():
    pair = [
        scaled_map(result_of(values_with(1.5, LEFT), 1.5, UNIT)),
        scaled_map(result_of(values_with(0.5, RIGHT), 0.5, UNIT)),
    ]
    found = disagreement(pair)
    assert found.unit == "threshold"
    assert found.verdicts_differ
    assert (found.difference_map[LEFT] == 1.5).all()
    assert (found.difference_map[RIGHT] == 0.5).all()
    assert found.difference == pytest.approx(found.difference_map.mean())
    assert found.mask_iou == found.top_overlap == 0


def test_depth_beyond_the_colours_and_calm_below_the_normal_level_do_not_count():
    pair = [
        scaled_map(result_of(values_with(2.0, LEFT, level=0.0), 2, UNIT)),
        scaled_map(result_of(values_with(90.0, LEFT, level=-5.0), 90, UNIT)),
    ]
    assert disagreement(pair).difference == 0


def test_of_three_maps_all_pairs_count():
    heights = (0.0, 0.5, 1.5)
    maps = [scaled_map(result_of(np.full(SIZE, h), h, UNIT)) for h in heights]
    found = disagreement(maps)
    assert found.compared == (0, 1, 2)
    assert found.difference == pytest.approx((0.5 + 1.5 + 1.0) / 3)


def test_uncalibrated_maps_are_compared_with_each_other_on_their_raw_scale():
    raw = [scaled_map(result_of(np.full(SIZE, value), value)) for value in (0.2, 0.5)]
    found = disagreement(raw)
    assert (found.unit, found.mask_iou, found.verdicts_differ) == ("raw", None, False)
    assert found.difference == pytest.approx(0.3)


def test_raw_maps_of_different_encoders_have_no_common_scale():
    first = result_of(np.full(SIZE, 0.2), 0.2)
    other = replace(first, uncalibrated_range=(0.0, 0.4))
    assert disagreement([scaled_map(first), scaled_map(other)]).unit is None
    found = disagreement([scaled_map(first), scaled_map(other), scaled_map(other)])
    assert (found.unit, found.compared) == ("raw", (1, 2))


def test_a_raw_map_is_left_out_beside_two_calibrated_ones():
    calibrated = [scaled_map(result_of(np.full(SIZE, v), v, UNIT)) for v in (0.0, 1.0)]
    raw = scaled_map(result_of(np.full(SIZE, 0.4), 0.4))
    found = disagreement([calibrated[0], raw, calibrated[1]])
    assert found.compared == (0, 2)
    assert found.difference == disagreement(calibrated).difference


def test_a_raw_and_a_calibrated_map_have_no_common_scale_but_places_where_they_are_highest():
    raw = scaled_map(result_of(values_with(0.4, LEFT), 0.4))
    calibrated = scaled_map(result_of(values_with(1.5, RIGHT), 1.5, UNIT))
    found = disagreement([raw, calibrated])
    assert (found.unit, found.difference_map, found.difference) == (None, None, None)
    assert found.top_overlap == 0
    assert found.rank == (False, 1.0)


def test_pixels_that_one_map_never_saw_are_not_compared():
    full = result_of(np.full(SIZE, 1.5), 1.5, UNIT)
    cropped = result_of(np.full((392, 392), 0.5), 0.5, UNIT, geometry="benchmark")
    cropped = replace(cropped, geometry=ImageGeometry.benchmark(SIZE, 14))
    found = disagreement([scaled_map(full), scaled_map(cropped)])
    assert np.array_equal(np.isnan(found.difference_map), ~cropped.inspected_mask)
    assert found.difference == pytest.approx(1.0)


def test_one_map_or_maps_of_different_sizes_are_refused():
    single = scaled_map(result_of(values_with(1, LEFT)))
    with pytest.raises(ConfigError, match="at least 2 maps"):
        disagreement([single])
    with pytest.raises(ValueError, match="sizes differ"):
        disagreement([single, scaled_map(result_of(np.zeros((20, 20))))])


def test_flat_maps_have_their_highest_pixels_in_one_place_and_not_everywhere():
    flat = [scaled_map(result_of(np.zeros(SIZE), 0.0, UNIT)) for _ in range(2)]
    assert disagreement(flat).top_overlap == 1
    spot = scaled_map(result_of(values_with(1.5, np.s_[50:51, 60:61]), 1.5, UNIT))
    assert disagreement([flat[0], spot]).top_overlap < 1


def test_two_empty_masks_agree_and_disjoint_ones_do_not():
    empty, left, right = np.zeros(SIZE, bool), np.zeros(SIZE, bool), np.zeros(SIZE, bool)
    left[LEFT], right[RIGHT] = True, True
    assert mask_iou([empty, empty]) == 1
    assert mask_iou([left, right]) == mask_iou([left, empty]) == 0
    assert mask_iou([left, left | right]) == 0.5


def test_pictures_with_differing_verdicts_come_first_then_the_larger_difference():
    def found(differ: bool, amount: float) -> Disagreement:
        return Disagreement("threshold", (0, 1), None, amount, differ, 1.0, 1.0)

    items = [found(False, 0.1), found(False, 0.9), found(True, 0.2), found(False, 0.1)]
    assert order_by_disagreement(items) == [2, 1, 0, 3]
