"""Defects on procedural pictures, and the camera that takes them."""

from __future__ import annotations

import math
import random

import torch
import torch.nn.functional as F
from torch import Tensor

from pretraining.surfaces import blur, cloud, normal, pixel_grid, uniform

_VISIBLE = 0.025
_TOUCHED = 0.005


def add_defect(
    rng: random.Random, generator: torch.Generator, image: Tensor, stranger: Tensor
) -> tuple[Tensor, Tensor]:
    """Damage one picture.

    Args:
        rng: Chooses what happens.
        generator: Draws the detail.
        image: `(3, S, S)` in [0, 1].
        stranger: Another material, the same size.

    Returns:
        The picture, and by how much it changed, `(S, S)`, at least 0.
    """
    damaged = image
    for _ in range(1 if rng.random() < 0.7 else rng.randint(2, 4)):
        cover = _shape(rng, generator, image.shape[-1])
        damaged = damaged + (_effect(rng, generator, damaged, stranger) - damaged) * cover
    damaged = damaged.clamp(0, 1)
    return damaged, (damaged - image).abs().amax(dim=0)


def photograph(
    rng: random.Random, generator: torch.Generator, images: Tensor, changes: Tensor
) -> tuple[Tensor, Tensor]:
    """Take pictures in one station's light, each a little differently.

    Args:
        rng: Chooses light and camera.
        generator: Draws stains and noise.
        images: `(V, 3, S, S)` in [0, 1].
        changes: How much a defect changed each pixel, `(V, S, S)`.

    Returns:
        Pictures `(V, 3, S, S)` in [0, 1]; and per pixel 1 where a defect can be seen in them, 0
        where there is none, and -1 where one is lost in blur, haze or noise, `(V, S, S)`.
    """
    views, _, size, _ = images.shape
    stains = rng.uniform(0, 0.25) * cloud(generator, views, size, rng.uniform(2.5, 4), 0.0, 1.0)
    slope = normal(generator, views, 2, 1, 1) * rng.uniform(0, 0.2)
    y, x = pixel_grid(generator, size)
    light = 1 + slope[:, :1] * (x / size - 0.5) + slope[:, 1:] * (y / size - 0.5)
    gain = torch.exp(normal(generator, views, 1, 1, 1) * rng.uniform(0, 0.25))
    tint = torch.exp(normal(generator, views, 3, 1, 1) * rng.uniform(0, 0.04))
    contrast = rng.uniform(0.35, 1.0) * torch.exp(
        normal(generator, views, 1, 1, 1) * rng.choice((0, 1)) * rng.uniform(0, 0.3)
    )
    level = images.mean(dim=(0, 2, 3), keepdim=True)
    seen = (level + contrast * (images - level)) * light * gain * tint
    seen = seen * (1 + 0.5 * stains[:, None])
    sigma = rng.uniform(0.3, 1.3)
    seen = blur(seen.flatten(0, 1), sigma).view_as(seen)
    noise = normal(generator, *seen.shape)
    if rng.random() < 0.5:
        noise = noise.mean(dim=1, keepdim=True).expand_as(noise) * 1.7
    level_of_noise = math.exp(rng.uniform(-6.5, -3.2))
    contrasts = blur(changes, sigma) * contrast[:, 0]
    is_seen = contrasts > max(_VISIBLE, level_of_noise)
    labels = torch.where(is_seen, 1.0, -(changes > _TOUCHED).float())
    return (seen + noise * level_of_noise).clamp(0, 1), labels


