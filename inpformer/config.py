"""Every setting, as frozen dataclasses that check themselves when they are made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

from inpformer.errors import require
from inpformer.presets import ENCODER_PRESETS, EncoderConfig

Variant = Literal["training-free", "inp-former", "inp-former++"]
ViewKind = Literal["paper", "station"]
MapName = Literal["fused", "reconstruction", "segmentation", "distance"]
# What maps are made of: the memory is shown only as a part of the fused map.
MapPart = Literal["fused", "reconstruction", "segmentation", "memory", "distance"]

VARIANTS = ("training-free", "inp-former", "inp-former++")
VIEW_KINDS = get_args(ViewKind)
MAP_NAMES = ("fused", "reconstruction", "segmentation", "distance")
ENGINES = ("torch", "torch-bf16", "onnx", "onnx-int8")
MAX_DECODER_DEPTH = 64
MAX_MLP_RATIO = 16
MAX_MEMORY_TOKENS = 100_000
MAX_MEMORY_GRIDS = 2
MAX_HEAD_WIDTH = 4096
# What a network takes from the settings of a fit or a training, where it has the same name.
NETWORK_SETTINGS = (
    "variant",
    "inp_count",
    "mlp_ratio",
    "head_widths",
    "head_bias",
    "map_balance",
    "token_scale",
    "init_std",
    "memory_tokens",
    "memory_grids",
    "memory_weight",
    "score_fraction",
    "score_border",
)

UNTRAINED_NOTICE = "untrained stand-in: for trying the interface"
TRAINING_FREE_NOTICE = "training-free prototypes"


@dataclass(frozen=True)
class ModelConfig:
    """The network: which system, and the details the papers leave open.

    Attributes:
        variant: `inp-former` (arXiv 2503.02424), `inp-former++` (arXiv 2506.03660), or
            `training-free` (prototypes by clustering, no trained part).
        encoder: The frozen encoder.
        inp_count: Prototypes M per picture.
        decoder_depth: INP-guided blocks, a multiple of `group_count`; the papers take as many as
            encoder layers are read.
        group_count: Layer groups compared; encoder layers and decoder blocks are split evenly.
        mlp_ratio: Hidden width over C of the MLPs in extractor, bottleneck and decoder.
        head_widths: Channels after each transposed convolution of the segmentation head
            (assumption: the paper names the layers, not their widths).
        head_bias: Bias of the head's last layer at the start; -2 is a probability of about 0.1,
            since most pixels are normal (assumption).
        map_balance: How the two maps of Eq. 9 are added: `paper` as they are, `calibrated` each
            divided by its level on the normal shots (assumption).
        token_scale: `paper` gives the trained parts the tokens as they are; `shots` first brings
            each channel to the mean and deviation it has on the shots, and what they rebuild back,
            without which a short schedule mostly learns the common mean (assumption).
        init_std: Deviation of the initial weights; 0.01 is the paper's, for 768 channels.
        memory_tokens: Normal tokens that are remembered; the distance to them is a third part of
            the fused map (++ only). 0 is the paper's form.
        memory_grids: Places where the memory is asked: 1 the patches, 2 also where four of them
            meet, which takes the encoder's time again and finds what lies on a border.
        score_fraction: Share of a map's pixels whose mean is the image score.
        score_border: Width of the border whose pixels count less in the image score, as a share of
            a picture's shorter side; see `scoring.border_weights`. 0 is the paper's.
        head_weight: Weight of the segmentation map in the fused one, where each other part has 1;
            a head that was trained on real defects deserves more than one that was not.
        memory_weight: Weight of what the memory says, where the reconstruction has 1.
    """

    variant: Variant = "inp-former++"
    encoder: EncoderConfig = ENCODER_PRESETS["dinov2-small"]
    inp_count: int = 6
    decoder_depth: int = 8
    group_count: int = 2
    mlp_ratio: float = 4.0
    head_widths: tuple[int, int] = (256, 64)
    head_bias: float = -2.0
    map_balance: Literal["paper", "calibrated"] = "calibrated"
    token_scale: Literal["paper", "shots"] = "paper"
    init_std: float = 0.01
    memory_tokens: int = 0
    memory_grids: int = 1
    score_fraction: float = 0.01
    score_border: float = 0.0
    head_weight: float = 1.0
    memory_weight: float = 1.0

    @classmethod
    def for_encoder(cls, encoder: EncoderConfig, **settings: Any) -> ModelConfig:
        """Return the network for an encoder: a decoder block per layer, two groups if they halve.

        Args:
            encoder: The frozen encoder.
            settings: Other fields.
        """
        layers = len(encoder.layers)
        suited = {"decoder_depth": layers, "group_count": 2 if layers % 2 == 0 else 1}
        return cls(encoder=encoder, **{**suited, **settings})

    def __post_init__(self) -> None:
        object.__setattr__(self, "head_widths", tuple(self.head_widths))
        check_network_settings(self)
        require_finite("head_weight", self.head_weight)
        require(
            len(self.head_widths) == 2
            and all(1 <= width <= MAX_HEAD_WIDTH for width in self.head_widths),
            f"head_widths must be two numbers from 1 to {MAX_HEAD_WIDTH}, got {self.head_widths}",
        )
        require(math.isfinite(self.head_bias), f"head_bias must be a number, got {self.head_bias}")
        layers = len(self.encoder.layers)
        # Equal groups make the mean of the groups the mean of all layers, so the fused tokens
        # need not be stored beside the groups.
        require(
            self.group_count >= 1 and layers % self.group_count == 0,
            f"group_count must divide the {layers} layers, got {self.group_count}",
        )
        groups = self.group_count
        require(
            1 <= self.decoder_depth <= MAX_DECODER_DEPTH and self.decoder_depth % groups == 0,
            f"decoder_depth must be a multiple of the {groups} layer groups, at most "
            f"{MAX_DECODER_DEPTH}, got {self.decoder_depth}",
        )

    @property
    def is_trained(self) -> bool:
        """Whether this variant has trained parts beside the encoder."""
        return self.variant != "training-free"

    @property
    def has_segmentation_head(self) -> bool:
        """Whether the residual is also read by a segmentation head."""
        return self.variant == "inp-former++"

    @property
    def counts_length(self) -> bool:
        """Whether the reconstruction map counts the Euclidean distance beside the cosine."""
        return self.variant == "inp-former++"

    @property
    def has_memory(self) -> bool:
        """Whether normal tokens are remembered, for a part of the fused map."""
        return self.has_segmentation_head and self.memory_tokens > 0

    @property
    def map_names(self) -> tuple[MapName, ...]:
        """Maps this model can give, the default one first."""
        if self.variant == "training-free":
            return ("distance",)
        if self.variant == "inp-former":
            return ("reconstruction", "distance")
        return ("fused", "reconstruction", "segmentation", "distance")


@dataclass(frozen=True)
class LossConfig:
    """Weights and forms of the training losses (method: paper Eq. 3, 5, 8).

    Attributes:
        coherence: `soft` (++) or `hard` (INP-Former).
        mining_branches: `cosine`, or `cosine+mse` (++).
        mining_gamma: Exponent of the soft-mining weight.
        coherence_weight: Weight of the coherence loss in the total.
        segmentation_weight: Weight of the Dice loss in the total.
        mse_reduction: Squared error per token, `mean` or `sum` over channels (assumption: a sum
            would outweigh the cosine term by the number of channels).
    """

    coherence: Literal["soft", "hard"] = "soft"
    mining_branches: Literal["cosine", "cosine+mse"] = "cosine+mse"
    mining_gamma: float = 3.0
    coherence_weight: float = 0.2
    segmentation_weight: float = 1.0
    mse_reduction: Literal["mean", "sum"] = "mean"

    def __post_init__(self) -> None:
        require(self.coherence in ("soft", "hard"), "coherence must be 'soft' or 'hard'")
        require(
            self.mining_branches in ("cosine", "cosine+mse"),
            "mining_branches must be 'cosine' or 'cosine+mse'",
        )
        require(self.mse_reduction in ("mean", "sum"), "mse_reduction must be 'mean' or 'sum'")
        for name in ("mining_gamma", "coherence_weight", "segmentation_weight"):
            require_finite(name, getattr(self, name))

    @classmethod
    def for_variant(cls, variant: Variant) -> LossConfig:
        """Return the losses of the paper that describes `variant`."""
        if variant == "inp-former":
            return cls(coherence="hard", mining_branches="cosine")
        return cls()


def peak_learning_rate(variant: Variant, given: float | None) -> float:
    """Return the learning rate after warm-up: `given`, or for None the papers' for a variant."""
    if given is not None:
        return given
    return 1e-3 if variant == "inp-former" else 5e-4


