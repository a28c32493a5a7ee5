from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inpformer import prediction
from inpformer.augmentation import VIEW_COUNT, make_view
from inpformer.config import TRAINING_FREE_NOTICE, UNTRAINED_NOTICE, VARIANTS
from inpformer.datasets.mvtec import read_mvtec_folder
from inpformer.datasets.sample import load_mask
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.engine import Engine
from inpformer.errors import ConfigError, FitCancelledError, ImageError, UserError
from inpformer.fit_config import FitConfig
from inpformer.images import load_image
from inpformer.model_input import MAX_SHOTS
from inpformer.modeling.build import build_encoder, build_model
from inpformer.scoring import anomaly_maps
from inpformer.tiling import blend_tiles, tile_boxes

QUICK = FitConfig(
    variant="training-free",
    steps=4,
    head_steps=2,
    pseudo_anomalies=2,
    batch_size=2,
    tokens_per_view=8,
    inp_count=4,
)


def random_picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Soft random texture `(height, width, 3)` uint8: neighbours are alike, as in a photo."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(60, 190, (-(-height // 6), -(-width // 6), 3))
    picture = blocks.repeat(6, axis=0).repeat(6, axis=1)[:height, :width]
    return (picture + rng.integers(0, 12, (height, width, 1))).astype(np.uint8)


@pytest.fixture(scope="module")
def source(tiny_config) -> AnomalyDetector:
    config = replace(tiny_config, variant="training-free")
    model = build_model(config, build_encoder(config.encoder))
    return AnomalyDetector(model, config, Provenance("untrained", "tiny"))


@pytest.fixture(scope="module")
def fitted(source) -> dict[str, AnomalyDetector]:
    """A detector of every variant, fitted to one picture."""
    picture = random_picture(90, 120)
    return {name: source.fit([picture], replace(QUICK, variant=name)) for name in VARIANTS}


@pytest.fixture(scope="module")
def fitted_in_tiles(source) -> AnomalyDetector:
    return source.fit([random_picture(90, 120)], replace(QUICK, tiles="2x2"))


def maps_of(detector: AnomalyDetector, picture: np.ndarray, **options) -> dict[str, np.ndarray]:
    result = detector.predict(picture, **options)
    return {name: result.map(name) for name in result.score_maps}


def assert_same_maps(first: dict, second: dict) -> None:
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


# Predict


@pytest.mark.parametrize("geometry", ["full", "benchmark"])
@pytest.mark.parametrize("size", [(300, 200), (97, 131), (8, 8), (9, 401), (400, 8), (392, 392)])
def test_maps_come_back_at_the_size_of_the_picture(source, size, geometry):
    result = source.predict(random_picture(*size), geometry=geometry)
    assert result.anomaly_map.shape == result.inspected_mask.shape == size
    assert result.anomaly_map.dtype == np.float32
    assert np.isfinite(result.anomaly_map).all()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("tiles", ["", "2x2", "1x3"])
def test_every_map_of_every_variant_comes_back_at_the_size_of_the_picture(fitted, variant, tiles):
    result = fitted[variant].predict(random_picture(121, 83), tiles=tiles)
    assert set(result.score_maps) == set(result.scores) == set(fitted[variant].config.map_names)
    for name in result.score_maps:
        assert result.map(name).shape == (121, 83)
        assert np.isfinite(result.map(name)).all()


def test_the_same_picture_gets_the_same_maps_whatever_was_inspected_between(fitted):
    detector, picture = fitted["inp-former++"], random_picture(90, 120)
    before = maps_of(detector, picture)
    detector.predict(random_picture(60, 150, seed=1))
    torch.manual_seed(99)
    assert_same_maps(before, maps_of(detector, picture))


def test_a_batch_of_inputs_says_what_each_input_says_alone(fitted, images):
    detector = fitted["inp-former++"]
    with torch.inference_mode():
        together, *alone = (
            anomaly_maps(detector.model(each), detector.config, detector.calibration)
            for each in (images, *images.split(1))
        )
    for name, maps in together.items():
        one_by_one = torch.cat([item[name] for item in alone])
        # Matrix products of another shape may be summed in another order.
        torch.testing.assert_close(maps, one_by_one, rtol=1e-4, atol=1e-5)


