"""Settings that check themselves, come back from a file, and agree with the papers."""

import dataclasses
import inspect
import json
import math

import pytest

from inpformer import config as config_module
from inpformer import fit_config as fit_config_module
from inpformer import scales as scales_module
from inpformer.config import MAP_NAMES, VARIANTS, LossConfig, ModelConfig
from inpformer.config_table import from_dict
from inpformer.errors import ConfigError, UserError, require
from inpformer.fit_config import FitConfig
from inpformer.optimizer import StableAdamW
from inpformer.presets import ENCODER_PRESETS, EncoderConfig, encoder_preset
from inpformer.scales import Calibration, MapScale

CALIBRATION = Calibration(
    scales={"distance": MapScale(0.5, 0.1, 0.2), "fused": MapScale(1.5, 0.2, 0.4)},
    false_alarm_rate=0.05,
    score_count=44,
    shot_count=2,
    method="left out",
    reconstruction_level=0.3,
    segmentation_level=0.6,
)
ALL_CONFIGS = [
    ENCODER_PRESETS["dinov2-large"],
    ENCODER_PRESETS["embedded"],
    ModelConfig(),
    ModelConfig(variant="inp-former", encoder=ENCODER_PRESETS["dinov3-base"], inp_count=9),
    ModelConfig(decoder_depth=2, mlp_ratio=1.5, token_scale="shots", init_std=0.1),
    ModelConfig(memory_tokens=100, score_fraction=0.003),
    LossConfig(),
    LossConfig.for_variant("inp-former"),
    FitConfig(),
    FitConfig(decoder_depth=4, mlp_ratio=2.0),
    FitConfig.for_encoder(ENCODER_PRESETS["embedded"]),
    FitConfig(tiles="2x3", learning_rate=1e-2, losses=LossConfig(mining_gamma=1.0)),
    MapScale(0.5, 0.1, 0.2),
    CALIBRATION,
]


def encoder(**changes) -> EncoderConfig:
    numbers = {"name": "x", "patch_size": 14, "embed_dim": 32, "depth": 3, "num_heads": 2}
    return EncoderConfig(**{**numbers, "layers": (1, 2), **changes})


def model(**changes) -> ModelConfig:
    return ModelConfig(**{"encoder": encoder(), "decoder_depth": 2, **changes})


def assert_is_one_sentence(message: str) -> None:
    assert message[0] == message[0].upper()
    assert message.endswith(".")
    assert "\n" not in message
    assert "__init__" not in message


