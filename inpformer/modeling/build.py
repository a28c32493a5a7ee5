"""Build models from a config and fill them with weights: the one place that reads weight files."""

from __future__ import annotations

import functools
import hashlib
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from inpformer.config import ModelConfig
from inpformer.errors import WeightsError
from inpformer.modeling.decoder import INPGuidedDecoder
from inpformer.modeling.encoder import FrozenEncoder
from inpformer.modeling.filter_bank import FilterBank
from inpformer.modeling.filter_stem import FilterStem
from inpformer.modeling.inp_extractor import INPExtractor
from inpformer.modeling.layers import TokenScale, init_trainable
from inpformer.modeling.model import INPFormer
from inpformer.modeling.segmentation_head import SegmentationHead
from inpformer.modeling.token_memory import TokenMemory
from inpformer.modeling.training_free import TrainingFreeExtractor
from inpformer.presets import EncoderConfig

UNTRAINED_SEED = 0
ALWAYS_BUILT = 100_000_000  # numbers of an encoder, which any machine of ours has room for


def build_encoder(
    config: EncoderConfig, state: dict[str, Tensor] | None = None, source: str = "The file"
) -> FrozenEncoder:
    """Build a frozen encoder.

    Args:
        config: Which encoder.
        state: Its weights, in timm's or DINOv2's own naming; None leaves fixed-seed untrained ones.
        source: What to call the weights in an error.

    Raises:
        WeightsError: The weights belong to another encoder.
    """
    if state is not None:
        check_room(config, state, source)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(UNTRAINED_SEED)
        vit = _build_vit(config)
    if state is not None:
        _load_encoder_state(vit, state, source, config.name)
    _drop_unused_parts(vit, config.layers[-1])
    return FrozenEncoder(vit, config.layers, config.patch_size, config.contrast)


def build_model(config: ModelConfig, encoder: FrozenEncoder) -> INPFormer:
    """Build a model around an encoder, its trained parts freshly initialised."""
    numbers = config.encoder
    dim, num_heads = numbers.embed_dim, numbers.num_heads
    if not config.is_trained:
        extractor = TrainingFreeExtractor(config.inp_count)
        return INPFormer(encoder, extractor, group_count=config.group_count)
    scales = [TokenScale(dim) if config.token_scale == "shots" else None for _ in range(2)]
    memory = None
    if config.has_memory:
        memory = TokenMemory(config.memory_tokens, dim, config.memory_grids)
    model = INPFormer(
        encoder=encoder,
        inp_extractor=INPExtractor(dim, num_heads, config.inp_count, config.mlp_ratio, scales[0]),
        decoder=INPGuidedDecoder(dim, num_heads, config.decoder_depth, config.mlp_ratio, scales[1]),
        segmentation_head=(
            SegmentationHead(dim, config.head_widths, config.head_bias)
            if config.has_segmentation_head
            else None
        ),
        group_count=config.group_count,
        memory=memory,
    )
    initialise = functools.partial(init_trainable, std=config.init_std)
    model.inp_extractor.apply(initialise)
    model.decoder.apply(initialise)
    return model


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read tensors from a `.safetensors` or `.pth` file without running any code in it.

    Raises:
        WeightsError: The file is missing, truncated, or holds anything but tensors.
    """
    if not path.is_file():
        raise WeightsError(f"There is no weights file at '{path}'.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(
            f"'{path.name}' is not a readable weights file: it is damaged, cut short, or a pickle "
            "with more than tensors in it, which is never opened. Copy or download it again."
        ) from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(f"'{path.name}' does not hold a plain table of named tensors.")
    return state


def trained_state(model: INPFormer) -> dict[str, Tensor]:
    """Return the trained part of a model: everything but its encoder."""
    state = model.state_dict()
    return {key: value for key, value in state.items() if not key.startswith("encoder.")}


def load_trained_state(model: INPFormer, state: dict[str, Tensor], source: str) -> None:
    """Copy `state` into the trained part of `model`, strictly.

    Raises:
        WeightsError: Names what is missing, unknown or of another shape; or a weight is no number.
    """
    _check_fit(trained_state(model), state, source)
    if not all(value.isfinite().all() for value in state.values()):
        raise WeightsError(
            f"{source} holds weights that are no numbers, so it cannot judge anything. Copy it "
            "again, or fit the detector again."
        )
    model.load_state_dict(state, strict=False)  # the check above was strict; the encoder stays


def check_room(config: EncoderConfig, state: dict[str, Tensor], source: str) -> None:
    """See, before a large encoder is built, that its weights can be in `state`.

    A file of a stranger may describe one that takes all memory. What is wrong with the weights of
    a smaller one is said in detail once it is built.

    Raises:
        WeightsError: There are far too few numbers.
    """
    held = sum(value.numel() for value in state.values())
    if config.least_numbers > max(held, ALWAYS_BUILT):
        raise WeightsError(
            f"{source} does not fit: it holds fewer numbers than the encoder '{config.name}' has."
        )


def check_trained_state(config: ModelConfig, state: dict[str, Tensor], source: str) -> None:
    """See, before a model is built, that `state` is its trained part.

    Raises:
        WeightsError: Names what is missing, unknown, or of another shape.
    """
    with torch.device("meta"):  # shapes alone, which take no memory
        planned = build_model(config, nn.Identity())
    _check_fit(trained_state(planned), state, source)


def load_strictly(module: nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Copy `state` into `module`; every name and every shape must match.

    Raises:
        WeightsError: Names what is missing, unknown or of another shape.
    """
    _check_fit(module.state_dict(), state, source)
    module.load_state_dict(state, strict=True)


