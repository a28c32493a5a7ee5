"""Settings of the few-shot fit, and what suits the narrow tokens of a filter bank."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from inpformer.config import (
    MAX_DECODER_DEPTH,
    VIEW_KINDS,
    LossConfig,
    Variant,
    ViewKind,
    check_network_settings,
    peak_learning_rate,
    require_finite,
)
from inpformer.errors import require
from inpformer.presets import EncoderConfig

# What suits the narrow tokens of a filter bank, in a fit and in a training on a whole data set.
FILTER_DEFAULTS: dict[str, Any] = {
    "tokens_per_view": 100,
    "source_tokens": 200,
    "views": "station",
    "decoder_depth": 2,
    "mlp_ratio": 1.0,
    "learning_rate": 1.6e-2,
    "head_widths": (16, 8),
    "token_scale": "shots",
    "init_std": 0.1,
    "memory_tokens": 4096,
    "score_fraction": 0.001,
    "score_border": 0.05,
    "memory_weight": 3.0,
}
_ENOUGH_STEPS = 100
_FILTER_FIT_DEFAULTS: dict[str, Any] = {
    **FILTER_DEFAULTS,
    "steps": 400,
    "head_steps": 100,
    "pseudo_anomalies": 48,
    "calibration_folds": 2,
    "shot_spread": 0.18,
}


@dataclass(frozen=True)
class FitConfig:
    """A few-shot fit: minutes on a CPU, from 1 to 16 normal pictures.

    The paper trains for 200 epochs on all tokens; the defaults here are our short schedule, in
    which the encoder runs once per view and a step decodes a random part of the tokens.

    Attributes:
        variant: System to fit.
        seed: Same seed, same pictures and same machine give the same detector.
        steps: Decoder steps; the first `warmup_share` of them raise the rate from 0.
        batch_size: Views per step.
        tokens_per_view: Tokens decoded per view and step; 0 takes all.
        source_tokens: Tokens per view that a step extracts the prototypes from; 0 takes all. A part
            of a fine grid tells nearly as much (assumption).
        views: What is made of each picture: `paper`, the 22 views of INP-Former, with turns up to
            a half circle; `station`, 22 small turns, shifts, sizes and lights, for parts that
            lie the same way in every picture (assumption).
        inp_count: Prototypes M per picture.
        decoder_depth: See `ModelConfig.decoder_depth`; 0 takes as many as encoder layers are read.
        mlp_ratio: See `ModelConfig.mlp_ratio`.
        learning_rate: Peak rate; None takes the paper's (1e-3, ++ 5e-4).
        final_learning_rate: Rate at the last step (cosine).
        warmup_share: Part of the steps that warm up.
        head_steps: Segmentation head steps on the frozen rest (++ only).
        head_batch_size: Pictures per head step.
        head_learning_rate: Peak rate of the head (assumption: the paper's rate is for 100 epochs).
        head_input: `scaled` brings residuals to a mean of 1 before the head, without which a short
            schedule learns little (assumption); `paper` shows them as they are.
        head_widths: See `ModelConfig.head_widths`.
        head_bias: See `ModelConfig.head_bias`.
        pseudo_anomalies: Pictures with a synthetic defect, encoded once.
        calibration_steps: Decoder steps of each leave-one-out model; 0 takes `threshold_steps`.
            How much less well it rebuilds is measured and taken off (assumption, see `held_out`).
        calibration_folds: Most groups of shots left out in turn for the threshold. Fewer are
            faster, and put it higher, since each model then knows fewer shots.
        shot_spread: 0 takes the threshold from the highest scores of left-out views. Else it is
            taken from left-out pictures as they are: new normal ones are assumed to score
            around their median, with this standard deviation of the logarithm, corrected by
            theirs (`calibration.shot_deviation`). Views that are turned and enlarged score
            otherwise, and one odd shot in four would decide.
        false_alarm_rate: Wished share of left-out normal pictures or views above the threshold.
        map_balance: See `ModelConfig.map_balance`.
        tiles: `""` whole pictures, or `RxC`: fit and predict in overlapping tiles.
        token_scale: See `ModelConfig.token_scale`.
        init_std: See `ModelConfig.init_std`.
        memory_tokens: See `ModelConfig.memory_tokens`.
        memory_grids: See `ModelConfig.memory_grids`.
        score_fraction: See `ModelConfig.score_fraction`.
        score_border: See `ModelConfig.score_border`.
        memory_weight: See `ModelConfig.memory_weight`.
        losses: None takes the losses of `variant`.
    """

    variant: Variant = "inp-former++"
    seed: int = 1
    steps: int = 120
    batch_size: int = 4
    tokens_per_view: int = 49
    source_tokens: int = 0
    views: ViewKind = "paper"
    inp_count: int = 6
    decoder_depth: int = 0
    mlp_ratio: float = 4.0
    learning_rate: float | None = None
    final_learning_rate: float = 1e-4
    warmup_share: float = 0.1
    head_steps: int = 30
    head_batch_size: int = 4
    head_learning_rate: float = 2e-3
    head_input: Literal["scaled", "paper"] = "scaled"
    head_widths: tuple[int, int] = (256, 64)
    head_bias: float = -2.0
    pseudo_anomalies: int = 24
    calibration_steps: int = 0
    calibration_folds: int = 4
    shot_spread: float = 0.0
    false_alarm_rate: float = 0.05
    map_balance: Literal["paper", "calibrated"] = "calibrated"
    tiles: str = ""
    token_scale: Literal["paper", "shots"] = "paper"
    init_std: float = 0.01
    memory_tokens: int = 0
    memory_grids: int = 1
    score_fraction: float = 0.01
    score_border: float = 0.0
    memory_weight: float = 1.0
    losses: LossConfig | None = None

    @classmethod
    def for_encoder(cls, encoder: EncoderConfig, **settings: Any) -> FitConfig:
        """Return the defaults that suit an encoder, with `settings` of your own on top.

        The narrow tokens of a filter bank are rebuilt by a small decoder, whose steps are cheap
        and which learns from so few only with scaled tokens and larger initial weights.
        """
        suited = _FILTER_FIT_DEFAULTS if encoder.has_narrow_tokens else {}
        return cls(**{**suited, **settings})

    def threshold_steps(self, encoder: EncoderConfig) -> int:
        """Return the decoder steps of each leave-one-out model on an encoder.

        Filters are learnt so fast that a third of the steps is enough, if that is 100. Other
        models of a third were wrong in other places than the whole one.
        """
        if self.calibration_steps:
            return self.calibration_steps
        if encoder.has_narrow_tokens:
            return min(self.steps, max(_ENOUGH_STEPS, math.ceil(self.steps / 3)))
        return math.ceil(self.steps * 3 / 4)

    def __post_init__(self) -> None:
        object.__setattr__(self, "head_widths", tuple(self.head_widths))
        check_network_settings(self)
        require(self.views in VIEW_KINDS, f"views must be one of {VIEW_KINDS}, got '{self.views}'")
        require(
            self.head_input in ("scaled", "paper"),
            f"head_input must be 'scaled' or 'paper', got '{self.head_input}'",
        )
        for name, low, high in (
            ("seed", 0, 2**63 - 1),
            ("steps", 1, 100_000),
            ("batch_size", 1, 256),
            ("tokens_per_view", 0, 100_000),
            ("source_tokens", 0, 100_000),
            ("decoder_depth", 0, MAX_DECODER_DEPTH),
            ("head_steps", 0, 100_000),
            ("head_batch_size", 1, 256),
            ("pseudo_anomalies", 1, 10_000),
            ("calibration_steps", 0, 100_000),
            ("calibration_folds", 2, 64),
        ):
            value = getattr(self, name)
            require(low <= value <= high, f"{name} must be {low} to {high}, got {value}")
        require(
            0 < self.false_alarm_rate < 1,
            f"false_alarm_rate must lie between 0 and 1, got {self.false_alarm_rate}",
        )
        require(0 <= self.warmup_share < 1, "warmup_share must be at least 0 and below 1")
        for name in ("learning_rate", "final_learning_rate", "head_learning_rate", "shot_spread"):
            require_finite(name, getattr(self, name) or 0.0)

    @property
    def peak_learning_rate(self) -> float:
        """The rate after warm-up: as given, or the paper's for the variant."""
        return peak_learning_rate(self.variant, self.learning_rate)

    @property
    def loss_config(self) -> LossConfig:
        """The losses: as given, or the paper's for the variant."""
        return self.losses or LossConfig.for_variant(self.variant)
