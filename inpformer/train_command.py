"""The verb of the `inpformer` command that trains on whole data sets."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from inpformer.config import VIEW_KINDS, LossConfig
from inpformer.config_table import from_dict
from inpformer.errors import DiskError, FitCancelledError, UserError
from inpformer.presets import ENCODER_PRESETS
from inpformer.stopping import asked_to_stop
from inpformer.training.config import (
    CACHINGS,
    GEOMETRIES,
    PRECISIONS,
    SETTINGS,
    TRAINED_VARIANTS,
    TrainConfig,
)

if TYPE_CHECKING:
    from inpformer.datasets.sample import DataSet
    from inpformer.training.run_log import TrainProgress

_STOPPED = 130
_SECONDS_BETWEEN = 0.1
# Options whose field has another name.
_RENAMED = {"inps": "inp_count", "accumulate": "gradient_accumulation_steps"}
_LOSS_OPTIONS = {"coherence": "coherence", "mining": "mining_branches"}
_FIELD_OPTIONS = (
    "setting", "variant", "geometry", "seed", "epochs", "batch_size", "accumulate",
    "learning_rate", "warmup_steps", "shots", "views", "inps", "tokens_per_view", "head_epochs",
    "anomalies", "hold_out", "mixed_precision", "cache",
)  # fmt: skip
_DESCRIPTION = """\
Train on the normal pictures of a data set. The defaults are the papers'; what is not an option here
is changed by --set NAME=VALUE. Under `accelerate launch -m inpformer train ...` several processes
share every batch, with the same losses as one. Zero-shot is no setting: it is how a detector that
was trained here is evaluated on another data set."""


def register(verbs: Any, common: argparse.ArgumentParser, model: argparse.ArgumentParser) -> None:
    """Add the verb to the command's parser."""
    verb = verbs.add_parser(
        "train", parents=[common, model], help=_first_line(train), description=_DESCRIPTION
    )
    verb.set_defaults(run=train)
    verb.add_argument("data", nargs="+", type=Path, help="data set; several with --setting super")
    verb.add_argument("-o", "--output", type=Path, required=True, help="folder of the run")
    verb.add_argument("--resume", action="store_true", help="go on with the run in this folder")
    verb.add_argument("--class", dest="classes", nargs="+", default=[], metavar="NAME")
    verb.add_argument("--layout", help="layout of the data set (default: found out)")
    encoders = ", ".join(ENCODER_PRESETS)
    verb.add_argument("--encoder", default="auto", help=f"auto, {encoders}, or a detector file")
    verb.add_argument("--textures", nargs="+", type=Path, help="pictures for synthetic defects")
    verb.add_argument("--bundle-encoder", action="store_true", help="store the encoder too")
    verb.add_argument("--half", action="store_true", help="store 16-bit numbers: half the size")
    _add_settings(verb)


def _add_settings(verb: argparse.ArgumentParser) -> None:
    """Add an option for each setting that is often changed; the defaults are `TrainConfig`'s."""
    verb.add_argument("--setting", choices=SETTINGS, help="default: multi")
    verb.add_argument("--variant", choices=TRAINED_VARIANTS, help="default: inp-former++")
    verb.add_argument("--geometry", choices=GEOMETRIES, help="paper: 448, of which the middle 392")
    verb.add_argument("--shots", type=int, help="pictures per class, with --setting few-shot")
    verb.add_argument("--views", choices=VIEW_KINDS, help="views of each shot")
    verb.add_argument("--anomalies", type=int, help="real defects per class to learn from")
    verb.add_argument("--epochs", type=int, help="default: 200")
    verb.add_argument("--head-epochs", type=int, help="epochs of the segmentation head")
    verb.add_argument("--batch-size", type=int, help="pictures per step, over all processes")
    verb.add_argument("--accumulate", type=int, help="parts a process takes its share in")
    verb.add_argument("--learning-rate", type=float)
    verb.add_argument("--warmup-steps", type=int)
    verb.add_argument("--seed", type=int)
    verb.add_argument("--inps", type=int, help="prototypes per picture")
    verb.add_argument("--coherence", choices=("soft", "hard"))
    verb.add_argument("--mining", choices=("cosine", "cosine+mse"))
    verb.add_argument("--tokens-per-view", type=int, help="tokens decoded per picture; 0 for all")
    verb.add_argument("--hold-out", type=float, help="share of pictures that set thresholds only")
    verb.add_argument("--mixed-precision", choices=PRECISIONS)
    verb.add_argument("--cache", choices=CACHINGS, help="whether encoder tokens are kept")
    verb.add_argument(
        "--set", dest="more", nargs="+", action="extend", default=[], metavar="NAME=VALUE",
        help="any other field of TrainConfig, such as gradient_clip=0.5 or losses.mining_gamma=2",
    )  # fmt: skip


def train(options: argparse.Namespace) -> int:
    """Train detectors on whole data sets: single-class, multi-class, few-shot and so on.

    Raises:
        UserError: Something cannot be used; only the main process says so.
    """
    try:
        with asked_to_stop() as should_stop:
            return _train(options, should_stop)
    except UserError as error:
        if not _is_main():
            return 2
        if isinstance(error, DiskError):
            raise UserError(f"{error} Then go on with the same command and --resume.") from error
        raise
    except FitCancelledError as error:
        _tell(f"{error} Go on with the same command and --resume.")
        return _STOPPED


