"""The training of one model of a run: two phases of steps, then the thresholds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from inpformer.augmentation import VIEW_COUNT
from inpformer.calibration import calibrate
from inpformer.config import ModelConfig
from inpformer.errors import FitCancelledError, UserError
from inpformer.modeling.build import build_model
from inpformer.modeling.encoder import FrozenEncoder
from inpformer.modeling.model import INPFormer
from inpformer.real_anomalies import RealAnomaly, cut_regions
from inpformer.scales import Calibration
from inpformer.training.calibration_views import calibration_views, method_of, view_maps
from inpformer.training.checkpoint import Checkpoint, Position, save_checkpoint
from inpformer.training.config import TrainConfig
from inpformer.training.decoder_phase import DecoderPhase
from inpformer.training.defects import DefectMaker
from inpformer.training.descent import StepReport
from inpformer.training.head_phase import HeadPhase
from inpformer.training.plan import TrainingSet
from inpformer.training.processes import Processes
from inpformer.training.run_folder import RunFolder
from inpformer.training.run_log import PlannedPhase, RunLog, TrainProgress
from inpformer.training.schedule import Batches
from inpformer.training.stream import PictureStream, Size, View
from inpformer.training.token_statistics import fill_memory, set_token_scale
from inpformer.training.token_store import TokenStore

# Pictures whose tokens tell the scale of all, and those that tokens to remember are drawn from.
SCALE_ITEMS, MEMORY_ITEMS = 64, 256


@dataclass(frozen=True)
class RunContext:
    """What all models of a run share.

    Attributes:
        config: The settings.
        model_config: The network.
        encoder: On the device.
        processes: Those that train together.
        stream: Reads pictures.
        sizes: `(H, W)` of every picture to train on.
        folder: Where files go.
        log: Told about steps.
        should_stop: Asked between steps; True in one process ends the run in all.
        textures: Pictures to cut synthetic defects from; may be empty.
    """

    config: TrainConfig
    model_config: ModelConfig
    encoder: FrozenEncoder
    processes: Processes
    stream: PictureStream
    sizes: dict[Path, Size]
    folder: RunFolder
    log: RunLog
    should_stop: Callable[[], bool]
    textures: Sequence[Tensor] = ()

    def check_stop(self) -> None:
        """End the run if one process was asked to, outside of steps.

        Raises:
            FitCancelledError: It was.
        """
        if self.should_stop():
            raise FitCancelledError("The training was stopped.")


def views_to_train_on(chosen: TrainingSet, config: TrainConfig) -> list[View]:
    """Return the items of a training set: its pictures, or 22 views of each shot."""
    if config.setting != "few-shot":
        return [View(sample.path) for sample in chosen.normal]
    indices = range(VIEW_COUNT)
    return [View(sample.path, index, config.views) for sample in chosen.normal for index in indices]


def planned_phases(chosen: TrainingSet, config: TrainConfig) -> list[PlannedPhase]:
    """Return the phases that the training of a model will take."""
    count = len(views_to_train_on(chosen, config))
    epochs = {"train": config.epochs} | ({"head": config.head_epochs} if config.has_head else {})
    return [
        PlannedPhase(
            chosen.name, phase, Batches(count, config.batch_size, number, config.seed, phase).steps
        )
        for phase, number in epochs.items()
    ]


class ModelTraining:
    """Trains one model.

    Args:
        chosen: What it learns from.
        context: What it shares with the other models of the run.
    """

    def __init__(self, chosen: TrainingSet, context: RunContext) -> None:
        self._chosen, self._context = chosen, context
        self._config, self._processes = context.config, context.processes
        self._views = views_to_train_on(chosen, context.config)

    def run(self, checkpoint: Checkpoint | None) -> tuple[INPFormer, Calibration]:
        """Train the model from its beginning, or from a checkpoint of its own.

        Raises:
            FitCancelledError: The run was asked to stop; a checkpoint is written.
            UserError: A picture has gone, a file cannot be written, or the losses are no numbers.
        """
        model = self._new_model()
        phase = "" if checkpoint is None else checkpoint.position.phase
        if checkpoint is not None:
            checkpoint.restore_model(model)
        if phase != HeadPhase.name:
            self._train_decoder(model, checkpoint)
        if self._config.has_head:
            self._train_head(model, checkpoint if phase == HeadPhase.name else None)
        return model.eval(), self._calibrate(model)

    def _new_model(self) -> INPFormer:
        context = self._context
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._config.seed)
            model = build_model(context.model_config, context.encoder)
        return model.to(self._processes.device)

    def _train_decoder(self, model: INPFormer, checkpoint: Checkpoint | None) -> None:
        context = self._context
        counts = [context.stream.token_count(context.sizes[view.path]) for view in self._views]
        tokens = TokenStore(model, self._read_item, counts, self._config, self._processes)
        try:
            phase = DecoderPhase(model, tokens, self._config, self._processes)
            start = 0 if checkpoint is None else checkpoint.position.step
            is_needed = start < phase.batches.steps or model.memory is not None
            if is_needed:
                tokens.fill(self._teller("encode", tokens.room))
            if checkpoint is not None:
                checkpoint.restore_descent(phase.descent)
            elif self._context.model_config.token_scale == "shots":
                set_token_scale(model, self._fused(tokens, self._evenly(SCALE_ITEMS)))
            self._take_steps(phase, model, start)
            if model.memory is not None:
                chosen = self._evenly(MEMORY_ITEMS)
                fill_memory(
                    model, self._fused(tokens, chosen), self._sources(chosen), self._config.seed
                )
        finally:
            tokens.close()

    def _train_head(self, model: INPFormer, checkpoint: Checkpoint | None) -> None:
        context = self._context
        make_defect = DefectMaker(
            self._read_item,
            self._class_names(),
            self._regions(),
            self._config.real_share,
            context.textures,
        )
        phase = HeadPhase(model, len(self._views), make_defect, self._config, self._processes)
        try:
            if checkpoint is None:
                phase.scale_input()
            else:
                checkpoint.restore_descent(phase.descent)
            self._take_steps(phase, model, 0 if checkpoint is None else checkpoint.position.step)
        finally:
            phase.close()

    def _take_steps(self, phase: DecoderPhase | HeadPhase, model: INPFormer, start: int) -> None:
        """Take all steps of a phase that are left, and note them."""
        config, log, steps = self._config, self._context.log, phase.batches.steps
        log.start_phase(start)
        for step in range(start, steps):
            report = phase.take(step)
            position = Position(self._chosen.name, phase.name, step + 1)
            is_end = self._must_stop() or position.step == steps
            is_noted = is_end or position.step % config.log_steps == 0
            is_saved = is_end or position.step % config.checkpoint_steps == 0
            if is_noted or is_saved:
                values = _values(report, position)
                values["epoch"] = step // phase.batches.per_epoch + 1
                log.write(position, steps, values)
            if is_saved:
                self._save(position, model, phase)
            if is_end and position.step < steps:
                raise FitCancelledError(f"The training was stopped after step {position.step}.")

    def _save(self, position: Position, model: INPFormer, phase: DecoderPhase | HeadPhase) -> None:
        # All processes have the same numbers, so one writes and the others go on.
        if self._processes.is_main:
            path = self._context.folder.checkpoint_file
            save_checkpoint(path, position, model, phase.descent)
            self._context.log.draw()

    def _must_stop(self) -> bool:
        """Whether one process was asked to stop: then all must, after the same step."""
        wished = self._context.should_stop()
        if self._processes.count == 1:
            return wished
        flag = torch.tensor(float(wished), device=self._processes.device)
        return self._processes.total(flag).item() > 0

    def _calibrate(self, model: INPFormer) -> Calibration:
        context, chosen = self._context, self._chosen
        views = calibration_views(chosen, self._config)
        tell = self._teller("calibrate", len(views))
        maps = []
        for view in views:
            image = context.stream.read(view).to(self._processes.device)
            maps.append([view_maps(model, context.model_config, image)])
            tell(1)
        return calibrate(
            maps,
            context.model_config,
            self._config.false_alarm_rate,
            len({view.path for view in views}),
            method_of(chosen),
        )

    def _teller(self, phase: str, total: int) -> Callable[[int], None]:
        """Return what counts things done outside of steps, and asks whether to stop."""
        done = 0

        def tell(count: int) -> None:
            nonlocal done
            done += count
            self._context.log.tell(TrainProgress(self._chosen.name, phase, done, total))
            self._context.check_stop()

        return tell

    def _read_item(self, item: int) -> Tensor:
        return self._context.stream.read(self._views[item])

    def _class_names(self) -> list[str]:
        """Return the class of every item."""
        by_path = {sample.path: sample.class_name for sample in self._chosen.normal}
        return [by_path[view.path] for view in self._views]

    def _regions(self) -> dict[str, list[RealAnomaly]]:
        """Return the real defects of every class."""
        regions: dict[str, list[RealAnomaly]] = {}
        for sample in self._chosen.anomalies:
            found = cut_regions(*self._context.stream.read_masked(sample))
            regions.setdefault(sample.class_name, []).extend(found)
        return regions

    def _evenly(self, most: int) -> list[int]:
        """Return at most so many items, evenly over all."""
        count = min(most, len(self._views))
        return [place * len(self._views) // count for place in range(count)]

    def _fused(self, tokens: TokenStore, items: Sequence[int]) -> list[Tensor]:
        return [tokens.groups([item])[0].mean(dim=0) for item in items]

    def _sources(self, items: Sequence[int]) -> list[int]:
        """Return the picture that each item is of; of one picture, its views."""
        paths = {view.path: number for number, view in enumerate(self._views)}
        one = len(paths) == 1
        return [item if one else paths[self._views[item].path] for item in items]


def _values(report: StepReport, position: Position) -> dict[str, float]:
    """Return the numbers of a step.

    Raises:
        UserError: A loss is no number.
    """
    losses = {name: value.item() for name, value in report.losses.items()}
    if not all(map(math.isfinite, losses.values())):
        raise UserError(
            f"The losses are no finite numbers any more at step {position.step}; train with a "
            "lower learning_rate, or with mixed_precision 'no'."
        )
    return {
        **losses,
        "learning_rate": report.learning_rate,
        "gradient_norm": report.gradient_norm.item(),
        "pictures": report.pictures,
    }
