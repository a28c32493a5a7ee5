"""Import the official INP-Former checkpoints (a plain `state_dict` saved with torch)."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from inpformer.config import ModelConfig
from inpformer.errors import ConfigError, WeightsError
from inpformer.modeling.build import (
    build_encoder,
    build_model,
    load_trained_state,
    read_state_dict,
)
from inpformer.modeling.model import INPFormer
from inpformer.presets import ENCODER_PRESETS, EncoderConfig

_RENAMES = (
    (r"^prototype_token$", "inp_extractor.inp_queries"),
    (r"^aggregation\.0\.", "inp_extractor."),
    (r"^bottleneck\.0\.", "decoder.bottleneck."),
    (r"^decoder\.(\d+)\.", r"decoder.blocks.\1."),
    (r"\.attn\.learn_scale$", ".attention.head_scale"),
    (r"\.attn\.q\.", ".attention.query."),
    (r"\.attn\.kv\.", ".attention.key_value."),
    (r"\.attn\.proj\.", ".attention.proj."),
)
_REQUIRED = (
    "prototype_token",
    "decoder.0.attn.learn_scale",
    "encoder.patch_embed.proj.weight",
    "encoder.cls_token",
    "encoder.register_tokens",
    "encoder.pos_embed",
    "encoder.blocks.0.norm1.weight",
)
_DEEP_ENCODER_BLOCKS = 24


def import_official(path: Path) -> tuple[ModelConfig, INPFormer]:
    """Rebuild an official INP-Former checkpoint as our model, encoder included.

    Sizes are read off the checkpoint itself, so the small, base and large models all work.

    Raises:
        WeightsError: The file is damaged, no official checkpoint, or incomplete.
    """
    state = read_state_dict(path)
    source = f"'{path.name}'"
    missing = [key for key in _REQUIRED if key not in state]
    if missing:
        raise WeightsError(
            f"{source} is no complete official INP-Former checkpoint: it lacks {missing[0]}. Give "
            "the .pth file that the official training code saved, with encoder and decoder in it."
        )
    encoder_state = {
        key.removeprefix("encoder."): value
        for key, value in state.items()
        if key.startswith("encoder.")
    }
    try:
        config = ModelConfig(
            variant="inp-former",
            encoder=_read_encoder_config(state, encoder_state),
            inp_count=len(state["prototype_token"]),
        )
    except (ConfigError, IndexError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{source} has the names of an official INP-Former checkpoint but sizes that make no "
            "model; it may be damaged. Copy or download it again."
        ) from error
    model = build_model(config, build_encoder(config.encoder, encoder_state, source))
    load_trained_state(model, rename_official_heads(state), source)
    return config, model


def rename_official_heads(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the trained part of an official `state_dict` under our names."""
    renamed = {}
    for key, value in state.items():
        if key.startswith("encoder."):
            continue
        for pattern, replacement in _RENAMES:
            key = re.sub(pattern, replacement, key)
        # Early official files keep the queries in a list of parameters with one more axis.
        renamed[key] = value.squeeze(0) if key.endswith("inp_queries") else value
    return renamed


def _read_encoder_config(
    state: dict[str, Tensor], encoder_state: dict[str, Tensor]
) -> EncoderConfig:
    """Recognise a preset by its sizes, or describe an encoder of unknown sizes."""
    dim, _, patch_size, _ = encoder_state["patch_embed.proj.weight"].shape
    depth = 1 + max(int(key.split(".")[1]) for key in encoder_state if key.startswith("blocks."))
    num_heads = len(state["decoder.0.attn.learn_scale"])
    for preset in ENCODER_PRESETS.values():
        sizes = (preset.embed_dim, preset.depth, preset.num_heads, preset.patch_size)
        if preset.name.startswith("dinov2") and sizes == (dim, depth, num_heads, patch_size):
            return preset
    described = EncoderConfig(
        name=f"official-{dim}x{depth}",
        patch_size=patch_size,
        embed_dim=dim,
        depth=depth,
        num_heads=num_heads,
        native_grid=round((encoder_state["pos_embed"].shape[1] - 1) ** 0.5),
        register_tokens=encoder_state["register_tokens"].shape[1],
        layer_scale=1.0,
    )
    if depth == _DEEP_ENCODER_BLOCKS:
        return replace(described, layers=ENCODER_PRESETS["dinov2-large"].layers)
    return described