def _train(options: argparse.Namespace, should_stop: Callable[[], bool]) -> int:
    settings = read_settings(options)
    data = _open(options.data, options.layout)
    textures = _textures(options.textures)

    # Late, for they bring torch: what is wrong with the data is said at once.
    import torch

    from inpformer.detector import AnomalyDetector
    from inpformer.detector_file import choose_device
    from inpformer.training.processes import Processes
    from inpformer.training.run import TrainRequest
    from inpformer.training.run import train as train_detectors

    device = choose_device(options.device)
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)  # `accelerate` takes the current one
    processes = Processes(device.type == "cpu", settings.get("mixed_precision", "no"))
    source = AnomalyDetector.load(options.encoder, str(processes.device), options.weights)
    _tell(source.provenance.encoder_reason)
    request = TrainRequest(
        data=tuple(data),
        config=TrainConfig.for_encoder(source.config.encoder, **settings),
        folder=options.output,
        classes=tuple(options.classes),
        resume=options.resume,
        textures=tuple(textures),
        bundle_encoder=options.bundle_encoder,
        half=options.half,
    )
    with _Bar(is_shown=_is_main() and not options.json) as bar:
        record = train_detectors(source, request, processes, bar.show, should_stop)
    _report(options.output, record, options.json)
    return 0


def read_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of `TrainConfig` that were asked for.

    Raises:
        UserError: A field is not known, is given twice, or has a value that it cannot have.
    """
    given = {_RENAMED.get(name, name): getattr(options, name) for name in _FIELD_OPTIONS}
    settings = {name: value for name, value in given.items() if value is not None}
    losses = {
        field: getattr(options, name)
        for name, field in _LOSS_OPTIONS.items()
        if getattr(options, name) is not None
    }
    for name, value in map(_read_pair, options.more):
        of_losses, table = name.startswith("losses."), settings
        if of_losses:
            name, table = name.removeprefix("losses."), losses
        if name in table:
            raise UserError(f"The setting '{name}' is given twice; leave out one of the two.")
        table[name] = value
    # What `accelerate launch` was told counts where the command itself was not.
    launched = os.environ.get("ACCELERATE_MIXED_PRECISION")
    if launched is not None:
        settings.setdefault("mixed_precision", launched)
    if losses:
        of_variant = LossConfig.for_variant(settings.get("variant", TrainConfig.variant))
        settings["losses"] = from_dict(LossConfig, {**asdict(of_variant), **losses})
    from_dict(TrainConfig, settings)  # nonsense is refused at once, before anything is read
    return settings


def _read_pair(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator:
        raise UserError(f"--set takes NAME=VALUE, and '{text}' has no '='.")
    known = {field.name for field in fields(TrainConfig)} - {"losses"}
    known |= {f"losses.{field.name}" for field in fields(LossConfig)}
    if name not in known:
        raise UserError(f"There is no setting '{name}'; there are: {', '.join(sorted(known))}.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value  # a word


def _open(paths: Sequence[Path], layout: str | None) -> list[DataSet]:
    from inpformer.datasets.find import open_dataset

    data = [open_dataset(path, layout) for path in paths]
    for each in data:
        _tell(f"{each.root}: {each.summary()}")
        for problem in each.problems:
            _tell(f"Note: {problem}")
    return data


def _textures(paths: Sequence[Path] | None) -> list[Path]:
    from inpformer.images import list_images

    return list_images(paths or [])


class _Bar:
    """Shows how far a run is."""

    def __init__(self, is_shown: bool) -> None:
        self._bar = tqdm(total=1, bar_format=_BAR, disable=not is_shown)
        self._phase: tuple[str, str] | None = None
        self._shown = 0.0

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, progress: TrainProgress) -> None:
        """Show a report of the run; a phase begins at the left."""
        now = time.monotonic()
        if self._bar.disable or (
            now - self._shown < _SECONDS_BETWEEN and progress.step < progress.step_count
        ):
            return
        self._shown = now
        if self._phase != (progress.model, progress.phase):
            self._phase = (progress.model, progress.phase)
            self._bar.reset(progress.step_count)
        self._bar.n = progress.step
        self._bar.set_description_str(str(progress))


def _report(folder: Path, record: dict[str, Any], as_json: bool) -> None:
    if not _is_main():
        return
    files = {name: str(folder / file) for name, file in record["detectors"].items()}
    if as_json:
        print(json.dumps({"run": str(folder), **record, "detectors": files}))
        return
    for name, file in files.items():
        print(f"{'all classes' if name == '*' else name}: {file}")


def _tell(message: str) -> None:
    if _is_main():
        print(message, file=sys.stderr)


def _is_main() -> bool:
    """Whether this is the process that speaks; a launcher numbers them."""
    return os.environ.get("RANK", "0") == "0"


_BAR = "{percentage:3.0f}%|{bar}| {elapsed} {desc}"


def _first_line(function: Any) -> str:
    return function.__doc__.splitlines()[0]