def test_visitors_who_inspect_at_once_get_what_they_would_get_alone(fitted):
    detector = fitted["inp-former++"]
    pictures = [random_picture(60 + 9 * n, 90, seed=n) for n in range(4)]
    alone = [detector.predict(picture).anomaly_map for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda p: detector.predict(p).anomaly_map, pictures))
    for first, second in zip(alone, at_once, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-5)


def test_a_pasted_square_raises_the_distance_map_there(source, striped_picture):
    height, width = striped_picture.shape[:2]
    square = (slice(30, 54), slice(50, 74))
    damaged = striped_picture.copy()
    damaged[square] = np.random.default_rng(3).integers(0, 256, (24, 24, 3))
    before = source.predict(striped_picture)
    after = source.predict(damaged)
    outside = np.ones((height, width), bool)
    outside[22:62, 42:82] = False
    inside_mean = after.distance_map[square].mean()
    assert inside_mean > before.distance_map[square].mean()
    assert inside_mean > np.quantile(after.distance_map[outside], 0.95)
    assert after.image_score > before.image_score
    y, x = np.unravel_index(after.distance_map.argmax(), (height, width))
    assert 26 <= y < 58 and 46 <= x < 78


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("value", [0, 127, 255])
def test_a_flat_picture_gives_no_nan(fitted, variant, value):
    result = fitted[variant].predict(np.full((60, 80, 3), value, np.uint8))
    assert all(np.isfinite(result.map(name)).all() for name in result.score_maps)
    assert np.isfinite(list(result.scores.values())).all()
    assert 0 <= result.confidence <= 1
    explanation = result.explanation
    assert np.isfinite(explanation.inp_distance).all()
    assert np.isfinite(explanation.inp_attention).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_fit_to_a_flat_picture_gives_finite_scales(source, variant):
    flat = np.full((60, 80, 3), 127, np.uint8)
    detector = source.fit([flat], replace(QUICK, variant=variant))
    for scale in detector.calibration.scales.values():
        assert np.isfinite([scale.threshold, scale.score_scale, scale.normal_level]).all()
        low, high = scale.colour_range
        assert scale.score_scale > 0 and low < high
    assert np.isfinite(detector.predict(flat).anomaly_map).all()


def test_the_benchmark_geometry_leaves_zero_where_nothing_was_seen(source):
    result = source.predict(random_picture(160, 160), geometry="benchmark")
    seen = result.inspected_mask
    assert 0 < seen.mean() < 1
    assert (result.anomaly_map[~seen] == 0).all()
    assert (result.anomaly_map[seen] > 0).all()
    assert result.score_maps["distance"].shape == (256, 256)


def test_the_explanation_has_the_grid_of_the_picture(fitted):
    result = fitted["inp-former++"].predict(random_picture(90, 120))
    rows, columns = result.geometry.grid_size
    explanation, count = result.explanation, QUICK.inp_count
    assert explanation.inps.shape == (count, 32)
    assert explanation.inp_attention.shape == (count, rows, columns)
    assert explanation.decoder_attention.shape == (2, 2, count, rows, columns)
    assert explanation.soft_assignment.shape == (rows, columns, count)
    assert explanation.residual.shape == explanation.inp_distance.shape == (rows, columns)
    np.testing.assert_allclose(explanation.inp_attention.sum((1, 2)), 1, atol=1e-4)
    np.testing.assert_allclose(explanation.soft_assignment.sum(-1), 1, atol=1e-4)
    assert set(np.unique(explanation.inp_assignment)) <= set(range(count))


def test_the_nearest_prototype_of_the_explanation_is_the_one_with_most_weight(fitted):
    explanation = fitted["inp-former"].predict(random_picture(90, 120)).explanation
    np.testing.assert_array_equal(
        explanation.soft_assignment.argmax(-1), explanation.inp_assignment
    )


