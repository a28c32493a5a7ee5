"""The reason of a patch: prototypes, reconstruction, rank, and patches like it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from inpformer.config import VARIANTS, ModelConfig
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.errors import UserError
from inpformer.fit_config import FitConfig
from inpformer.geometry import ImageGeometry
from inpformer.model_input import to_tensor
from inpformer.modeling.build import build_encoder, build_model
from inpformer.patch_reason import (
    PatchTokens,
    explain_patch,
    map_standing,
    most_similar,
    patch_means,
    typical_similarity,
)
from inpformer.scoring import reconstruction_map

QUICK = FitConfig(steps=2, head_steps=2, pseudo_anomalies=2, tokens_per_view=8, inp_count=4)


def textured(seed: int, height: int = 90, width: int = 120) -> np.ndarray:
    rng = np.random.default_rng(seed)
    blocks = rng.integers(40, 210, (-(-height // 6), -(-width // 6), 3))
    return blocks.repeat(6, axis=0).repeat(6, axis=1)[:height, :width].astype(np.uint8)


@pytest.fixture(scope="module")
def source(tiny_config: ModelConfig) -> AnomalyDetector:
    torch.manual_seed(0)
    config = replace(tiny_config, variant="training-free")
    model = build_model(config, build_encoder(config.encoder))
    return AnomalyDetector(model, config, Provenance("untrained", "The tiny encoder."))


@pytest.fixture(scope="module")
def detectors(source) -> dict[str, AnomalyDetector]:
    """A fitted detector of every variant."""
    return {name: source.fit([textured(5)], replace(QUICK, variant=name)) for name in VARIANTS}


def grid_tokens(directions: np.ndarray, side: int = 10) -> PatchTokens:
    """Tokens of a square picture whose patches are 10 pixels."""
    grid = len(directions)
    geometry = ImageGeometry(
        (grid * side, grid * side), (grid * 8, grid * 8), (0, 0, grid * 8, grid * 8), 8, "full"
    )
    return PatchTokens(geometry, directions, np.zeros((grid, grid, 1), np.float32))


def facing(angle: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1).astype(np.float32)


# What the detector gives


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("geometry", ["full", "benchmark"])
def test_tokens_and_result_tell_of_the_same_prototypes(detectors, variant, geometry):
    picture = textured(1)
    result = detectors[variant].predict(picture, geometry=geometry)
    tokens = detectors[variant].patch_tokens(picture, geometry)

    assert tokens.geometry == result.geometry
    nearest = tokens.inp_distances.min(axis=-1)
    np.testing.assert_allclose(nearest, result.inp_distance, atol=1e-6)
    softmax = np.exp(-tokens.inp_distances)
    softmax /= softmax.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(softmax, result.explanation.soft_assignment, atol=1e-5)


def test_the_errors_of_the_groups_are_what_the_reconstruction_map_averages(detectors):
    picture = textured(1)
    for variant, detector in detectors.items():
        tokens = detector.patch_tokens(picture)
        if variant == "training-free":
            assert tokens.cosine_errors is tokens.length_errors is tokens.residual is None
            continue
        errors = tokens.cosine_errors.mean(axis=0)
        if variant == "inp-former++":
            errors = 0.5 * (errors + tokens.length_errors.mean(axis=0))
        else:
            assert tokens.length_errors is None
        with torch.inference_mode():
            output = detector.model(to_tensor(picture, tokens.geometry)[None])
            expected = reconstruction_map(output, variant == "inp-former++")
        size = tokens.geometry.input_size
        upsampled = torch.nn.functional.interpolate(
            torch.from_numpy(errors)[None, None], size=size, mode="bilinear", align_corners=True
        )
        torch.testing.assert_close(upsampled[0], expected, rtol=1e-4, atol=1e-5)


def test_a_zero_shot_detector_has_distances_and_no_reconstruction(detectors):
    detector = detectors["inp-former++"].zero_shot()
    result, tokens = detector.predict(textured(1)), detector.patch_tokens(textured(1))

    reason = explain_patch(result, tokens, (0, 0))

    assert reason.cosine_error is reason.length_error is tokens.residual is None
    assert list(reason.standings) == ["distance"]
    assert reason.standings["distance"].times_threshold is None


# The reason


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_reason_holds_what_the_result_says_of_the_patch(detectors, variant):
    detector, picture = detectors[variant], textured(1)
    result, tokens = detector.predict(picture), detector.patch_tokens(picture)
    patch = result.geometry.patch_at(70, 40)

    reason = explain_patch(result, tokens, patch)

    assert (reason.row, reason.column) == patch
    top, left, bottom, right = reason.box
    assert top <= 40.5 < bottom and left <= 70.5 < right
    assert reason.nearest_inp == result.inp_assignment[patch] == np.argmin(reason.distances)
    assert reason.distance == pytest.approx(result.inp_distance[patch], abs=1e-6)
    assert sum(reason.soft_weights) == pytest.approx(1, abs=1e-5)
    assert len(reason.soft_weights) == len(reason.distances) == detector.config.inp_count
    assert list(reason.standings) == list(result.score_maps)
    for name, standing in reason.standings.items():
        threshold = result.scales[name].threshold
        assert standing.times_threshold == pytest.approx(standing.value / threshold)
    if variant == "inp-former++":
        group_count = detector.config.group_count
        assert len(reason.cosine_error.values) == len(reason.length_error.values) == group_count
        assert reason.cosine_error.total == pytest.approx(np.mean(reason.cosine_error.values))
        assert reason.cosine_error.typical_total >= 0


@pytest.mark.parametrize("tiles", ["", "2x2"])
def test_the_most_anomalous_patch_is_the_first_and_ranks_are_those_of_sorting(detectors, tiles):
    result = detectors["inp-former++"].predict(textured(1), tiles=tiles)
    means = patch_means(result, "fused")
    assert means.shape == result.geometry.grid_size

    by_value = sorted(np.ndindex(means.shape), key=lambda patch: -means[patch])
    ranks = [map_standing(result, "fused", patch).rank for patch in by_value]

    assert ranks[0] == 1 and ranks == sorted(ranks)
    first = map_standing(result, "fused", by_value[0])
    assert first.patch_count == means.size and first.value == pytest.approx(means.max())
    assert first.typical == pytest.approx(np.median(means))


def test_tokens_of_another_picture_and_a_patch_outside_the_grid_are_refused(detectors):
    detector = detectors["inp-former"]
    result = detector.predict(textured(1))
    with pytest.raises(ValueError, match="not made of the picture"):
        explain_patch(result, detector.patch_tokens(textured(1, 120, 90)), (0, 0))
    with pytest.raises(ValueError, match="no patch"):
        explain_patch(result, detector.patch_tokens(textured(1)), (999, 0))


def test_a_patch_that_was_pasted_from_a_shot_is_found_in_that_shot(detectors):
    detector = detectors["inp-former++"]
    shots = [textured(seed) for seed in (5, 6, 7)]
    tokens = [detector.patch_tokens(shot) for shot in shots]
    # The very picture: every patch has its twin at the same place of the second shot.
    result, own = detector.predict(shots[1]), tokens[1]

    reason = explain_patch(result, own, (2, 3), tokens, count=4)

    best = reason.similar_normal[0]
    assert (best.shot, best.row, best.column) == (1, 2, 3)
    assert best.similarity == pytest.approx(1, abs=1e-5)
    assert best.box == pytest.approx(reason.box)
    similarities = [found.similarity for found in reason.similar_normal]
    assert len(similarities) == 4 and similarities == sorted(similarities, reverse=True)
    assert explain_patch(result, own, (2, 3)).similar_normal == ()


# Similar patches


def test_similar_patches_are_of_different_places_and_not_of_the_own_surroundings():
    angle = np.full((24, 24), 2.0)
    angle[4:7, 4:7] = 0.0  # the asked place and its neighbours
    angle[15:18, 3:6] = 0.1
    angle[10, 20] = 0.3
    tokens = grid_tokens(facing(angle))

    found = most_similar(tokens, tokens.directions[5, 5], 3, avoid=(5, 5))

    places = [(patch.row, patch.column) for patch in found]
    assert 15 <= places[0][0] < 18 and 3 <= places[0][1] < 6
    assert places[1] == (10, 20)
    assert found[0].similarity == pytest.approx(np.cos(0.1), abs=1e-5)
    assert found[1].similarity == pytest.approx(np.cos(0.3), abs=1e-5)
    assert found[1].box == pytest.approx((100, 200, 110, 210))
    for index, (row, column) in enumerate(places):
        for other in [(5, 5), *places[:index]]:
            assert max(abs(row - other[0]), abs(column - other[1])) > 2


def test_a_small_picture_gives_as_many_places_as_it_has():
    tokens = grid_tokens(facing(np.zeros((2, 2))))

    assert len(most_similar(tokens, tokens.directions[0, 0], 5)) == 1
    assert most_similar(tokens, tokens.directions[0, 0], 5, avoid=(0, 0)) == ()


def test_looking_for_similar_patches_leaves_the_tokens_as_they_are():
    tokens = grid_tokens(facing(np.linspace(0, 1, 100).reshape(10, 10)))
    before = tokens.directions.copy()

    most_similar(tokens, tokens.directions[0, 0], 3, avoid=(0, 0))

    np.testing.assert_array_equal(tokens.directions, before)


def test_a_typical_patch_finds_itself_in_the_same_picture_and_less_in_another():
    own, other = grid_tokens(facing(np.zeros((6, 6)))), grid_tokens(facing(np.full((6, 6), 0.5)))

    assert typical_similarity(own, [other, own]) == pytest.approx(1)
    assert typical_similarity(own, [other]) == pytest.approx(np.cos(0.5), abs=1e-6)
    assert typical_similarity(own, []) is None


def test_a_defect_does_not_change_what_a_typical_patch_finds():
    angle = np.zeros((20, 20))
    angle[:4, :4] = 2.0
    spoilt, normal = grid_tokens(facing(angle)), grid_tokens(facing(np.zeros((20, 20))))

    assert typical_similarity(spoilt, [normal]) == pytest.approx(1)


# Another number of prototypes


def test_another_number_of_prototypes_is_there_at_once_on_the_same_encoder(source, detectors):
    free = detectors["training-free"]
    for count in (1, 3, 9):
        other = free.with_inp_count(count)
        result = other.predict(textured(1))
        assert other.model.encoder is free.model.encoder
        assert len(result.explanation.inps) == other.config.inp_count == count
        assert result.threshold is None, "the threshold was that of four prototypes"
        fresh = source.with_inp_count(count).predict(textured(1))
        np.testing.assert_array_equal(result.inp_distance, fresh.inp_distance)
    assert free.config.inp_count == 4 and free.calibration is not None
    assert free.with_inp_count(4) is free


def test_more_prototypes_are_never_farther_from_the_typical_patch(source):
    distances = [
        np.median(source.with_inp_count(count).predict(textured(1)).inp_distance)
        for count in (1, 4, 16)
    ]
    assert distances[0] > distances[1] > distances[2]


def test_learnt_prototypes_and_impossible_numbers_are_refused(source, detectors):
    with pytest.raises(UserError, match="learnt"):
        detectors["inp-former"].with_inp_count(3)
    with pytest.raises(UserError, match="inp_count"):
        source.with_inp_count(0)
