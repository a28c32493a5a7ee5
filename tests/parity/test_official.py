"""Our model against recordings of the official code (tolerances: the recordings' README)."""

import json

import numpy as np
import pytest
import torch

from inpformer.config import ModelConfig
from inpformer.errors import WeightsError
from inpformer.losses import hard_coherence_loss
from inpformer.modeling.build import load_trained_state, trained_state
from inpformer.modeling.encoder import IMAGE_MEAN, IMAGE_STD
from inpformer.official import import_official, rename_official_heads
from inpformer.scoring import anomaly_maps, image_score, reconstruction_map
from inpformer.training.config import TrainConfig
from inpformer.training.decoder_phase import DecoderPhase
from inpformer.training.processes import Processes
from inpformer.training.token_store import TokenStore

RTOL, ATOL = 1e-4, 1e-5


@pytest.fixture(scope="module")
def expected(golden):
    with np.load(golden / "expected.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}


@pytest.fixture(scope="module")
def images(expected):
    """The recorded input, brought back to [0, 1]: our encoder normalises inside."""
    mean, std = torch.tensor(IMAGE_MEAN).view(3, 1, 1), torch.tensor(IMAGE_STD).view(3, 1, 1)
    return expected["input"] * std + mean


@pytest.fixture(scope="module")
def imported(golden):
    return import_official(golden / "official_model.pth")


@pytest.fixture(scope="module")
def output(imported, images):
    with torch.no_grad():
        return imported[1](images)


def as_tokens(grid):
    return grid.flatten(2).transpose(1, 2)


def close(actual, wanted):
    torch.testing.assert_close(actual, wanted, rtol=RTOL, atol=ATOL)


def test_encoder_and_decoder_groups_match(output, expected):
    for group in range(2):
        close(output.encoder_groups[group], as_tokens(expected[f"encoder_group{group}"]))
        close(output.decoder_groups[group], as_tokens(expected[f"decoder_group{group}"]))


def test_distance_nearest_prototype_and_coherence_match(output, expected):
    close(output.inp_distance, expected["inp_distance"])
    assert torch.equal(output.nearest_inp, expected["nearest_inp"])
    fused = output.encoder_groups.mean(dim=0)
    close(hard_coherence_loss(fused, output.inps), expected["coherence_loss_hard"])


def test_maps_and_scores_match(imported, output, expected):
    close(reconstruction_map(output, with_length=False), expected["reconstruction_map_392"][:, 0])
    maps = anomaly_maps(output, imported[0], calibration=None)
    close(maps["reconstruction"], expected["anomaly_map_256"][:, 0])
    close(image_score(maps["reconstruction"]), expected["image_score"])
    close(maps["distance"], expected["zero_shot_map_256"][:, 0])
    close(image_score(maps["distance"]), expected["zero_shot_score"])


def test_the_imported_sizes_are_those_of_the_recording(imported, golden):
    sizes = json.loads((golden / "training.json").read_text())
    config: ModelConfig = imported[0]
    assert config.variant == "inp-former"
    assert config.encoder.embed_dim == sizes["embed_dim"]
    assert config.encoder.num_heads == sizes["num_heads"]
    assert config.encoder.native_grid == sizes["pos_embed_grid"]
    assert config.inp_count == sizes["inp_count"]


def test_the_steps_of_a_training_reproduce_the_recorded_ones(golden, images):
    """The phase that `inpformer train` runs, in batches of the three recorded pictures."""
    recording = json.loads((golden / "training.json").read_text())
    settings, schedule = recording["optimizer"], recording["schedule"]
    _, model = import_official(golden / "official_init.pth")
    config = TrainConfig(
        variant="inp-former",
        epochs=schedule["total_iters"],  # of one step each
        batch_size=len(images),
        learning_rate=schedule["base"],
        final_learning_rate=schedule["final"],
        warmup_steps=schedule["warmup_iters"],
        gradient_clip=settings["grad_norm_clip"],
    )
    processes = Processes(on_cpu=True)
    tokens = TokenStore(model, lambda item: images[item], [784] * len(images), config, processes)
    phase = DecoderPhase(model, tokens, config, processes)
    for name in ("eps", "weight_decay", "amsgrad", "clip_threshold"):
        assert phase.descent.optimizer.defaults[name] == settings[name], name
    assert list(phase.descent.optimizer.defaults["betas"]) == settings["betas"]
    tokens.fill(lambda count: None)
    for step, wanted in enumerate(recording["training_log"]):
        report = phase.take(step)
        losses = {name: value.item() for name, value in report.losses.items()}
        assert report.learning_rate == pytest.approx(wanted["lr"], rel=1e-9, abs=1e-12)
        tolerance = 1e-4 if step < 5 else 1e-2
        for name in ("reconstruction", "coherence"):
            assert losses[name] == pytest.approx(wanted[f"{name}_loss"], rel=tolerance), name
        if step < 5:
            assert report.gradient_norm.item() == pytest.approx(wanted["grad_norm"], rel=1e-3)
        if step == 0:
            after_one_step = {k: v.clone() for k, v in trained_state(model).items()}
    recorded = torch.load(golden / "official_after_1_step_heads.pth", weights_only=True)
    for key, value in rename_official_heads(recorded).items():
        torch.testing.assert_close(after_one_step[key], value, rtol=1e-4, atol=1e-7)


def test_loading_trained_weights_is_strict_and_names_what_is_missing(golden):
    _, model = import_official(golden / "official_model.pth")
    state = trained_state(model)
    del state["decoder.blocks.3.norm1.weight"]
    with pytest.raises(WeightsError, match=r"lacks decoder\.blocks\.3\.norm1\.weight"):
        load_trained_state(model, state, "'x'")
