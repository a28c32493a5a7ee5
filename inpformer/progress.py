"""Progress of a fit: what is done, how long the rest will take, and whether to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from inpformer.errors import FitCancelledError

Phase = Literal["encode", "train", "anomalies", "head", "calibrate"]

PHASE_NAMES: dict[Phase, str] = {
    "encode": "reading the normal pictures",
    "train": "learning to rebuild them",
    "anomalies": "making synthetic defects",
    "head": "learning to outline defects",
    "calibrate": "setting the threshold",
}


@dataclass(frozen=True)
class FitStep:
    """One report of a running fit.

    Attributes:
        phase: What is being done.
        step: Steps of this phase that are done, from 1.
        step_count: Steps of this phase.
        losses: Losses of this step by name; empty in phases that do not train.
        fraction: Share of the whole work that is done, 0 to 1.
        seconds_left: Estimate for the rest of the fit.
        notice: What whoever waits must know; mostly empty.
    """

    phase: Phase
    step: int
    step_count: int
    losses: dict[str, float]
    fraction: float
    seconds_left: float
    notice: str = ""

    def __str__(self) -> str:
        """Return one readable line."""
        losses = ", ".join(f"{name} {value:.4f}" for name, value in self.losses.items())
        return (
            f"{PHASE_NAMES[self.phase]}: {self.step}/{self.step_count}"
            f"{', ' + losses if losses else ''}, about {self.seconds_left:.0f} s left"
            f"{'; ' + self.notice if self.notice else ''}"
        )


@dataclass
class Progress:
    """Counts steps against a plan of what each phase costs.

    Attributes:
        plan: Steps and relative cost of one step, per phase.
        on_step: Told about every step; None for nobody.
        should_stop: Asked before every step; True ends the fit.
    """

    plan: Mapping[Phase, tuple[int, float]]
    on_step: Callable[[FitStep], None] | None = None
    should_stop: Callable[[], bool] | None = None
    _done: dict[Phase, int] = field(default_factory=dict)
    _started: float = field(default_factory=time.monotonic)

    def advance(self, phase: Phase, steps: int = 1, losses: dict[str, float] | None = None) -> None:
        """Count finished steps, report them, and stop if asked to.

        Raises:
            FitCancelledError: `should_stop` answered True.
        """
        self._done[phase] = self._done.get(phase, 0) + steps
        total = sum(count * cost for count, cost in self.plan.values())
        done = sum(self._done[name] * self.plan[name][1] for name in self._done)
        fraction = min(1.0, done / total)
        elapsed = time.monotonic() - self._started
        if self.on_step is not None:
            self.on_step(
                FitStep(
                    phase=phase,
                    step=self._done[phase],
                    step_count=self.plan[phase][0],
                    losses=losses or {},
                    fraction=fraction,
                    seconds_left=elapsed * (1 - fraction) / fraction,
                )
            )
        self.check()

    def check(self) -> None:
        """Stop if asked to.

        Raises:
            FitCancelledError: `should_stop` answered True.
        """
        if self.should_stop is not None and self.should_stop():
            raise FitCancelledError("The fit was cancelled; nothing was changed.")
