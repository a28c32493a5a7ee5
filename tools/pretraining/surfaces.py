"""Procedural surfaces: the world the embedded encoder learns from. Torch only, on any device.

A surface is drawn for several views at once: its recipe is shared, its random detail is not.
Fields are `(V, S, S)`, about [0, 1]; pictures are `(V, 3, S, S)` in [0, 1].
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Field = Callable[[random.Random, torch.Generator, int, int], Tensor]


def normal(generator: torch.Generator, *shape: int) -> Tensor:
    """Return standard normal numbers on the generator's device."""
    return torch.randn(shape, generator=generator, device=generator.device)


def uniform(generator: torch.Generator, *shape: int) -> Tensor:
    """Return numbers in [0, 1) on the generator's device."""
    return torch.rand(shape, generator=generator, device=generator.device)


def pixel_grid(generator: torch.Generator, size: int) -> tuple[Tensor, Tensor]:
    """Return y and x of every pixel, `(S, S)` each."""
    line = torch.arange(float(size), device=generator.device)
    return torch.meshgrid(line, line, indexing="ij")


def to_unit(field: Tensor) -> Tensor:
    """Squeeze each view of a field into about [0, 1]."""
    mean = field.mean(dim=(1, 2), keepdim=True)
    spread = field.std(dim=(1, 2), keepdim=True) + 1e-6
    return torch.sigmoid(1.2 * (field - mean) / spread)


def cloud(
    generator: torch.Generator, views: int, size: int, beta: float, angle: float, stretch: float
) -> Tensor:
    """Return 1/f noise of mean 0 and deviation 1, `stretch` times longer along `angle`."""
    y = torch.fft.fftfreq(size, device=generator.device)[:, None]
    x = torch.fft.rfftfreq(size, device=generator.device)[None]
    along = x * math.cos(angle) + y * math.sin(angle)
    across = y * math.cos(angle) - x * math.sin(angle)
    radius = torch.sqrt((along * stretch) ** 2 + across**2 + (0.5 / size) ** 2)
    spectrum = torch.fft.rfft2(normal(generator, views, size, size)) * radius ** (-beta / 2)
    spectrum[:, 0, 0] = 0
    noise = torch.fft.irfft2(spectrum, s=(size, size))
    return noise / (noise.std(dim=(1, 2), keepdim=True) + 1e-6)


def fractal(rng: random.Random, generator: torch.Generator, views: int, size: int) -> Tensor:
    """Clouds, rough casts, brushed metal and wood-like streaks."""
    stretch = 1.0 if rng.random() < 0.5 else math.exp(rng.uniform(0.5, 4.0))
    angle, beta = rng.uniform(0, math.pi), rng.uniform(0.2, 3.2)
    return to_unit(cloud(generator, views, size, beta, angle, stretch))


def band_noise(rng: random.Random, generator: torch.Generator, views: int, size: int) -> Tensor:
    """Grain of one size: leather, orange peel, sand."""
    fine, ratio = math.exp(rng.uniform(0.0, 2.2)), rng.uniform(1.3, 2.5)
    white = normal(generator, views, size, size)
    return to_unit(blur(white, fine) - blur(white, fine * ratio))


def grating(rng: random.Random, generator: torch.Generator, views: int, size: int) -> Tensor:
    """Stripes, grids and machined grooves, slightly bent."""
    y, x = pixel_grid(generator, size)
    bend = blur(normal(generator, views, size, size), size / 10)
    bend = bend / bend.std(dim=(1, 2), keepdim=True) * rng.uniform(0, 1.5)
    total: Tensor | float = 0.0
    angle = rng.uniform(0, math.pi)
    for turn in rng.choice(((0.0,), (0.0, math.pi / 2), (0.0, math.pi / 3, 2 * math.pi / 3))):
        period, theta = math.exp(rng.uniform(1.4, 3.6)), angle + turn
        phase = uniform(generator, views, 1, 1) * 2 * math.pi
        tilt = normal(generator, views, 1, 1) * 0.03
        u = x * torch.cos(theta + tilt) + y * torch.sin(theta + tilt) + bend
        total = total + torch.sin(2 * math.pi * u / period + phase)
    sharpness = math.exp(rng.uniform(-0.5, 2.0))
    return torch.sigmoid(sharpness * total + rng.uniform(-0.5, 0.5))