def encoder_fingerprint(encoder: FrozenEncoder) -> str:
    """Return a short hash by which a saved detector recognises its encoder.

    Hashes the patch embedding and the first and last block read: enough to tell any two
    training runs apart without reading a gigabyte. Tokens of evened pictures are others, too.
    """
    vit = encoder.vit
    digest = hashlib.sha256(repr(encoder.layers).encode())
    if encoder.contrast is not None:
        digest.update(repr(float(encoder.contrast)).encode())
    own = vit.state_dict()
    last = len(vit.blocks) - 1
    for name in (
        "patch_embed.descriptor_mean",
        "patch_embed.descriptor_scale",
        "patch_embed.proj.weight",
        "patch_embed.learnt.weight",
        "blocks.0.attn.qkv.weight",
        f"blocks.{last}.mlp.fc2.weight",
    ):
        if name in own:  # filters have no blocks, and patches no scale
            digest.update(own[name].float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _build_vit(config: EncoderConfig) -> nn.Module:
    if config.has_narrow_tokens:
        return FilterBank(config)
    # Late, for it takes longer to import than all the rest of a start without it.
    import timm
    from timm.layers import PatchEmbed
    from timm.models.vision_transformer import VisionTransformer

    if config.timm_name:
        options = {"dynamic_img_size": True, "num_classes": 0}
        return timm.create_model(config.timm_name, pretrained=False, **options)
    vit = VisionTransformer(
        img_size=config.native_grid * config.patch_size,
        patch_size=config.patch_size,
        embed_dim=config.embed_dim,
        depth=config.depth,
        num_heads=config.num_heads,
        reg_tokens=config.register_tokens,
        init_values=config.layer_scale,
        no_embed_class=True,
        dynamic_img_size=True,
        num_classes=0,
        embed_layer=PatchEmbed if config.stem == "patches" else FilterStem,
    )
    if config.stem == "filters":
        # Textures look the same everywhere; a random grid would tell the corners apart.
        nn.init.zeros_(vit.pos_embed)
        vit.patch_embed.reset_projection()
    return vit


def _drop_unused_parts(vit: nn.Module, last_layer: int) -> None:
    """Forget the blocks after the last one read, and the final norm: they never run."""
    vit.blocks = vit.blocks[: last_layer + 1]
    vit.norm = nn.Identity()


def _load_encoder_state(vit: nn.Module, state: dict[str, Tensor], source: str, name: str) -> None:
    if "mask_token" in state:
        # DINOv2's own files carry a position for the class token; timm's filter folds it in.
        _check_own_naming(vit, state, source)
        family = sys.modules[type(vit).__module__]
        state = family.checkpoint_filter_fn(dict(state), vit)
    try:
        load_strictly(vit, state, source)
    except WeightsError as error:
        raise WeightsError(f"{error} It does not belong to the encoder '{name}'.") from error


def _check_own_naming(vit: nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Refuse what timm's filter would crash on, or silently resample to another grid."""
    missing = [k for k in ("cls_token", "register_tokens", "pos_embed") if k not in state]
    if missing:
        raise WeightsError(f"{source} does not fit: it lacks {', '.join(missing)}.")
    positions = vit.pos_embed.shape[1] + 1  # one more: that of the class token
    if state["pos_embed"].shape[1:] != (positions, vit.embed_dim):
        raise WeightsError(
            f"{source} does not fit: its pos_embed is {tuple(state['pos_embed'].shape)}, which is "
            f"of another position grid than the {positions - 1} patches expected."
        )


def _check_fit(own: dict[str, Tensor], state: dict[str, Tensor], source: str) -> None:
    missing = sorted(set(own) - set(state))
    unknown = sorted(set(state) - set(own))
    shapes = [
        f"{key} is {tuple(state[key].shape)} instead of {tuple(own[key].shape)}"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    problems = []
    for label, names in (("lacks", missing), ("has unknown", unknown), ("differs:", shapes)):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            problems.append(f"{label} {', '.join(names[:3])}{more}")
    if problems:
        raise WeightsError(f"{source} does not fit: it {'; it '.join(problems)}.")
