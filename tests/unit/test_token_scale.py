"""Tokens on their own scale: the scale itself, and the fit that measures and keeps it."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from inpformer.detector import AnomalyDetector, Provenance
from inpformer.fit_config import FitConfig
from inpformer.model_input import shot_tensors
from inpformer.modeling.build import build_encoder, build_model
from inpformer.modeling.layers import TokenScale, init_trainable
from inpformer.presets import EncoderConfig

QUICK = FitConfig(
    variant="inp-former",
    steps=4,
    batch_size=2,
    tokens_per_view=8,
    inp_count=3,
    calibration_steps=2,
    token_scale="shots",
    init_std=0.1,
)
FILTERS = EncoderConfig(
    name="tiny-filters",
    patch_size=14,
    embed_dim=72,
    depth=2,
    num_heads=3,
    layers=(0, 1),
    native_grid=4,
    register_tokens=0,
    stem="filters-only",
)


def tokens_with_a_large_mean(count: int = 200, dim: int = 6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    spread = torch.linspace(0.1, 3, dim)
    return 20 + spread * torch.randn(count, dim, generator=generator)


def measured(tokens: torch.Tensor) -> TokenScale:
    scale = TokenScale(tokens.shape[1])
    scale.measure(tokens)
    return scale


# --- the scale ---------------------------------------------------------------------------------


def test_scaled_tokens_have_mean_0_and_deviation_1_in_every_channel():
    tokens = tokens_with_a_large_mean()
    scaled = measured(tokens)(tokens)
    torch.testing.assert_close(scaled.mean(dim=0), torch.zeros(6), rtol=0, atol=1e-4)
    torch.testing.assert_close(scaled.std(dim=0, correction=0), torch.ones(6))


@pytest.mark.parametrize("shape", [(6,), (3, 6), (2, 4, 5, 6)])
def test_undo_gives_back_what_was_scaled_in_any_shape(shape):
    scale = measured(tokens_with_a_large_mean())
    tokens = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(scale.undo(scale(tokens)), tokens, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(scale(scale.undo(tokens)), tokens, rtol=1e-5, atol=1e-4)


def test_until_it_was_measured_it_changes_nothing():
    tokens = tokens_with_a_large_mean()
    scale = TokenScale(6)
    assert torch.equal(scale(tokens), tokens) and torch.equal(scale.undo(tokens), tokens)


def test_a_constant_channel_survives_and_makes_no_noise():
    tokens = tokens_with_a_large_mean()
    tokens[:, 2] = 8.0
    scale = measured(tokens)
    scaled = scale(tokens)
    assert scaled[:, 2].abs().max() < 0.1, "rounding is not blown up"
    torch.testing.assert_close(scale.undo(scaled)[:, 2], tokens[:, 2])
    # Whatever a decoder rebuilds there within a few deviations, the constant hardly moves.
    assert (scale.undo(3 * torch.ones(6))[2] - 8).abs() < 0.05


def test_tokens_that_are_all_the_same_are_scaled_to_finite_numbers():
    tokens = torch.full((50, 4), 0.3)
    scale = measured(tokens)
    assert (scale.deviation > 0).all()
    for given in (tokens, tokens + 1.0):
        assert scale(given).isfinite().all()
        torch.testing.assert_close(scale.undo(scale(given)), given, rtol=1e-4, atol=1e-4)


def test_the_scale_is_stored_but_not_trained():
    scale = TokenScale(6)
    assert list(scale.state_dict()) == ["mean", "deviation"]
    assert not list(scale.parameters())


# --- initial weights ---------------------------------------------------------------------------


@pytest.mark.parametrize("std", [0.01, 0.1])
def test_initial_weights_have_the_deviation_asked_for_and_no_outliers(std):
    torch.manual_seed(0)
    layer = nn.Linear(200, 200)
    init_trainable(layer, std)
    # Cutting at three deviations takes about one per cent off.
    assert layer.weight.std().item() == pytest.approx(std, rel=0.03)
    assert 2.5 * std < layer.weight.abs().max() <= 3 * std
    assert (layer.bias == 0).all()


def test_the_default_deviation_is_that_of_the_papers():
    layers = [nn.Linear(8, 8), nn.Linear(8, 8)]
    torch.manual_seed(0)
    init_trainable(layers[0])
    torch.manual_seed(0)
    init_trainable(layers[1], 0.01)
    assert torch.equal(layers[0].weight, layers[1].weight)


def test_a_model_starts_with_the_deviation_of_its_settings(tiny_config):
    config = dataclasses.replace(tiny_config, init_std=0.2)
    model = build_model(config, build_encoder(config.encoder))
    for part in (model.inp_extractor, model.decoder):
        weights = [m.weight.flatten() for m in part.modules() if isinstance(m, nn.Linear)]
        assert torch.cat(weights).std().item() == pytest.approx(0.2, rel=0.05)


# --- a fit -------------------------------------------------------------------------------------


def picture(seed: int, size: tuple[int, int] = (70, 90)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    stripes = 120 + 50 * np.sin(np.arange(size[1]) / 4.0 + seed)
    return (stripes[None, :, None] + rng.normal(0, 8, (*size, 3))).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def source(tiny_config) -> AnomalyDetector:
    config = dataclasses.replace(tiny_config, variant="training-free", encoder=FILTERS)
    model = build_model(config, build_encoder(FILTERS))
    return AnomalyDetector(model, config, Provenance("untrained", "tiny"))


@pytest.fixture(scope="module")
def fitted(source) -> AnomalyDetector:
    return source.fit([picture(0), picture(1)], QUICK)


def scales_of(detector: AnomalyDetector) -> list[TokenScale]:
    return [detector.model.inp_extractor.scale, detector.model.decoder.scale]


def test_a_fit_measures_the_scale_of_the_shots_for_extractor_and_decoder(fitted):
    assert (fitted.config.token_scale, fitted.config.init_std) == ("shots", 0.1)
    first, second = scales_of(fitted)
    assert torch.equal(first.mean, second.mean)
    assert torch.equal(first.deviation, second.deviation)
    assert first.mean[:64].gt(0).all(), "energies have a mean"
    shots = [shot_tensors(picture(seed), "", FILTERS)[0] for seed in (0, 1)]
    tokens = fitted.model.encoder(torch.stack(shots))[0].flatten(0, 1)
    scaled = first(tokens)[:, :64]
    assert scaled.mean().abs() < 0.5 and 0.5 < scaled.std() < 1.5


def test_on_the_papers_scale_there_is_none(source):
    plain = source.fit([picture(0)], dataclasses.replace(QUICK, token_scale="paper"))
    assert scales_of(plain) == [None, None]


def test_the_scale_is_saved_and_comes_back(fitted, tmp_path):
    path = fitted.save(tmp_path / "d.safetensors", bundle_encoder=True)
    loaded = AnomalyDetector.load(path, "cpu")
    assert loaded.config == fitted.config
    for before, after in zip(scales_of(fitted), scales_of(loaded), strict=True):
        assert torch.equal(before.mean, after.mean)
        assert torch.equal(before.deviation, after.deviation)
    maps = [detector.predict(picture(5)).anomaly_map for detector in (fitted, loaded)]
    np.testing.assert_array_equal(*maps)


@pytest.mark.parametrize("variant", ["inp-former", "inp-former++"])
def test_flat_shots_give_finite_maps_of_whatever_comes_later(source, variant):
    quick = dataclasses.replace(
        QUICK, variant=variant, head_steps=2, head_batch_size=2, pseudo_anomalies=2
    )
    flat = np.full((70, 90, 3), 127, np.uint8)
    detector = source.fit([flat], quick)
    for image in (flat, picture(3)):
        result = detector.predict(image)
        assert all(np.isfinite(values).all() for values in result.score_maps.values())
        assert all(np.isfinite(score) for score in result.scores.values())


def test_without_settings_a_fit_takes_those_that_suit_the_encoder(source, monkeypatch):
    asked = []

    def note(encoder, config, shots, fit_config, *_):
        asked.append((config, fit_config))
        raise InterruptedError

    monkeypatch.setattr("inpformer.detector.fit_model", note)
    with pytest.raises(InterruptedError):
        source.fit([picture(0)])
    ((config, fit_config),) = asked
    assert fit_config == FitConfig.for_encoder(FILTERS)
    assert (config.token_scale, config.init_std) == ("shots", fit_config.init_std)
