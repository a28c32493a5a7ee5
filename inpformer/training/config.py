"""Every setting of a training run, as a frozen dataclass that checks itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from inpformer.config import (
    VIEW_KINDS,
    LossConfig,
    ModelConfig,
    Variant,
    ViewKind,
    network_settings,
    peak_learning_rate,
    require_finite,
)
from inpformer.errors import require
from inpformer.fit_config import FILTER_DEFAULTS
from inpformer.presets import EncoderConfig

Setting = Literal["single", "multi", "super", "few-shot"]
Geometry = Literal["paper", "full"]
Precision = Literal["no", "bf16", "fp16"]
Caching = Literal["auto", "memory", "none"]

SETTINGS = get_args(Setting)
GEOMETRIES = get_args(Geometry)
PRECISIONS = get_args(Precision)
CACHINGS = get_args(Caching)
TRAINED_VARIANTS = ("inp-former", "inp-former++")
# How a run is watched and kept; none of them changes what is learned.
FREE_ON_RESUME = ("checkpoint_steps", "log_steps", "workers")


@dataclass(frozen=True)
class TrainConfig:
    """A training on whole data sets; the defaults are the papers' (method: training settings).

    Attributes:
        setting: `single`, a model per class; `multi`, one for all classes of a data set; `super`,
            one for all classes of several data sets; `few-shot`, a model per class, from a few
            pictures.
        variant: `inp-former` or `inp-former++`.
        geometry: What the model sees of a picture: `paper`, resized to 448 x 448 and cropped to
            the middle 392 x 392; `full`, all of it at its own aspect.
        seed: Of all randomness. Step and seed decide what a step does, and nothing else does.
        epochs: Times that every picture, or with few-shot every view, is seen. What is left of a
            last batch that is not full waits for the next epoch, as in the papers' code.
        batch_size: Pictures per step, over all processes.
        gradient_accumulation_steps: Parts that each process takes its share of a batch in, one
            after the other: less memory, the same gradient. Soft mining divides by the mean error
            of the whole batch, so the parts run forward twice.
        learning_rate: Peak rate; None takes the papers' (1e-3, ++ 5e-4).
        final_learning_rate: Rate that the cosine approaches.
        warmup_steps: Steps in which the rate rises from 0; at most half of a phase.
        gradient_clip: Limit of the norm of the gradient over all parameters.
        shots: Pictures per class (few-shot only).
        views: Kind of the 22 views of each shot (few-shot only), see `FitConfig.views`.
        losses: None takes the losses of `variant`.
        inp_count: Prototypes M per picture.
        decoder_depth: See `ModelConfig.decoder_depth`; 0 takes as many as encoder layers are read.
        mlp_ratio: See `ModelConfig.mlp_ratio`.
        tokens_per_view: Tokens decoded per picture and step; 0 takes all, as the papers do.
        source_tokens: See `FitConfig.source_tokens`.
        head_epochs: Epochs of the segmentation head on the frozen rest (++ only), each picture
            with a synthetic defect that is made anew.
        head_learning_rate: Peak rate of the head; None takes `learning_rate`.
        head_input: See `FitConfig.head_input`.
        head_widths: See `ModelConfig.head_widths`.
        head_bias: See `ModelConfig.head_bias`.
        anomalies: Real masked anomalies per class that the head learns from (semi-supervised, ++
            only). They are taken out of the test set.
        real_share: Share of the head's pictures that show a region of them instead of a synthetic
            defect (assumption).
        hold_out: Share of each class's pictures that are not trained on but set the thresholds.
            With 0, the papers' way, thresholds come from slightly changed trained pictures.
        calibration_views: Views that set the thresholds, at least.
        false_alarm_rate: Wished share of these above the threshold.
        map_balance: See `ModelConfig.map_balance`.
        token_scale: See `ModelConfig.token_scale`; `shots` measures it on the training pictures.
        init_std: See `ModelConfig.init_std`.
        memory_tokens: See `ModelConfig.memory_tokens`.
        memory_grids: See `ModelConfig.memory_grids`.
        score_fraction: See `ModelConfig.score_fraction`.
        score_border: See `ModelConfig.score_border`.
        memory_weight: See `ModelConfig.memory_weight`.
        mixed_precision: `no`, or on a GPU `bf16` or `fp16`.
        cache: Encoder tokens, which are the same in every epoch: `auto` keeps as many as
            `cache_bytes` hold, `memory` all or the run is refused, `none` computes them anew.
        cache_bytes: Memory for tokens, and later for pictures, in bytes per process.
        workers: Threads per process that read pictures ahead.
        checkpoint_steps: Steps between two checkpoints.
        log_steps: Steps between two lines of the log.
    """

    setting: Setting = "multi"
    variant: Variant = "inp-former++"
    geometry: Geometry = "paper"
    seed: int = 1
    epochs: int = 200
    batch_size: int = 16
    gradient_accumulation_steps: int = 1
    learning_rate: float | None = None
    final_learning_rate: float = 1e-4
    warmup_steps: int = 100
    gradient_clip: float = 0.1
    shots: int = 4
    views: ViewKind = "paper"
    losses: LossConfig | None = None
    inp_count: int = 6
    decoder_depth: int = 0
    mlp_ratio: float = 4.0
    tokens_per_view: int = 0
    source_tokens: int = 0
    head_epochs: int = 100
    head_learning_rate: float | None = None
    head_input: Literal["scaled", "paper"] = "paper"
    head_widths: tuple[int, int] = (256, 64)
    head_bias: float = -2.0
    anomalies: int = 0
    real_share: float = 0.5
    hold_out: float = 0.0
    calibration_views: int = 64
    false_alarm_rate: float = 0.05
    map_balance: Literal["paper", "calibrated"] = "calibrated"
    token_scale: Literal["paper", "shots"] = "paper"
    init_std: float = 0.01
    memory_tokens: int = 0
    memory_grids: int = 1
    score_fraction: float = 0.01
    score_border: float = 0.0
    memory_weight: float = 1.0
    mixed_precision: Precision = "no"
    cache: Caching = "auto"
    cache_bytes: int = 4 * 2**30
    workers: int = 4
    checkpoint_steps: int = 200
    log_steps: int = 10

    @classmethod
    def for_encoder(cls, encoder: EncoderConfig, **settings: Any) -> TrainConfig:
        """Return the defaults that suit an encoder, with `settings` of your own on top.

        A filter bank gets the same small decoder as in a fit, and sees whole pictures; there are
        no published figures that its crop would have to agree with.
        """
        suited = _FILTER_DEFAULTS if encoder.has_narrow_tokens else {}
        return cls(**{**suited, **settings})

    def __post_init__(self) -> None:
        object.__setattr__(self, "head_widths", tuple(self.head_widths))
        for name, allowed in (
            ("setting", SETTINGS),
            ("variant", TRAINED_VARIANTS),
            ("geometry", GEOMETRIES),
            ("views", VIEW_KINDS),
            ("head_input", ("scaled", "paper")),
            ("mixed_precision", PRECISIONS),
            ("cache", CACHINGS),
        ):
            value = getattr(self, name)
            require(value in allowed, f"{name} must be one of {allowed}, got '{value}'")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            require(low <= value <= high, f"{name} must be {low} to {high}, got {value}")
        for name in ("learning_rate", "final_learning_rate", "head_learning_rate"):
            require_finite(name, getattr(self, name) or 0.0)
        require(self.gradient_clip > 0, f"gradient_clip must be above 0, got {self.gradient_clip}")
        require(
            0 < self.false_alarm_rate < 1,
            f"false_alarm_rate must lie between 0 and 1, got {self.false_alarm_rate}",
        )
        self._check_setting()

    def _check_setting(self) -> None:
        """See that settings which need each other agree."""
        require(
            self.anomalies == 0 or self.has_head,
            "anomalies teach the segmentation head, so they need variant 'inp-former++' and "
            "head_epochs of at least 1",
        )
        require(
            self.hold_out == 0 or self.setting != "few-shot",
            "hold_out must be 0 with few shots, which are all needed to train on",
        )

    @property
    def has_head(self) -> bool:
        """Whether a segmentation head is trained."""
        return self.variant == "inp-former++" and self.head_epochs > 0

    @property
    def is_per_class(self) -> bool:
        """Whether every class gets a model of its own."""
        return self.setting in ("single", "few-shot")

    @property
    def peak_learning_rate(self) -> float:
        """The rate after warm-up: as given, or the papers' for the variant."""
        return peak_learning_rate(self.variant, self.learning_rate)

    @property
    def head_peak_learning_rate(self) -> float:
        """The head's rate after warm-up."""
        if self.head_learning_rate is not None:
            return self.head_learning_rate
        return self.peak_learning_rate

    @property
    def loss_config(self) -> LossConfig:
        """The losses: as given, or the papers' for the variant."""
        return self.losses or LossConfig.for_variant(self.variant)

    def model_config(self, encoder: EncoderConfig) -> ModelConfig:
        """Return the network to train on an encoder.

        Raises:
            ConfigError: They do not go together.
        """
        depth = {"decoder_depth": self.decoder_depth} if self.decoder_depth else {}
        return ModelConfig.for_encoder(encoder, **network_settings(self), **depth)


_RANGES: dict[str, tuple[float, float]] = {
    "seed": (0, 2**63 - 1),
    "epochs": (1, 100_000),
    "batch_size": (1, 4096),
    "gradient_accumulation_steps": (1, 4096),
    "warmup_steps": (0, 10_000_000),
    "shots": (1, 1000),
    "inp_count": (1, 64),
    "tokens_per_view": (0, 100_000),
    "source_tokens": (0, 100_000),
    "head_epochs": (0, 100_000),
    "anomalies": (0, 10_000),
    "real_share": (0, 1),
    "hold_out": (0, 0.5),
    "calibration_views": (1, 10_000),
    "cache_bytes": (0, 2**50),
    "workers": (1, 64),
    "checkpoint_steps": (1, 10_000_000),
    "log_steps": (1, 10_000_000),
}

_FILTER_DEFAULTS: dict[str, Any] = {
    **FILTER_DEFAULTS,
    "geometry": "full",
    "warmup_steps": 40,
    "head_epochs": 20,
    "head_learning_rate": 2e-3,
    "head_input": "scaled",
}
