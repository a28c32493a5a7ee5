"""The first phase of a training: INP extractor and decoder learn to rebuild normal pictures."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from inpformer.losses import mean_mining_errors
from inpformer.modeling.model import INPFormer
from inpformer.token_cache import TokenBatch, token_batch
from inpformer.training.config import TrainConfig
from inpformer.training.descent import Descent, Rates, StepReport
from inpformer.training.processes import Processes
from inpformer.training.schedule import Batches, generator_for, split
from inpformer.training.step import Rebuilt, rebuild, step_losses
from inpformer.training.token_store import TokenStore

STEPS_AHEAD = 2


class DecoderPhase:
    """Steps that train the INP extractor and the decoder.

    A step gives the same losses however its batch is divided among processes and parts: what soft
    mining divides by is the mean over the whole batch.

    Args:
        model: Changed in place.
        tokens: Of the items to train on.
        config: The settings.
        processes: Those that train together.
    """

    name = "train"

    def __init__(
        self, model: INPFormer, tokens: TokenStore, config: TrainConfig, processes: Processes
    ) -> None:
        self.model, self.tokens, self.config, self.processes = model, tokens, config, processes
        self.losses = config.loss_config
        count = len(tokens.token_counts)
        self.batches = Batches(count, config.batch_size, config.epochs, config.seed, self.name)
        rates = Rates(
            self.batches.steps,
            config.warmup_steps,
            config.peak_learning_rate,
            config.final_learning_rate,
            config.gradient_clip,
        )
        trained = {"inp_extractor": model.inp_extractor, "decoder": model.decoder}
        parameters = {
            f"{part}.{name}": parameter
            for part, module in trained.items()
            for name, parameter in module.named_parameters()
        }
        self.descent = Descent(parameters, rates, processes)

    def take(self, step: int) -> StepReport:
        """Take one step, 0-based."""
        batch = self.batches.of(step)
        parts = self._parts(step, batch)
        self.descent.begin()
        is_divided = self.config.gradient_accumulation_steps > 1
        kept = None if is_divided else [self._rebuild(part) for part in parts]
        is_whole = not is_divided and self.processes.count == 1
        means = None if is_whole else self._mean_errors(parts, kept, len(batch))
        sums = torch.zeros(2, device=self.processes.device)
        for place, part in enumerate(parts):
            rebuilt = self._rebuild(part) if kept is None else kept[place]
            losses = step_losses(rebuilt, self.losses, means)
            share = _size(part) / len(batch)
            self.descent.add(share * losses.total)
            sums += share * torch.stack([losses.reconstruction, losses.coherence]).detach()
        named = {"reconstruction": sums[0], "coherence": sums[1]}
        return self.descent.finish(step, named, len(batch))

    def _parts(self, step: int, batch: Sequence[int]) -> list[TokenBatch]:
        """Return the parts of the batch that this process takes, one after the other."""
        for later in range(step, min(step + 1 + STEPS_AHEAD, self.batches.steps)):
            self.tokens.plan(self.processes.share_of(self.batches.of(later)))
        places = self.processes.share_of(range(len(batch)))
        shortest = min(self.tokens.token_counts[item] for item in batch)
        parts = []
        for part in split(len(places), self.config.gradient_accumulation_steps):
            chosen = [places[index] for index in part]
            if chosen:
                parts.append(self._token_batch(step, batch, chosen, shortest))
        return parts

    def _token_batch(
        self, step: int, batch: Sequence[int], places: Sequence[int], shortest: int
    ) -> TokenBatch:
        return token_batch(
            self.tokens.groups([batch[place] for place in places]),
            self.config.tokens_per_view,
            self.config.source_tokens,
            [generator_for(self.config.seed, self.name, step, place) for place in places],
            shortest,
        )

    def _rebuild(self, part: TokenBatch) -> Rebuilt:
        with self.processes.autocast():
            rebuilt = rebuild(self.model, part)
        # Sums over thousands of tokens need all digits.
        return Rebuilt(*(values.float() for values in rebuilt))

    @torch.no_grad()
    def _mean_errors(
        self, parts: Sequence[TokenBatch], kept: Sequence[Rebuilt] | None, batch_size: int
    ) -> Tensor:
        """Return the mean errors of the whole batch, of which this process has some parts."""
        branches = 1 if self.losses.mining_branches == "cosine" else 2
        sums = torch.zeros(self.model.group_count, branches, device=self.processes.device)
        for place, part in enumerate(parts):
            encoder, decoder, _ = self._rebuild(part) if kept is None else kept[place]
            means = mean_mining_errors(encoder, decoder, self.losses)
            sums += _size(part) / batch_size * means
        return self.processes.total(sums)


def _size(part: TokenBatch) -> int:
    """Return the pictures in a part of a batch."""
    return part.sampled_groups.shape[1]