# --- bad values --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "changes", "named"),
    [
        (encoder, {"embed_dim": 33}, "embed_dim"),
        (encoder, {"layers": ()}, "block"),
        (encoder, {"layers": (2, 1)}, "layers"),
        (encoder, {"layers": (1, 1)}, "layers"),
        (encoder, {"layers": (-1, 1)}, "layers"),
        (encoder, {"layers": (1, 3)}, "layer 3"),
        (encoder, {"num_heads": 0}, "num_heads"),
        (encoder, {"patch_size": 0}, "patch_size"),
        (encoder, {"stem": "gabor"}, "stem"),
        (model, {"variant": "other"}, "'other'"),
        (model, {"inp_count": 0}, "inp_count"),
        (model, {"inp_count": 65}, "65"),
        (model, {"map_balance": "none"}, "'none'"),
        (model, {"token_scale": "none"}, "'none'"),
        (model, {"init_std": 0.0}, "init_std"),
        (model, {"init_std": math.nan}, "init_std"),
        (model, {"decoder_depth": 3}, "decoder_depth"),
        (model, {"decoder_depth": 0}, "decoder_depth"),
        (model, {"decoder_depth": 66}, "66"),
        (model, {"mlp_ratio": 0.0}, "mlp_ratio"),
        (model, {"mlp_ratio": 17.0}, "mlp_ratio"),
        (model, {"mlp_ratio": math.nan}, "mlp_ratio"),
        (model, {"group_count": 0}, "group_count"),
        (model, {"group_count": 3}, "group_count"),
        (model, {"head_widths": (8,)}, "head_widths"),
        (model, {"head_widths": (8, 0)}, "head_widths"),
        (LossConfig, {"coherence": "none"}, "coherence"),
        (LossConfig, {"mining_branches": "mse"}, "mining_branches"),
        (encoder, {"contrast": 0.0}, "contrast"),
        (encoder, {"contrast": "much"}, "contrast"),
        (encoder, {"contrast": 2.0}, "contrast"),
        (encoder, {"distance_range": (0.5, 0.5)}, "distance_range"),
        (encoder, {"distance_range": (0.0, 0.5, 1.0)}, "distance_range"),
        (encoder, {"distance_range": ("0", "1")}, "distance_range"),
        (encoder, {"distance_range": (-0.1, 0.5)}, "distance_range"),
        (LossConfig, {"mse_reduction": "max"}, "mse_reduction"),
        (LossConfig, {"mining_gamma": -1.0}, "mining_gamma"),
        (LossConfig, {"mining_gamma": math.nan}, "mining_gamma"),
        (LossConfig, {"coherence_weight": -1.0}, "coherence_weight"),
        (LossConfig, {"segmentation_weight": -1.0}, "segmentation_weight"),
        (FitConfig, {"variant": "other"}, "'other'"),
        (FitConfig, {"steps": 0}, "steps"),
        (FitConfig, {"batch_size": 0}, "batch_size"),
        (FitConfig, {"batch_size": 10_000}, "10000"),
        (FitConfig, {"tokens_per_view": -1}, "tokens_per_view"),
        (FitConfig, {"inp_count": 65}, "inp_count"),
        (FitConfig, {"decoder_depth": -1}, "decoder_depth"),
        (FitConfig, {"decoder_depth": 65}, "65"),
        (FitConfig, {"mlp_ratio": 0.0}, "mlp_ratio"),
        (FitConfig, {"head_steps": -1}, "head_steps"),
        (FitConfig, {"head_batch_size": 0}, "head_batch_size"),
        (FitConfig, {"pseudo_anomalies": 0}, "pseudo_anomalies"),
        (FitConfig, {"calibration_steps": -1}, "calibration_steps"),
        (FitConfig, {"false_alarm_rate": 0.0}, "false_alarm_rate"),
        (FitConfig, {"false_alarm_rate": 1.0}, "false_alarm_rate"),
        (FitConfig, {"false_alarm_rate": math.nan}, "false_alarm_rate"),
        (FitConfig, {"warmup_share": 1.0}, "warmup_share"),
        (FitConfig, {"warmup_share": -0.1}, "warmup_share"),
        (FitConfig, {"map_balance": "none"}, "map_balance"),
        (FitConfig, {"token_scale": "none"}, "token_scale"),
        (FitConfig, {"init_std": 1.5}, "init_std"),
        (FitConfig, {"memory_tokens": -1}, "memory_tokens"),
        (FitConfig, {"memory_grids": 3}, "memory_grids"),
        (model, {"memory_grids": 0}, "memory_grids"),
        (FitConfig, {"score_fraction": 0.0}, "score_fraction"),
        (model, {"memory_tokens": 1_000_000}, "memory_tokens"),
        (model, {"score_fraction": 1.5}, "score_fraction"),
        (model, {"score_border": -0.1}, "score_border"),
        (FitConfig, {"score_border": 0.6}, "score_border"),
        (FitConfig, {"learning_rate": -1e-3}, "learning_rate"),
        (FitConfig, {"learning_rate": math.nan}, "learning_rate"),
        (FitConfig, {"final_learning_rate": -1e-4}, "final_learning_rate"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_bad_value_is_refused_in_one_sentence_that_names_it(make, changes, named):
    with pytest.raises(ConfigError) as error:
        make(**changes)
    assert named.lower() in str(error.value).lower()
    assert_is_one_sentence(str(error.value))


@pytest.mark.parametrize("make", [encoder, model, LossConfig, FitConfig])
def test_the_values_those_tests_start_from_are_good(make):
    assert make() == make()


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=lambda config: type(config).__name__)
def test_settings_cannot_be_changed_once_made(config):
    name = dataclasses.fields(config)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(config, name, None)


def test_require_makes_a_sentence_of_its_message():
    require(True, "never seen")
    for message in ("steps must be 1", "Steps must be 1."):
        with pytest.raises(ConfigError, match=r"^Steps must be 1\.$"):
            require(False, message)


def test_a_config_error_is_for_the_user():
    assert issubclass(ConfigError, UserError)


# --- to a file and back ------------------------------------------------------------------------


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=lambda config: type(config).__name__)
def test_settings_come_back_from_a_file_as_they_were(config):
    text = json.dumps(dataclasses.asdict(config))
    assert from_dict(type(config), json.loads(text)) == config


