"""From the losses of a batch, wherever its parts were computed, to one optimiser step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from inpformer.optimizer import StableAdamW, descend, warmup_cosine
from inpformer.training.processes import Processes


@dataclass(frozen=True)
class Rates:
    """The learning rate of every step of a phase, and the limit of its gradient.

    Attributes:
        steps: Steps of the phase.
        warmup: Steps in which the rate rises from 0; at most half of them are.
        peak: Largest rate.
        final: Rate that the cosine approaches.
        norm_limit: Largest norm of the gradient over all parameters.
    """

    steps: int
    warmup: int
    peak: float
    final: float
    norm_limit: float

    def of(self, step: int) -> float:
        """Return the rate of a step, 0-based."""
        warmup = min(self.warmup, self.steps // 2)
        return warmup_cosine(step, self.steps, warmup, self.peak, self.final)


class StepReport(NamedTuple):
    """What a step did.

    Attributes:
        losses: Of the whole batch, by name.
        learning_rate: Of this step.
        gradient_norm: Before it was limited.
        pictures: In the whole batch.
    """

    losses: dict[str, Tensor]
    learning_rate: float
    gradient_norm: Tensor
    pictures: int


class Descent:
    """Optimiser, gradient sum over processes, and precision of one phase.

    Args:
        parameters: To train, by name.
        rates: Of every step.
        processes: Those that train together.
    """

    def __init__(
        self, parameters: Mapping[str, nn.Parameter], rates: Rates, processes: Processes
    ) -> None:
        self.parameters = dict(parameters)
        self.rates = rates
        self.optimizer = StableAdamW(self.parameters.values())
        self.processes = processes

    def begin(self) -> None:
        """Forget the gradient of the step before."""
        self.optimizer.zero_grad()

    def add(self, loss: Tensor) -> None:
        """Add the gradient of a part of the batch, whose loss is weighted by its share of it."""
        scaler = self.processes.scaler
        (loss if scaler is None else scaler.scale(loss)).backward()

    def finish(self, step: int, losses: Mapping[str, Tensor], pictures: int) -> StepReport:
        """Take the step.

        Args:
            step: 0-based.
            losses: This process's part of the losses of the batch.
            pictures: In the whole batch.
        """
        self.processes.sum_gradients(self.parameters.values())
        rate = self.rates.of(step)
        norm = descend(self.optimizer, rate, self.rates.norm_limit, self.processes.scaler)
        summed = self.processes.total(torch.stack(list(losses.values())))
        return StepReport(dict(zip(losses, summed, strict=True)), rate, norm, pictures)
