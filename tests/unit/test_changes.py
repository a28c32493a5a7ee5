"""What a retraining changed: every picture is judged by its own truth, the worst news first."""

from types import SimpleNamespace

import numpy as np
import pytest

from inpformer.changes import (
    LabelledPicture,
    figures_of,
    kind_of_change,
    outcome_of,
    shrink_map,
    what_changed,
)
from inpformer.errors import ConfigError, UserError
from inpformer.geometry import ImageGeometry, shrink_mask
from inpformer.labelling import learning_curve, next_to_label
from inpformer.result import AnomalyResult
from inpformer.scales import MapScale

SIZE = (56, 70)
BOX, ELSEWHERE = np.s_[10:30, 10:30], np.s_[30:50, 40:60]
UNIT = MapScale(threshold=1.0, score_scale=0.1, normal_level=0.0)


def mask_at(*boxes) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    for box in boxes:
        mask[box] = True
    return mask


def result_of(score: float, calibrated: bool = True, **boxes) -> AnomalyResult:
    """A result whose maps are 2 inside a box and 0 elsewhere."""
    maps = {name: 2.0 * mask_at(box).astype(np.float32) for name, box in boxes.items()}
    return AnomalyResult(
        map_name=next(iter(maps)),
        score_maps=maps,
        scores=dict.fromkeys(maps, score),
        scales=dict.fromkeys(maps, UNIT) if calibrated else {},
        geometry=ImageGeometry.full(SIZE, 14),
        explanation=None,
    )


class Scripted:
    """A detector that answers by the first pixel of a picture."""

    def __init__(self, results: dict[int, AnomalyResult]) -> None:
        self.results = results

    def predict(self, image: np.ndarray) -> AnomalyResult:
        return self.results[int(image[0, 0, 0])]


def picture(number: int, mask: np.ndarray, **options) -> LabelledPicture:
    image = np.full((*SIZE, 3), number, np.uint8)
    return LabelledPicture(f"{number}.png", image, mask, **options)


def test_a_map_that_marks_the_defect_is_right_and_one_that_marks_another_place_is_not():
    right = outcome_of(result_of(2.0, fused=BOX), mask_at(BOX))
    wrong = outcome_of(result_of(2.0, fused=ELSEWHERE), mask_at(BOX))
    assert right.mask_iou == 1 and right.pixel_ap == 1 and right.is_anomalous
    assert wrong.mask_iou == 0 and wrong.pixel_ap < 0.2


def test_a_normal_picture_has_no_average_precision_and_an_uncalibrated_map_no_mask():
    normal = outcome_of(result_of(0.5, fused=BOX), mask_at())
    assert normal.pixel_ap is None and normal.is_anomalous is False and normal.mask_iou == 0
    raw = outcome_of(result_of(0.5, calibrated=False, fused=BOX), mask_at(BOX))
    assert raw.is_anomalous is None and raw.mask_iou is None and raw.pixel_ap == 1


@pytest.mark.parametrize(
    ("label", "before", "after", "kind"),
    [
        (True, (0.5, BOX), (2.0, ELSEWHERE), "improvement"),  # found now, whatever the outline
        (True, (2.0, BOX), (0.5, BOX), "regression"),
        (False, (2.0, BOX), (0.5, BOX), "improvement"),
        (False, (0.5, BOX), (2.0, BOX), "regression"),
        (True, (2.0, ELSEWHERE), (2.0, BOX), "improvement"),
        (True, (2.0, BOX), (2.0, ELSEWHERE), "regression"),
        (True, (2.0, BOX), (3.0, BOX), "unchanged"),
        (False, (0.1, BOX), (0.9, ELSEWHERE), "unchanged"),
    ],
)
def test_the_verdict_decides_what_is_better_and_then_the_pixels(label, before, after, kind):
    mask = mask_at(BOX) if label else mask_at()
    outcomes = [outcome_of(result_of(score, fused=box), mask) for score, box in (before, after)]
    assert kind_of_change(label, *outcomes) == kind


def test_regressions_come_first_and_used_pictures_count_in_no_figure():
    good, bad = result_of(2.0, fused=BOX), result_of(0.5, fused=ELSEWHERE)
    calm = result_of(0.1, fused=np.s_[0:0, 0:0])
    before = Scripted({1: bad, 2: good, 3: calm, 4: good})
    after = Scripted({1: good, 2: bad, 3: calm, 4: good})
    pictures = [
        picture(1, mask_at(BOX), is_used=True),
        picture(4, mask_at(BOX)),
        picture(2, mask_at(BOX)),
        picture(3, mask_at()),
    ]
    changes = what_changed(before, after, pictures)
    assert [item.name for item in changes.pictures] == ["2.png", "1.png", "4.png", "3.png"]
    assert [item.kind for item in changes.pictures[:2]] == ["regression", "improvement"]
    assert [item.name for item in changes.of_kind("regression")] == ["2.png"]
    assert changes.before.image_auroc == 1 and changes.before.pixel_ap == 1
    assert changes.after.pixel_ap < 1
    assert [item.is_used for item in changes.pictures] == [False, True, False, False]