def test_the_examples_of_the_round_trip_cover_every_settings_class():
    classes = {
        item
        for module in (config_module, fit_config_module, scales_module)
        for item in vars(module).values()
        if inspect.isclass(item) and dataclasses.is_dataclass(item)
    }
    assert classes == {type(config) for config in ALL_CONFIGS}


@pytest.mark.parametrize("config", ALL_CONFIGS, ids=lambda config: type(config).__name__)
def test_an_unknown_setting_is_refused_by_name(config):
    values = {**dataclasses.asdict(config), "colour": "blue"}
    with pytest.raises(ConfigError, match="colour") as error:
        from_dict(type(config), values)
    assert type(config).__name__ in str(error.value)
    assert_is_one_sentence(str(error.value))


@pytest.mark.parametrize(
    ("cls", "path"),
    [(ModelConfig, ("encoder",)), (FitConfig, ("losses",)), (Calibration, ("scales", "distance"))],
)
def test_an_unknown_setting_is_refused_at_any_depth(cls, path):
    config = {
        ModelConfig: ModelConfig(),
        FitConfig: FitConfig(losses=LossConfig()),
        Calibration: CALIBRATION,
    }[cls]
    values = dataclasses.asdict(config)
    inner = values
    for key in path:
        inner = inner[key]
    inner["colour"] = "blue"
    with pytest.raises(ConfigError, match="colour"):
        from_dict(cls, values)


@pytest.mark.parametrize("cls", [EncoderConfig, MapScale, Calibration])
def test_a_setting_that_is_missing_is_named_in_one_sentence(cls):
    config = next(config for config in ALL_CONFIGS if type(config) is cls)
    values = dataclasses.asdict(config)
    name = next(iter(values))
    del values[name]
    with pytest.raises(ConfigError, match=name) as error:
        from_dict(cls, values)
    assert_is_one_sentence(str(error.value))


def test_a_bad_value_in_a_file_is_refused_like_any_other():
    values = {**dataclasses.asdict(FitConfig()), "steps": 0}
    with pytest.raises(ConfigError, match="Steps must be 1"):
        from_dict(FitConfig, values)


def test_from_dict_leaves_the_given_table_alone():
    values = dataclasses.asdict(CALIBRATION)
    before = json.dumps(values)
    from_dict(Calibration, values)
    assert json.dumps(values) == before


# --- what the papers say -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "dim", "heads", "layers"),
    [
        ("dinov2-small", 384, 6, range(2, 10)),
        ("dinov2-base", 768, 12, range(2, 10)),
        ("dinov2-large", 1024, 16, range(4, 19, 2)),
    ],
)
def test_the_encoders_of_the_papers_have_their_published_numbers(name, dim, heads, layers):
    preset = encoder_preset(name)
    assert (preset.embed_dim, preset.num_heads) == (dim, heads)
    assert preset.layers == tuple(layers)
    assert (preset.patch_size, preset.native_grid, preset.register_tokens) == (14, 37, 4)


@pytest.mark.parametrize("name", ENCODER_PRESETS)
def test_every_preset_makes_a_model_with_its_layers_in_groups(name):
    preset = encoder_preset(name)
    assert preset.name == name
    if preset.timm_name:
        assert len(preset.layers) == 8, "as in the papers"
    assert preset.licence
    assert preset.file_names, "weights have a file"
    for variant in VARIANTS:
        config = ModelConfig.for_encoder(preset, variant=variant)
        assert config.decoder_depth == len(preset.layers) and config.variant == variant
        assert config.group_count == (2 if preset.timm_name else 1)


@pytest.mark.parametrize("depth", [2, 4, 8, 12])
def test_a_decoder_may_have_any_number_of_blocks_for_each_group(depth):
    assert ModelConfig(decoder_depth=depth).decoder_depth == depth


