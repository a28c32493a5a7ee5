"""A patch embedding made of fixed filters: what a small encoder would else have to learn first.

Oriented energies, bright and dark spots and colour contrasts on four scales, pooled per patch.
Nothing here is trained but the projection to tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpformer.errors import require

LEVELS = 4
ORIENTATIONS = 4
_WAVELENGTH = 4.5  # pixels of each level
_KERNEL = 7
# Per level: oriented energies, bright and dark spots, two colour contrasts.
MAPS_PER_LEVEL = ORIENTATIONS + 2 + 2
CONSTANTS = 2
# Mean and maximum of each map, the patch's own colour and how it differs from its surroundings,
# and the constants.
DESCRIPTOR_DIM = 2 * LEVELS * MAPS_PER_LEVEL + 6 + CONSTANTS
# Responses (of inputs with unit variance) are compressed above this one and linear below.
KNEE = 0.3
# Constant channels make the angle between two tokens grow with their Euclidean distance. Without
# them the direction of a smooth, nearly empty patch would be noise.
CONSTANT = 8.0
SURROUNDINGS = 5  # patches
BINOMIAL = (1, 4, 6, 4, 1)  # weights of the blur along an axis


class FilterStem(nn.Module):
    """Patch embedding `(B, 3, H, W)` to tokens, in the place of a ViT's strided convolution.

    Args:
        img_size: Native picture side, pixels; only names the native grid.
        patch_size: Side of a patch, pixels; must be even.
        embed_dim: Channels C of a token. If it is that of the descriptors, tokens are the
            descriptors themselves: the filter bank alone.

    Attributes:
        descriptor_mean: What descriptors are on average, `(D,)`; part of the weights.
        descriptor_scale: What each is divided by, `(D,)`; part of the weights.

    Raises:
        ConfigError: The patch size is odd.
    """

    def __init__(self, img_size: int, patch_size: int, embed_dim: int, **_: object) -> None:
        super().__init__()
        require(patch_size % 2 == 0, f"filters need an even patch_size, got {patch_size}")
        self.patch_size = (patch_size, patch_size)
        self.grid_size = (img_size // patch_size, img_size // patch_size)
        self.num_patches = self.grid_size[0] * self.grid_size[1]
        pairs = torch.cat([_gabor(torch.cos), _gabor(torch.sin)])
        self.register_buffer("quadrature_pairs", pairs, persistent=False)
        self.register_buffer("triangle", outer(1, 2, 1), persistent=False)
        self.register_buffer("descriptor_mean", torch.zeros(DESCRIPTOR_DIM))
        self.register_buffer("descriptor_scale", torch.ones(DESCRIPTOR_DIM))
        is_projected = embed_dim != DESCRIPTOR_DIM
        self.proj = nn.Linear(DESCRIPTOR_DIM, embed_dim) if is_projected else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """Embed normalised pictures.

        Args:
            images: `(B, 3, H, W)` of about unit variance; H and W are multiples of the patch size.

        Returns:
            Tokens on their grid, `(B, rows, columns, C)`.
        """
        return self.proj(self.describe(images))

    def reset_projection(self) -> None:
        """Start from the descriptors themselves: training then begins where the filters end."""
        if isinstance(self.proj, nn.Linear):
            nn.init.eye_(self.proj.weight)
            nn.init.zeros_(self.proj.bias)

    def describe(self, images: Tensor) -> Tensor:
        """Return the scaled descriptors of every patch, `(B, rows, columns, D)`."""
        return (self.respond(images) - self.descriptor_mean) / self.descriptor_scale

    def respond(self, images: Tensor) -> Tensor:
        """Return the descriptors before scaling, `(B, rows, columns, D)`."""
        patch = self.patch_size[0]
        level = opponent_colours(images)
        colour = F.avg_pool2d(level, patch)
        contrast = colour - _mean_around(colour)
        # At half size, where every level can be pooled by whole pixels.
        half = (images.shape[-2] // 2, images.shape[-1] // 2)
        pooled = []
        for index in range(LEVELS):
            blurred = _blur(level)
            maps = self._responses(level, blurred)
            if index > 1:
                maps = F.interpolate(maps, half, mode="bilinear", align_corners=False)
            window = patch if index == 0 else patch // 2
            pooled += [F.avg_pool2d(maps, window), _max_pool(maps, window)]
            level = blurred[..., ::2, ::2]  # half the size, without aliasing
        # Windows that overlap: what lies on the border of two patches would else change them both
        # whenever the part lies a few pixels to the side.
        overlapping = self._overlap(torch.cat([*pooled, colour, contrast], dim=1))
        responses = torch.log1p(overlapping[:, :-6] / KNEE)
        constants = torch.full_like(overlapping[:, :CONSTANTS], CONSTANT)
        return torch.cat([responses, overlapping[:, -6:], constants], dim=1).permute(0, 2, 3, 1)

    def _responses(self, level: Tensor, blurred: Tensor) -> Tensor:
        """Return non-negative filter responses `(B, maps, H, W)` of one pyramid level."""
        padding = _KERNEL // 2
        grey = F.pad(level[:, :1], (padding,) * 4, mode="replicate")
        even, odd = F.conv2d(grey, self.quadrature_pairs).chunk(2, dim=1)
        energy = even.square().addcmul(odd, odd).sqrt()
        spots = level - _blur(blurred)
        return torch.cat(
            [energy, spots[:, :1].clamp(min=0), (-spots[:, :1]).clamp(min=0), spots[:, 1:].abs()],
            dim=1,
        )

    def _overlap(self, maps: Tensor) -> Tensor:
        channels = maps.shape[1]
        padded = F.pad(maps, (1,) * 4, mode="replicate")
        return F.conv2d(padded, self.triangle.expand(channels, 1, -1, -1), groups=channels)


def _blur(maps: Tensor) -> Tensor:
    """Blur `(B, C, H, W)` with `BINOMIAL` along both axes; the border is repeated.

    Sums of shifted pictures take a third of the time that a convolution per channel does.
    """
    padded = F.pad(maps, (2,) * 4, mode="replicate")
    return _blur_along(_blur_along(padded, 2), 3)


def _blur_along(padded: Tensor, axis: int) -> Tensor:
    size = padded.shape[axis] - 4
    first, second, middle, fourth, last = (padded.narrow(axis, i, size) for i in range(5))
    at_border, beside, centre = (weight / sum(BINOMIAL) for weight in BINOMIAL[:3])
    blurred = (second + fourth).mul_(beside).add_(middle, alpha=centre)
    return blurred.add_(first + last, alpha=at_border)


def _max_pool(maps: Tensor, window: int) -> Tensor:
    """Return the maximum of each window, in a third of the time of torch's, which finds places."""
    rows, columns = (side // window for side in maps.shape[-2:])
    maps = maps[..., : rows * window, : columns * window]
    return maps.unflatten(2, (rows, window)).amax(dim=3).unflatten(3, (columns, window)).amax(dim=4)


def opponent_colours(images: Tensor) -> Tensor:
    """Return brightness, red-green and yellow-blue, `(B, 3, H, W)`."""
    red, green, blue = images.unbind(dim=1)
    brightness = (red + green + blue) / 3
    return torch.stack([brightness, red - green, (red + green) / 2 - blue], dim=1)


def _mean_around(values: Tensor) -> Tensor:
    side = SURROUNDINGS
    padded = F.pad(values, (side // 2,) * 4, mode="replicate")
    return F.avg_pool2d(padded, side, stride=1)


def _gabor(wave: Callable[[Tensor], Tensor]) -> Tensor:
    """Return one filter per orientation, `(O, 1, k, k)`: mean 0, unit norm."""
    radius, sigma = _KERNEL // 2, _WAVELENGTH * 0.42
    y, x = torch.meshgrid(
        torch.arange(-radius, radius + 1.0), torch.arange(-radius, radius + 1.0), indexing="ij"
    )
    window = torch.exp(-(x**2 + y**2) / (2 * sigma**2))
    filters = []
    for index in range(ORIENTATIONS):
        angle = math.pi * index / ORIENTATIONS
        phase = 2 * math.pi / _WAVELENGTH * (x * math.cos(angle) + y * math.sin(angle))
        kernel = window * wave(phase)
        kernel = kernel - window * (kernel.sum() / window.sum())
        filters.append(kernel / kernel.norm())
    return torch.stack(filters)[:, None]


def outer(*weights: float) -> Tensor:
    """Return the kernel `(1, 1, k, k)` of weights along both axes, whose sum is 1."""
    line = torch.tensor(weights) / sum(weights)
    return torch.outer(line, line)[None, None]
