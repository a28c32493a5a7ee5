"""The detection limit, on a detector whose limit is known: it sees what differs from one grey."""

from dataclasses import replace

import numpy as np
import pytest
from evaluation_doubles import GreyDetector

from inpformer.errors import ConfigError, FitCancelledError, UserError
from inpformer.evaluation.detection_limit import (
    DetectionLimit,
    LimitCell,
    LimitConfig,
    detection_limit,
    is_found,
    place_disc,
)
from inpformer.model_input import make_geometry
from inpformer.result import AnomalyResult

GREY, THRESHOLD, PIXELS = 120, 20.0, 10
QUICK = LimitConfig(sizes=(1, 2, 3, 4, 6, 12), contrasts=(10, 21, 40, 90), repeats=2)


class DifferenceDetector(GreyDetector):
    """Its map is the difference to a known grey, its score the mean of the highest 10 pixels."""

    def __init__(self, config, threshold=THRESHOLD) -> None:
        super().__init__(config, threshold)
        self.images: list[np.ndarray] = []

    def predict(self, image, *, map_name=None, **_) -> AnomalyResult:
        self.images.append(image)
        values = np.abs(image.astype(np.float32) - GREY).max(axis=2)
        return AnomalyResult(
            map_name="fused",
            score_maps={"fused": values},
            scores={"fused": float(np.sort(values.ravel())[-PIXELS:].mean())},
            scales=dict(self.calibration.scales),
            geometry=make_geometry(image, "full", self.config.encoder),
            explanation=None,
        )


def flat(height: int = 60, width: int = 90, grey: int = GREY) -> np.ndarray:
    return np.full((height, width, 3), grey, np.uint8)


def area_of_disc(size: int) -> int:
    """Pixels whose centre lies in a disc that fills a square of `size` pixels."""
    middle = (size - 1) / 2
    return sum(
        (x - middle) ** 2 + (y - middle) ** 2 <= (size / 2) ** 2
        for x in range(size)
        for y in range(size)
    )


@pytest.fixture
def detector(tiny_config) -> DifferenceDetector:
    return DifferenceDetector(tiny_config)


def test_exactly_those_marks_are_found_that_raise_the_score_above_the_threshold(detector):
    limit = detection_limit(detector, [flat(), flat(50, 40)], QUICK)
    assert len(limit.cells) == len(QUICK.sizes) * len(QUICK.contrasts)
    for cell in limit.cells:
        score = cell.contrast * min(1, area_of_disc(cell.size) / PIXELS)
        assert cell.tried == 2 * QUICK.repeats
        assert cell.share == (1 if score > THRESHOLD else 0), cell
    assert (limit.pictures, limit.false_alarms, limit.false_alarm_rate) == (2, 0, 0)
    assert limit.threshold == THRESHOLD


def test_the_smallest_size_falls_with_the_contrast_as_it_must(detector):
    limit = detection_limit(detector, [flat()], QUICK)
    expected = {
        contrast: next(
            (s for s in QUICK.sizes if contrast * min(1, area_of_disc(s) / PIXELS) > THRESHOLD),
            None,
        )
        for contrast in QUICK.contrasts
    }
    assert limit.smallest() == expected
    assert expected[10] is None and 12 > expected[21] > expected[40] > expected[90]


def limit_of(shares: list[float], needed: float = 0.5) -> int | None:
    sizes = tuple(range(1, len(shares) + 1))
    config = LimitConfig(sizes=sizes, contrasts=(10,), needed=needed)
    cells = tuple(LimitCell(n, 10, round(100 * s), 100) for n, s in enumerate(shares, 1))
    return DetectionLimit(config, cells, 1, 4, 1.0).smallest()[10]


def test_the_smallest_size_is_one_from_which_on_all_larger_ones_are_found_too():
    assert limit_of([0, 0.5, 1]) == 2
    assert limit_of([0.9, 0.4, 0.6, 1]) == 3, "what a small one gives by chance does not count"
    assert limit_of([1, 1, 0.4]) is None
    assert limit_of([0.6, 0.8, 1], needed=0.75) == 2


def test_what_is_drawn_is_a_disc_of_that_size_and_contrast_and_nothing_else(detector):
    config = replace(QUICK, repeats=3)
    detection_limit(detector, [flat()], config)
    untouched, *drawn = detector.images
    assert np.array_equal(untouched, flat())
    cells = [(c, s) for _ in range(3) for c in config.contrasts for s in config.sizes]
    assert len(drawn) == len(cells)
    for image, (contrast, size) in zip(drawn, cells, strict=True):
        difference = image.astype(int) - GREY
        changed = difference.any(axis=2)
        assert set(np.unique(abs(difference[changed]))) == {contrast}
        assert changed.sum() == area_of_disc(size)
        ys, xs = np.nonzero(changed)
        assert np.ptp(ys) == np.ptp(xs) == size - 1, "whole, in the picture"
    signs = {int(np.sign(image.astype(int) - GREY).sum() > 0) for image in drawn}
    assert signs == {0, 1}, "some lighter, some darker"


