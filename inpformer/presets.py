"""The encoders we know: sizes, layers read, file names and licences. Numbers live only here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

from inpformer.errors import ConfigError, require

Stem = Literal["patches", "filters", "filters-only", "filters-trained"]
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}", re.ASCII)

# Above the largest transformers for pictures that are known; a detector file may say anything.
_HIGHEST = {
    "patch_size": 64,
    "embed_dim": 4096,
    "depth": 64,
    "num_heads": 64,
    "native_grid": 256,
    "token_budget": 1 << 16,
}
_MOST_NUMBERS = 1_300_000_000


@dataclass(frozen=True)
class EncoderConfig:
    """A frozen vision transformer and which of its blocks are read.

    Attributes:
        name: What the user types, and what a saved detector remembers.
        patch_size: Side of a patch, model pixels.
        embed_dim: Channels C of a token.
        depth: Number of blocks the published weights have.
        num_heads: Attention heads; the INP extractor and the decoder take the same number.
        layers: 0-based blocks whose raw outputs are used; later blocks never run.
        timm_name: Architecture and weights in timm, with its tag; empty for an encoder that is
            described by the numbers here alone.
        native_grid: Side of the square position grid the weights were trained with.
        token_budget: Most patches a whole picture is divided into; a square picture gets a square
            grid of as many.
        register_tokens: Prefix tokens beside the class token.
        layer_scale: Initial LayerScale; None builds blocks without it.
        stem: How pictures become tokens: `patches`, a strided convolution; `filters`, fixed
            filters and a trained projection; `filters-only`, the filters without any block;
            `filters-trained`, the filters and a small network trained on drawn parts.
        file_names: Names under which the weights are looked for in `weights/`.
        licence: Licence of the published weights.
        distance_range: Cosine distances at the two ends of the colours of maps that were never
            calibrated: what a normal picture reaches hardly colours it.
        contrast: Deviation that the values of every picture, in [0, 1], are given before it is
            encoded, about one mean: an exposure is no defect. None leaves pictures as they are.
    """

    name: str
    patch_size: int
    embed_dim: int
    depth: int
    num_heads: int
    layers: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8, 9)
    timm_name: str = ""
    native_grid: int = 37
    token_budget: int = 784
    register_tokens: int = 4
    layer_scale: float | None = None
    stem: Stem = "patches"
    file_names: tuple[str, ...] = ()
    licence: str = ""
    distance_range: tuple[float, float] = (0.0, 1.0)
    contrast: float | None = None

    def __post_init__(self) -> None:
        for name in ("layers", "file_names", "distance_range"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name, highest in _HIGHEST.items():
            value = getattr(self, name)
            require(1 <= value <= highest, f"{name} must be 1 to {highest}, got {value}")
        # A detector file of somebody else's says these: they must not lead out of our folders, or
        # to the Hub.
        require(
            all(isinstance(name, str) and _PLAIN_NAME.fullmatch(name) for name in self.file_names),
            "file_names must be plain names of files, without folders",
        )
        require(
            not self.timm_name or _PLAIN_NAME.fullmatch(self.timm_name) is not None,
            "timm_name must be a plain name of timm's",
        )
        require(self.stem in get_args(Stem), f"stem must be one of {get_args(Stem)}")
        require(
            12 * self.embed_dim**2 * self.depth <= _MOST_NUMBERS,
            "embed_dim and depth make a larger encoder than any that is known",
        )
        require(
            0 <= self.register_tokens <= 64,
            f"register_tokens must be 0 to 64, got {self.register_tokens}",
        )
        _require_distance_range(self.distance_range)
        require(
            self.contrast is None
            or (type(self.contrast) in (int, float) and 0 < self.contrast <= 1),
            f"contrast must be above 0, at most 1, got {self.contrast}",
        )
        require(self.embed_dim % self.num_heads == 0, "embed_dim must be a multiple of num_heads")
        require(len(self.layers) > 0, "an encoder needs at least one block in `layers`")
        require(
            list(self.layers) == sorted(set(self.layers)) and self.layers[0] >= 0,
            "encoder layers must be 0-based, ascending and without repeats",
        )
        require(
            self.layers[-1] < self.depth,
            f"encoder layer {self.layers[-1]} does not exist: the encoder has {self.depth} blocks",
        )

    @property
    def has_narrow_tokens(self) -> bool:
        """Whether tokens are as short as filter responses, which a small decoder rebuilds."""
        return self.stem in ("filters-only", "filters-trained")

    @property
    def least_numbers(self) -> int:
        """Numbers that the weights of the blocks read have at least, whatever else is in them."""
        if self.has_narrow_tokens:
            return self.embed_dim * self.native_grid**2
        blocks = 12 * self.embed_dim**2 * (self.layers[-1] + 1)
        return blocks if self.timm_name else blocks + self.embed_dim * self.native_grid**2


def _require_distance_range(values: tuple[float, ...]) -> None:
    require(
        len(values) == 2
        and all(type(value) in (int, float) for value in values)
        and 0 <= values[0] < values[1] <= 2,
        f"distance_range must be two rising numbers from 0 to 2, got {values}",
    )


def _dinov2(size: str, letter: str, **numbers: Any) -> EncoderConfig:
    timm_name = f"vit_{size}_patch14_reg4_dinov2.lvd142m"
    return EncoderConfig(
        name=f"dinov2-{size}",
        patch_size=14,
        timm_name=timm_name,
        file_names=(
            f"dinov2-{size}.safetensors",
            f"{timm_name}.safetensors",
            f"dinov2_vit{letter}14_reg4_pretrain.pth",
        ),
        licence="Apache-2.0",
        **numbers,
    )


def _dinov3(size: str, **numbers: Any) -> EncoderConfig:
    timm_name = f"vit_{size}_patch16_dinov3.lvd1689m"
    return EncoderConfig(
        name=f"dinov3-{size}",
        patch_size=16,
        timm_name=timm_name,
        native_grid=16,
        file_names=(f"dinov3-{size}.safetensors", f"{timm_name}.safetensors"),
        licence="DINOv3 License",
        **numbers,
    )


# Small patches: a defect that covers a tenth of a patch hardly moves its responses.
_FILTERS: dict[str, Any] = {
    "patch_size": 8,
    "embed_dim": 72,
    "depth": 1,
    "num_heads": 12,
    "layers": (0,),
    "native_grid": 1,
    "token_budget": 2401,
    "register_tokens": 0,
    "licence": "Apache-2.0",
}

# 512 x 512 pixels: dents, cracks and chips that 392 x 392 lose, in 1.7 times the time.
_EMBEDDED_TOKENS = 4096

ENCODER_PRESETS: dict[str, EncoderConfig] = {
    preset.name: preset
    for preset in (
        _dinov2("small", "s", embed_dim=384, depth=12, num_heads=6),
        _dinov2("base", "b", embed_dim=768, depth=12, num_heads=12),
        # The deep encoder is read with the published stride: every second block.
        _dinov2(
            "large",
            "l",
            embed_dim=1024,
            depth=24,
            num_heads=16,
            layers=(4, 6, 8, 10, 12, 14, 16, 18),
        ),
        _dinov3("small", embed_dim=384, depth=12, num_heads=6),
        _dinov3("base", embed_dim=768, depth=12, num_heads=12),
        # The filters of the embedded encoder with the network that was trained on top.
        EncoderConfig(
            name="embedded",
            **{**_FILTERS, "token_budget": _EMBEDDED_TOKENS},
            stem="filters-trained",
            file_names=("embedded-network.safetensors",),
            # On normal example parts and tiles the median is 0.00 to 0.06 and the highest 1% begin
            # at 0.02 to 0.29, in defects the highest tenth at 0.03 to 0.33.
            distance_range=(0.04, 0.24),
            contrast=0.12,
        ),
        # The filters alone: detectors of before the network was trained hold its tokens.
        EncoderConfig(
            name="filters",
            **_FILTERS,
            stem="filters-only",
            file_names=("embedded.safetensors",),
            # Constant channels lengthen its tokens, which makes angles small. On normal example
            # parts and tiles the median is 0.00 to 0.03 and the highest 1% begin at 0.02 to 0.17,
            # in visible defects the highest tenth at 0.05 to 0.16.
            distance_range=(0.02, 0.14),
        ),
    )
}


def encoder_preset(name: str) -> EncoderConfig:
    """Return the preset called `name`.

    Raises:
        ConfigError: No preset has this name; the message lists those that exist.
    """
    if name not in ENCODER_PRESETS:
        known = ", ".join(ENCODER_PRESETS)
        raise ConfigError(f"There is no encoder called '{name}'. Choose one of: {known}.")
    return ENCODER_PRESETS[name]
