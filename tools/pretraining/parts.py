"""Made-up parts as the embedded encoder is trained on them: good pictures and broken ones."""

from __future__ import annotations

import random

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import IterableDataset

from pretraining.defects import add_defect, photograph
from pretraining.scenes import scene
from pretraining.surfaces import surface, world

SUPPORT, GOOD, BROKEN = 3, 1, 2
VIEWS = SUPPORT + GOOD + BROKEN
SIDE = 256
# A patch counts as defective from this share of its pixels on; in between it counts as neither.
DEFECTIVE_SHARE = 0.06
_SCENES = 0.5


def draw_part(seed: int) -> tuple[Tensor, Tensor]:
    """Draw all views of one part; the same seed gives the same pictures.

    Returns:
        Pictures `(V, 3, S, S)` uint8, and per pixel `(V, S, S)` int8: 1 where a defect can be
        seen, 0 where there is none, -1 where one is lost in blur or noise.
    """
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    if rng.random() < _SCENES:
        images, changes = scene(rng, generator, VIEWS, BROKEN, SIDE)
        damaged = 0.3
    else:
        images, changes = world(rng, generator, VIEWS, SIDE), torch.zeros(VIEWS, SIDE, SIDE)
        damaged = 1.0
    for view in range(VIEWS - BROKEN, VIEWS):
        if rng.random() < damaged:
            stranger = surface(rng, generator, 1, SIDE)[0]
            images[view], more = add_defect(rng, generator, images[view], stranger)
            changes[view] = torch.maximum(changes[view], more)
    photos, pixels = photograph(rng, generator, images, changes)
    return (photos * 255).round().to(torch.uint8), pixels.to(torch.int8)


class PartStream(IterableDataset):
    """Parts without end, drawn by the workers in turn.

    Args:
        seed: Of the first part.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __iter__(self):
        """Yield this worker's parts."""
        torch.set_num_threads(1)
        worker = torch.utils.data.get_worker_info()
        number, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        while True:
            yield draw_part(self.seed + number)
            number += stride


class PartStore:
    """The latest parts that were drawn, from which each step takes some anew.

    Args:
        capacity: Parts kept; older ones make room.
        device: Where they are kept.
    """

    def __init__(self, capacity: int, device: torch.device) -> None:
        self.images = torch.empty(capacity, VIEWS, 3, SIDE, SIDE, dtype=torch.uint8, device=device)
        self.pixels = torch.empty(capacity, VIEWS, SIDE, SIDE, dtype=torch.int8, device=device)
        self.drawn = 0

    def add(self, images: Tensor, pixels: Tensor) -> None:
        """Keep the parts `(P, V, ...)` that `draw_part` gave."""
        capacity = len(self.images)
        rows = torch.arange(self.drawn, self.drawn + len(images)) % capacity
        rows = rows.to(self.images.device)
        self.images[rows] = images.to(self.images.device, non_blocking=True)
        self.pixels[rows] = pixels.to(self.pixels.device, non_blocking=True)
        self.drawn += len(images)

    def sample(self, count: int, rng: random.Random) -> tuple[Tensor, Tensor]:
        """Take parts and change each as a whole, so that none is seen twice alike.

        Returns:
            Pictures `(P, V, 3, s, s)` in [0, 1] and pixels `(P, V, s, s)`.
        """
        device = self.images.device
        filled = min(self.drawn, len(self.images))
        rows = torch.tensor([rng.randrange(filled) for _ in range(count)], device=device)
        side = rng.choice((192, 224, 256))
        top, left = (rng.randint(0, SIDE - side) for _ in range(2))
        images = self.images[rows, ..., top : top + side, left : left + side].float() / 255
        pixels = self.pixels[rows, ..., top : top + side, left : left + side]
        turns, is_mirrored = rng.randrange(4), rng.random() < 0.5
        images, pixels = (torch.rot90(values, turns, (-2, -1)) for values in (images, pixels))
        if is_mirrored:
            images, pixels = images.flip(-1), pixels.flip(-1)
        return recolour(images, rng), pixels


def recolour(images: Tensor, rng: random.Random) -> Tensor:
    """Change the colours of each part `(P, V, 3, s, s)` in all its views alike."""
    count, device = len(images), images.device

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, device=device).view(-1, 1, 1, 1, 1)

    orders = torch.tensor([rng.sample(range(3), 3) for _ in range(count)], device=device)
    images = images.gather(2, orders.view(count, 1, 3, 1, 1).expand_as(images))
    is_grey = column([float(rng.random() < 0.3) for _ in range(count)])
    images = images + is_grey * (images.mean(dim=2, keepdim=True) - images)
    is_negative = column([float(rng.random() < 0.3) for _ in range(count)])
    images = images + is_negative * (1 - 2 * images)
    gamma = column([2 ** rng.uniform(-0.7, 0.7) for _ in range(count)])
    images = images.clamp(1e-4, 1) ** gamma
    gain = torch.exp(0.1 * torch.randn(*images.shape[:2], 1, 1, 1, device=device))
    return images * gain + 0.008 * torch.randn_like(images)


def patch_labels(pixels: Tensor, patch_size: int) -> Tensor:
    """Return the labels of patches `(B, N)` from those of pixels `(B, s, s)`."""
    share = F.avg_pool2d((pixels > 0).float()[:, None], patch_size).flatten(1)
    touched = F.max_pool2d((pixels != 0).float()[:, None], patch_size).flatten(1)
    return torch.where(share >= DEFECTIVE_SHARE, 1.0, -touched)
