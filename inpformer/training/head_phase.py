"""The second phase of a training: the segmentation head learns on the frozen rest (++ only)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from inpformer.head_training import MaskedPicture
from inpformer.losses import dice_loss
from inpformer.modeling.model import INPFormer, residual_tokens, to_grid
from inpformer.training.ahead import Ahead
from inpformer.training.config import TrainConfig
from inpformer.training.decoder_phase import STEPS_AHEAD
from inpformer.training.descent import Descent, Rates, StepReport
from inpformer.training.processes import Processes
from inpformer.training.schedule import Batches, generator_for, split


class _Place(NamedTuple):
    """An item in the batch of a step."""

    step: int
    index: int
    item: int


class HeadPhase:
    """Steps that train the segmentation head, each on defects made anew.

    Args:
        model: Its head is changed in place, nothing else.
        item_count: Pictures to put defects on.
        make_defect: Puts one on an item, with a source of randomness. Its mask is never empty, so
            every picture counts in the Dice loss, and the mean over them can be divided.
        config: The settings.
        processes: Those that train together.
    """

    name = "head"

    def __init__(
        self,
        model: INPFormer,
        item_count: int,
        make_defect: Callable[[int, Generator], MaskedPicture],
        config: TrainConfig,
        processes: Processes,
    ) -> None:
        self.model, self.config, self.processes = model, config, processes
        self.batches = Batches(
            item_count, config.batch_size, config.head_epochs, config.seed, self.name
        )
        rates = Rates(
            self.batches.steps,
            config.warmup_steps,
            config.head_peak_learning_rate,
            config.final_learning_rate,
            config.gradient_clip,
        )
        named = model.segmentation_head.named_parameters(prefix="segmentation_head")
        self.descent = Descent(dict(named), rates, processes)

        def make(place: _Place) -> MaskedPicture:
            generator = generator_for(config.seed, self.name, place.step, place.index)
            return make_defect(place.item, generator)

        self._pictures = Ahead(make, config.workers)

    def scale_input(self) -> None:
        """Let the head see residuals whose mean is 1, by the pictures of the first step."""
        if self.config.head_input == "paper":
            return
        places = self._places(0)
        means = [
            residual.mean() * len(residual)
            for residual, _ in self._residuals([self._pictures.get(place) for place in places])
        ]
        own = sum(means, start=torch.zeros((), device=self.processes.device))
        mean = self.processes.total(own) / len(self.batches.of(0))
        self.model.segmentation_head.input_scale.fill_(1 / mean.clamp(min=1e-8))

    def take(self, step: int) -> StepReport:
        """Take one step, 0-based."""
        for later in range(step, min(step + 1 + STEPS_AHEAD, self.batches.steps)):
            self._pictures.plan(self._places(later))
        places, batch_size = self._places(step), len(self.batches.of(step))
        self.descent.begin()
        total = torch.zeros((), device=self.processes.device)
        for part in split(len(places), self.config.gradient_accumulation_steps):
            pictures = [self._pictures.get(places[index]) for index in part]
            for residual, mask in self._residuals(pictures):
                with self.processes.autocast():
                    probability = self.model.segmentation_head(residual, tuple(mask.shape[-2:]))
                loss = dice_loss(probability.float(), mask) * (len(mask) / batch_size)
                self.descent.add(self.config.loss_config.segmentation_weight * loss)
                total += loss.detach()
        return self.descent.finish(step, {"segmentation": total}, batch_size)

    def close(self) -> None:
        """Stop making pictures."""
        self._pictures.close()

    def _places(self, step: int) -> Sequence[_Place]:
        batch = self.batches.of(step)
        return self.processes.share_of([_Place(step, i, item) for i, item in enumerate(batch)])

    @torch.no_grad()
    def _residuals(self, pictures: Sequence[MaskedPicture]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield residuals `(B, C, rows, columns)` with masks `(B, H, W)`, per size of picture."""
        by_size: dict[tuple[int, ...], list[MaskedPicture]] = {}
        for picture in pictures:
            by_size.setdefault(tuple(picture.mask.shape), []).append(picture)
        device = self.processes.device
        for alike in by_size.values():
            with self.processes.autocast():
                encoded = self.model.encode(torch.stack([p.image for p in alike]).to(device))
                inps, _ = self.model.inp_extractor(encoded.fused_tokens)
                decoded, _ = self.model.decode(encoded.fused_tokens, inps)
            residual = residual_tokens(encoded.groups.float(), decoded.float())
            masks = torch.stack([picture.mask for picture in alike]).to(device)
            yield to_grid(residual, encoded.grid_size), masks
