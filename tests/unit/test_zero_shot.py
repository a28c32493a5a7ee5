"""A fitted detector used on parts that it never saw, and detectors that share an encoder."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from inpformer.config import ModelConfig
from inpformer.detector import ZERO_SHOT_NOTICE, AnomalyDetector, Provenance
from inpformer.errors import ConfigError, UserError
from inpformer.fit_config import FitConfig
from inpformer.modeling.build import build_encoder, build_model
from inpformer.modeling.model import INPFormer

QUICK = FitConfig(steps=2, head_steps=2, pseudo_anomalies=2, tokens_per_view=8, inp_count=4)


@pytest.fixture(scope="module")
def start(tiny_config: ModelConfig) -> AnomalyDetector:
    config = replace(tiny_config, variant="training-free")
    model = build_model(config, build_encoder(config.encoder))
    return AnomalyDetector(model, config, Provenance("untrained", "The tiny encoder."))


@pytest.fixture(scope="module")
def fitted(start) -> AnomalyDetector:
    rng = np.random.default_rng(0)
    return start.fit([rng.integers(0, 255, (90, 120, 3), dtype=np.uint8)], QUICK)


def test_zero_shot_gives_the_distance_of_the_learnt_prototypes_and_no_verdict(
    fitted, striped_picture
):
    detector, trained = fitted.zero_shot(), fitted.predict(striped_picture)
    result = detector.predict(striped_picture)
    assert detector.map_names == tuple(result.score_maps) == ("distance",)
    np.testing.assert_array_equal(result.anomaly_map, trained.distance_map)
    assert result.is_anomalous is result.confidence is result.threshold is None
    assert ZERO_SHOT_NOTICE in result.notices and ZERO_SHOT_NOTICE not in trained.notices


def test_zero_shot_leaves_the_fitted_detector_as_it_is_and_shares_its_network(fitted):
    detector = fitted.zero_shot()
    assert detector.model is fitted.model
    assert fitted.calibration is not None and "fused" in fitted.map_names
    with pytest.raises(UserError, match="distance"):
        detector.choose_map("fused")


def test_zero_shot_never_runs_the_decoder(fitted, striped_picture, monkeypatch):
    monkeypatch.setattr(INPFormer, "decode", lambda *_: pytest.fail("the decoder ran"))
    fitted.zero_shot().predict(striped_picture)
    fitted.zero_shot().predict(striped_picture, tiles="2x2")


def test_zero_shot_needs_learnt_prototypes(start):
    with pytest.raises(UserError, match="training-free"):
        start.zero_shot()


def test_zero_shot_survives_a_file(fitted, tmp_path, striped_picture):
    path = fitted.zero_shot().save(tmp_path / "zero.safetensors", bundle_encoder=True)
    loaded = AnomalyDetector.load(path, "cpu")
    assert loaded.map_names == ("distance",) and loaded.predict(striped_picture).threshold is None


def test_a_fit_of_a_zero_shot_detector_is_an_ordinary_one(fitted, striped_picture):
    detector = fitted.zero_shot().fit([striped_picture], QUICK)
    assert detector.map_names[0] == "fused" and ZERO_SHOT_NOTICE not in detector.notices


def test_a_detector_from_a_file_can_share_the_encoder_that_is_there(
    start, fitted, tmp_path, striped_picture
):
    path = fitted.save(tmp_path / "part.safetensors", bundle_encoder=True)
    loaded = AnomalyDetector.load(path, "cpu")
    assert loaded.model.encoder is not start.model.encoder
    shared = loaded.sharing_encoder(start)
    assert shared.model.encoder is start.model.encoder
    assert loaded.model.encoder is not start.model.encoder
    before, after = loaded.predict(striped_picture), shared.predict(striped_picture)
    for name in loaded.map_names:
        np.testing.assert_array_equal(before.score_maps[name], after.score_maps[name])
    assert after.scales == before.scales


def test_an_encoder_of_other_weights_is_not_shared(start, fitted):
    encoder = build_encoder(start.config.encoder)
    with torch.no_grad():
        encoder.vit.patch_embed.proj.weight.add_(1)
    other = AnomalyDetector(build_model(start.config, encoder), start.config, start.provenance)
    assert fitted.has_encoder_of(start) and not fitted.has_encoder_of(other)
    with pytest.raises(ConfigError, match="different encoders"):
        fitted.sharing_encoder(other)