def test_an_unknown_encoder_is_answered_with_those_that_exist():
    with pytest.raises(ConfigError) as error:
        encoder_preset("resnet")
    for name in ("resnet", *ENCODER_PRESETS):
        assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_the_network_has_the_sizes_of_the_papers():
    config = ModelConfig()
    assert (config.inp_count, config.decoder_depth, config.group_count) == (6, 8, 2)
    assert (config.head_widths, config.mlp_ratio) == ((256, 64), 4)
    assert config.variant == "inp-former++"


def test_each_variant_has_the_losses_and_the_rate_of_its_paper():
    plus = FitConfig(variant="inp-former++")
    assert plus.loss_config == LossConfig("soft", "cosine+mse", 3.0, 0.2, 1.0, "mean")
    assert plus.peak_learning_rate == 5e-4
    plain = FitConfig(variant="inp-former")
    assert plain.loss_config == LossConfig("hard", "cosine", 3.0, 0.2, 1.0, "mean")
    assert plain.peak_learning_rate == 1e-3
    for config in (plus, plain):
        assert config.final_learning_rate == 1e-4
        assert config.seed == 1
        assert config.inp_count == 6


def test_what_is_given_goes_before_what_the_paper_says():
    losses = LossConfig(coherence="hard")
    config = FitConfig(learning_rate=3e-3, losses=losses)
    assert config.peak_learning_rate == 3e-3
    assert config.loss_config is losses


def test_a_transformer_is_fitted_as_the_papers_say_and_a_filter_bank_as_suits_its_narrow_tokens():
    for preset in ENCODER_PRESETS.values():
        suited = FitConfig.for_encoder(preset)
        if preset.stem == "patches":
            assert suited == FitConfig()
    filters = FitConfig.for_encoder(ENCODER_PRESETS["embedded"])
    assert filters.token_scale == "shots"
    assert filters.views == "station"
    assert filters.init_std > FitConfig().init_std
    assert filters.steps > FitConfig().steps, "its steps are cheap"


@pytest.mark.parametrize("name", ["embedded", "dinov2-small"])
def test_settings_of_your_own_go_before_those_that_suit_the_encoder(name):
    own = {"steps": 7, "token_scale": "paper", "init_std": 0.05, "variant": "inp-former"}
    config = FitConfig.for_encoder(encoder_preset(name), **own)
    assert {key: getattr(config, key) for key in own} == own
    with pytest.raises(ConfigError, match="Steps"):
        FitConfig.for_encoder(encoder_preset(name), steps=0)


def test_the_optimizer_has_the_published_settings():
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(StableAdamW).parameters.items()
    }
    assert defaults["betas"] == (0.9, 0.999)
    assert defaults["weight_decay"] == 1e-4
    assert defaults["eps"] == 1e-10
    assert defaults["amsgrad"] is True
    assert defaults["clip_threshold"] == 1.0


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_maps_of_a_variant_are_known_maps_and_follow_from_its_parts(variant):
    config = ModelConfig(variant=variant)
    assert set(config.map_names) <= set(MAP_NAMES)
    assert config.is_trained == ("reconstruction" in config.map_names)
    assert config.has_segmentation_head == ("segmentation" in config.map_names)
    assert config.has_segmentation_head == ("fused" in config.map_names)
    assert "distance" in config.map_names


def test_the_threshold_is_the_middle_of_the_colours():
    scale = MapScale(threshold=0.5, score_scale=0.1, normal_level=0.2)
    assert scale.colour_range == pytest.approx((0.2, 0.8))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, 134),
        ({"steps": 60}, 60),
        ({"steps": 250}, 100),
        ({"steps": 900}, 300),
        ({"steps": 900, "calibration_steps": 7}, 7),
    ],
)
def test_filters_set_their_threshold_in_a_third_of_the_steps_but_not_too_few(settings, expected):
    filters = encoder_preset("embedded")
    assert FitConfig.for_encoder(filters, **settings).threshold_steps(filters) == expected


def test_other_encoders_set_their_threshold_in_three_quarters_of_the_steps():
    encoder = encoder_preset("dinov2-small")
    assert FitConfig(steps=6).threshold_steps(encoder) == 5
    assert FitConfig(steps=6, calibration_steps=3).threshold_steps(encoder) == 3
