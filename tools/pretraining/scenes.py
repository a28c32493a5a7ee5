"""Parts with things on them: boards, blisters, caps, plates. Every view is placed a little apart.

Some views are broken: a thing is gone, moved, turned, of another size or colour, or chipped.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from pretraining.surfaces import blur, normal, surface

_MOST_THINGS = 16
_MARGIN = 3.0


@dataclass(frozen=True)
class Template:
    """What one kind of thing looks like.

    Attributes:
        boxes: Rounded boxes it is made of: centre, half sides and turn, in units of its size.
        roundness: Radius of their corners as a share of the smaller half side.
        ring: Width of the outline if only that is there, else 0.
        colour: In [0, 1].
        shade: How much lighter one side is, and from where.
        rim: How bright its edge is; and how wide, pixels.
        grain: How much of the picture's own noise it has.
        softness: Of its edge, pixels.
        opacity: How much of what lies below it hides.
    """

    boxes: tuple[tuple[float, float, float, float, float], ...]
    roundness: float
    ring: float
    colour: tuple[float, float, float]
    shade: tuple[float, float]
    rim: tuple[float, float]
    grain: float
    softness: float
    opacity: float


@dataclass(frozen=True)
class Thing:
    """One thing in one view: where it lies (pixels from the middle), its turn and half size."""

    template: Template
    y: float
    x: float
    turn: float
    size: float
    tone: float = 1.0
    chips: tuple[tuple[float, float, float], ...] = field(default=())


@dataclass(frozen=True)
class Pose:
    """How a whole view lies: shift in pixels, turn in radians, magnification."""

    y: float
    x: float
    turn: float
    zoom: float


def scene(
    rng: random.Random, generator: torch.Generator, views: int, broken: int, size: int
) -> tuple[Tensor, Tensor]:
    """Draw views of one part, of which the last ones are broken.

    Returns:
        Pictures `(V, 3, S, S)` in [0, 1], and by how much each pixel differs from the same view
        of the whole part, `(V, S, S)`.
    """
    ground = surface(rng, generator, views, size)
    level = ground.mean(dim=(0, 2, 3), keepdim=True)
    ground = level + rng.uniform(0.1, 0.8) * (ground - level)
    noise = blur(normal(generator, views, size, size), math.exp(rng.uniform(-0.5, 1.2)))
    noise = noise / noise.std()
    things = _arrange(rng, size)
    spread, turn, zoom = (rng.choice((0, 1)) * rng.uniform(0, v) for v in (0.04, 0.08, 0.03))
    own = [rng.uniform(0, v) for v in (0.06, 0.1, 0.06, 0.08)]
    pictures, changes = [], torch.zeros(views, size, size)
    for view in range(views):
        pose = Pose(
            rng.gauss(0, spread) * size,
            rng.gauss(0, spread) * size,
            rng.gauss(0, turn),
            math.exp(rng.gauss(0, zoom)),
        )
        placed = [_wander(rng, thing, own) for thing in things]
        whole = _render(ground[view], noise[view], placed, pose)
        if view < views - broken or rng.random() < 0.25:
            pictures.append(whole)
            continue
        damaged = placed
        for _ in range(1 if rng.random() < 0.7 else 2):
            damaged = _break(rng, damaged, size)
        picture = _render(ground[view], noise[view], damaged, pose)
        changes[view] = (picture - whole).abs().amax(dim=0)
        pictures.append(picture)
    return torch.stack(pictures).clamp(0, 1), changes


def _template(rng: random.Random) -> Template:
    kind = rng.random()
    if kind < 0.35:  # discs, pills, boxes
        boxes = [(0.0, 0.0, 1.0, math.exp(-abs(rng.gauss(0, 0.7))), 0.0)]
    elif kind < 0.6:  # a body with pins, a cross, a screw
        boxes = [(0.0, 0.0, 0.6, rng.uniform(0.2, 0.6), 0.0)]
        count, reach = rng.randint(1, 4), rng.uniform(0.5, 0.9)
        for index in range(count):
            place = (index + 0.5) / count * 1.6 - 0.8
            boxes.append((place * 0.7, 0.0, 0.12, reach, 0.0))
    else:  # something like a letter
        boxes = [
            (
                rng.choice((-0.8, 0.0, 0.8)),
                rng.choice((-0.5, 0.0, 0.5)),
                rng.uniform(0.5, 0.9),
                rng.uniform(0.1, 0.2),
                rng.choice((0.0, 0.0, math.pi / 2, math.pi / 2, rng.uniform(0, math.pi))),
            )
            for _ in range(rng.randint(2, 4))
        ]
    grey = rng.random()
    colour = [grey] * 3 if rng.random() < 0.4 else [rng.random() for _ in range(3)]
    return Template(
        tuple(boxes),
        rng.choice((0.0, 0.3, 1.0, 1.0)),
        rng.uniform(0.1, 0.35) if rng.random() < 0.2 else 0.0,
        tuple(colour),
        (rng.choice((0, 1)) * rng.uniform(0, 0.6), rng.uniform(0, 2 * math.pi)),
        (rng.choice((0, 0, 1)) * rng.uniform(-0.5, 0.6), rng.uniform(1, 4)),
        rng.choice((0, 1)) * rng.uniform(0, 0.12),
        rng.uniform(0.7, 2.5),
        rng.choice((1.0, 1.0, rng.uniform(0.3, 1.0))),
    )


def _arrange(rng: random.Random, size: int) -> list[Thing]:
    """Lay things out in rows, on a ring or anywhere."""
    templates = [_template(rng) for _ in range(rng.randint(1, 4))]
    things: list[Thing] = []
    if rng.random() < 0.5:  # one large thing below the others
        turn = rng.choice((0.0, rng.uniform(0, math.pi)))
        large = replace(_template(rng), ring=0.0)
        centre = [rng.gauss(0, 0.05) * size for _ in range(2)]
        things.append(Thing(large, *centre, turn, rng.uniform(0.3, 0.6) * size))
    for template in templates:
        count = rng.randint(1, max(1, _MOST_THINGS // len(templates)))
        layout, first = rng.random(), rng.uniform(0, math.pi)
        half = math.exp(rng.uniform(math.log(0.02), math.log(0.18))) * size
        half = min(half, 0.4 * size / math.sqrt(count))
        columns = max(1, round(math.sqrt(count) * math.exp(rng.gauss(0, 0.4))))
        pitch = half * rng.uniform(2.1, 3.2)
        cy, cx = (rng.uniform(-0.25, 0.25) * size for _ in range(2))
        radius = rng.uniform(0.15, 0.4) * size
        for index in range(count):
            turn = rng.choice((0.0, first))
            if layout < 0.5:
                row, column = divmod(index, columns)
                y = cy + (row - (count / columns - 1) / 2) * pitch
                x = cx + (column - (columns - 1) / 2) * pitch
            elif layout < 0.7:
                angle = first + 2 * math.pi * index / count
                y, x, turn = radius * math.sin(angle), radius * math.cos(angle), angle
            else:
                y, x = (rng.uniform(-0.5, 0.5) * size for _ in range(2))
                turn = rng.choice((0.0, math.pi / 2, rng.uniform(0, math.pi)))
            things.append(Thing(template, y, x, turn, half))
    return things


def _wander(rng: random.Random, thing: Thing, own: list[float]) -> Thing:
    """Return a thing as it lies in one view: no two are placed quite alike."""
    place, turn, size, tone = own
    return replace(
        thing,
        y=thing.y + rng.gauss(0, place) * min(thing.size, 20),
        x=thing.x + rng.gauss(0, place) * min(thing.size, 20),
        turn=thing.turn + rng.gauss(0, turn) * 0.5,
        size=thing.size * math.exp(rng.gauss(0, size) * 0.4),
        tone=math.exp(rng.gauss(0, tone)),
    )


def _break(rng: random.Random, things: list[Thing], size: int) -> list[Thing]:
    """Return the things with one of them wrong."""
    index = rng.randrange(len(things))
    thing, kind = things[index], rng.random()
    others = things[:index] + things[index + 1 :]
    if kind < 0.25 and others:  # gone
        return others
    if kind < 0.45:  # out of place
        far, angle = thing.size * rng.uniform(0.3, 1.2), rng.uniform(0, 2 * math.pi)
        far = min(far, 0.2 * size)
        moved = replace(
            thing,
            y=thing.y + far * math.sin(angle),
            x=thing.x + far * math.cos(angle),
            turn=thing.turn + rng.choice((0.0, rng.uniform(-0.7, 0.7))),
        )
    elif kind < 0.55:  # turned
        moved = replace(thing, turn=thing.turn + rng.choice((0.4, 0.8, math.pi / 2, math.pi)))
    elif kind < 0.65:  # too small or too large
        moved = replace(thing, size=thing.size * rng.choice((0.6, 0.75, 1.3, 1.5)))
    elif kind < 0.75:  # another colour
        colour = tuple(rng.random() for _ in range(3))
        moved = replace(thing, template=replace(thing.template, colour=colour))
    elif kind < 0.9:  # chipped
        chips = [
            (rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(0.15, 0.6))
            for _ in range(rng.randint(1, 3))
        ]
        moved = replace(thing, chips=tuple(chips))
    else:  # one too many, of this kind or another
        stranger = thing.template if rng.random() < 0.5 else _template(rng)
        y, x = (rng.uniform(-0.45, 0.45) * size for _ in range(2))
        half = min(thing.size, 0.15 * size)
        return [*things, Thing(stranger, y, x, rng.uniform(0, math.pi), half)]
    return [*things[:index], moved, *things[index + 1 :]]


def _render(ground: Tensor, noise: Tensor, things: list[Thing], pose: Pose) -> Tensor:
    """Draw things over the ground, `(3, S, S)`, in their order."""
    picture, size = ground.clone(), ground.shape[-1]
    cosine, sine = math.cos(pose.turn) * pose.zoom, math.sin(pose.turn) * pose.zoom
    for thing in things:
        cy = size / 2 + pose.y + thing.y * cosine + thing.x * sine
        cx = size / 2 + pose.x - thing.y * sine + thing.x * cosine
        half = thing.size * pose.zoom
        # Only where it can be: most things are small.
        reach = 1.9 * half + _MARGIN + 4
        top, left = (max(0, int(c - reach)) for c in (cy, cx))
        bottom, right = (min(size, int(c + reach) + 1) for c in (cy, cx))
        if bottom - top < 2 or right - left < 2:
            continue
        y = torch.arange(top, bottom, dtype=torch.float32)[:, None] - cy
        x = torch.arange(left, right, dtype=torch.float32)[None] - cx
        turn = pose.turn + thing.turn
        u = (y * math.cos(turn) - x * math.sin(turn)) / half
        v = (y * math.sin(turn) + x * math.cos(turn)) / half
        window = (slice(None), slice(top, bottom), slice(left, right))
        grain = noise[top:bottom, left:right]
        picture[window] = _over(picture[window], grain, thing, u, v, half)
    return picture


def _over(below: Tensor, grain: Tensor, thing: Thing, u: Tensor, v: Tensor, half: float) -> Tensor:
    """Lay a thing over `below`, `(3, h, w)`; u and v are places in units of its size."""
    template = thing.template
    distance = _distance(template, u, v) * half
    if template.ring:
        width = max(1.0, template.ring * half)
        distance = (distance + width).abs() - width
    for cy, cx, radius in thing.chips:
        distance = torch.maximum(distance, (radius - torch.hypot(u - cy, v - cx)) * half)
    cover = (0.5 - distance / template.softness).clamp(0, 1) * template.opacity
    amount, angle = template.shade
    light = 1 + amount * (u * math.sin(angle) + v * math.cos(angle)).clamp(-1, 1)
    edge, width = template.rim
    light = light + edge * torch.exp(-(((distance + width) / width) ** 2))
    light = (light + template.grain * grain) * thing.tone
    colour = torch.tensor(template.colour).view(3, 1, 1) * light
    return below + (colour - below) * cover


def _distance(template: Template, u: Tensor, v: Tensor) -> Tensor:
    """Return the signed distance to the outline, in units of the size."""
    nearest = None
    for cy, cx, long, short, turn in template.boxes:
        cosine, sine = math.cos(turn), math.sin(turn)
        du, dv = u - cy, v - cx
        along, across = (du * cosine + dv * sine).abs(), (dv * cosine - du * sine).abs()
        radius = template.roundness * min(long, short)
        qu, qv = along - long + radius, across - short + radius
        outside = torch.hypot(qu.clamp(min=0), qv.clamp(min=0))
        distance = outside + torch.maximum(qu, qv).clamp(max=0) - radius
        nearest = distance if nearest is None else torch.minimum(nearest, distance)
    return nearest
