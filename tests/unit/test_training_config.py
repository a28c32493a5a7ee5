"""Settings of a training: the papers' by default, checked, and told apart from nonsense."""

import dataclasses
import json

import pytest

from inpformer.config import LossConfig
from inpformer.config_table import from_dict, to_dict
from inpformer.errors import ConfigError
from inpformer.presets import ENCODER_PRESETS
from inpformer.training.config import SETTINGS, TrainConfig


def test_the_defaults_are_those_of_the_papers():
    config = TrainConfig()
    assert (config.epochs, config.batch_size, config.seed) == (200, 16, 1)
    assert (config.warmup_steps, config.final_learning_rate) == (100, 1e-4)
    assert config.gradient_clip == 0.1 and config.head_epochs == 100
    assert config.peak_learning_rate == 5e-4 == config.head_peak_learning_rate
    assert TrainConfig(variant="inp-former").peak_learning_rate == 1e-3
    assert config.geometry == "paper" and config.mixed_precision == "no"
    assert config.tokens_per_view == config.memory_tokens == config.hold_out == 0
    assert config.loss_config == LossConfig.for_variant("inp-former++")
    assert TrainConfig(variant="inp-former").loss_config.coherence == "hard"


@pytest.mark.parametrize("name", ["dinov2-small", "dinov2-base", "dinov2-large"])
def test_a_published_encoder_gets_the_papers_network(name):
    encoder = ENCODER_PRESETS[name]
    config = TrainConfig.for_encoder(encoder)
    assert config == TrainConfig()
    model = config.model_config(encoder)
    assert (model.decoder_depth, model.group_count, model.inp_count) == (8, 2, 6)
    assert model.token_scale == "paper" and model.init_std == 0.01 and not model.has_memory


def test_the_embedded_encoder_gets_the_network_of_its_fit_and_sees_whole_pictures():
    encoder = ENCODER_PRESETS["embedded"]
    config = TrainConfig.for_encoder(encoder, epochs=5)
    assert config.epochs == 5 and config.geometry == "full"
    model = config.model_config(encoder)
    assert (model.decoder_depth, model.group_count) == (2, 1)
    assert model.token_scale == "shots" and model.has_memory


def test_settings_survive_a_file():
    config = TrainConfig(losses=LossConfig(coherence="hard"), head_widths=(8, 4), learning_rate=1)
    assert from_dict(TrainConfig, json.loads(json.dumps(to_dict(config)))) == config


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"setting": "many"}, "setting"),
        ({"variant": "training-free"}, "variant"),
        ({"geometry": "square"}, "geometry"),
        ({"mixed_precision": "fp8"}, "mixed_precision"),
        ({"cache": "disk"}, "cache"),
        ({"epochs": 0}, "epochs must be 1"),
        ({"batch_size": 0}, "batch_size"),
        ({"gradient_accumulation_steps": 0}, "gradient_accumulation_steps"),
        ({"hold_out": 0.9}, "hold_out"),
        ({"real_share": 2}, "real_share"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"gradient_clip": 0.0}, "gradient_clip"),
        ({"false_alarm_rate": 1.0}, "false_alarm_rate"),
        ({"anomalies": 3, "variant": "inp-former"}, "segmentation head"),
        ({"anomalies": 3, "head_epochs": 0}, "segmentation head"),
        ({"hold_out": 0.2, "setting": "few-shot"}, "few shots"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(settings, words):
    with pytest.raises(ConfigError, match=f"(?i){words}") as caught:
        TrainConfig(**settings)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "settings", [{"learning_rate": "fast"}, {"epochs": "ten"}, {"epochs": 1.5}, {"shots": True}]
)
def test_a_value_of_another_type_is_refused_in_a_sentence(settings):
    with pytest.raises(ConfigError, match=f"(?i){next(iter(settings))}"):
        from_dict(TrainConfig, settings)


def test_no_value_is_a_value_of_fields_that_may_be_left_open():
    assert from_dict(TrainConfig, {"learning_rate": None}).learning_rate is None


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_model_per_class_is_for_single_classes_and_few_shots(setting):
    config = dataclasses.replace(TrainConfig(), setting=setting)
    assert config.is_per_class == (setting in ("single", "few-shot"))