def test_grey_sixteen_bit_and_alpha_arrays_are_seen_like_their_rgb_pictures(source):
    grey = random_picture(50, 60)[:, :, 0]
    rgb = np.repeat(grey[:, :, None], 3, axis=2)
    opaque = np.dstack([rgb, np.full_like(grey, 255)])
    wanted = source.predict(rgb).anomaly_map
    for same in (grey, grey.astype(np.uint16) * 257, opaque):
        np.testing.assert_array_equal(source.predict(same).anomaly_map, wanted)


def test_predict_does_not_write_into_the_callers_picture(source):
    picture = random_picture(50, 60)
    picture.setflags(write=False)
    copy = picture.copy()
    source.predict(picture, tiles="2x2")
    np.testing.assert_array_equal(picture, copy)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"geometry": "square"}, "full"),
        ({"map_name": "segmentation"}, "Choose one of: distance"),
        ({"tiles": "many"}, "2x3"),
    ],
)
def test_a_wrong_option_is_refused_with_those_that_exist(source, options, words):
    with pytest.raises(UserError, match=words):
        source.predict(random_picture(40, 40), **options)


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((40, 40, 3)),
        np.zeros((40, 40, 5), np.uint8),
        np.zeros((1, 40, 3), np.uint8),
        np.zeros((0, 40, 3), np.uint8),
        np.zeros((10, 20_000, 3), np.uint8),
        "picture.png",
    ],
)
def test_a_picture_that_cannot_be_used_is_refused(source, picture):
    with pytest.raises(ImageError):
        source.predict(picture)
    with pytest.raises(ImageError):
        source.fit([random_picture(40, 40), picture], QUICK)


def test_an_unknown_device_is_named(source):
    with pytest.raises(ConfigError, match="'abacus'"):
        AnomalyDetector.load("embedded", device="abacus")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has one")
def test_a_device_that_is_not_there_is_named(source):
    with pytest.raises(ConfigError, match="'cuda'"):
        AnomalyDetector.load("embedded", device="cuda")


def test_an_unknown_encoder_lists_those_that_exist():
    with pytest.raises(ConfigError, match="dinov2-small") as caught:
        AnomalyDetector.load("dinov9")
    assert "dinov9" in str(caught.value) and "embedded" in str(caught.value)


# Fit


@pytest.mark.parametrize("variant", VARIANTS)
def test_fit_leaves_the_original_detector_unchanged(tiny_config, variant):
    config = replace(tiny_config, variant="training-free")
    model = build_model(config, build_encoder(config.encoder))
    source = AnomalyDetector(model, config, Provenance("untrained", "tiny"))
    picture = random_picture(90, 120)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    before = maps_of(source, picture)
    fitted = source.fit([picture], replace(QUICK, variant=variant))
    assert fitted is not source and fitted.model is not source.model
    assert source.model is model and source.config == config
    assert source.calibration is None and source.provenance == Provenance("untrained", "tiny")
    assert state.keys() == model.state_dict().keys()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert_same_maps(before, maps_of(source, picture))


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_fitted_detector_shares_the_frozen_encoder(source, fitted, variant):
    detector = fitted[variant]
    assert detector.model.encoder is source.model.encoder
    assert not any(parameter.requires_grad for parameter in detector.model.encoder.parameters())
    assert not any(module.training for module in detector.model.modules())


def test_a_fit_of_a_fitted_detector_starts_from_nothing(source, fitted):
    picture = random_picture(90, 120)
    again = fitted["inp-former++"].fit([picture], replace(QUICK, variant="inp-former"))
    assert_same_maps(maps_of(again, picture), maps_of(fitted["inp-former"], picture))
    assert again.calibration == fitted["inp-former"].calibration


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_seed_gives_bit_equal_maps(source, fitted, variant):
    picture = random_picture(90, 120)
    torch.manual_seed(1234)
    np.random.seed(1234)
    again = source.fit([picture], replace(QUICK, variant=variant))
    assert_same_maps(maps_of(again, picture), maps_of(fitted[variant], picture))
    assert again.calibration == fitted[variant].calibration


