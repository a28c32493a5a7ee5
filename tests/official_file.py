"""A small checkpoint as the authors' code saves one, made from a model of ours."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from inpformer.config import ModelConfig
from inpformer.modeling.build import build_encoder, build_model, trained_state
from inpformer.presets import EncoderConfig

# What `official.rename_official_heads` does, backwards.
_RENAMES = (
    (r"^inp_extractor\.inp_queries$", "prototype_token"),
    (r"^inp_extractor\.", "aggregation.0."),
    (r"^decoder\.bottleneck\.", "bottleneck.0."),
    (r"^decoder\.blocks\.(\d+)\.", r"decoder.\1."),
    (r"\.attention\.head_scale$", ".attn.learn_scale"),
    (r"\.attention\.query\.", ".attn.q."),
    (r"\.attention\.key_value\.", ".attn.kv."),
    (r"\.attention\.proj\.", ".attn.proj."),
)


def official_checkpoint(path: Path) -> Path:
    """Write the checkpoint of a small, randomly initialised model."""
    encoder = EncoderConfig(
        name="small", patch_size=14, embed_dim=16, depth=10, num_heads=2, native_grid=4,
        layer_scale=1.0,
    )  # fmt: skip
    torch.manual_seed(0)
    model = build_model(ModelConfig(variant="inp-former", encoder=encoder), build_encoder(encoder))
    state = {f"encoder.{name}": value for name, value in _official_vit(model).items()}
    for name, value in trained_state(model).items():
        for pattern, replacement in _RENAMES:
            name = re.sub(pattern, replacement, name)
        state[name] = value
    torch.save(state, path)
    return path


def _official_vit(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The encoder under the names of DINOv2's own code, with what that has and timm has not."""
    state = dict(model.encoder.vit.state_dict())
    state["register_tokens"] = state.pop("reg_token")
    width = state["cls_token"].shape[-1]
    # A position of the class token, and a norm behind the last block.
    state["pos_embed"] = torch.cat([torch.zeros(1, 1, width), state["pos_embed"]], dim=1)
    state["mask_token"] = torch.zeros(1, width)
    return {**state, "norm.weight": torch.ones(width), "norm.bias": torch.zeros(width)}
