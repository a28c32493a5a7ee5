"""A whole run: the pictures, a model or one per class, and a detector file for each."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from inpformer.config_table import to_dict
from inpformer.datasets.sample import DataSet
from inpformer.detector import AnomalyDetector
from inpformer.errors import FitCancelledError
from inpformer.images import load_image
from inpformer.model_input import texture_tensor
from inpformer.modeling.build import encoder_fingerprint
from inpformer.training.checkpoint import Checkpoint, read_checkpoint, remove_checkpoint
from inpformer.training.config import TrainConfig
from inpformer.training.model_training import ModelTraining, RunContext, planned_phases
from inpformer.training.plan import TrainingPlan, TrainingSet, make_plan
from inpformer.training.processes import Processes
from inpformer.training.run_folder import FORMAT, RunFolder, detector_files, digest_of, versions
from inpformer.training.run_log import RunLog, TrainProgress
from inpformer.training.stream import PictureStream

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainRequest:
    """What to train.

    Attributes:
        data: One data set, or several for the setting `super`.
        config: The settings.
        folder: Where the run goes.
        classes: Their names; none for all.
        resume: Whether a run that is in the folder may go on.
        textures: Pictures to cut synthetic defects from; may be empty.
        bundle_encoder: Store the encoder in the detector files.
        half: Store numbers of 16 bits.
    """

    data: tuple[DataSet, ...]
    config: TrainConfig
    folder: Path
    classes: tuple[str, ...] = ()
    resume: bool = False
    textures: tuple[Path, ...] = ()
    bundle_encoder: bool = False
    half: bool = False


def train(
    source: AnomalyDetector,
    request: TrainRequest,
    processes: Processes,
    on_progress: Callable[[TrainProgress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Train detectors on data sets, and write them to a run folder.

    Args:
        source: Whose encoder to train on; it stays as it is.
        request: What to train.
        processes: Those that train together; all must call this.
        on_progress: Told about steps.
        should_stop: Asked between steps; True stops the run, which can go on later.

    Returns:
        The record of the run, as `run.json` has it.

    Raises:
        UserError: Something in the request cannot be used.
        FitCancelledError: `should_stop` answered True.
    """
    return _Run(source, request, processes, on_progress, should_stop or (lambda: False)).train()


class _Run:
    def __init__(
        self,
        source: AnomalyDetector,
        request: TrainRequest,
        processes: Processes,
        on_progress: Callable[[TrainProgress], None] | None,
        should_stop: Callable[[], bool],
    ) -> None:
        self._source, self._request, self._processes = source, request, processes
        self._on_progress, self._should_stop = on_progress, should_stop
        self._config = request.config
        self._model_config = request.config.model_config(source.config.encoder)
        self._stream = PictureStream(source.config.encoder, request.config)
        self._folder = RunFolder(request.folder)

    def train(self) -> dict[str, Any]:
        # Before long work: what is in the way of writing, and a damaged checkpoint.
        self._processes.from_main(self._check_folder)
        plan = make_plan(
            self._request.data,
            self._request.classes,
            self._config,
            self._processes,
            self._look,
            self._stream,
        )
        if self._processes.is_main:
            for name, problem in plan.left_out.items():
                _logger.warning("Left out %s: %s", name, problem)
        wanted = self._record(plan)
        record = self._processes.from_main(lambda: self._folder.begin(wanted, self._request.resume))
        self._write(record)
        checkpoint = read_checkpoint(self._folder.checkpoint_file)
        context = self._context(plan, record, checkpoint)
        files = detector_files(chosen.name for chosen in plan.sets)
        for chosen in plan.sets:
            if chosen.name not in record["detectors"]:
                own = checkpoint if _is_of(checkpoint, chosen) else None
                self._train_model(chosen, context, own, files[chosen.name])
                record["detectors"][chosen.name] = files[chosen.name]
                self._write(record)
        self._processes.wait()
        record["is_finished"] = True
        self._write(record)
        if self._processes.is_main:
            remove_checkpoint(self._folder.checkpoint_file)
        return record

    def _check_folder(self) -> None:
        self._folder.begin(self._settings(), self._request.resume)
        read_checkpoint(self._folder.checkpoint_file)

    def _settings(self) -> dict[str, Any]:
        """Return what is known of the run before any picture is looked at."""
        encoder = self._source.config.encoder
        return {
            "format": FORMAT,
            "config": to_dict(self._config),
            "encoder": f"{encoder.name} {encoder_fingerprint(self._source.model.encoder)}",
        }

    def _record(self, plan: TrainingPlan) -> dict[str, Any]:
        """Return what the run is, and all that is known of it before it begins."""
        return {
            **self._settings(),
            "classes": sorted({s.class_name for chosen in plan.sets for s in chosen.normal}),
            "pictures": digest_of([*plan.normal, *plan.held_out, *plan.taken_out]),
            "textures": digest_of(path.name for path in self._request.textures),
            "data": [
                {"path": str(data.root), "layout": data.layout, "summary": data.summary()}
                for data in self._request.data
            ],
            "shots": plan.shots,
            "taken_out": plan.taken_out,
            "held_out": plan.held_out,
            "left_out": plan.left_out,
            "detectors": {},
            "is_finished": False,
            "processes": self._processes.count,
            "versions": versions(),
        }

    def _context(
        self, plan: TrainingPlan, record: dict[str, Any], checkpoint: Checkpoint | None
    ) -> RunContext:
        planned = [item for chosen in plan.sets for item in planned_phases(chosen, self._config)]
        log = RunLog(self._folder, planned, self._on_progress, self._processes.is_main)
        position = None if checkpoint is None else checkpoint.position
        log.go_on_from(position, record["detectors"])
        return RunContext(
            config=self._config,
            model_config=self._model_config,
            encoder=self._source.model.encoder,
            processes=self._processes,
            stream=self._stream,
            sizes=plan.sizes,
            folder=self._folder,
            log=log,
            should_stop=self._should_stop,
            textures=[texture_tensor(load_image(path)) for path in self._request.textures],
        )

    def _train_model(
        self, chosen: TrainingSet, context: RunContext, checkpoint: Checkpoint | None, file: str
    ) -> None:
        model, calibration = ModelTraining(chosen, context).run(checkpoint)
        self._stream.forget()
        provenance = replace(
            self._source.provenance,
            fit={},
            shot_count=len(chosen.normal),
            source="",
            training=to_dict(self._config),
            geometry="benchmark" if self._config.geometry == "paper" else "full",
        )
        detector = AnomalyDetector(model, self._model_config, provenance, calibration)
        if self._processes.is_main:
            request = self._request
            detector.save(request.folder / file, request.bundle_encoder, request.half)

    def _look(self, done: int, total: int) -> None:
        if self._on_progress is not None:
            self._on_progress(TrainProgress("*", "look", done, total))
        if self._should_stop():
            raise FitCancelledError("The training was stopped before its first step.")

    def _write(self, record: dict[str, Any]) -> None:
        if self._processes.is_main:
            self._folder.write(record)


def _is_of(checkpoint: Checkpoint | None, chosen: TrainingSet) -> bool:
    return checkpoint is not None and checkpoint.position.model == chosen.name
