"""The figures against slow loops, scikit-learn and recorded values."""

from itertools import pairwise

import numpy as np
import pytest

from inpformer import metrics
from inpformer.errors import UserError

IMAGE_METRICS = (metrics.image_auroc, metrics.image_ap, metrics.image_f1_max)
PIXEL_METRICS = (metrics.pixel_auroc, metrics.pixel_ap, metrics.pixel_f1_max, metrics.aupro)


def slow_regions(mask: np.ndarray) -> list[set]:
    """Sets of pixels that touch each other, by a corner too."""
    waiting = set(zip(*np.nonzero(mask), strict=True))
    regions = []
    while waiting:
        region, edge = set(), [waiting.pop()]
        while edge:
            y, x = edge.pop()
            region.add((y, x))
            near = {(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & waiting
            waiting -= near
            edge += near
        regions.append(region)
    return regions


def slow_aupro(maps, masks, limit):
    """Every score a threshold, every region on its own, straight lines between the points."""
    regions = [(i, region) for i, mask in enumerate(masks) for region in slow_regions(mask)]
    normal = np.concatenate([m[~mask] for m, mask in zip(maps, masks, strict=True)])
    points = [(0.0, 0.0)]
    for threshold in sorted({float(v) for m in maps for v in m.ravel()}, reverse=True):
        found = [sum(maps[i][p] >= threshold for p in r) / len(r) for i, r in regions]
        points.append((float(np.mean(normal >= threshold)), float(np.mean(found))))
    area = 0.0
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 >= limit or x1 == x0:
            continue
        end = min(x1, limit)
        y_end = y0 + (y1 - y0) * (end - x0) / (x1 - x0)
        area += (end - x0) * (y0 + y_end) / 2
    return area / limit


def random_case(seed, levels=None):
    """Five maps of two sizes with masks; few `levels` make many ties."""
    rng = np.random.default_rng(seed)
    shapes = [(7, 9), (7, 9), (6, 5), (6, 5), (6, 5)]
    masks = [rng.random(shape) < 0.25 for shape in shapes[:-1]] + [np.zeros(shapes[-1], bool)]
    maps = [rng.random(mask.shape) + 0.3 * mask for mask in masks]
    if levels:
        maps = [np.round(values * levels) / levels for values in maps]
    return [values.astype(np.float32) for values in maps], masks


@pytest.mark.parametrize("levels", [None, 4])
@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_aupro_equals_the_slow_loop(seed, limit, levels):
    maps, masks = random_case(seed, levels)
    expected = slow_aupro(maps, masks, limit)
    assert metrics.aupro(maps, masks, limit) == pytest.approx(expected, abs=1e-12)


def test_in_aupro_a_small_defect_counts_as_much_as_a_large_one():
    mask = np.zeros((20, 20), bool)
    mask[:10, :10] = mask[15, 15] = True
    large = np.where(mask, 1.0, 0.0)
    large[15, 15] = 0
    assert metrics.aupro([large], [mask]) == pytest.approx(0.5 + 0.5 * 0.15)
    assert metrics.pixel_auroc([large], [mask]) > 0.99


def test_pixels_that_touch_by_a_corner_are_one_region():
    mask = np.eye(2, dtype=bool)
    scores = np.array([[4.0, 3.0], [2.0, 1.0]])
    assert metrics.aupro([scores], [mask], limit=1) == slow_aupro([scores], [mask], 1)
    assert len(slow_regions(mask)) == 1


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("levels", [None, 5])
def test_image_and_pixel_figures_are_those_of_scikit_learn(seed, levels):
    judge = pytest.importorskip("sklearn.metrics")
    maps, masks = random_case(seed, levels)
    scores = np.concatenate([values.ravel() for values in maps])
    labels = np.concatenate([mask.ravel() for mask in masks])
    precision, recall, _ = judge.precision_recall_curve(labels, scores)
    f1 = (2 * precision * recall / np.maximum(precision + recall, 1e-12)).max()
    expected = (judge.roc_auc_score(labels, scores), judge.average_precision_score(labels, scores))
    for found in (
        [metric(scores, labels) for metric in IMAGE_METRICS],
        [metric(maps, masks) for metric in PIXEL_METRICS[:3]],
    ):
        assert found == pytest.approx([*expected, f1], abs=1e-12)


@pytest.mark.parametrize("name", [metric.__name__ for metric in (*IMAGE_METRICS, *PIXEL_METRICS)])
def test_the_figures_are_those_that_were_recorded(name, golden):
    with np.load(golden / "metrics.npz") as recording:
        keys = ("image_scores", "labels") if "image" in name else ("anomaly_maps", "masks")
        found = getattr(metrics, name)(*(recording[key] for key in keys))
        assert found == pytest.approx(float(recording[name]), abs=1e-9)


def test_ties_count_half_and_the_order_of_equals_does_not_matter():
    assert metrics.image_auroc([1, 1, 1, 1], [0, 1, 0, 1]) == 0.5
    assert metrics.image_auroc([1, 1, 0], [True, False, False]) == 0.75
    assert metrics.image_ap([1, 1, 1, 1], [1, 1, 0, 0]) == 0.5


def test_perfect_and_wrong_scores_have_the_best_and_the_worst_figures():
    labels = [False, False, True, True]
    assert [metric([0, 1, 2, 3], labels) for metric in IMAGE_METRICS] == [1, 1, 1]
    assert metrics.image_auroc([3, 2, 1, 0], labels) == 0
    mask = np.zeros((4, 4), bool)
    mask[:2] = True
    assert [metric([mask * 1.0], [mask]) for metric in PIXEL_METRICS] == [1, 1, 1, 1]
    assert metrics.aupro([~mask * 1.0], [mask]) == 0


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float16, np.float32])
def test_scores_may_be_numbers_of_any_kind(kind):
    scores, mask = np.array([[0, 7], [200, 9]]), np.array([[0, 0], [1, 1]], bool)
    assert [metric([scores.astype(kind)], [mask]) for metric in PIXEL_METRICS] == [1, 1, 1, 1]
    assert metrics.image_auroc(scores.ravel().astype(kind), mask.ravel()) == 1