def weave(rng: random.Random, generator: torch.Generator, views: int, size: int) -> Tensor:
    """Threads over and under one another."""
    y, x = pixel_grid(generator, size)
    angle, period = rng.uniform(0, math.pi), math.exp(rng.uniform(1.6, 3.0))
    shift = uniform(generator, views, 2, 1, 1) * period * 8
    wobble = blur(normal(generator, views, size, size), size / 12) * size / 20
    u = (x * math.cos(angle) + y * math.sin(angle) + shift[:, 0] + wobble) / period
    v = (y * math.cos(angle) - x * math.sin(angle) + shift[:, 1] + wobble) / period
    step = rng.choice((1, 2, 3))
    over = ((u.floor() + step * v.floor()) % (step + 1) < 1).float()
    warp, weft = (torch.sin(math.pi * (w % 1)) for w in (u, v))
    thread = over * warp * (0.6 + 0.4 * weft) + (1 - over) * weft * (0.6 + 0.4 * warp)
    fibre = normal(generator, views, size, size) * rng.uniform(0, 0.12)
    return (thread * rng.uniform(0.6, 1.0) + over * rng.uniform(0, 0.3) + fibre).clamp(0, 1)


def cells(rng: random.Random, generator: torch.Generator, views: int, size: int) -> Tensor:
    """Grains, foam, cracked paint, pebbles: distances to random points."""
    y, x = pixel_grid(generator, size)
    count = rng.randint(12, 70)
    points = uniform(generator, views, count, 2) * size * 1.1
    flat = torch.stack([y.flatten(), x.flatten()], dim=1).expand(views, -1, -1)
    nearest = torch.cdist(flat, points).topk(2, dim=2, largest=False)
    first, second = nearest.values.unbind(dim=2)
    scale = size / math.sqrt(count)
    kind = rng.random()
    if kind < 0.4:
        values = (second - first) / scale
    elif kind < 0.7:
        values = first / scale
    else:
        tones = uniform(generator, views, count)
        values = tones.gather(1, nearest.indices[..., 0])
    return values.view(views, size, size).clamp(0, 1)


def leaves(rng: random.Random, generator: torch.Generator, views: int, size: int) -> Tensor:
    """Overlapping discs and boxes of power-law sizes (dead leaves)."""
    y, x = pixel_grid(generator, size)
    field = torch.full((views, size, size), 0.5, device=generator.device)
    is_round = rng.random() < 0.5
    smallest, largest = rng.uniform(2, 6), rng.uniform(10, size / 3)
    for _ in range(rng.randint(25, 60)):
        centre = uniform(generator, 2, views, 1, 1) * size
        share = uniform(generator, views, 1, 1)
        radius = 1 / torch.sqrt(share / smallest**2 + (1 - share) / largest**2)
        dy, dx = (y - centre[0]).abs(), (x - centre[1]).abs()
        distance = torch.hypot(dy, dx) if is_round else torch.maximum(dy, dx)
        tone = uniform(generator, views, 1, 1)
        field = torch.where(distance < radius, tone, field)
    return field


