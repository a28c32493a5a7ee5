"""Pixels counted in bins: the figures lie within their bounds, and parts make the whole."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inpformer import metrics
from inpformer.errors import UserError
from inpformer.evaluation.curves import MAX_POINTS
from inpformer.evaluation.pixel_histogram import PixelHistogram

EXACT = {
    "pixel_auroc": metrics.pixel_auroc,
    "pixel_ap": metrics.pixel_ap,
    "pixel_f1_max": metrics.pixel_f1_max,
    "aupro": metrics.aupro,
}
ROUNDING = 1e-12  # of 64-bit sums, on both sides
# Ties, both zeros, values below 0, the smallest and the largest numbers, and close neighbours.
ODD = (0.0, -0.0, 1.0, -1.0, 1e-45, -1e-45, 3e38, -3e38, 0.5, float(np.nextafter(np.float32(1), 2)))
VALUES = st.sampled_from(ODD) | st.floats(-2, 2, width=32) | st.floats(width=32, allow_nan=False)


def histogram_of(maps, masks, max_bins=1 << 17) -> PixelHistogram:
    histogram = PixelHistogram(max_bins)
    for values, mask in zip(maps, masks, strict=True):
        histogram.add(values, mask)
    return histogram


def state(histogram: PixelHistogram) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in histogram.to_arrays().items()}


def random_case(seed: int, count: int = 6):
    """Maps that overlap, below and above 0, with defects of several regions; one without."""
    rng = np.random.default_rng(seed)
    masks = [rng.random((40, 50)) < 0.03 * (i % 4) for i in range(count)]
    maps = [rng.normal(0.4 * mask, 1).astype(np.float32) for mask in masks]
    return maps, masks


@st.composite
def cases(draw):
    """Up to 3 maps of 4 x 5 and their masks, with normal and defect pixels."""
    count = draw(st.integers(1, 3))
    numbers = st.lists(VALUES.filter(np.isfinite), min_size=20, max_size=20)
    flags = st.lists(st.booleans(), min_size=20, max_size=20)
    maps = [np.array(draw(numbers), np.float32).reshape(4, 5) for _ in range(count)]
    masks = [np.array(draw(flags), bool).reshape(4, 5) for _ in range(count)]
    masks[0][0, :2] = (True, False)
    return maps, masks


@settings(deadline=None, max_examples=150)
@given(cases(), st.sampled_from([2, 3, 5, 8, 16, 1000]))
def test_every_figure_lies_within_its_bound(case, max_bins):
    histogram = histogram_of(*case, max_bins)
    assert len(histogram) <= max_bins
    for name, figure in histogram.figures().items():
        error = abs(figure.value - EXACT[name](*case))
        assert error <= figure.error + ROUNDING, name
        assert 0 <= figure.value <= 1 + ROUNDING and figure.error <= 1


@settings(deadline=None, max_examples=50)
@given(cases())
def test_with_a_bin_for_every_value_the_figures_are_exact(case):
    histogram = histogram_of(*case)
    assert histogram.is_exact
    for name, figure in histogram.figures().items():
        assert figure.value == pytest.approx(EXACT[name](*case), abs=1e-9)
        assert figure.error < 1e-9, "only the shares of regions are rounded"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
def test_aupro_keeps_its_bound_at_every_limit(seed, limit):
    case = random_case(seed)
    for max_bins in (4, 32, 1 << 17):
        figure = histogram_of(*case, max_bins).aupro(limit)
        assert abs(figure.value - metrics.aupro(*case, limit)) <= figure.error + ROUNDING


@pytest.mark.parametrize("order", ["normal first", "defect first", "mixed"])
def test_the_worst_order_inside_one_bin_is_within_the_bounds(order):
    """All values differ by the last bits only, so that a single bin holds them."""
    values = (np.float32(1) + np.arange(60, dtype=np.float32) * np.float32(2**-23)).reshape(6, 10)
    defect = {
        "normal first": np.arange(60) < 20,
        "defect first": np.arange(60) >= 40,
        "mixed": np.arange(60) % 3 == 0,
    }[order]
    low_high = np.full((1, 2), 7, np.float32), np.array([[True, False]])  # forces wide bins
    maps = [values, low_high[0], -low_high[0]]
    masks = [defect.reshape(6, 10), low_high[1], low_high[1]]
    histogram = histogram_of(maps, masks, max_bins=3)
    assert len(histogram) == 3
    for name, figure in histogram.figures().items():
        exact = EXACT[name](maps, masks)
        assert abs(figure.value - exact) <= figure.error + ROUNDING
        assert figure.error > 0


def test_the_bounds_become_tight_with_more_bins():
    case = random_case(0, count=30)
    for name in EXACT:
        errors = [histogram_of(*case, bins).figures()[name].error for bins in (8, 128, 2048, 30000)]
        assert errors == sorted(errors, reverse=True) and errors[-1] < 0.01 * errors[0] < 0.01


@pytest.mark.parametrize("max_bins", [50, 1 << 17])
def test_the_figures_are_those_of_scikit_learn(max_bins):
    judge = pytest.importorskip("sklearn.metrics")
    maps, masks = random_case(1)
    scores = np.concatenate([values.ravel() for values in maps])
    labels = np.concatenate([mask.ravel() for mask in masks])
    precision, recall, _ = judge.precision_recall_curve(labels, scores)
    expected = {
        "pixel_auroc": judge.roc_auc_score(labels, scores),
        "pixel_ap": judge.average_precision_score(labels, scores),
        "pixel_f1_max": (2 * precision * recall / np.maximum(precision + recall, 1e-12)).max(),
    }
    figures = histogram_of(maps, masks, max_bins).figures()
    for name, value in expected.items():
        assert abs(figures[name].value - value) <= figures[name].error + ROUNDING


@pytest.mark.parametrize("max_bins", [100, 1 << 12, 1 << 17])
def test_the_figures_are_those_that_were_recorded(golden, max_bins):
    with np.load(golden / "metrics.npz") as recording:
        histogram = histogram_of(recording["anomaly_maps"], recording["masks"], max_bins)
        for name, figure in histogram.figures().items():
            assert abs(figure.value - float(recording[name])) <= figure.error + 1e-9, name


@settings(deadline=None, max_examples=50)
@given(cases(), st.sampled_from([3, 8, 1000]), st.integers(0, 3))
def test_parts_that_are_merged_equal_the_whole_to_the_bit(case, max_bins, cut):
    maps, masks = case
    whole = histogram_of(maps, masks, max_bins)
    first = histogram_of(maps[:cut], masks[:cut], max_bins)
    second = histogram_of(maps[cut:], masks[cut:], max_bins)
    unchanged = state(second)
    first.merge(second)
    assert state(first) == state(whole)
    assert state(second) == unchanged
    backwards = histogram_of(maps[::-1], masks[::-1], max_bins)
    assert state(backwards) == state(whole)


def test_large_parts_in_any_order_equal_the_whole_to_the_bit():
    maps, masks = random_case(3, count=12)
    whole = histogram_of(maps, masks, 500)
    parts = [histogram_of(maps[i::3], masks[i::3], 500) for i in (2, 0, 1)]
    parts[0].merge(parts[1])
    parts[0].merge(parts[2])
    assert state(parts[0]) == state(whole)
    assert parts[0].figures() == whole.figures()


def test_a_histogram_comes_back_from_a_file_as_it_was():
    maps, masks = random_case(4)
    first, both = histogram_of(maps[:3], masks[:3], 200), histogram_of(maps, masks, 200)
    stream = io.BytesIO()
    np.savez(stream, **first.to_arrays())
    stream.seek(0)
    with np.load(stream, allow_pickle=False) as arrays:
        loaded = PixelHistogram.from_arrays(arrays)
    for values, mask in zip(maps[3:], masks[3:], strict=True):
        loaded.add(values, mask)
    assert state(loaded) == state(both)
    assert (loaded.pixels, loaded.regions) == (both.pixels, both.regions)


def test_arrays_of_something_else_are_refused():
    arrays = histogram_of(*random_case(0)).to_arrays()
    with pytest.raises(ValueError, match="no histogram"):
        PixelHistogram.from_arrays({"keys": arrays["keys"]})
    with pytest.raises(ValueError, match="length"):
        PixelHistogram.from_arrays({**arrays, "normal": arrays["normal"][1:]})


def test_the_counts_are_those_of_the_masks():
    maps, masks = random_case(5)
    histogram = histogram_of(maps, masks, 10)
    assert histogram.pixels == sum(mask.size for mask in masks)
    assert histogram.defect_pixels == sum(mask.sum() for mask in masks)
    corner = histogram_of([np.zeros((2, 2))], [np.eye(2, dtype=bool)])
    assert corner.regions == 1, "pixels that touch by a corner are one region"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_a_value_that_is_no_finite_number_is_refused_and_nothing_is_counted(value):
    values = np.zeros((3, 3))
    values[1, 1] = value
    histogram = PixelHistogram()
    with pytest.raises(UserError, match="no finite numbers"):
        histogram.add(values, np.eye(3, dtype=bool))
    assert histogram.pixels == 0 and histogram.regions == 0


def test_what_cannot_be_measured_is_missing_with_a_reason():
    values, empty = np.ones((3, 3), np.float32), np.zeros((3, 3), bool)
    for histogram, words in (
        (PixelHistogram(), "No picture"),
        (histogram_of([values], [empty]), "No pixel is marked"),
        (histogram_of([values], [~empty]), "Every pixel"),
    ):
        for figure in histogram.figures().values():
            assert figure.value is None and words in figure.reason
        assert histogram.curves() == {}


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="differ"):
        PixelHistogram().add(np.zeros((2, 3)), np.zeros((3, 2), bool))
    with pytest.raises(ValueError, match="max_bins"):
        PixelHistogram(1)
    with pytest.raises(ValueError, match="bins differ"):
        PixelHistogram(8).merge(PixelHistogram(16))
    with pytest.raises(ValueError, match="limit"):
        PixelHistogram().aupro(0)


def test_curves_have_few_points_and_the_area_of_their_figure():
    case = random_case(6, count=20)
    histogram = histogram_of(*case)
    curves = histogram.curves()
    for curve in curves.values():
        assert len(curve.x) == len(curve.y) <= MAX_POINTS
        assert list(curve.x) == sorted(curve.x)
    roc, pro, pr = curves["pixel_roc"], curves["pro"], curves["pixel_pr"]
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1]) == (0, 0, 1, 1)
    area = metrics.area_under(np.array(roc.x), np.array(roc.y))
    assert area == pytest.approx(histogram.auroc().value, abs=0.002)
    assert pro.x[-1] == pytest.approx(0.3)
    area = metrics.area_under(np.array(pro.x), np.array(pro.y), pro.x[-1])
    assert area / 0.3 == pytest.approx(histogram.aupro().value, abs=0.002)
    lowest = min(values[mask].min() for values, mask in zip(*case, strict=True) if mask.any())
    alarms = sum((values >= lowest).sum() for values in case[0])
    assert pr.x[-1] == 1 and pr.y[-1] == pytest.approx(histogram.defect_pixels / alarms)


def test_a_small_curve_keeps_all_its_points():
    values = np.array([[4, 3, 2, 1]], np.float32)
    curves = histogram_of([values], [np.array([[True, False, True, False]])]).curves(limit=0.5)
    assert curves["pixel_roc"].x == (0, 0, 0.5, 0.5, 1)
    assert curves["pixel_roc"].y == (0, 0.5, 0.5, 1, 1)
    assert curves["pixel_pr"] == ((0.5, 1), (1, pytest.approx(2 / 3)))
    assert curves["pro"].x[-1] == 0.5
