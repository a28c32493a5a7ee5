"""The reference-set doctor on drawn parts: what it finds, and that it keeps quiet otherwise."""

import cv2
import numpy as np
import pytest
import torch

from inpformer.detector import AnomalyDetector
from inpformer.errors import ImageError, UserError
from inpformer.examples import example_parts
from inpformer.images import load_image
from inpformer.shot_doctor import examine_shots, leave_one_out_scores
from inpformer.shot_quality import SEVERITIES, describe, sharpness


@pytest.fixture(scope="module")
def embedded() -> AnomalyDetector:
    return AnomalyDetector.load("embedded", "cpu")


@pytest.fixture(scope="module")
def washers() -> list[np.ndarray]:
    """Four normal pictures of one part."""
    part = next(part for part in example_parts() if part.name == "washer")
    return [load_image(path) for path in part.normal_paths[:4]]


def example(name: str, defect: str) -> np.ndarray:
    part = next(part for part in example_parts() if part.name == name)
    return load_image(next(item.path for item in part.pictures if item.defect == defect))


def saved_again(image: np.ndarray, quality: int = 50) -> np.ndarray:
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR)


def kinds(findings) -> set[tuple[str, tuple[int, ...]]]:
    return {(finding.kind, finding.shots) for finding in findings}


def test_a_clean_set_has_no_findings(embedded, washers):
    assert examine_shots(embedded, washers) == []


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_clean_shots_have_no_findings(embedded, washers, count):
    assert examine_shots(embedded, washers[:count]) == []


def test_a_defective_shot_is_found_with_its_place(embedded, washers):
    rusty = example("washer", "rust")
    (finding,) = examine_shots(embedded, [*washers[:3], rusty])
    assert finding.shots == (3,) and finding.severity == "warn"
    mask = example_mask("washer", "rust")
    x, y = finding.numbers["x"] * mask.shape[1], finding.numbers["y"] * mask.shape[0]
    assert cv2.dilate(mask, np.ones((41, 41)))[int(y), int(x)]


def example_mask(name: str, defect: str) -> np.ndarray:
    part = next(part for part in example_parts() if part.name == name)
    path = next(item.mask_path for item in part.pictures if item.defect == defect)
    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)


def test_another_part_is_unlike_the_others(embedded, washers):
    found = examine_shots(embedded, [*washers[:3], example("fabric", "good")])
    assert ("unlike", (3,)) in kinds(found) and found[0].severity in ("stop", "warn")


def test_of_two_different_parts_neither_is_blamed_alone(embedded, washers):
    found = examine_shots(embedded, [washers[0], example("fabric", "good")])
    assert ("unlike_pair", (0, 1)) in kinds(found)
    assert not any(kind == "unlike" for kind, _ in kinds(found))


def test_copies_and_saved_again_copies_are_told_apart(embedded, washers):
    images = [washers[0], washers[1], washers[0].copy(), saved_again(washers[1])]
    assert kinds(examine_shots(embedded, images)) == {
        ("identical", (0, 2)),
        ("near_duplicate", (1, 3)),
    }


@pytest.mark.parametrize("change", ["shifted", "darker", "smaller"])
def test_a_changed_copy_is_a_near_duplicate(embedded, washers, change):
    image = washers[0]
    if change == "shifted":
        copy = np.roll(image, (6, -9), axis=(0, 1))
    elif change == "darker":
        copy = (image * 0.9).astype(np.uint8)
    else:
        copy = cv2.resize(image, None, fx=0.9, fy=0.9, interpolation=cv2.INTER_AREA)
    assert ("near_duplicate", (0, 2)) in kinds(examine_shots(embedded, [image, washers[1], copy]))


def test_a_blurred_shot_is_found_among_sharp_ones(embedded, washers):
    blurred = cv2.GaussianBlur(washers[3], (0, 0), 3)
    assert ("blurred", (3,)) in kinds(examine_shots(embedded, [*washers[:3], blurred]))


def test_sharpness_falls_with_blur_and_not_with_contrast(washers):
    image = washers[0]
    values = [sharpness(cv2.GaussianBlur(image, (0, 0), sigma)) for sigma in (1, 2, 4)]
    assert sharpness(image) > values[0] > values[1] > values[2] > 0
    assert sharpness((image * 0.6).astype(np.uint8)) == pytest.approx(sharpness(image), rel=0.1)
    assert sharpness(np.full((40, 40, 3), 90, np.uint8)) == 0


def test_another_aspect_and_another_size_are_found(embedded, washers):
    wide, small = washers[2][100:400], cv2.resize(washers[3], (200, 200))
    found = kinds(examine_shots(embedded, [washers[0], washers[1], wide, small]))
    assert ("aspect", (2,)) in found and ("size", (3,)) in found


def test_dark_white_and_flat_shots_are_found(embedded, washers):
    dark = (washers[1] * 0.1).astype(np.uint8)
    white = np.clip(washers[2] * 4.0, 0, 255).astype(np.uint8)
    flat = np.full((512, 512, 3), 128, np.uint8)
    findings = examine_shots(embedded, [washers[0], dark, white, flat, washers[3]])
    assert {("dark", (1,)), ("flat", (3,))} <= kinds(findings)
    assert {kind for kind, shots in kinds(findings) if shots == (2,)} & {"overexposed", "light"}
    assert findings[0].kind == "flat" and findings[0].severity == "stop"


def test_findings_come_gravest_first_and_can_be_said(embedded, washers):
    flat = np.full((512, 512, 3), 128, np.uint8)
    findings = examine_shots(embedded, [washers[0], washers[0], flat, washers[1][:200]])
    ranks = [SEVERITIES.index(finding.severity) for finding in findings]
    assert ranks == sorted(ranks) and len(set(ranks)) > 1
    names = ["a.png", "b.png", "c.png", "d.png"]
    for finding in findings:
        words = describe(finding, names)
        assert all(names[shot] in words for shot in finding.shots) and words.endswith((".", "?"))


def test_odd_pictures_do_not_stop_the_doctor(embedded):
    thin, tiny = np.zeros((400, 8, 3), np.uint8), np.full((8, 8, 3), 200, np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (60, 90, 3)).astype(np.uint8)
    for images in ([thin], [tiny, noise], [thin, tiny, noise], [noise] * 3):
        assert all(finding.severity in SEVERITIES for finding in examine_shots(embedded, images))


def test_too_few_too_many_and_bad_pictures_are_refused(embedded, washers):
    with pytest.raises(UserError, match="1 to 16"):
        examine_shots(embedded, [])
    with pytest.raises(UserError, match="17"):
        examine_shots(embedded, [washers[0]] * 17)
    with pytest.raises(ImageError):
        examine_shots(embedded, [np.zeros((4, 4), np.uint8)])


def test_the_odd_shot_out_has_the_highest_score_and_its_place_is_that_of_the_change():
    generator = torch.Generator().manual_seed(0)
    base = torch.randn(100, 16, generator=generator)
    shots = [base + 0.1 * torch.randn(100, 16, generator=generator) for _ in range(4)]
    shots[2][37:39] += 8
    scores = leave_one_out_scores(shots, [(10, 10)] * 4)
    assert scores.local.argmax() == 2
    column, row = scores.places[2] * 10
    assert abs(row - 3.5) <= 1.1 and 6 <= column <= 9.6


def test_many_shots_are_each_compared_with_some_others_only():
    generator = torch.Generator().manual_seed(0)
    shots = [torch.randn(20, 4, generator=generator) for _ in range(16)]
    scores = leave_one_out_scores(shots, [(4, 5)] * 16)
    assert scores.local.shape == (16,) and np.isfinite(scores.local).all()
