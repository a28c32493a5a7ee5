"""Training of the segmentation head, on residuals that were computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from inpformer.fit_config import FitConfig
from inpformer.losses import dice_loss
from inpformer.modeling.segmentation_head import SegmentationHead
from inpformer.optimizer import StableAdamW, take_step, warmup_cosine


class MaskedPicture(NamedTuple):
    """A picture whose defect is known.

    Attributes:
        image: `(3, H, W)` in [0, 1].
        mask: `(H, W)` bool.
    """

    image: Tensor
    mask: Tensor


class HeadSample(NamedTuple):
    """What the segmentation head sees of a picture, and what it should say.

    Attributes:
        residual: `(C, rows, columns)`.
        mask: `(H, W)` bool at the model's input size.
    """

    residual: Tensor
    mask: Tensor


@dataclass(frozen=True)
class HeadSchedule:
    """How a segmentation head is trained.

    Attributes:
        steps: Steps in all.
        batch_size: Pictures per step.
        learning_rate: Peak rate.
        final_learning_rate: Rate at the last step (cosine).
        warmup_share: Part of the steps in which the rate rises from 0.
        loss_weight: Weight of the Dice loss.
    """

    steps: int
    batch_size: int
    learning_rate: float
    final_learning_rate: float
    warmup_share: float
    loss_weight: float

    @classmethod
    def of(cls, config: FitConfig) -> HeadSchedule:
        """Return the schedule of a fit."""
        return cls(
            steps=config.head_steps,
            batch_size=config.head_batch_size,
            learning_rate=config.head_learning_rate,
            final_learning_rate=config.final_learning_rate,
            warmup_share=config.warmup_share,
            loss_weight=config.loss_config.segmentation_weight,
        )


def scale_head_input(head: SegmentationHead, samples: Sequence[HeadSample]) -> None:
    """Let the head see residuals whose mean is 1."""
    mean_residual = torch.stack([sample.residual.mean() for sample in samples]).mean()
    head.input_scale.fill_(1 / mean_residual.clamp(min=1e-8))


def train_head(
    head: SegmentationHead,
    samples: Sequence[HeadSample],
    schedule: HeadSchedule,
    generator: Generator,
    on_loss: Callable[[float], None],
) -> None:
    """Train a segmentation head; nothing else changes.

    Args:
        head: Changed in place.
        samples: At least one; grids may differ.
        schedule: Steps and rates.
        generator: Source of all randomness, on the CPU.
        on_loss: Told the loss of every step.
    """
    by_grid: dict[tuple[int, ...], list[int]] = {}
    for index, sample in enumerate(samples):
        by_grid.setdefault(tuple(sample.residual.shape), []).append(index)
    optimizer = StableAdamW(head.parameters())
    warmup = round(schedule.warmup_share * schedule.steps)
    rates = (schedule.learning_rate, schedule.final_learning_rate)
    for step in range(schedule.steps):
        # One picture decides the grid, so each picture has the same chance in the end.
        lead = int(torch.randint(len(samples), (), generator=generator))
        group = by_grid[tuple(samples[lead].residual.shape)]
        order = torch.randperm(len(group), generator=generator)[: schedule.batch_size]
        chosen = [samples[group[index]] for index in order.tolist()]
        mask = torch.stack([sample.mask for sample in chosen])
        residual = torch.stack([sample.residual for sample in chosen])
        probability = head(residual, tuple(mask.shape[-2:]))
        loss = schedule.loss_weight * dice_loss(probability, mask)
        rate = warmup_cosine(step + 1, schedule.steps + 1, warmup + 1, *rates)
        take_step(optimizer, loss, rate)
        on_loss(loss.item())
