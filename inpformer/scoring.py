"""From the network's output to anomaly maps and image scores. Larger is more anomalous."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from inpformer.config import MapPart, ModelConfig
from inpformer.modeling.encoder import border_between
from inpformer.modeling.model import INPFormerOutput
from inpformer.scales import Calibration

# The official evaluator brings a map of 392 x 392 pixels to 256 x 256; other sizes keep its scale.
SCORE_SCALE = 256 / 392
PAPER_SCORE_FRACTION = 0.01
# What a pixel at the very edge of a map counts in the score, where the border counts less.
EDGE_WEIGHT = 0.5
KERNEL_SIZE, _KERNEL_SIGMA = 5, 4.0


def reconstruction_map(output: INPFormerOutput, with_length: bool) -> Tensor:
    """Distance between encoder and decoder, mean over groups, at the input's size.

    Args:
        output: Decoded output.
        with_length: False: 1 - cosine (INP-Former). True: half the sum of that and of the
            Euclidean distance (++ Eq. 9).

    Returns:
        `(B, H, W)`, at least 0.
    """
    distance = cosine_errors(output)
    if with_length:
        distance = 0.5 * (distance + length_errors(output))
    return _upsample(distance.mean(dim=0), output)


def cosine_errors(output: INPFormerOutput) -> Tensor:
    """Return 1 - cosine of encoder and decoder per layer group, `(G, B, N)` in [0, 2]."""
    return 1 - F.cosine_similarity(output.encoder_groups, output.decoder_groups, dim=-1)


def length_errors(output: INPFormerOutput) -> Tensor:
    """Return the Euclidean distance of encoder and decoder per layer group, `(G, B, N)`."""
    return (output.encoder_groups - output.decoder_groups).norm(dim=-1)


def distance_map(output: INPFormerOutput) -> Tensor:
    """Distance of each token to its nearest prototype, at the input's size: the zero-shot map.

    Returns:
        `(B, H, W)` in [0, 2].
    """
    return _upsample(output.inp_distance, output)


def memory_map(output: INPFormerOutput) -> Tensor:
    """How unlike all remembered normal tokens a place is, `(B, H, W)` at the input's size.

    With two grids, the mean of both: what lies on the border of two patches of one is in the
    middle of a patch of the other.
    """
    on_grid = _upsample(output.strangeness, output)
    if output.strangeness_between is None:
        return on_grid
    (height, width), (rows, columns) = output.input_size, output.grid_size
    patch = height // rows
    between = output.strangeness_between.unflatten(1, (rows + 1, columns + 1))
    padded = _enlarge(between, (height + patch, width + patch))
    before, _ = border_between(patch)
    return (on_grid + padded[:, before : before + height, before : before + width]) / 2


def anomaly_maps(
    output: INPFormerOutput, config: ModelConfig, calibration: Calibration | None
) -> dict[MapPart, Tensor]:
    """Return every map of a model by name, smoothed, at the score size.

    Args:
        output: What the network said; the maps that need decoding are left out if it was not.
        config: Variant and `map_balance`.
        calibration: Levels for the calibrated balance of the fused map; None takes 1.

    Returns:
        Maps `(B, h, w)`, see `score_size`: those of `ModelConfig.map_names`, and, with a memory,
        `memory`, a part of the fused map.
    """
    size = score_size(output.input_size)
    maps: dict[MapPart, Tensor] = {}
    if output.decoder_groups is not None:
        reconstruction = reconstruction_map(output, config.counts_length)
        maps["reconstruction"] = smooth(resize(reconstruction, size))
    if output.segmentation_map is not None:
        maps["segmentation"] = smooth(resize(output.segmentation_map, size))
        if output.strangeness is not None:
            maps["memory"] = smooth(resize(memory_map(output), size))
        maps = {"fused": fuse_maps(maps, config, calibration), **maps}
    maps["distance"] = smooth(resize(distance_map(output), size))
    return maps


def fuse_maps(
    maps: dict[MapPart, Tensor], config: ModelConfig, calibration: Calibration | None
) -> Tensor:
    """Add the reconstruction and the segmentation map (++ Eq. 9), balanced as configured.

    A memory, which is not the paper's, is a third part, and a head that was retrained may have
    more weight (`ModelConfig.memory_weight`, `ModelConfig.head_weight`). Smoothing and resizing
    are linear, so adding after them gives what adding before would.
    """
    reconstruction, segmentation = maps["reconstruction"], maps["segmentation"]
    memory = maps.get("memory")
    if config.map_balance == "calibrated" and calibration is not None:
        reconstruction = reconstruction / calibration.reconstruction_level
        segmentation = segmentation / calibration.segmentation_level
        memory = None if memory is None else memory / calibration.memory_level
    weight = config.head_weight
    if memory is None:
        return (reconstruction + weight * segmentation) / (1 + weight)
    share = config.memory_weight
    return (reconstruction + weight * segmentation + share * memory) / (1 + weight + share)


def score_size(input_size: tuple[int, int]) -> tuple[int, int]:
    """Return height and width of the maps that scores are taken from; 392 x 392 gives 256 x 256.

    Args:
        input_size: `(h, w)` of what the model sees, in model pixels.
    """
    height, width = input_size
    return max(1, round(height * SCORE_SCALE)), max(1, round(width * SCORE_SCALE))


def resize(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize maps `(B, H, W)` bilinearly, as the official evaluator does."""
    if tuple(maps.shape[-2:]) == tuple(size):
        return maps
    return F.interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]