def _shape(rng: random.Random, generator: torch.Generator, size: int) -> Tensor:
    """Return where a defect is, soft, `(S, S)` in [0, 1]."""
    kind = rng.random()
    y, x = pixel_grid(generator, size)
    cy, cx = (rng.uniform(0.05, 0.95) * size for _ in range(2))
    softness = rng.uniform(0.8, 3.0)
    if kind < 0.4:
        wobble = rng.choice((0.03, 0.3, 0.6))
        points = _wander(rng, generator, (cy, cx), rng.uniform(0.08, 0.8) * size, wobble)
        flat = torch.stack([y.flatten(), x.flatten()], dim=1)
        distance = torch.cdist(flat, points).amin(dim=1).view(size, size)
        return (0.5 + (math.exp(rng.uniform(-0.4, 1.6)) - distance) / softness).clamp(0, 1)
    if kind < 0.8:
        radius = math.exp(rng.uniform(math.log(2.5), math.log(size * 0.22)))
        angle = torch.atan2(y - cy, x - cx)
        outline = torch.full_like(x, radius)
        for order in range(1, 6):
            amount = radius * 0.35 * rng.gauss(0, 1) / order
            outline = outline + amount * torch.cos(order * angle + rng.uniform(0, 6.3))
        stretch = math.exp(rng.gauss(0, 0.3))
        distance = torch.hypot((y - cy) * stretch, (x - cx) / stretch)
        return (0.5 + (outline.clamp(min=1) - distance) / softness).clamp(0, 1)
    if kind < 0.9:
        noise = cloud(generator, 1, size, rng.uniform(2, 4), rng.uniform(0, 3.1), rng.uniform(1, 4))
        near = torch.exp(
            -((y - cy) ** 2 + (x - cx) ** 2) / (2 * (size * rng.uniform(0.1, 0.3)) ** 2)
        )
        return ((noise[0] + 1.5) * near - rng.uniform(1.0, 1.6)).mul(4).clamp(0, 1)
    height, width = (rng.uniform(0.03, 0.3) * size for _ in range(2))
    distance = torch.maximum((y - cy).abs() - height / 2, (x - cx).abs() - width / 2)
    return (0.5 - distance / softness).clamp(0, 1)


def _wander(
    rng: random.Random,
    generator: torch.Generator,
    start: tuple[float, float],
    length: float,
    wobble: float,
) -> Tensor:
    turns = normal(generator, max(2, int(length / 2))) * wobble
    angles = rng.uniform(0, 2 * math.pi) + turns.cumsum(0)
    steps = torch.stack([torch.sin(angles), torch.cos(angles)], dim=1) * 2
    return steps.cumsum(0) + torch.tensor(start, device=steps.device)


def _effect(
    rng: random.Random, generator: torch.Generator, image: Tensor, stranger: Tensor
) -> Tensor:
    """Return the whole picture as it looks inside the defect."""
    kind, size = rng.random(), image.shape[-1]
    if kind < 0.3:  # darker or lighter
        return image * math.exp(rng.choice((-1, 1)) * rng.uniform(0.08, 1.2))
    if kind < 0.45:  # a colour or a grey of its own
        colour = uniform(generator, 3, 1, 1)
        if rng.random() < 0.5:
            colour = colour.mean().expand(3, 1, 1)
        return image + (colour - image) * rng.uniform(0.15, 1.0)
    if kind < 0.6:  # another material
        return image + (stranger - image) * rng.uniform(0.3, 1.0)
    if kind < 0.7:  # the same material from elsewhere, turned
        turned = image if rng.random() < 0.3 else image.rot90(rng.randint(1, 3), (1, 2))
        return turned.roll((rng.randint(8, size - 8), rng.randint(8, size - 8)), (1, 2))
    if kind < 0.8:  # bent
        bend = blur(normal(generator, 2, size, size), rng.uniform(4, 12))
        bend = bend / bend.std() * rng.uniform(2, 6) / size * 2
        identity = torch.eye(2, 3, device=image.device)[None]
        grid = F.affine_grid(identity, [1, 3, size, size], align_corners=False)
        grid = grid + bend.permute(1, 2, 0)
        moved = F.grid_sample(image[None], grid, padding_mode="reflection", align_corners=False)
        return moved[0]
    if kind < 0.9:  # worn smooth, or gone
        return blur(image, rng.uniform(2, 12))
    grain = blur(normal(generator, 3, size, size), rng.uniform(0.4, 2))
    return image + grain / grain.std() * rng.uniform(0.05, 0.25)