def test_corrected_pictures_can_be_judged_by_a_detector_that_has_not_seen_them():
    good, bad = result_of(2.0, fused=BOX), result_of(0.5, fused=ELSEWHERE)
    asked = []

    def retrain_with(chosen):
        asked.append(list(chosen))
        return Scripted({1: bad, 2: bad})

    retrainer = SimpleNamespace(corrections=[None, None], retrain_with=retrain_with)
    pictures = [
        picture(1, mask_at(BOX), is_used=True, correction=0),
        picture(2, mask_at(BOX), is_used=True, correction=1),
    ]
    after = Scripted({1: good, 2: good})
    changes = what_changed(Scripted({1: bad, 2: bad}), after, pictures, retrainer)
    assert asked == [[1], [0]]
    assert all(item.is_left_out and item.kind == "unchanged" for item in changes.pictures)
    assert changes.before.pixel_ap == changes.after.pixel_ap < 1, "by those that had not seen it"
    unfair = what_changed(Scripted({1: bad, 2: bad}), after, pictures)
    assert unfair.before == (None, None, None), "all pictures were used"


def test_a_set_without_normal_or_without_anomalous_pictures_has_no_figures_of_that_kind():
    outcome = outcome_of(result_of(2.0, fused=BOX), mask_at(BOX))
    assert figures_of([outcome], [mask_at(BOX)]).image_auroc is None
    assert figures_of([outcome], [mask_at(BOX)]).pixel_ap == 1
    assert figures_of([outcome], [mask_at()]) == (None, None, None)
    assert figures_of([], []) == (None, None, None)


def test_nothing_to_compare_is_said():
    with pytest.raises(UserError):
        what_changed(Scripted({}), Scripted({}), [])


def test_the_learning_curve_begins_with_the_old_detector_and_takes_more_masks_each_time():
    good, bad = result_of(2.0, fused=BOX), result_of(0.5, fused=ELSEWHERE)
    retrainer = SimpleNamespace(
        corrections=[None] * 3,
        source=Scripted({1: bad}),
        retrain_with=lambda chosen: Scripted({1: good if len(chosen) == 3 else bad}),
    )
    curve = learning_curve(retrainer, [picture(1, mask_at(BOX))], [0, 1, 3])
    assert [count for count, _ in curve] == [0, 1, 3]
    aps = [figures.pixel_ap for _, figures in curve]
    assert aps[0] == aps[1] < aps[2] == 1
    with pytest.raises(ConfigError):
        learning_curve(retrainer, [], [4])


def test_on_the_learning_curve_no_picture_is_judged_by_a_detector_that_has_seen_it():
    good = result_of(2.0, fused=BOX)
    asked = []

    def retrain_with(chosen):
        asked.append(tuple(chosen))
        return Scripted({index: good for index in range(3) if index not in chosen} | {7: good})

    retrainer = SimpleNamespace(
        corrections=[None] * 3, source=Scripted({}), retrain_with=retrain_with
    )
    pictures = [picture(i, mask_at(BOX), is_used=True, correction=i) for i in range(3)]
    seen = picture(9, mask_at(), is_used=True)
    curve = learning_curve(retrainer, [*pictures, picture(7, mask_at(BOX)), seen], [1, 2])
    assert asked == [(1,), (0,), (1, 2), (0, 2), (0, 1)]
    assert [figures.pixel_ap for _, figures in curve] == [1, 1]


def test_pictures_near_the_threshold_or_with_maps_that_disagree_are_labelled_first():
    sure = result_of(9.0, fused=BOX, reconstruction=BOX, segmentation=BOX)
    normal = result_of(0.0, fused=BOX, reconstruction=BOX, segmentation=BOX)
    near = result_of(1.01, fused=BOX, reconstruction=BOX, segmentation=BOX)
    torn = result_of(1.01, fused=BOX, reconstruction=BOX, segmentation=ELSEWHERE)
    assert next_to_label([sure, near, normal, torn])[:2] == [3, 1]
    assert next_to_label([]) == []


def test_small_maps_stay_and_large_ones_shrink_with_their_masks():
    small = np.random.default_rng(0).random((40, 256), np.float32)
    assert shrink_map(small) is small
    large = shrink_map(np.ones((600, 900), np.float32))
    assert large.shape == (171, 256)
    mask = np.zeros((600, 900), bool)
    mask[300, 450] = True
    assert shrink_mask(mask, large.shape).sum() == 1, "a mark of one pixel is not lost"
    assert not shrink_mask(np.zeros((600, 900), bool), large.shape).any()
