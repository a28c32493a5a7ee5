"""What a person's work makes of an annotation."""

import numpy as np
import pytest

from inpformer.annotations.annotation import Annotation
from inpformer.annotations.edits import as_normal, as_skipped, with_drawing, with_prediction
from inpformer.annotations.store import AnnotationStore


def with_box(mask: np.ndarray, box: tuple[int, int, int, int], value: int = 1) -> np.ndarray:
    top, bottom, left, right = box
    mask = mask.copy()
    mask[top:bottom, left:right] = value
    return mask


EMPTY = np.zeros((20, 30), np.uint8)
PREDICTED = with_box(with_box(EMPTY, (2, 6, 2, 6)), (10, 14, 20, 26))
START = Annotation("a.png", EMPTY)


def test_an_accepted_prediction_is_anomalous_and_all_of_it_predicted():
    said = with_prediction(START, PREDICTED, "v1")
    assert said.label == "anomalous" and said.sources == ("predicted", "predicted")
    assert said.detector_id == "v1"


def test_an_accepted_empty_prediction_is_normal():
    assert with_prediction(START, EMPTY, "v1").label == "normal"


def test_each_region_says_who_drew_it_over_several_strokes():
    said = with_prediction(START, PREDICTED, "v1")
    grown = with_drawing(said, with_box(PREDICTED, (2, 6, 6, 8)))
    assert (grown.label, grown.sources) == ("corrected", ("edited", "predicted"))
    added = with_drawing(grown, with_box(grown.mask, (17, 19, 1, 4)))
    assert added.sources == ("edited", "predicted", "human")
    again = with_drawing(added, with_box(added.mask, (2, 6, 6, 8), 0))
    assert again.sources == ("edited", "predicted", "human")


def test_a_region_of_another_class_keeps_its_source():
    said = with_prediction(START, PREDICTED, "v1")
    changed = with_drawing(said, np.where(PREDICTED, 2, 0).astype(np.uint8))
    assert changed.sources == ("predicted", "predicted")


def test_what_nobody_predicted_is_anomalous_and_human():
    drawn = with_drawing(START, PREDICTED)
    assert drawn.label == "anomalous" and set(drawn.sources) == {"human"}


@pytest.mark.parametrize("start", [START, with_prediction(START, PREDICTED, "v1")])
def test_an_emptied_mask_says_nothing(start):
    assert with_drawing(start, EMPTY).label == "unlabelled"


def test_drawing_on_what_was_called_normal_corrects_that():
    assert with_drawing(as_normal(START), PREDICTED).label == "corrected"


def test_normal_empties_the_mask_and_skipping_keeps_it():
    said = with_prediction(START, PREDICTED, "v1")
    assert not as_normal(said).mask.any() and as_normal(said).label == "normal"
    assert np.array_equal(as_skipped(said).mask, PREDICTED) and as_skipped(said).label == "skipped"


def test_every_result_can_be_stored(tmp_path):
    store = AnnotationStore(tmp_path / "store")
    name = store.add_picture(np.zeros((20, 30, 3), np.uint8), "a.png")
    said = store.load(name)
    for change in (
        lambda now: with_prediction(now, PREDICTED, "v1"),
        lambda now: with_drawing(now, with_box(PREDICTED, (2, 6, 6, 8))),
        as_skipped,
        as_normal,
    ):
        said = store.save(change(said))
        assert store.load(name).sources == said.sources
