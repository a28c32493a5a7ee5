"""The shot lab: how much the number and the choice of normal pictures matter.

Detectors are fitted on several draws of 1, 2, 4, 8 shots, and all of them look at the same test
pictures. What differs between draws of one size is luck; what differs between sizes is the gain.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from inpformer.config import Variant
from inpformer.errors import FitCancelledError, UserError, require
from inpformer.fit_config import FitConfig
from inpformer.metrics import image_auroc
from inpformer.model_input import unique_images
from inpformer.presets import EncoderConfig
from inpformer.shot_lab_report import Draw, LabReport

if TYPE_CHECKING:
    from inpformer.detector import AnomalyDetector

SHOT_COUNTS = (1, 2, 4, 8)
MAX_DRAWS = 10
MAX_TEST_PICTURES = 64
QUICK_STEPS = 150
# What a draw costs beside its shots, in shots: the steps, and the test pictures.
_FIXED_COST = 3.0


@dataclass(frozen=True)
class LabConfig:
    """What the lab tries.

    Attributes:
        fit: Settings of every fit; its seed is that of the first draw of a size.
        shot_counts: Sizes to try; those beyond the shots there are do not take part.
        draws: Draws of each size, as many as differ.
        seed: Same seed, same draws.
    """

    fit: FitConfig
    shot_counts: tuple[int, ...] = SHOT_COUNTS
    draws: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "shot_counts", tuple(sorted(set(self.shot_counts))))
        require(
            bool(self.shot_counts) and self.shot_counts[0] >= 1,
            "choose at least one number of shots, from 1 on",
        )
        require(1 <= self.draws <= MAX_DRAWS, f"draws must be 1 to {MAX_DRAWS}, got {self.draws}")
        require(self.seed >= 0, f"seed must not be negative, got {self.seed}")

    @classmethod
    def quick(
        cls,
        encoder: EncoderConfig,
        variant: Variant = "inp-former",
        fit: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> LabConfig:
        """Return a lab with a short schedule, since it fits a dozen times.

        Args:
            encoder: Of the detector to build on.
            variant: As in `FitConfig`. Training-free ones take only their threshold from the shots.
            fit: Other fields of the fits.
            settings: Fields of the lab.
        """
        short = {
            "variant": variant,
            "steps": QUICK_STEPS,
            "calibration_steps": QUICK_STEPS // 2,
            "calibration_folds": 2,
        }
        return cls(fit=FitConfig.for_encoder(encoder, **{**short, **(fit or {})}), **settings)


@dataclass(frozen=True)
class LabStep:
    """One report of a running lab.

    Attributes:
        draw: The draw that is being made, from 1; the last one when all is done.
        draw_count: Draws in all.
        shot_count: Shots of this draw.
        fraction: Share of the whole work that is done, 0 to 1.
        seconds_left: Estimate for the rest.
        report: All finished draws.
    """

    draw: int
    draw_count: int
    shot_count: int
    fraction: float
    seconds_left: float
    report: LabReport


def run_shot_lab(
    detector: AnomalyDetector,
    normal_images: Sequence[np.ndarray],
    test_images: Sequence[np.ndarray],
    config: LabConfig,
    labels: Sequence[bool | None] = (),
    on_step: Callable[[LabStep], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> LabReport:
    """Fit on draws of shots, and look at test pictures with every detector.

    Args:
        detector: What the fits build on; it stays as it is.
        normal_images: 2 to 16 different normal pictures `(H, W, 3)` uint8.
        test_images: Pictures to look at, 1 to 64, none of them among the shots.
        config: What to try.
        labels: Per test picture: True anomalous, False normal, None not known. Empty for none.
        on_step: Told about the progress, with the finished draws.
        should_stop: Asked between steps; True cancels.

    Raises:
        UserError: There are too few or too many pictures, or one cannot be used.
        FitCancelledError: `should_stop` answered True; `on_step` has the draws until then.
    """
    shots = unique_images(normal_images)
    labels = tuple(labels) or (None,) * len(test_images)
    _check(len(shots), len(test_images), len(labels), config)
    lab = _Lab(_plan(len(shots), config), on_step, should_stop, LabReport(len(shots), labels))
    for chosen, fit_seed in lab.plan:
        started = time.perf_counter()
        fitted = detector.fit(
            [shots[index] for index in chosen],
            replace(config.fit, seed=fit_seed),
            lambda step: lab.tell(step.fraction),
            should_stop,
        )
        seconds = time.perf_counter() - started
        scores = np.array([lab.look(fitted, image) for image in test_images])
        kinds = {label for label in labels if label is not None}
        known = np.array([label is not None for label in labels])
        is_bad = np.array([label is True for label in labels])
        auroc = image_auroc(scores[known], is_bad[known]) if len(kinds) == 2 else None
        lab.add(Draw(chosen, fit_seed, scores, auroc, seconds))
    return lab.report


class _Lab:
    """A running lab: its plan, what is done of it, and whom to tell."""

    def __init__(
        self,
        plan: list[tuple[tuple[int, ...], int]],
        on_step: Callable[[LabStep], None] | None,
        should_stop: Callable[[], bool] | None,
        report: LabReport,
    ) -> None:
        self.plan = plan
        self.report = report
        self._on_step = on_step
        self._should_stop = should_stop
        self._costs = [_FIXED_COST + len(chosen) for chosen, _ in plan]
        self._started = time.monotonic()

    def look(self, fitted: AnomalyDetector, image: np.ndarray) -> float:
        """Return a test picture's score in units of the threshold."""
        if self._should_stop is not None and self._should_stop():
            raise FitCancelledError("The shot lab was cancelled; nothing was changed.")
        result = fitted.predict(image)
        return result.image_score / max(result.threshold or 0.0, 1e-8)

    def add(self, draw: Draw) -> None:
        """Count a finished draw and report it."""
        self.report = replace(self.report, draws=(*self.report.draws, draw))
        self.tell(0.0)

    def tell(self, share_of_draw: float) -> None:
        """Report, with `share_of_draw` of the draw at hand done."""
        if self._on_step is None:
            return
        done, total = len(self.report.draws), len(self.plan)
        current = min(done, total - 1)
        work = sum(self._costs[:done])
        work += share_of_draw * self._costs[current] if done < total else 0.0
        fraction = work / sum(self._costs)
        elapsed = time.monotonic() - self._started
        self._on_step(
            LabStep(
                draw=current + 1,
                draw_count=total,
                shot_count=len(self.plan[current][0]),
                fraction=fraction,
                seconds_left=elapsed * (1 - fraction) / fraction if fraction else math.inf,
                report=self.report,
            )
        )


