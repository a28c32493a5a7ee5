"""What a run says on its way: lines in a file, a page of curves, and who watches."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from inpformer.errors import UserError
from inpformer.files import disk_problem, make_folder, save_bytes
from inpformer.training.checkpoint import Position
from inpformer.training.curve_page import LOSS_NAMES, PHASE_WORDS, curve_page
from inpformer.training.run_folder import RunFolder


@dataclass(frozen=True)
class TrainProgress:
    """One report of a running training.

    Attributes:
        model: Name of the model that is being trained; `*` is one for all classes.
        phase: A key of `PHASE_WORDS`.
        step: Steps of the phase that are done, from 1.
        step_count: Steps of the phase.
        values: Losses, learning rate and so on; empty in phases that do not train.
        pictures_per_second: Throughput over all processes.
        seconds_left: Estimate for the whole run; None before anything is known.
    """

    model: str
    phase: str
    step: int
    step_count: int
    values: dict[str, float] = field(default_factory=dict)
    pictures_per_second: float = 0.0
    seconds_left: float | None = None

    def __str__(self) -> str:
        """Return one readable line."""
        said = "" if self.model == "*" else f"{self.model}: "
        said += f"{PHASE_WORDS[self.phase]}, {self.step}/{self.step_count}"
        said += "".join(f", {n} {self.values[n]:.4f}" for n in LOSS_NAMES if n in self.values)
        if self.pictures_per_second:
            said += f", {self.pictures_per_second:.1f} pictures/s"
        if self.seconds_left is not None:
            said += f", {_duration(self.seconds_left)} left"
        return said


class PlannedPhase(NamedTuple):
    """A phase of a model that the run will come to."""

    model: str
    phase: str
    steps: int


class RunLog:
    """Measures steps and tells about them. Only the main process has one that writes.

    Args:
        folder: Of the run.
        planned: All phases of all models, in order.
        on_progress: Told about the run; None for nobody.
        is_writing: Whether lines and curves are written.
    """

    def __init__(
        self,
        folder: RunFolder,
        planned: Sequence[PlannedPhase],
        on_progress: Callable[[TrainProgress], None] | None,
        is_writing: bool,
    ) -> None:
        self._folder, self._planned, self._on_progress = folder, planned, on_progress
        self._is_writing = is_writing
        self._seconds: dict[str, list[float]] = {}  # steps and seconds of this session, per phase
        self._before = 0.0
        self._started = self._last = time.monotonic()
        self._last_step = 0

    def go_on_from(self, position: Position | None, finished: Collection[str]) -> None:
        """Forget lines of steps that a resumed run will take again.

        Args:
            position: Of its checkpoint; None if there is none.
            finished: Models that are done.

        Raises:
            UserError: The log cannot be written.
        """
        if not self._is_writing:
            return
        order = {(item.model, item.phase): place for place, item in enumerate(self._planned)}
        end = (-1, 0)
        if position is not None:
            place = order.get((position.model, position.phase))
            if place is None:
                raise UserError(
                    "The checkpoint is of a model that this run has not; remove it to train from "
                    "the beginning of a model."
                )
            end = (place, position.step)
        kept = [
            line
            for line in self._lines()
            if line["model"] in finished
            or (order.get((line["model"], line["phase"]), len(order)), line["step"]) <= end
        ]
        self._before = max((line["seconds"] for line in kept), default=0.0)
        make_folder(self._folder.root)
        save_bytes(self._folder.log_file, "".join(map(_as_line, kept)).encode())

    def start_phase(self, step: int) -> None:
        """Begin to measure a phase, of which `step` steps are done."""
        self._last, self._last_step = time.monotonic(), step

    def tell(self, progress: TrainProgress) -> None:
        """Tell about work that takes no steps."""
        if self._on_progress is not None:
            self._on_progress(progress)

    def write(self, position: Position, steps: int, values: Mapping[str, float]) -> None:
        """Write and tell about the steps since the last time.

        Args:
            position: With the steps that are done.
            steps: Steps of the phase.
            values: Losses, `learning_rate`, `gradient_norm`, and `pictures` of a step.

        Raises:
            UserError: The log cannot be written.
        """
        now, taken = time.monotonic(), position.step - self._last_step
        spent = self._seconds.setdefault(position.phase, [0.0, 0.0])
        spent[0] += taken
        spent[1] += now - self._last
        speed = values["pictures"] * taken / max(now - self._last, 1e-9)
        self._last, self._last_step = now, position.step
        left = self._seconds_left(position)
        shown = {name: value for name, value in values.items() if name != "pictures"}
        line = {
            "model": position.model,
            "phase": position.phase,
            "step": position.step,
            "steps": steps,
            **shown,
            "pictures_per_second": round(speed, 2),
            "seconds": round(self._before + now - self._started, 2),
            "seconds_left": round(left, 1),
        }
        if self._is_writing:
            self._append(line)
        self.tell(
            TrainProgress(position.model, position.phase, position.step, steps, shown, speed, left)
        )

    def draw(self) -> None:
        """Write the page of curves.

        Raises:
            UserError: It cannot be written.
        """
        if self._is_writing:
            save_bytes(self._folder.curve_file, curve_page(self._lines()).encode())

    def _seconds_left(self, position: Position) -> float:
        per_step = {phase: spent / steps for phase, (steps, spent) in self._seconds.items()}
        known = max(per_step.values())
        place = next(
            place
            for place, item in enumerate(self._planned)
            if (item.model, item.phase) == (position.model, position.phase)
        )
        left = -position.step * per_step[position.phase]
        for item in self._planned[place:]:
            left += item.steps * per_step.get(item.phase, known)
        return left

    def _append(self, line: Mapping[str, Any]) -> None:
        try:
            with self._folder.log_file.open("a", encoding="utf-8") as stream:
                stream.write(_as_line(line))
        except OSError as error:
            raise disk_problem(self._folder.log_file, error) from error

    def _lines(self) -> list[dict[str, Any]]:
        """Return the lines of the log; one that a kill cut short is passed over."""
        if not self._folder.log_file.is_file():
            return []
        lines = []
        for text in self._folder.log_file.read_text("utf-8", errors="replace").splitlines():
            try:
                line = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if _is_line(line):
                lines.append(line)
        return lines


def _is_line(line: Any) -> bool:
    """Whether a line says what all lines do; somebody may have edited the file."""
    if not isinstance(line, dict) or type(line.get("step")) is not int:
        return False
    names = isinstance(line.get("model"), str) and isinstance(line.get("phase"), str)
    return (
        names
        and all(
            type(value) in (int, float) and math.isfinite(value)
            for key, value in line.items()
            if key not in ("model", "phase")
        )
        and "seconds" in line
    )


def _as_line(values: Mapping[str, Any]) -> str:
    return json.dumps(values) + "\n"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
