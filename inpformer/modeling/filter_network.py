"""Filter responses refined by a small trained convolutional network: the embedded encoder."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpformer.errors import require
from inpformer.modeling.filter_stem import DESCRIPTOR_DIM, FilterStem

WIDTH = 192
# Every second block looks twice as far: 19 patches together see a third of a whole picture.
DILATIONS = (1, 2, 1, 2, 1, 2)
_STEM_WIDTHS = (32, 64)
_START_SCALE = 0.1
_SHRINK = 8


class FilterNetwork(FilterStem):
    """Patch embedding whose tokens are the filter responses and what a network sees beside them.

    Convolutions see the same whatever the size of the picture, unlike attention over all of it,
    and learn more from little training.

    Args:
        img_size: Native picture side, pixels; only names the native grid.
        patch_size: Side of a patch, pixels: 8, which is how much the convolutions shrink.
        embed_dim: Channels C of a token: as many as the filters have responses.
    """

    def __init__(self, img_size: int, patch_size: int, embed_dim: int) -> None:
        require(patch_size == _SHRINK, f"the filter network needs patches of {_SHRINK} pixels")
        require(embed_dim == DESCRIPTOR_DIM, f"the filter network has {DESCRIPTOR_DIM} channels")
        super().__init__(img_size, patch_size, embed_dim)
        first, second = _STEM_WIDTHS
        self.at_half = _conv(3, first, 7, stride=2)
        self.at_quarter = _conv(first, second, 3, stride=2)
        self.detail = Block(second, 1)
        self.at_eighth = _conv(second, WIDTH, 3, stride=2)
        self.mixed = nn.Linear(DESCRIPTOR_DIM, WIDTH)
        self.trunk = nn.Sequential(*(Block(WIDTH, dilation) for dilation in DILATIONS))
        self.last_norm = nn.LayerNorm(WIDTH)
        self.filters = nn.Linear(DESCRIPTOR_DIM, embed_dim)
        self.learnt = nn.Linear(WIDTH, embed_dim)
        # Training begins where the filters end.
        nn.init.eye_(self.filters.weight)
        for values in (self.filters.bias, self.learnt.weight, self.learnt.bias):
            nn.init.zeros_(values)

    def forward(self, images: Tensor) -> Tensor:
        """Embed normalised pictures `(B, 3, H, W)` as tokens `(B, rows, columns, C)`."""
        return self.refine(images, self.describe(images))

    def refine(self, images: Tensor, descriptors: Tensor) -> Tensor:
        """Return tokens `(B, rows, columns, C)`.

        Args:
            images: Normalised pictures `(B, 3, H, W)`.
            descriptors: What the filters say of them, `(B, rows, columns, D)`.
        """
        fine = F.gelu(self.at_quarter(F.gelu(self.at_half(images))))
        grid = self.at_eighth(self.detail(fine)) + self.mixed(descriptors).permute(0, 3, 1, 2)
        tokens = self.last_norm(self.trunk(grid).permute(0, 2, 3, 1))
        return self.filters(descriptors) + self.learnt(tokens)


class Block(nn.Module):
    """A convolution and two layers over the channels, added to `(B, C, H, W)`.

    Args:
        dim: Channels C.
        dilation: Distance of the neighbours that are looked at.
    """

    def __init__(self, dim: int, dilation: int) -> None:
        super().__init__()
        self.around = _conv(dim, dim, 3, dilation=dilation)
        self.norm = nn.LayerNorm(dim)
        self.fc1 = nn.Linear(dim, 2 * dim)
        self.fc2 = nn.Linear(2 * dim, dim)
        self.scale = nn.Parameter(torch.full((dim,), _START_SCALE))

    def forward(self, grid: Tensor) -> Tensor:
        """Return a grid of the same shape."""
        tokens = self.norm(self.around(grid).permute(0, 2, 3, 1))
        added = self.scale * self.fc2(F.gelu(self.fc1(tokens)))
        return grid + added.permute(0, 3, 1, 2)


def _conv(inputs: int, outputs: int, side: int, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    padding = dilation * (side // 2)
    return nn.Conv2d(inputs, outputs, side, stride, padding, dilation, padding_mode="replicate")
