"""The frozen encoder: pictures to patch tokens of chosen blocks."""

from __future__ import annotations

import functools
import sys

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpformer.modeling.filter_bank import FilterBank

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)
EVEN_LEVEL = 0.45  # mean of a picture whose exposure was evened, in [0, 1]
# Less contrast than this is noise, which must not be made to look like a pattern.
LEAST_DEVIATION = 0.03


class FrozenEncoder(nn.Module):
    """A timm vision transformer, or the filter bank, that is only ever read.

    Args:
        vit: Any plain timm ViT with `forward_intermediates`.
        layers: 0-based blocks whose raw outputs are returned.
        patch_size: Side of a patch, pixels.
        contrast: See `EncoderConfig.contrast`.
    """

    def __init__(
        self,
        vit: nn.Module,
        layers: tuple[int, ...],
        patch_size: int,
        contrast: float | None = None,
    ) -> None:
        super().__init__()
        self.contrast = contrast
        self.vit = vit
        self.layers = layers
        self.patch_size = patch_size
        self.register_buffer("mean", torch.tensor(IMAGE_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGE_STD).view(3, 1, 1), persistent=False)
        if isinstance(vit, FilterBank) or _is_plain_vit(vit):
            # timm resamples the position grid with antialiasing; the published detectors were
            # trained with DINOv2's own resampling, and the difference shows in the maps.
            vit._pos_embed = functools.partial(_add_position_embedding, vit)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> FrozenEncoder:
        """Stay in evaluation mode, whatever the model around it does."""
        return super().train(False)

    def grid_size(self, images: Tensor) -> tuple[int, int]:
        """Return the rows and columns of patches in `images` `(B, 3, H, W)`."""
        return images.shape[-2] // self.patch_size, images.shape[-1] // self.patch_size

    def normalise(self, images: Tensor) -> Tensor:
        """Return pictures `(B, 3, H, W)` in [0, 1] as the network takes them."""
        if self.contrast is not None:
            images = even_exposure(images, self.contrast)
        return (images - self.mean) / self.std

    @torch.no_grad()
    def forward(self, images: Tensor, between: bool = False) -> list[Tensor]:
        """Encode pictures.

        Args:
            images: `(B, 3, H, W)` in [0, 1]; H and W are multiples of the patch size.
            between: Whether patches lie half a patch aside, see `pad_between`.

        Returns:
            Raw outputs of the chosen blocks without prefix tokens, each `(B, N, C)`; one row and
            one column more with `between`.
        """
        pixels = self.normalise(images)
        if between:
            pixels = pad_between(pixels, self.patch_size)
        return self.vit.forward_intermediates(
            pixels,
            indices=list(self.layers),
            norm=False,
            stop_early=True,
            output_fmt="NLC",
            intermediates_only=True,
        )


def even_exposure(images: Tensor, contrast: float) -> Tensor:
    """Give pictures `(B, 3, H, W)` in [0, 1] one mean and one deviation, `contrast`, each.

    Two pictures of one part differ by lamp and shutter, and few shots do not show by how much.
    All channels change alike, so colours keep their differences.
    """
    spread, level = torch.std_mean(images, dim=(1, 2, 3), correction=0, keepdim=True)
    return (images - level) * (contrast / spread.clamp(min=LEAST_DEVIATION)) + EVEN_LEVEL


def pad_between(pixels: Tensor, patch_size: int) -> Tensor:
    """Give `(B, C, H, W)` a border, so that patches lie where four of them met.

    Returns:
        `(B, C, H + patch_size, W + patch_size)`, see `border_between`.
    """
    return F.pad(pixels, border_between(patch_size) * 2, mode="replicate")


def border_between(patch_size: int) -> tuple[int, int]:
    """Return the border before and after that moves patches by half of one, pixels."""
    return patch_size // 2, patch_size - patch_size // 2


def _is_plain_vit(vit: nn.Module) -> bool:
    # Not imported for this: it takes seconds, and what was never imported has made nothing.
    family = sys.modules.get("timm.models.vision_transformer")
    return family is not None and isinstance(vit, family.VisionTransformer)


def _add_position_embedding(vit: nn.Module, patches: Tensor) -> Tensor:
    """Add the position grid, resampled to `patches` `(B, rows, columns, C)`, and prefix tokens."""
    batch, rows, columns, dim = patches.shape
    prefix = [
        token.expand(batch, -1, -1) for token in (vit.cls_token, vit.reg_token) if token is not None
    ]
    count = vit.num_prefix_tokens
    pos_embed = vit.pos_embed
    # Some ViTs give their prefix tokens a position too; those are not on the grid.
    prefix_pos = None if vit.no_embed_class else pos_embed[:, :count]
    grid_pos = pos_embed if vit.no_embed_class else pos_embed[:, count:]
    grid_pos = resample_position_grid(grid_pos, vit.patch_embed.grid_size, (rows, columns))
    tokens = patches.reshape(batch, rows * columns, dim) + grid_pos
    if prefix:
        joined = torch.cat(prefix, dim=1)
        joined = joined if prefix_pos is None else joined + prefix_pos
        tokens = torch.cat([joined, tokens], dim=1)
    return vit.pos_drop(tokens)


def resample_position_grid(
    pos_embed: Tensor, native_size: tuple[int, int], grid_size: tuple[int, int]
) -> Tensor:
    """Resample position embeddings the way DINOv2's own code does.

    DINOv2 gives bicubic interpolation a scale factor with an offset of 0.1 patches instead of
    the exact size, and no antialiasing; the sampling positions depend on that factor.

    Args:
        pos_embed: `(1, rows * columns, C)` of the native grid.
        native_size: Rows and columns of the native grid.
        grid_size: Rows and columns wanted.

    Returns:
        `(1, rows * columns, C)` of the wanted grid.
    """
    if tuple(native_size) == tuple(grid_size):
        return pos_embed
    if tuple(native_size) == (1, 1):  # the same everywhere
        return pos_embed.expand(-1, grid_size[0] * grid_size[1], -1)
    grid = pos_embed.float().reshape(1, *native_size, -1).permute(0, 3, 1, 2)
    scale = tuple((new + 0.1) / old for new, old in zip(grid_size, native_size, strict=True))
    grid = F.interpolate(grid, scale_factor=scale, mode="bicubic", antialias=False)
    return grid.permute(0, 2, 3, 1).flatten(1, 2).to(pos_embed.dtype)