def test_another_seed_gives_another_trained_detector(source, fitted):
    picture = random_picture(90, 120)
    other = source.fit([picture], replace(QUICK, variant="inp-former", seed=2))
    first = fitted["inp-former"].predict(picture).reconstruction_map
    assert not np.array_equal(other.predict(picture).reconstruction_map, first)


@pytest.mark.parametrize("seed", [-1, 0, 2**63, 10**30])
def test_any_seed_either_works_or_is_refused_in_words(source, seed):
    try:
        source.fit([random_picture(40, 40)], replace(QUICK, seed=seed))
    except UserError as error:
        assert "seed" in str(error).lower()


def test_a_fit_leaves_the_callers_random_numbers_alone(source):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    source.fit([random_picture(60, 60)], replace(QUICK, variant="inp-former++"))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("variant", VARIANTS)
def test_progress_rises_to_the_end(source, variant):
    steps = []
    source.fit([random_picture(60, 60)], replace(QUICK, variant=variant), on_step=steps.append)
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert fractions[0] > 0 and fractions[-1] == pytest.approx(1)
    assert all(step.step <= step.step_count and step.seconds_left >= 0 for step in steps)
    assert all("about" in str(step) for step in steps)


def test_a_cancelled_fit_stops_and_changes_nothing(source):
    steps = []
    with pytest.raises(FitCancelledError):
        source.fit(
            [random_picture(60, 60)],
            replace(QUICK, variant="inp-former", steps=1000),
            on_step=steps.append,
            should_stop=lambda: len(steps) >= 8,
        )
    assert len(steps) == 8
    assert source.calibration is None


def test_shots_of_different_sizes_fit_together(source):
    shots = [random_picture(90, 120), random_picture(131, 70, seed=1), random_picture(64, 64)]
    detector = source.fit(shots, replace(QUICK, variant="inp-former++"))
    assert detector.provenance.shot_count == detector.calibration.shot_count == 3
    for shot in shots:
        result = detector.predict(shot)
        assert result.anomaly_map.shape == shot.shape[:2]
        assert np.isfinite(result.anomaly_map).all()


def test_identical_shots_count_once(source, fitted):
    picture = random_picture(90, 120)
    twice = source.fit([picture, picture.copy()], replace(QUICK, variant="inp-former"))
    assert twice.provenance.shot_count == twice.calibration.shot_count == 1
    assert_same_maps(maps_of(twice, picture), maps_of(fitted["inp-former"], picture))


def test_no_shots_are_refused_in_one_sentence(source):
    with pytest.raises(UserError, match="at least 1 normal picture"):
        source.fit([], QUICK)


def test_one_shot_too_many_is_refused_before_any_work(source):
    shots = [random_picture(10, 10, seed=n) for n in range(MAX_SHOTS + 1)]
    steps = []
    with pytest.raises(UserError, match=f"at most {MAX_SHOTS}.*{MAX_SHOTS + 1}"):
        source.fit(shots, QUICK, on_step=steps.append)
    assert not steps


def test_copies_do_not_count_towards_the_most_shots(source):
    picture = random_picture(30, 30)
    detector = source.fit([picture] * (MAX_SHOTS + 1), QUICK)
    assert detector.provenance.shot_count == 1


def test_the_provenance_says_how_it_was_fitted(fitted):
    provenance = fitted["inp-former"].provenance
    assert FitConfig(**provenance.fit) == replace(QUICK, variant="inp-former")
    assert provenance.shot_count == 1 and provenance.encoder_reason == "tiny"


# Tiles


def smooth_map(size: tuple[int, int]) -> np.ndarray:
    y, x = np.mgrid[: size[0], : size[1]]
    return (np.sin(x / 40) + np.cos(y / 55)).astype(np.float32)