def _check(shots: int, tests: int, labels: int, config: LabConfig) -> None:
    if shots < 2:
        raise UserError("Add at least 2 different normal pictures for the lab to draw from.")
    if not 1 <= tests <= MAX_TEST_PICTURES:
        raise UserError(f"Add 1 to {MAX_TEST_PICTURES} test pictures; these are {tests}.")
    if labels != tests:
        raise ValueError(f"labels must be one per test picture, got {labels} for {tests}")
    if config.shot_counts[0] > shots:
        raise UserError(
            f"There are {shots} different normal pictures; choose a number of shots up to that."
        )


def _plan(shots: int, config: LabConfig) -> list[tuple[tuple[int, ...], int]]:
    """Return shots and seed of the fit for every draw, small ones first.

    Each shot is drawn about as often as any other, or luck would decide which one is judged.
    """
    rng = np.random.default_rng(config.seed)
    plan: list[tuple[tuple[int, ...], int]] = []
    for size in (size for size in config.shot_counts if size <= shots):
        wanted = min(config.draws, math.comb(shots, size))
        chosen: list[tuple[int, ...]] = []
        times_drawn = np.zeros(shots)
        for attempt in count():
            if len(chosen) == wanted:
                break
            # Rarely drawn ones first; after many repeats of what is there, any will do.
            rank = rng.permutation(shots) if attempt > 20 * wanted else times_drawn
            order = np.lexsort((rng.random(shots), rank))
            draw = tuple(sorted(int(index) for index in order[:size]))
            if draw not in chosen:
                chosen.append(draw)
                times_drawn[list(draw)] += 1
        if config.fit.variant != "training-free":
            # The same shots differ by the seed, too; without training they do not.
            chosen += [chosen[i % wanted] for i in range(config.draws - wanted)]
        plan += [(draw, config.fit.seed + number) for number, draw in enumerate(chosen)]
    return plan