def require_finite(name: str, value: float) -> None:
    """Raise a `ConfigError` unless the setting `name` is a number from 0 on."""
    require(math.isfinite(value) and value >= 0, f"{name} must be a number from 0 on, got {value}")


def network_settings(settings: Any) -> dict[str, Any]:
    """Return what a network takes from the settings of a fit or a training."""
    return {name: getattr(settings, name) for name in NETWORK_SETTINGS}


def check_network_settings(settings: Any) -> None:
    """Raise a `ConfigError` unless what a network takes from some settings is in its range.

    The shape of the head is left to `ModelConfig`.

    Args:
        settings: Of a fit, or the network itself.
    """
    variant, balance, scale = settings.variant, settings.map_balance, settings.token_scale
    require(variant in VARIANTS, f"variant must be one of {VARIANTS}, got '{variant}'")
    require(
        balance in ("paper", "calibrated"),
        f"map_balance must be 'paper' or 'calibrated', got '{balance}'",
    )
    require(scale in ("paper", "shots"), f"token_scale must be 'paper' or 'shots', got '{scale}'")
    for name, low, high in (
        ("inp_count", 1, 64),
        ("memory_tokens", 0, MAX_MEMORY_TOKENS),
        ("memory_grids", 1, MAX_MEMORY_GRIDS),
        ("score_border", 0, 0.5),
    ):
        value = getattr(settings, name)
        require(low <= value <= high, f"{name} must be {low} to {high}, got {value}")
    for name in ("score_fraction", "init_std"):
        value = getattr(settings, name)
        require(0 < value <= 1, f"{name} must be above 0, at most 1, got {value}")
    require(
        0 < settings.mlp_ratio <= MAX_MLP_RATIO,
        f"mlp_ratio must be above 0, up to {MAX_MLP_RATIO}",
    )
    require_finite("memory_weight", settings.memory_weight)