def layout(rng: random.Random, generator: torch.Generator, views: int, size: int) -> Tensor:
    """Boards and labels: traces, pads, boxes and glyphs, the same in each view but for a shift."""
    big = size + size // 2
    y, x = pixel_grid(generator, big)
    field = torch.full((big, big), rng.uniform(0.2, 0.8), device=generator.device)
    pitch = rng.randint(6, 16)
    for _ in range(rng.randint(20, 50)):
        top, left = (pitch * rng.randint(0, big // pitch) for _ in range(2))
        tone, kind = rng.random(), rng.random()
        if kind < 0.4:  # a trace
            length, width = pitch * rng.randint(2, 12), rng.uniform(1.5, pitch / 2)
            down, right = (length, width) if rng.random() < 0.5 else (width, length)
            inside = (y >= top) & (y < top + down) & (x >= left) & (x < left + right)
        elif kind < 0.6:  # a pad with its hole
            distance = torch.hypot(y - top, x - left)
            radius = rng.uniform(2, pitch)
            inside = (distance < radius) & (distance > radius * rng.choice((0.0, 0.5)))
        elif kind < 0.8:  # a component
            down, right = rng.uniform(1, 4) * pitch, rng.uniform(1, 4) * pitch
            inside = (y >= top) & (y < top + down) & (x >= left) & (x < left + right)
        else:  # a row of glyphs
            _stamp_glyphs(rng, generator, field, top, left, tone)
            continue
        field = torch.where(inside, torch.full_like(field, tone), field)
    return _jittered_crops(rng, generator, field, views, size)


SURFACES: tuple[Field, ...] = (fractal, fractal, band_noise, grating, weave, cells, leaves, layout)


def blur(values: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of `(V, S, S)` by two passes; large sigmas work on a smaller picture."""
    size = values.shape[-1]
    shrink = max(1, int(sigma / 3))
    if shrink > 1:
        small = F.avg_pool2d(values[:, None], shrink)[:, 0]
        small = blur(small, sigma / shrink)
        return F.interpolate(small[:, None], size=(size, size), mode="bilinear")[:, 0]
    if values.device.type == "cpu":  # many times faster than a convolution of torch's
        rows = [cv2.GaussianBlur(plane, (0, 0), sigma) for plane in values.numpy()]
        return torch.from_numpy(np.stack(rows))
    radius = max(1, math.ceil(2.5 * sigma))
    offsets = torch.arange(-radius, radius + 1.0, device=values.device)
    kernel = torch.exp(-(offsets**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    padded = F.pad(values[:, None], (radius,) * 4, mode="replicate")
    rows = F.conv2d(padded, kernel.view(1, 1, -1, 1))
    return F.conv2d(rows, kernel.view(1, 1, 1, -1))[:, 0]


def relief(rng: random.Random, height: Tensor) -> Tensor:
    """Light a field as a relief from one side, `(V, S, S)` about [0, 1]."""
    angle, depth = rng.uniform(0, 2 * math.pi), rng.uniform(1, 6)
    dy = F.pad(height[:, 1:] - height[:, :-1], (0, 0, 0, 1))
    dx = F.pad(height[:, :, 1:] - height[:, :, :-1], (0, 1))
    slope = depth * (dx * math.cos(angle) + dy * math.sin(angle))
    return (0.5 + 0.5 * slope / torch.sqrt(1 + slope**2)).clamp(0, 1)


def palette(rng: random.Random, field: Tensor) -> Tensor:
    """Colour a field by a random palette, `(V, 3, S, S)`; a third of them are grey."""
    is_grey = rng.random() < 0.35
    base = [rng.random() for _ in range(3)]
    spread = rng.uniform(0.1, 1.0)
    anchors = []
    for _ in range(4):
        shade = rng.random()
        colour = [shade] * 3 if is_grey else [0.5 * shade + 0.5 * rng.random() for _ in range(3)]
        centre = [sum(base) / 3] * 3 if is_grey else base
        anchors.append([c + spread * (v - c) for c, v in zip(centre, colour, strict=True)])
    if rng.random() < 0.6:  # from dark to light, as most materials are
        anchors.sort(key=sum)
    table = torch.tensor(anchors, device=field.device)
    position = field.clamp(0, 0.999) * 3
    index = position.long()
    share = (position - index)[..., None]
    colours = table[index] * (1 - share) + table[index + 1] * share
    return colours.permute(0, 3, 1, 2)


def surface(rng: random.Random, generator: torch.Generator, views: int, size: int) -> Tensor:
    """Return views of one random material, `(V, 3, S, S)` in [0, 1]."""
    field = rng.choice(SURFACES)(rng, generator, views, size)
    if rng.random() < 0.3:
        second = rng.choice(SURFACES)(rng, generator, views, size)
        field = field + rng.uniform(0.1, 0.6) * (second - field)
    if rng.random() < 0.3:
        field = relief(rng, blur(field, rng.uniform(0.7, 3)) * 6)
    return palette(rng, field)


def uneven(rng: random.Random, generator: torch.Generator, picture: Tensor) -> Tensor:
    """Let a material be rough here and smooth there, in each view elsewhere."""
    views, _, size, _ = picture.shape
    level = blur(picture.flatten(0, 1), rng.uniform(8, 30)).view_as(picture)
    stretch = math.exp(rng.choice((0, 1)) * rng.uniform(0.5, 3.0))
    field = cloud(generator, views, size, rng.uniform(2, 3.5), rng.uniform(0, math.pi), stretch)
    amount = torch.exp(rng.uniform(0.2, 0.9) * field)[:, None]
    return (level + amount * (picture - level)).clamp(0, 1)


def world(rng: random.Random, generator: torch.Generator, views: int, size: int) -> Tensor:
    """Return views of one part: a material, or a shape of one lying on another."""
    picture = surface(rng, generator, views, size)
    if rng.random() < 0.4:
        picture = uneven(rng, generator, picture)
    if rng.random() < 0.35:
        other = surface(rng, generator, views, size)
        y, x = pixel_grid(generator, size)
        wander = normal(generator, 2, views, 1, 1) * size * 0.02
        cy, cx = (rng.uniform(0.1, 0.9) * size + shift for shift in wander)
        radius = rng.uniform(0.2, 0.7) * size
        power = rng.choice((2.0, 2.0, 8.0))
        distance = (((y - cy).abs() ** power + (x - cx).abs() ** power) + 1e-6) ** (1 / power)
        if rng.random() < 0.3:
            distance = (distance - radius).abs() + radius * 0.8
        cover = (0.5 - (distance - radius) / rng.uniform(1, 3)).clamp(0, 1)[:, None]
        picture = picture + (other - picture) * cover
    return picture.clamp(0, 1)


def _stamp_glyphs(
    rng: random.Random, generator: torch.Generator, field: Tensor, top: int, left: int, tone: float
) -> None:
    scale = rng.choice((1, 2, 3))
    glyphs = (uniform(generator, 5, 6 * rng.randint(2, 6)) < 0.5).float()
    glyphs[:, ::6] = 0
    ink = glyphs.repeat_interleave(scale, 0).repeat_interleave(scale, 1)
    target = field[top : top + ink.shape[0], left : left + ink.shape[1]]
    ink = ink[: target.shape[0], : target.shape[1]]
    target.copy_(target + (tone - target) * ink)


def _jittered_crops(
    rng: random.Random, generator: torch.Generator, field: Tensor, views: int, size: int
) -> Tensor:
    """Cut one place of a canvas for every view, each turned and shifted a little."""
    big = field.shape[-1]
    spread, turn = rng.uniform(0, 0.06), rng.uniform(0, 0.06)
    centre = torch.tensor([rng.uniform(-0.3, 0.3) for _ in range(2)], device=field.device)
    angle = normal(generator, views) * turn
    ratio = size / big
    cosine, sine = torch.cos(angle) * ratio, torch.sin(angle) * ratio
    shift = centre + normal(generator, views, 2) * spread
    rows = [
        torch.stack(row, 1) for row in ((cosine, -sine, shift[:, 0]), (sine, cosine, shift[:, 1]))
    ]
    grid = F.affine_grid(torch.stack(rows, 1), [views, 1, size, size], align_corners=False)
    canvas = field.expand(views, 1, -1, -1)
    return F.grid_sample(canvas, grid, padding_mode="reflection", align_corners=False)[:, 0]