def test_tiles_say_what_each_tile_says_alone(fitted_in_tiles):
    picture = random_picture(110, 140)
    result = fitted_in_tiles.predict(picture, tiles="2x3")
    boxes = tile_boxes((110, 140), (2, 3))
    alone = [
        fitted_in_tiles.predict(picture[t : t + h, x : x + w], tiles="") for t, x, h, w in boxes
    ]
    blended = blend_tiles((110, 140), boxes, [each.anomaly_map for each in alone])
    np.testing.assert_allclose(result.anomaly_map, blended, rtol=1e-4, atol=1e-5)
    assert result.image_score == pytest.approx(max(each.image_score for each in alone), rel=1e-4)
    assert result.tiles == (2, 3)


@pytest.mark.parametrize("tiles", ["2x2", "3x2"])
def test_tiles_of_a_map_that_depends_on_the_pixels_alone_equal_the_whole_map(
    source, monkeypatch, tiles
):
    """A model whose map is the brightness: tiling must then change nothing."""
    ramp = np.rint(60 * smooth_map((280, 350)) + 128).astype(np.uint8)
    picture = np.repeat(ramp[:, :, None], 3, axis=2)
    monkeypatch.setattr(source, "_engine", Engine("mean", lambda images: images.mean(dim=1)))
    monkeypatch.setattr(prediction, "anomaly_maps", lambda output, *_: {"distance": output})
    monkeypatch.setattr(AnomalyDetector, "device", torch.device("cpu"))
    monkeypatch.setattr(prediction, "explain", lambda output: [None])
    whole = source.predict(picture, tiles="").anomaly_map
    tiled = source.predict(picture, tiles=tiles).anomaly_map
    # Pictures are resampled to the model's grid in steps of 1/255.
    np.testing.assert_allclose(tiled, whole, atol=2.5 / 255)
    np.testing.assert_allclose(tiled, ramp / 255, atol=2.5 / 255)


def border_jump(values: np.ndarray, boxes) -> float:
    """Mean step of a map across the edges of its tiles, in units of its mean step."""
    height, width = values.shape
    rows, columns = np.abs(np.diff(values, axis=0)), np.abs(np.diff(values, axis=1))
    tops = {t for t, *_ in boxes} | {t + h for t, _, h, _ in boxes}
    lefts = {x for _, x, *_ in boxes} | {x + w for _, x, _, w in boxes}
    steps = [rows[y - 1].mean() / rows.mean() for y in tops if 0 < y < height]
    steps += [columns[:, x - 1].mean() / columns.mean() for x in lefts if 0 < x < width]
    return max(steps)


def test_tiles_blend_without_seams(source):
    picture = random_picture(240, 300)
    boxes = tile_boxes((240, 300), (2, 2))
    blended = source.predict(picture, tiles="2x2").anomaly_map
    pasted = np.zeros((240, 300), np.float32)
    for top, left, height, width in boxes:
        part = (slice(top, top + height), slice(left, left + width))
        pasted[part] = source.predict(picture[part], tiles="").anomaly_map
    assert border_jump(blended, boxes) < 1.5
    # Else this could not have shown a seam.
    assert border_jump(pasted, boxes) > 2 * border_jump(blended, boxes)


def test_a_detector_fitted_in_tiles_predicts_in_tiles_by_itself(fitted_in_tiles):
    picture = random_picture(100, 130)
    by_itself = fitted_in_tiles.predict(picture)
    assert by_itself.tiles == (2, 2) and fitted_in_tiles.provenance.tiles == "2x2"
    asked_for = fitted_in_tiles.predict(picture, tiles="2x2")
    np.testing.assert_array_equal(by_itself.anomaly_map, asked_for.anomaly_map)
    assert not any("rough guide" in notice for notice in by_itself.notices)


def test_whole_pictures_after_a_fit_in_tiles_carry_a_notice(fitted_in_tiles):
    result = fitted_in_tiles.predict(random_picture(100, 130), tiles="")
    assert result.tiles is None
    assert any("tiles but shown whole pictures" in notice for notice in result.notices)


def test_tiles_after_a_fit_on_whole_pictures_carry_a_notice(fitted):
    result = fitted["inp-former"].predict(random_picture(100, 130), tiles="2x2")
    assert any("fitted on whole pictures but shown 2x2 tiles" in n for n in result.notices)
    untiled = fitted["inp-former"].predict(random_picture(100, 130))
    assert not any("fitted on" in notice for notice in untiled.notices)