def smooth(maps: Tensor) -> Tensor:
    """Blur maps `(B, H, W)` with the official 5 x 5 Gaussian; outside the map counts as 0."""
    offsets = torch.arange(KERNEL_SIZE, dtype=maps.dtype, device=maps.device)
    kernel = torch.exp(-((offsets - KERNEL_SIZE // 2) ** 2) / (2 * _KERNEL_SIGMA**2))
    kernel = kernel / kernel.sum()
    padding = KERNEL_SIZE // 2
    blurred = F.conv2d(maps[:, None], kernel.view(1, 1, -1, 1), padding=(padding, 0))
    return F.conv2d(blurred, kernel.view(1, 1, 1, -1), padding=(0, padding))[:, 0]


def image_score(
    maps: Tensor, top_fraction: float = PAPER_SCORE_FRACTION, border: float = 0.0
) -> Tensor:
    """Summarise each anomaly map by the mean of its highest pixels.

    A small top share is steadier than the maximum, which one noisy pixel can decide.

    Args:
        maps: `(B, H, W)`, unbounded, larger is more anomalous.
        top_fraction: Share of pixels averaged, in (0, 1]; at least one pixel is used.
        border: Width of the border that counts less, see `border_weights`.

    Returns:
        `(B,)`, on the scale of `maps`.

    Raises:
        ValueError: `top_fraction` is outside (0, 1].
    """
    if not 0 < top_fraction <= 1:
        raise ValueError(f"top_fraction must be in (0, 1], got {top_fraction}")
    if border:
        maps = maps * border_weights(tuple(maps.shape[-2:]), border, maps.device)
    pixels = maps.flatten(1)
    return pixels.topk(top_count(pixels.shape[1], top_fraction), dim=1).values.mean(dim=1)


def border_weights(
    size: tuple[int, int], border: float, device: torch.device | str = "cpu"
) -> Tensor:
    """Return what each pixel of a map counts in the image score: less towards its edges.

    At its edges the encoder sees only a part of what surrounds a place, and where a picture cuts
    through a part is another place in the next one.

    Args:
        size: Height and width of the map, pixels.
        border: Width of the border as a share of the shorter side, above 0.
        device: Where the maps are.

    Returns:
        `(h, w)` in (`EDGE_WEIGHT`, 1], 1 from the inner end of the border on.
    """
    from_edge = [torch.arange(side, device=device) + 0.5 for side in size]
    rows, columns = (torch.minimum(each, each.flip(0)) for each in from_edge)
    share = torch.minimum(rows[:, None], columns) / (border * min(size))
    return (EDGE_WEIGHT + (1 - EDGE_WEIGHT) * share).clamp(max=1)


def top_count(pixel_count: int, fraction: float) -> int:
    """Return how many of a map's pixels an image score is the mean of."""
    return max(1, int(pixel_count * fraction))


def _upsample(token_values: Tensor, output: INPFormerOutput) -> Tensor:
    """Bring one value per token `(B, N)` to the input's size `(B, H, W)`."""
    return _enlarge(token_values.unflatten(1, output.grid_size), output.input_size)


def _enlarge(grid: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(grid[:, None], size=size, mode="bilinear", align_corners=True)[:, 0]
