"""Prototypes that may mislead: drawn to the flagged region, coinciding, unused."""

from dataclasses import replace

import numpy as np
import pytest

from inpformer.geometry import ImageGeometry
from inpformer.prototype_health import UNUSED_PART, prototype_health
from inpformer.result import AnomalyResult, Explanation
from inpformer.scales import MapScale

GRID = 10
EVEN = np.full((GRID, GRID), 1 / GRID**2, np.float32)
SCALES = {"distance": MapScale(threshold=0.5, score_scale=0.1, normal_level=0.1)}


def healthy(count: int = 3, flagged_rows: int = 1) -> AnomalyResult:
    """A result without fault: prototypes at right angles, even attention, equal shares."""
    explanation = Explanation(
        inps=np.eye(count, 8, dtype=np.float32),
        inp_attention=np.stack([EVEN] * count),
        inp_attention_per_head=np.stack([EVEN] * count)[None],
        decoder_attention=None,
        inp_distance=np.zeros((GRID, GRID), np.float32),
        inp_assignment=np.arange(GRID**2).reshape(GRID, GRID) % count,
        soft_assignment=np.full((GRID, GRID, count), 1 / count, np.float32),
        residual=None,
    )
    score_map = np.zeros((GRID * 4, GRID * 4), np.float32)
    score_map[: 4 * flagged_rows] = 1
    geometry = ImageGeometry.full((80, 80), 8, GRID**2)
    scores = {"distance": 1.0}
    return AnomalyResult("distance", {"distance": score_map}, scores, SCALES, geometry, explanation)


def changed(result: AnomalyResult, **parts: np.ndarray) -> AnomalyResult:
    return replace(result, explanation=replace(result.explanation, **parts))


def with_attention_in_the_first_row(share: float) -> np.ndarray:
    attention = np.stack([EVEN] * 3)
    attention[1, 0] = share / GRID
    attention[1, 1:] = (1 - share) / (GRID * (GRID - 1))
    return attention


def test_nothing_is_said_of_prototypes_without_fault():
    health = prototype_health(healthy())
    assert health.drawn == health.coincident == health.unused == ()
    assert health.inp_count == 3
    assert health.flagged_share == pytest.approx(0.1)


def test_a_prototype_that_attends_to_the_flagged_region_is_named_with_its_numbers():
    result = changed(healthy(), inp_attention=with_attention_in_the_first_row(0.6))
    (drawn,) = prototype_health(result).drawn
    assert drawn.inp == 1
    assert drawn.attention_share == pytest.approx(0.6)
    assert drawn.factor == pytest.approx(6)


def test_a_region_of_half_the_picture_draws_nobody_who_attends_evenly():
    assert prototype_health(healthy(flagged_rows=5)).drawn == ()
    assert prototype_health(healthy(flagged_rows=0)).drawn == ()


def test_without_a_threshold_nobody_can_be_found_drawn_to_what_it_flags():
    result = changed(healthy(), inp_attention=with_attention_in_the_first_row(0.6))
    uncalibrated = replace(result, scales={})
    assert prototype_health(uncalibrated).drawn == ()
    assert prototype_health(uncalibrated).flagged_share is None
    assert prototype_health(uncalibrated, threshold=0.5).drawn
    assert prototype_health(result, threshold=2).flagged_share == 0


def test_prototypes_that_coincide_are_named_together_whatever_their_length():
    inps = np.eye(5, 8, dtype=np.float32)
    inps[3] = 40 * inps[0] + 1e-3 * inps[4]
    (group,) = prototype_health(changed(healthy(5), inps=inps)).coincident
    assert group.inps == (0, 3)
    assert group.cosine == pytest.approx(1, abs=1e-4)


def test_prototypes_are_joined_through_a_third_and_groups_come_largest_first():
    angles = np.array([0, 0.12, 0.24, 1.5, 1.55])
    inps = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    first, second = prototype_health(changed(healthy(5), inps=inps)).coincident
    assert first.inps == (0, 1, 2) and second.inps == (3, 4)
    # Only pairs above the limit count: the two ends are farther apart.
    assert first.cosine == pytest.approx(np.cos(0.12), abs=1e-5)


def test_prototypes_of_no_length_and_of_none_other_are_no_error():
    assert prototype_health(changed(healthy(2), inps=np.zeros((2, 8)))).coincident == ()
    assert prototype_health(healthy(1)).coincident == ()


def test_a_prototype_nearest_to_almost_no_patch_is_named():
    assignment = np.zeros((GRID, GRID), int)
    assignment[:5] = 1
    (unused,) = prototype_health(changed(healthy(), inp_assignment=assignment)).unused
    assert unused.inp == 2 and unused.share == 0
    assignment[0, :2] = 2  # 2%, where an even share is 33%
    assert UNUSED_PART / 3 < 0.02
    assert prototype_health(changed(healthy(), inp_assignment=assignment)).unused == ()