def test_tiles_of_an_uncalibrated_detector_need_no_notice(source):
    result = source.predict(random_picture(100, 130), tiles="2x2")
    assert not any("fitted on" in notice for notice in result.notices)


@pytest.mark.parametrize("tiles", ["1x1", "none", "auto"])
def test_a_fit_whose_tiles_are_the_whole_picture_is_a_fit_on_whole_pictures(source, tiles):
    picture = random_picture(90, 120)
    detector = source.fit([picture], replace(QUICK, tiles=tiles))
    result = detector.predict(picture)
    assert result.tiles is None
    assert not any("fitted on" in notice for notice in result.notices)


def test_auto_tiles_leave_a_small_picture_whole_and_divide_a_large_one(source):
    assert source.predict(random_picture(90, 120), tiles="auto").tiles is None
    assert source.predict(random_picture(800, 1200), tiles="auto").tiles == (1, 2)


def test_wrong_tiles_are_refused_before_the_fit(source):
    steps = []
    with pytest.raises(ConfigError, match="2x3"):
        source.fit([random_picture(60, 60)], replace(QUICK, tiles="3 by 3"), steps.append)
    assert not steps


# Verdict


@pytest.mark.parametrize("variant", VARIANTS)
def test_confidence_is_one_half_exactly_at_the_threshold(fitted, variant):
    detector = fitted[variant]
    result = detector.predict(random_picture(90, 120))
    for name, scale in detector.calibration.scales.items():
        at_cut = replace(result, map_name=name, scores={**result.scores, name: scale.threshold})
        assert at_cut.confidence == 0.5
        assert at_cut.is_anomalous is False
        above = replace(at_cut, scores={**result.scores, name: scale.threshold * 1.001})
        assert above.confidence > 0.5 and above.is_anomalous is True


def test_confidence_stays_a_number_for_scores_far_away(fitted):
    result = fitted["inp-former"].predict(random_picture(90, 120))
    far = replace(result, scores={"reconstruction": 1e9, "distance": 0.0})
    near = replace(result, scores={"reconstruction": -1e9, "distance": 0.0})
    assert 0.999 < far.confidence <= 1 and 0 <= near.confidence < 0.001


