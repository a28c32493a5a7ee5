"""Retraining with real defects: what changes, what stays, and what it says on the way."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from inpformer.config import ModelConfig
from inpformer.corrections import Correction, RetrainConfig
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.errors import ConfigError, FitCancelledError, UserError
from inpformer.fit_config import FitConfig
from inpformer.head_weight import UNCHECKED_WEIGHT, WEIGHTS
from inpformer.modeling.build import build_encoder, build_model, trained_state
from inpformer.retraining import Retrainer

QUICK = FitConfig(
    steps=4,
    batch_size=3,
    tokens_per_view=6,
    head_steps=3,
    head_batch_size=2,
    pseudo_anomalies=4,
    calibration_steps=2,
    inp_count=4,
    decoder_depth=2,
    head_widths=(8, 4),
    memory_tokens=32,
)
FEW_STEPS = RetrainConfig(own_views=2, pasted=2, pseudo_anomalies=1, steps=4)
SIZE = (70, 84)


def normal_picture(seed: int, size=SIZE) -> np.ndarray:
    return np.random.default_rng(seed).integers(100, 130, (*size, 3), dtype=np.uint8)


def correction(seed: int, size=SIZE) -> Correction:
    """A picture with a red block."""
    image, mask = normal_picture(seed, size), np.zeros(size, bool)
    top = 5 + 7 * (seed % 5)
    mask[top : top + 20, 10:40] = True
    image[mask] = (250, 10, 10)
    return Correction(image, mask)


SHOTS = [normal_picture(seed) for seed in range(2)]
CORRECTIONS = [correction(10), correction(11, (84, 70)), correction(12)]


@pytest.fixture(scope="module")
def source(tiny_encoder_config) -> AnomalyDetector:
    encoder = replace(tiny_encoder_config, token_budget=36)  # quick
    config = ModelConfig(encoder=encoder, variant="training-free", decoder_depth=2)
    model = build_model(config, build_encoder(encoder))
    return AnomalyDetector(model, config, Provenance("untrained", "tiny"))


@pytest.fixture(scope="module")
def fitted(source) -> AnomalyDetector:
    return source.fit(SHOTS, QUICK)


@pytest.fixture(scope="module")
def retrained(fitted) -> AnomalyDetector:
    return fitted.retrain(SHOTS, CORRECTIONS, FEW_STEPS)


def test_only_the_head_is_another_one_and_the_old_detector_stays(source):
    fitted = source.fit(SHOTS, QUICK)
    before = {key: value.clone() for key, value in trained_state(fitted.model).items()}
    calibration = fitted.calibration
    new = trained_state(fitted.retrain(SHOTS, CORRECTIONS, FEW_STEPS).model)
    old = trained_state(fitted.model)
    assert old.keys() == new.keys() == before.keys()
    for key in before:
        assert torch.equal(old[key], before[key]), key
        if not key.startswith("segmentation_head."):
            assert torch.equal(new[key], before[key]), key
    last = "segmentation_head.layers.4.weight"
    assert not torch.equal(new[last], before[last])
    assert fitted.calibration is calibration and fitted.provenance.version == 1


def test_versions_count_up_and_say_what_was_done(fitted, retrained):
    assert retrained.provenance.version == 2 and retrained.provenance.correction_count == 3
    assert retrained.provenance.retrain["steps"] == 4
    third = retrained.retrain(SHOTS, CORRECTIONS[:1], FEW_STEPS)
    assert third.provenance.version == 3 and third.provenance.correction_count == 1
    refitted = third.fit(SHOTS, QUICK)
    assert refitted.provenance.version == 1 and refitted.provenance.retrain == {}
    assert refitted.config.head_weight == 1


def test_the_new_thresholds_are_of_every_map_and_keep_the_false_alarms(fitted, retrained):
    assert retrained.calibration.scales.keys() == fitted.calibration.scales.keys()
    assert retrained.calibration.false_alarm_rate == fitted.calibration.false_alarm_rate
    assert retrained.calibration.score_count == fitted.calibration.score_count
    same = [retrained.calibration.scales["reconstruction"].threshold]
    assert same == pytest.approx([fitted.calibration.scales["reconstruction"].threshold], rel=0.5)
    assert retrained.predict(SHOTS[0]).confidence is not None


def test_the_same_seed_gives_the_same_detector_and_another_one_another(fitted, retrained):
    again = fitted.retrain(SHOTS, CORRECTIONS, FEW_STEPS)
    first, second = trained_state(retrained.model), trained_state(again.model)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert again.calibration == retrained.calibration
    other = trained_state(fitted.retrain(SHOTS, CORRECTIONS, replace(FEW_STEPS, seed=2)).model)
    assert not all(torch.equal(first[key], other[key]) for key in first)


def test_a_new_version_is_saved_and_loaded(retrained, tmp_path):
    path = retrained.save(tmp_path / "v2.safetensors", bundle_encoder=True)
    loaded = AnomalyDetector.load(path)
    assert loaded.provenance.version == 2 and loaded.config.head_weight in WEIGHTS
    picture = CORRECTIONS[0].image
    np.testing.assert_allclose(
        loaded.predict(picture).anomaly_map, retrained.predict(picture).anomaly_map, rtol=1e-5
    )
    third = loaded.retrain(SHOTS, CORRECTIONS, FEW_STEPS)
    assert third.provenance.version == 3, "what a file says of the fit is enough to go on"


def test_thresholds_set_anew_are_for_whole_pictures_again(fitted):
    provenance = replace(fitted.provenance, geometry="benchmark")  # as after a training
    trained = AnomalyDetector(fitted.model, fitted.config, provenance, fitted.calibration)
    retrained = trained.retrain(SHOTS, CORRECTIONS, FEW_STEPS)
    assert retrained.provenance.geometry == "full"
    assert not any("rough guide" in n for n in retrained.predict(normal_picture(1)).notices)
    assert any("rough guide" in n for n in trained.predict(normal_picture(1)).notices)


def test_the_weight_of_the_head_is_given_or_checked_or_cautious(fitted):
    given = fitted.retrain(SHOTS, CORRECTIONS, replace(FEW_STEPS, head_weight=3.0))
    assert given.config.head_weight == 3
    alone = fitted.retrain(SHOTS, CORRECTIONS[:1], FEW_STEPS)
    assert alone.config.head_weight == UNCHECKED_WEIGHT
    retrainer = Retrainer(fitted, SHOTS, CORRECTIONS, FEW_STEPS)
    checked = retrainer.retrain().config.head_weight
    assert checked in WEIGHTS and retrainer.retrain_with([0]).config.head_weight == checked


def test_enough_steps_teach_the_head_where_the_defects_are(fitted):
    config = RetrainConfig(own_views=5, pasted=0, steps=150, learning_rate=2e-2)
    head_map = fitted.retrain(SHOTS, CORRECTIONS, config).predict(correction(14).image)
    mask = correction(14).mask
    values = head_map.segmentation_map
    assert values[mask].mean() > 2 * values[~mask].mean()


def test_progress_rises_to_the_end_and_a_stop_is_heeded(fitted):
    steps = []
    fitted.retrain(SHOTS, CORRECTIONS, FEW_STEPS, on_step=steps.append)
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions) and fractions[-1] == pytest.approx(1)
    assert {step.phase for step in steps} == {"encode", "anomalies", "calibrate", "head"}
    seen = []
    with pytest.raises(FitCancelledError):
        fitted.retrain(SHOTS, CORRECTIONS, FEW_STEPS, seen.append, lambda: len(seen) >= 3)
    assert len(seen) == 3


def test_further_heads_reuse_what_was_computed(fitted, retrained, monkeypatch):
    retrainer = Retrainer(fitted, SHOTS, CORRECTIONS, FEW_STEPS)
    full = retrainer.retrain()
    monkeypatch.setattr(fitted.model.encoder, "forward", None)  # would fail if it ran again
    again = trained_state(retrainer.retrain_with(range(3)).model)
    first = trained_state(full.model)
    assert all(torch.equal(first[key], again[key]) for key in first)
    without = retrainer.retrain_with([0, 2])
    assert without.provenance.correction_count == 2
    with pytest.raises(UserError):
        retrainer.retrain_with([])


def test_a_detector_fitted_in_tiles_learns_from_tiles(source):
    fitted = source.fit(SHOTS, replace(QUICK, tiles="2x1"))
    retrained = fitted.retrain(SHOTS, CORRECTIONS, FEW_STEPS)
    assert retrained.predict(SHOTS[0]).tiles == (2, 1)


def test_other_widths_of_the_head_are_part_of_the_new_version(fitted, tmp_path):
    new = fitted.retrain(SHOTS, CORRECTIONS, replace(FEW_STEPS, head_widths=(6, 3)))
    assert new.config.head_widths == (6, 3)
    path = new.save(tmp_path / "wide.safetensors", bundle_encoder=True)
    assert AnomalyDetector.load(path).config.head_widths == (6, 3)


@pytest.mark.parametrize("variant", ["training-free", "inp-former"])
def test_a_detector_without_a_head_is_refused(source, variant):
    detector = (
        source
        if variant == "training-free"
        else source.fit(SHOTS, replace(QUICK, variant=variant, memory_tokens=0))
    )
    with pytest.raises(UserError, match="INP-Former"):
        detector.retrain(SHOTS, CORRECTIONS, FEW_STEPS)


def test_a_zero_shot_detector_is_refused(fitted):
    with pytest.raises(UserError, match="zero-shot"):
        fitted.zero_shot().retrain(SHOTS, CORRECTIONS, FEW_STEPS)


def test_nothing_to_learn_from_is_said(fitted):
    with pytest.raises(UserError):
        fitted.retrain(SHOTS, [], FEW_STEPS)
    with pytest.raises(UserError):
        fitted.retrain([], CORRECTIONS, FEW_STEPS)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.zeros(SIZE, bool), "Nothing is marked"),
        (np.ones(SIZE, bool), "whole picture"),
        (np.ones((70, 70), bool), "one size"),
        (np.ones((*SIZE, 3), bool), "one size"),
    ],
)
def test_masks_that_cannot_be_used_are_refused(mask, words):
    with pytest.raises(UserError, match=words):
        Correction(normal_picture(0), mask)


@pytest.mark.parametrize(
    "setting",
    [{"steps": 0}, {"own_views": 9}, {"own_views": 0, "pasted": 0}, {"learning_rate": 0.0}],
)
def test_settings_that_make_no_sense_are_refused(setting):
    with pytest.raises(ConfigError):
        RetrainConfig(**setting)


@pytest.mark.parametrize(("stored", "expected"), [(0, 134), (7, 7)])
def test_detectors_of_earlier_versions_get_the_shorter_way_to_a_threshold(stored, expected):
    embedded = AnomalyDetector.load("embedded")
    shot = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    config = replace(embedded.config, variant="inp-former++", decoder_depth=2, mlp_ratio=1.0)
    fit = {"steps": 400, "calibration_steps": stored}
    provenance = replace(embedded.provenance, fit=fit)
    detector = AnomalyDetector(
        build_model(config, embedded.model.encoder), config, provenance, embedded.calibration
    )
    mask = np.zeros((64, 64), bool)
    mask[20:40, 20:40] = True
    retrainer = Retrainer(detector, [shot], [Correction(shot, mask)])
    assert retrainer._fit.calibration_steps == expected
