"""Synthetic defects for the segmentation head: DRAEM-style noise masks filled with texture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from inpformer.late import LateModule

TF = LateModule("torchvision.transforms.functional")

MAX_CELL_EXPONENT = 5
NOISE_THRESHOLD = 0.5
MAX_OPACITY = 0.8
AUGMENTERS_PER_TEXTURE = 3
_SHUFFLE_CELLS = 8
# Every cell count 2^k up to 2^5 divides this, which 392 and most grids of ours do not.
_NOISE_MULTIPLE = 64


def make_pseudo_anomaly(
    image: Tensor, generator: Generator, textures: Sequence[Tensor] = ()
) -> tuple[Tensor, Tensor]:
    """Paste a synthetic defect on a normal picture.

    Args:
        image: `(3, H, W)` in [0, 1].
        generator: Source of all randomness, on the CPU.
        textures: Pictures `(3, h, w)` in [0, 1] to cut textures from; with none, textures are
            drawn by formula or made of the picture itself (assumption: the paper uses DTD).

    Returns:
        Picture `(3, H, W)` in [0, 1] and its mask `(H, W)` bool, never empty.
    """
    size = (image.shape[-2], image.shape[-1])
    mask = noise_mask(size, generator).to(image.device)
    texture = _make_texture(image, generator, textures).to(image.device)
    beta = _uniform(generator, 0.0, MAX_OPACITY)
    blended = (1 - beta) * texture + beta * image
    return torch.where(mask, blended, image).clamp(0, 1), mask


def noise_mask(size: tuple[int, int], generator: Generator) -> Tensor:
    """Return a random blob mask `(H, W)` bool, never empty."""
    while True:
        cells = tuple(2 ** _randint(generator, 0, MAX_CELL_EXPONENT + 1) for _ in range(2))
        side = [math.ceil(length / _NOISE_MULTIPLE) * _NOISE_MULTIPLE for length in size]
        noise = perlin_noise((side[0], side[1]), cells, generator)
        noise = TF.rotate(
            noise[None], _uniform(generator, -90.0, 90.0), TF.InterpolationMode.BILINEAR
        )[0]
        mask = TF.center_crop(noise, list(size)) > NOISE_THRESHOLD
        if mask.any():
            return mask


def perlin_noise(size: tuple[int, int], cells: tuple[int, int], generator: Generator) -> Tensor:
    """Return gradient noise `(H, W)`, about [-1, 1].

    Args:
        size: Height and width; multiples of `cells`.
        cells: Lattice cells per axis.
        generator: Source of randomness.
    """
    rows, columns = cells
    angles = torch.rand(rows + 1, columns + 1, generator=generator) * 2 * math.pi
    gradients = torch.stack([angles.cos(), angles.sin()])
    y = torch.arange(size[0]) * (rows / size[0])
    x = torch.arange(size[1]) * (columns / size[1])
    row, column = y.floor().long(), x.floor().long()
    fy, fx = (y - row)[:, None], (x - column)[None, :]

    def corner(dy: int, dx: int) -> Tensor:
        gradient = gradients[:, (row + dy)[:, None], (column + dx)[None, :]]
        return gradient[0] * (fx - dx) + gradient[1] * (fy - dy)

    def fade(t: Tensor) -> Tensor:
        return t**3 * (t * (t * 6 - 15) + 10)

    top = torch.lerp(corner(0, 0), corner(0, 1), fade(fx))
    bottom = torch.lerp(corner(1, 0), corner(1, 1), fade(fx))
    return math.sqrt(2) * torch.lerp(top, bottom, fade(fy))


def _make_texture(image: Tensor, generator: Generator, textures: Sequence[Tensor]) -> Tensor:
    size = (image.shape[-2], image.shape[-1])
    if textures:
        chosen = textures[_randint(generator, 0, len(textures))]
        return augment_texture(TF.resize(chosen, list(size), antialias=True), generator)
    if _randint(generator, 0, 2) == 0:
        return augment_texture(procedural_texture(size, generator), generator)
    return augment_texture(shuffled_picture(image, generator), generator)


def procedural_texture(size: tuple[int, int], generator: Generator) -> Tensor:
    """Return a texture `(3, H, W)` in [0, 1]: noise or stripes between two random colours."""
    height, width = size
    kind = _randint(generator, 0, 3)
    if kind == 0:
        cells = _randint(generator, 4, 64)
        coarse = torch.rand(1, 1, cells, cells, generator=generator)
        level = F.interpolate(coarse, size=size, mode="bicubic", align_corners=False)[0]
    elif kind == 1:
        angle, period = _uniform(generator, 0, math.pi), _uniform(generator, 4, 60)
        y, x = torch.arange(height)[:, None], torch.arange(width)[None, :]
        phase = (x * math.cos(angle) + y * math.sin(angle)) * (2 * math.pi / period)
        level = (0.5 + 0.5 * phase.sin())[None]
    else:
        level = torch.rand(1, height, width, generator=generator)
    colours = torch.rand(2, 3, 1, 1, generator=generator)
    return torch.lerp(colours[0], colours[1], level.clamp(0, 1))


def shuffled_picture(image: Tensor, generator: Generator) -> Tensor:
    """Return a copy of a picture `(3, H, W)` whose cells have changed places."""
    height, width = image.shape[-2:]
    cell = (math.ceil(height / _SHUFFLE_CELLS), math.ceil(width / _SHUFFLE_CELLS))
    padded = F.pad(
        image[None],
        (0, cell[1] * _SHUFFLE_CELLS - width, 0, cell[0] * _SHUFFLE_CELLS - height),
        mode="replicate",
    )
    columns = F.unfold(padded, kernel_size=cell, stride=cell)
    order = torch.randperm(columns.shape[-1], generator=generator).to(image.device)
    shuffled = F.fold(columns[..., order], padded.shape[-2:], kernel_size=cell, stride=cell)
    return shuffled[0, :, :height, :width]


def augment_texture(texture: Tensor, generator: Generator) -> Tensor:
    """Apply three different augmenters out of ten to a texture `(3, H, W)` in [0, 1]."""
    augmenters = _augmenters(generator)
    order = torch.randperm(len(augmenters), generator=generator)[:AUGMENTERS_PER_TEXTURE]
    for index in order.tolist():
        texture = augmenters[index](texture)
    return texture.clamp(0, 1)


def _augmenters(generator: Generator) -> list[Callable[[Tensor], Tensor]]:
    """The ten colour and geometry changes of DRAEM, with strengths drawn anew."""

    def draw(low: float, high: float) -> float:
        return _uniform(generator, low, high)

    gamma, brightness, offset = draw(0.5, 2.0), draw(0.8, 1.2), draw(-0.12, 0.12)
    sharpness, hue, saturation = draw(0.5, 3.0), draw(-0.2, 0.2), draw(0.5, 1.5)
    level, bits, angle = draw(0.12, 0.5), _randint(generator, 3, 7), draw(-45, 45)

    def posterize(texture: Tensor) -> Tensor:
        return (texture * 2**bits).floor().clamp(max=2**bits - 1) / (2**bits - 1)

    def equalize(texture: Tensor) -> Tensor:
        return TF.equalize((texture.clamp(0, 1) * 255).byte()).to(texture.dtype) / 255

    def rotate(texture: Tensor) -> Tensor:
        # Padding first: rotation would otherwise uncover black corners.
        height, width = texture.shape[-2:]
        diagonal = math.ceil(math.hypot(height, width))
        rows, columns = (_mirrored(side, (diagonal - side) // 2 + 1) for side in (height, width))
        padded = texture[:, rows][:, :, columns]
        turned = TF.rotate(padded, angle, TF.InterpolationMode.BILINEAR)
        return TF.center_crop(turned, [height, width])

    return [
        lambda texture: TF.adjust_gamma(texture.clamp(0, 1), gamma),
        lambda texture: (texture * brightness + offset).clamp(0, 1),
        lambda texture: TF.adjust_sharpness(texture, sharpness),
        lambda texture: TF.adjust_hue(texture.clamp(0, 1), hue),
        lambda texture: TF.adjust_saturation(texture, saturation),
        lambda texture: TF.solarize(texture.clamp(0, 1), 1 - level),
        posterize,
        TF.invert,
        lambda texture: TF.autocontrast(texture.clamp(0, 1)),
        lambda texture: rotate(equalize(texture)),
    ]


def _mirrored(length: int, padding: int) -> Tensor:
    """Return indices that mirror `length` pixels at both ends, as often as `padding` needs."""
    index = torch.arange(-padding, length + padding) % (2 * length)
    return torch.where(index < length, index, 2 * length - 1 - index)


def _uniform(generator: Generator, low: float, high: float) -> float:
    return low + (high - low) * torch.rand((), generator=generator).item()


def _randint(generator: Generator, low: int, high: int) -> int:
    return int(torch.randint(low, high, (), generator=generator))