def test_typical_normal_pictures_get_a_low_confidence(source):
    """The views that set the threshold, shown as pictures (392 x 392 is seen pixel by pixel)."""
    picture = random_picture(392, 392)
    detector = source.fit([picture], QUICK)
    tensor = torch.from_numpy(picture).permute(2, 0, 1).float() / 255
    views = [make_view(tensor, index) for index in range(VIEW_COUNT)]
    results = [
        detector.predict((view * 255).round().byte().permute(1, 2, 0).contiguous().numpy())
        for view in views
    ]
    confidences = sorted(result.confidence for result in results)
    assert confidences[VIEW_COUNT // 2] < 0.15
    assert sum(result.is_anomalous for result in results) <= 1


def test_a_fitted_detector_is_surer_of_a_defect_than_of_a_normal_picture(source, striped_picture):
    detector = source.fit([striped_picture], QUICK)
    damaged = striped_picture.copy()
    damaged[30:54, 50:74] = np.random.default_rng(3).integers(0, 256, (24, 24, 3))
    normal, defect = detector.predict(striped_picture), detector.predict(damaged)
    assert defect.confidence > normal.confidence
    assert not normal.is_anomalous


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_picture_called_anomalous_has_a_mask_and_the_mask_is_above_the_threshold(fitted, variant):
    result = fitted[variant].predict(random_picture(90, 120, seed=8))
    # A threshold of their own choice, so that there is something to see in every variant.
    cut = float(np.quantile(result.anomaly_map, 0.9))
    assert 0 < result.mask(cut).mean() < 0.2
    np.testing.assert_array_equal(result.mask(cut), result.anomaly_map > cut)
    np.testing.assert_array_equal(result.mask(), result.anomaly_map > result.threshold)
    scales = {name: replace(scale, threshold=cut) for name, scale in result.scales.items()}
    judged = replace(result, scales=scales)
    assert judged.is_anomalous and judged.mask().any()


def test_an_uncalibrated_detector_gives_no_verdict_and_needs_a_threshold_for_a_mask(source):
    result = source.predict(random_picture(90, 120))
    assert result.threshold is None and result.confidence is None and result.is_anomalous is None
    with pytest.raises(UserError, match="threshold"):
        result.mask()
    assert result.mask(0.0).dtype == bool and result.mask(-1.0).all()
    assert not result.mask(2.0).any()
    assert result.colour_range() == source.config.encoder.distance_range


def test_colours_without_a_fit_span_the_range_of_the_encoder_whatever_the_picture(source):
    encoder = replace(source.config.encoder, distance_range=(0.02, 0.14))
    narrow = AnomalyDetector(
        source.model, replace(source.config, encoder=encoder), source.provenance
    )
    for picture in (random_picture(40, 40), np.full((40, 40, 3), 127, np.uint8)):
        assert narrow.predict(picture).colour_range("distance") == (0.02, 0.14)


def test_without_a_fit_the_embedded_encoder_keeps_cloth_calm_and_shows_a_hole_in_it():
    detector = AnomalyDetector.load("embedded", device="cpu")
    fabric = Path(__file__).parents[2] / "assets" / "examples" / "fabric"
    samples = [sample for sample in read_mvtec_folder(fabric) if sample.split == "test"]
    good = next(sample for sample in samples if not sample.is_anomalous)
    hole = next(sample for sample in samples if sample.path.parent.name == "hole")
    for sample in (good, hole):
        result = detector.predict(load_image(sample.path))
        low, high = result.colour_range()
        bright = result.anomaly_map > (low + high) / 2
        assert np.median(result.anomaly_map) < low + (high - low) / 4, "mostly the calm colours"
        assert bright.any() == sample.is_anomalous
    assert bright[load_mask(hole.mask_path)].mean() > 0.5


def test_an_unknown_map_lists_those_there_are(fitted):
    result = fitted["inp-former"].predict(random_picture(40, 40))
    for ask in (lambda: result.map("segmentation"), lambda: result.segmentation_map):
        with pytest.raises(UserError, match="Choose one of: reconstruction, distance"):
            ask()


def test_the_deciding_map_is_the_one_asked_for(fitted):
    detector, picture = fitted["inp-former++"], random_picture(90, 120)
    for name in detector.config.map_names:
        result = detector.predict(picture, map_name=name)
        np.testing.assert_array_equal(result.anomaly_map, result.map(name))
        assert result.image_score == result.scores[name]
        assert result.threshold == detector.calibration.scales[name].threshold
    assert detector.predict(picture).map_name == "fused"


def test_named_maps_are_within_their_ranges(fitted):
    result = fitted["inp-former++"].predict(random_picture(90, 120))
    assert result.segmentation_map.min() >= 0 and result.segmentation_map.max() <= 1
    assert result.distance_map.min() >= 0 and result.distance_map.max() <= 2
    assert result.reconstruction_map.min() >= 0


def test_the_threshold_lies_in_the_middle_of_the_colours(fitted):
    for detector in fitted.values():
        result = detector.predict(random_picture(40, 40))
        for name in result.score_maps:
            low, high = result.colour_range(name)
            assert low < high
            assert (low + high) / 2 == pytest.approx(result.scales[name].threshold)


def test_results_say_what_the_detector_is(source, fitted):
    assert source.notices == (UNTRAINED_NOTICE, TRAINING_FREE_NOTICE)
    assert fitted["inp-former"].notices == (UNTRAINED_NOTICE,)
    assert fitted["training-free"].predict(random_picture(40, 40)).notices == source.notices
    trusted = AnomalyDetector(source.model, source.config, Provenance("path", "a file"))
    assert trusted.notices == (TRAINING_FREE_NOTICE,)
