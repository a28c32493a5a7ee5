"""What the shot lab found: draws, how they differ, and what each shot does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class Draw:
    """One detector of the lab.

    Attributes:
        shots: Indices of its normal pictures, ascending.
        fit_seed: Of its fit.
        scores: Image scores of the test pictures in units of its threshold, `(n,)`; above 1 is
            anomalous.
        auroc: Over test pictures of known kind; None unless both kinds are there.
        seconds: What its fit took.
    """

    shots: tuple[int, ...]
    fit_seed: int
    scores: np.ndarray
    auroc: float | None
    seconds: float

    @property
    def verdicts(self) -> np.ndarray:
        """Which test pictures are anomalous, `(n,)` bool."""
        return self.scores > 1


@dataclass(frozen=True)
class CountSummary:
    """The draws of one size together.

    Attributes:
        shot_count: Shots of each draw.
        draw_count: Draws.
        spread: Standard deviation of each test picture's score over the draws, in units of the
            threshold, `(n,)`; zero where there is one draw.
        flips: Which test pictures are anomalous by some draws and normal by others, `(n,)` bool.
        aurocs: Of each draw; empty where labels are not known.
        false_alarms: Share of known normal pictures above the threshold; None without any.
        misses: Share of known anomalous pictures below it; None without any.
        seconds: Mean time of a fit.
    """

    shot_count: int
    draw_count: int
    spread: np.ndarray
    flips: np.ndarray
    aurocs: tuple[float, ...]
    false_alarms: float | None
    misses: float | None
    seconds: float


class ShotEffect(NamedTuple):
    """What a shot does to the AUROC: mean of draws with it less mean of draws without it.

    Draws are compared with draws of the same size only.

    Attributes:
        shot: Its index.
        effect: Below 0 where it hurts.
        error: Standard error of `effect`; chance alone often makes as much.
        draws: How many draws it was in.
    """

    shot: int
    effect: float
    error: float
    draws: int

    @property
    def hurts(self) -> bool:
        """Whether it does harm, beyond what chance makes of so few draws."""
        return self.effect < -0.01 and self.effect < -2 * self.error


@dataclass(frozen=True)
class LabReport:
    """What the lab knows so far.

    Attributes:
        shot_total: Different normal pictures to draw from.
        labels: Per test picture: anomalous, normal, or None where it is not known.
        draws: Those that are done.
    """

    shot_total: int
    labels: tuple[bool | None, ...]
    draws: tuple[Draw, ...] = ()

    def summaries(self) -> list[CountSummary]:
        """Return one summary per size that was tried, ascending."""
        counts = sorted({len(draw.shots) for draw in self.draws})
        return [self._summary(count) for count in counts]

    def shot_effects(self) -> list[ShotEffect]:
        """Return what each shot does to the AUROC, the most harmful first; none if not known."""
        effects = (self._effect(shot) for shot in range(self.shot_total))
        return sorted((e for e in effects if e is not None), key=lambda effect: effect.effect)

    def _summary(self, count: int) -> CountSummary:
        draws = [draw for draw in self.draws if len(draw.shots) == count]
        scores = np.stack([draw.scores for draw in draws])
        verdicts = scores > 1
        flips = verdicts.any(axis=0) & ~verdicts.all(axis=0)
        known = {
            kind: [i for i, label in enumerate(self.labels) if label is kind]
            for kind in (False, True)
        }
        return CountSummary(
            shot_count=count,
            draw_count=len(draws),
            spread=scores.std(axis=0),
            flips=flips,
            aurocs=tuple(draw.auroc for draw in draws if draw.auroc is not None),
            false_alarms=float(verdicts[:, known[False]].mean()) if known[False] else None,
            misses=float((~verdicts[:, known[True]]).mean()) if known[True] else None,
            seconds=float(np.mean([draw.seconds for draw in draws])),
        )

    def _effect(self, shot: int) -> ShotEffect | None:
        """Weigh the sizes by how much each can tell; None where none can."""
        parts = []
        for count in {len(draw.shots) for draw in self.draws}:
            draws = [d for d in self.draws if len(d.shots) == count and d.auroc is not None]
            with_it = [d.auroc for d in draws if shot in d.shots]
            without = [d.auroc for d in draws if shot not in d.shots]
            if with_it and without:
                # Each size by its own deviation; a floor, since two equal draws prove nothing.
                deviation = max(float(np.std([*with_it, *without])), 0.01)
                weight = 1 / (1 / len(with_it) + 1 / len(without))
                difference = float(np.mean(with_it) - np.mean(without))
                parts.append((weight, difference, deviation**2 / weight, len(with_it)))
        if not parts:
            return None
        weights, differences, variances, draws = (
            np.array(column) for column in zip(*parts, strict=True)
        )
        shares = weights / weights.sum()
        return ShotEffect(
            shot=shot,
            effect=float(shares @ differences),
            error=math.sqrt(float(shares**2 @ variances)),
            draws=int(draws.sum()),
        )