@pytest.mark.parametrize("metric", IMAGE_METRICS)
@pytest.mark.parametrize(("label", "word"), [(0, "anomalous"), (1, "normal")])
def test_pictures_of_one_kind_alone_are_refused_in_a_sentence(metric, label, word):
    with pytest.raises(UserError, match=f"no {word} pictures"):
        metric([0.1, 0.2], [label, label])


@pytest.mark.parametrize("metric", PIXEL_METRICS)
@pytest.mark.parametrize(("label", "word"), [(False, "anomalous"), (True, "normal")])
def test_pixels_of_one_kind_alone_are_refused_in_a_sentence(metric, label, word):
    with pytest.raises(UserError, match=f"no {word} pixels"):
        metric([np.zeros((2, 2))], [np.full((2, 2), label)])


@pytest.mark.parametrize("metric", PIXEL_METRICS)
def test_a_value_that_is_no_number_and_an_empty_list_are_refused(metric):
    mask = np.eye(2, dtype=bool)
    with pytest.raises(UserError, match="finite"):
        metric([np.array([[1.0, np.nan], [0.0, 0.0]])], [mask])
    with pytest.raises(UserError, match="no pictures"):
        metric([], [])


@pytest.mark.parametrize("metric", PIXEL_METRICS)
def test_maps_and_masks_of_other_sizes_are_refused(metric):
    with pytest.raises(ValueError, match="sizes"):
        metric([np.zeros((2, 3))], [np.zeros((3, 2), bool)])


def test_scores_and_labels_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="differ"):
        metrics.image_auroc([1, 2, 3], [0, 1])


def test_the_limit_of_aupro_is_a_share():
    for limit in (0, 1.1, -0.3):
        with pytest.raises(ValueError, match="limit"):
            metrics.aupro([np.zeros((2, 2))], [np.eye(2, dtype=bool)], limit)