@pytest.mark.parametrize(("grey", "sign"), [(250, -1), (5, 1)])
def test_where_there_is_no_room_the_shift_goes_the_other_way(detector, grey, sign):
    config = LimitConfig(sizes=(5,), contrasts=(40,), repeats=6)
    detection_limit(detector, [flat(grey=grey)], config)
    for image in detector.images[1:]:
        difference = image.astype(int) - grey
        assert set(np.unique(difference)) == {0, 40 * sign}


def test_texture_mixes_noise_in_by_its_share(detector):
    config = LimitConfig("texture", sizes=(12,), contrasts=(0.25, 1.0), repeats=1)
    detection_limit(detector, [flat()], config)
    _, quarter, whole = (image.astype(float) - GREY for image in detector.images)
    assert np.abs(quarter - whole / 4).max() <= 0.5
    assert whole[whole.any(axis=2)].std() > 50
    assert np.array_equal(whole.any(axis=2), quarter.any(axis=2))


def test_same_seed_same_marks_and_another_seed_others(tiny_config):
    def images(seed):
        detector = DifferenceDetector(tiny_config)
        detection_limit(detector, [flat(), flat()], replace(QUICK, seed=seed))
        return np.stack(detector.images)

    assert np.array_equal(images(0), images(0))
    assert not np.array_equal(images(0), images(1))
    first, second = np.split(images(0), 2)
    assert not np.array_equal(first, second), "each picture has places of its own"


def test_a_high_score_whose_peak_lies_elsewhere_is_no_find(detector):
    image = flat()
    image[5:10, 70:75] = 250  # something that the detector always takes for a defect
    config = replace(QUICK, contrasts=(40,), sizes=(12,), repeats=12)
    limit = detection_limit(detector, [image], config)
    _, across, _, side = detector.predict(image).geometry.patch_box(0, 0)
    places = [np.argwhere((drawn != image).any(axis=2)) for drawn in detector.images[1:13]]
    near = sum(abs(place - (7, 72)).max(axis=1).min() < side - across + 12 for place in places)
    assert limit.false_alarm_rate == 1
    assert limit.cells[0].found <= near < limit.cells[0].tried == 12


def test_a_peak_at_most_a_patch_away_from_the_mark_counts(detector):
    image = flat(56, 56)
    image[20:30, 20:30] = 255
    result = detector.predict(image)
    top, _, bottom, _ = result.geometry.patch_box(0, 0)
    side = int(bottom - top)
    peak = int(np.argmax(result.anomaly_map)) // 56
    for distance, expected in ((0, True), (side, True), (side + 1, False)):
        mask = np.zeros((56, 56), bool)
        mask[peak + distance, 20] = True
        assert is_found(result, mask) is expected
    assert not is_found(detector.predict(flat(56, 56)), mask), "below the threshold"


@pytest.mark.parametrize("place", [(0, 0), (1, 1), (0.5, 0.3)])
def test_a_disc_always_lies_whole_in_the_picture(place):
    for size in (1, 2, 7, 30):
        rows, columns, disc = place_disc(flat(30, 50), size, place)
        assert {*range(rows.start, rows.stop)} <= {*range(30)}
        assert {*range(columns.start, columns.stop)} <= {*range(50)}
        assert disc.shape == (size, size) and disc.sum() == area_of_disc(size)
        assert disc.any(axis=0).all() and disc.any(axis=1).all()


def test_marks_that_fit_on_no_picture_are_left_out(detector):
    config = replace(QUICK, sizes=(4, 20, 40))
    limit = detection_limit(detector, [flat(30, 30), flat(60, 60)], config)
    tried = {cell.size: cell.tried for cell in limit.cells}
    assert tried == {4: 4, 20: 4, 40: 2}
    with pytest.raises(UserError, match="fits"):
        detection_limit(detector, [flat(30, 30)], replace(QUICK, sizes=(40,)))
    with pytest.raises(UserError, match="at least 1"):
        detection_limit(detector, [], QUICK)


def test_a_detector_without_a_threshold_is_refused(tiny_config):
    with pytest.raises(UserError, match="no threshold"):
        detection_limit(GreyDetector(tiny_config, threshold=None), [flat()], QUICK)


def test_progress_is_told_and_a_wish_to_stop_is_heard(detector):
    steps = []
    detection_limit(detector, [flat(), flat()], QUICK, steps.append)
    total = 2 * (1 + len(QUICK.sizes) * len(QUICK.contrasts) * QUICK.repeats)
    assert [step.done for step in steps] == list(range(1, total + 1))
    assert {step.total for step in steps} == {total} and steps[-1].seconds_left == 0
    before = len(detector.images)
    with pytest.raises(FitCancelledError, match="stopped"):
        detection_limit(
            detector,
            [flat()],
            QUICK,
            should_stop=lambda: len(detector.images) == before + 5,
        )
    assert len(detector.images) == before + 5


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "hole"}, "kind"),
        ({"sizes": ()}, "sizes"),
        ({"sizes": (4, 4)}, "sizes"),
        ({"sizes": (0, 4)}, "sizes"),
        ({"contrasts": (300,)}, "contrasts"),
        ({"contrasts": (0,)}, "contrast"),
        ({"kind": "texture", "contrasts": (0.5, 2)}, "contrasts"),
        ({"repeats": 0}, "epeats"),
        ({"needed": 0}, "eeded"),
        ({"seed": -1}, "eed"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        LimitConfig(**settings)
