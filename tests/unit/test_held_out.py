"""Models that stand for the fitted one on views it knows: their errors are brought to its size."""

import copy
from dataclasses import replace

import pytest
import torch

from inpformer.fit_config import FitConfig
from inpformer.fitting import FewShotFit
from inpformer.held_out import HeldOutModel, rebuild_error
from inpformer.modeling.build import build_encoder
from inpformer.progress import Progress
from inpformer.token_cache import TokenBatch

SIZE = (56, 70)


@pytest.fixture
def encoded(tiny_model, images):
    with torch.no_grad():
        return tiny_model.encode(images)


@pytest.fixture
def batch(encoded) -> TokenBatch:
    return TokenBatch(encoded.fused_tokens, None, encoded.groups)


def worse(model):
    """A copy that rebuilds less well: its decoder says something else everywhere."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        for block in other.decoder.blocks:
            block.mlp.fc2.bias.add_(3.0)
    return other


@torch.no_grad()
def test_errors_of_a_worse_model_become_as_long_as_those_of_the_whole_one(
    tiny_model, encoded, batch
):
    other = worse(tiny_model)
    assert rebuild_error(other, batch) > 1.5 * rebuild_error(tiny_model, batch)
    held_out = HeldOutModel.beside(tiny_model, other, batch)
    assert 0 < held_out.shortening < 1
    output = held_out.explain(encoded, SIZE)
    error = (output.decoder_groups - output.encoder_groups).square().mean().sqrt()
    assert float(error) == pytest.approx(rebuild_error(tiny_model, batch), rel=1e-4)
    # Only the size of the errors changes, and what is made of them.
    own = other.explain(encoded, SIZE)
    long, short = (each.decoder_groups - each.encoder_groups for each in (own, output))
    torch.testing.assert_close(short, held_out.shortening * long, rtol=1e-3, atol=1e-5)
    assert torch.equal(output.inps, own.inps)
    assert output.residual.mean() < own.residual.mean()
    assert not torch.equal(output.segmentation_map, own.segmentation_map)


@torch.no_grad()
def test_a_better_model_is_left_as_it_is(tiny_model, encoded, batch):
    other = worse(tiny_model)
    held_out = HeldOutModel.beside(other, tiny_model, batch)
    assert held_out.shortening == 1
    found, own = held_out.explain(encoded, SIZE), tiny_model.explain(encoded, SIZE)
    torch.testing.assert_close(found.decoder_groups, own.decoder_groups)
    assert torch.equal(found.inp_distance, own.inp_distance)


@torch.no_grad()
def test_a_model_without_any_error_shortens_nothing_to_nan(tiny_model, encoded, batch):
    rebuilt = batch._replace(sampled_groups=tiny_model.explain(encoded, SIZE).decoder_groups)
    perfect = lambda *_: (rebuilt.sampled_groups, None)  # noqa: E731
    same = copy.deepcopy(tiny_model)
    same.decode = perfect
    for whole, other in ((same, same), (same, tiny_model), (tiny_model, same)):
        assert 0 < HeldOutModel.beside(whole, other, rebuilt).shortening <= 1


def test_a_fit_compares_on_views_that_both_models_know(tiny_config, tiny_encoder_config, images):
    settings = FitConfig(steps=6, batch_size=3, tokens_per_view=6, pseudo_anomalies=1, head_steps=1)
    shots = [[image] for image in images]
    fit = FewShotFit(build_encoder(tiny_encoder_config), tiny_config, shots, settings)
    fit.progress = Progress(fit.plan(), None, None)
    assert fit.calibration_steps == 5  # three quarters, unless it is said how many
    asked = FewShotFit(fit.encoder, tiny_config, shots, replace(settings, calibration_steps=3))
    assert asked.calibration_steps == 3
    fit.encode_views()
    drawn = []
    sample = fit.cache.sample
    fit.cache.sample = lambda views, *rest: drawn.append(set(views)) or sample(views, *rest)
    whole = fit.new_model()
    for fold in fit.left_out.folds:
        drawn.clear()
        held_out = fit.fit_without(fold, whole)
        assert drawn and not any(views & set(fold) for views in drawn)
        assert 0 < held_out.shortening <= 1
