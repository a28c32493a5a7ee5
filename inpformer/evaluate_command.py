"""The verb of the `inpformer` command that evaluates detectors on a data set."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tqdm import tqdm

from inpformer.config import ENGINES, MAP_NAMES
from inpformer.errors import UserError
from inpformer.stopping import asked_to_stop

if TYPE_CHECKING:
    from inpformer.datasets.sample import DataSet
    from inpformer.detector import AnomalyDetector
    from inpformer.evaluation.evaluate import LookedAt
    from inpformer.evaluation.look import EvaluateConfig
    from inpformer.evaluation.records import Evaluation

_STOPPED = 130
_MOST_PROBLEMS = 5


class _Process(NamedTuple):
    """This process among those that evaluate together.

    Attributes:
        rank: 0 for the one that writes the report and speaks.
        world: Number of processes.
        device: To compute on.
        wait: Comes back when all processes are here.
        has_bar: Whether the first one shows how far it is.
    """

    rank: int
    world: int
    device: str
    wait: Callable[[], None]
    has_bar: bool


def register(verbs: Any, common: argparse.ArgumentParser, model: argparse.ArgumentParser) -> None:
    """Add the verb to the command's parser."""
    verb = verbs.add_parser("evaluate", parents=[common, model], help=_first_line(evaluate))
    verb.set_defaults(run=evaluate)
    verb.add_argument("data", type=Path, help="data set: MVTec AD, VisA, Real-IAD and others")
    verb.add_argument(
        "--model",
        action="append",
        required=True,
        help="detector file, Hub id, encoder, or the folder of a training; may be repeated",
    )
    verb.add_argument("-o", "--output", type=Path, required=True, help="folder for the report")
    verb.add_argument(
        "--protocol",
        choices=("full-image", "paper"),
        default="full-image",
        help="full-image: whole pictures at their own size; paper: the official 448 -> 392 crop "
        "at 256 x 256 (default: full-image)",
    )
    verb.add_argument("--map", choices=MAP_NAMES, help="map that decides (default: the model's)")
    verb.add_argument("--layout", help="layout of the data set (default: what it looks like)")
    verb.add_argument(
        "--class", dest="classes", nargs="+", metavar="NAME", help="evaluate these classes only"
    )
    verb.add_argument(
        "--zero-shot",
        action="store_true",
        help="the models learnt other parts: use only the distance to their prototypes",
    )
    verb.add_argument("--engine", choices=ENGINES, default="torch", help="what runs the network")
    verb.add_argument("--limit", type=int, help="most normal and anomalous pictures per class")
    verb.add_argument("--seed", type=int, default=0, help="of the draw for --limit")


def evaluate(options: argparse.Namespace) -> int:
    """Measure how good detectors are on a data set, and write a report.

    Raises:
        UserError: Something cannot be used; of several processes only the first says so.
    """
    from inpformer.evaluation.evaluate import EvaluationStoppedError

    try:
        return _evaluate(options)
    except UserError:
        if _is_main():
            raise
        return 2
    except EvaluationStoppedError as error:
        said = f"{error} Run the same command again to go on."
        _tell(json.dumps({"error": said}) if options.json else f"inpformer: {said}")
        return _STOPPED


def _evaluate(options: argparse.Namespace) -> int:
    from inpformer.datasets.find import open_dataset
    from inpformer.evaluation.look import EvaluateConfig
    from inpformer.evaluation.report_pictures import draw_thumbnails
    from inpformer.evaluation.subjects import read_subjects
    from inpformer.files import check_folder

    # What is wrong with the options is said at once, before a model is loaded.
    config = EvaluateConfig(options.protocol, options.map, options.limit, options.seed)
    subjects = read_subjects(options.model)
    check_folder(options.output)
    dataset = _of_classes(open_dataset(options.data, options.layout), options.classes)
    process = _this_process(options)
    evaluations, thumbnails = [], {}
    for number, subject in enumerate(subjects, 1):
        data = subject.unseen(dataset)
        titled = replace(config, title=subject.title)
        detectors = subject.load(data.class_names, process.device, options.weights)
        if options.zero_shot:
            detectors = {name: each.zero_shot() for name, each in detectors.items()}
        detectors = {name: each.with_engine(options.engine) for name, each in detectors.items()}
        for notice in dict.fromkeys(n for each in detectors.values() for n in each.notices):
            _tell(f"Note: {subject.title}: {notice}.")
        folder = options.output / "state" / str(number)
        found = _look(detectors, data, titled, folder, process)
        if process.rank == 0:
            evaluations.append(found)
            thumbnails[subject.title] = draw_thumbnails(found, data, detectors)
    if process.rank == 0:
        _report(evaluations, thumbnails, options)
    return 0


def _of_classes(dataset: DataSet, classes: Sequence[str] | None) -> DataSet:
    if classes is None:
        return dataset
    known = dataset.class_names
    unknown = sorted(set(classes) - set(known))
    if unknown:
        raise UserError(
            f"The data set has no class '{unknown[0]}'. Its classes are: {', '.join(known)}."
        )
    samples = tuple(sample for sample in dataset.samples if sample.class_name in classes)
    return replace(dataset, samples=samples)


def _this_process(options: argparse.Namespace) -> _Process:
    """Ask `accelerate launch`, if that has started this process, which one it is."""
    has_bar = not options.json
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return _Process(0, 1, options.device, lambda: None, has_bar)
    from accelerate import PartialState

    from inpformer.detector_file import choose_device

    on_cpu = choose_device(options.device).type == "cpu"
    # One process may need hours longer than another.
    state = PartialState(cpu=on_cpu, timeout=timedelta(days=7))
    rank, world = state.process_index, state.num_processes
    return _Process(rank, world, str(state.device), state.wait_for_everyone, has_bar)


def _look(
    detectors: dict[str, AnomalyDetector],
    dataset: DataSet,
    config: EvaluateConfig,
    folder: Path,
    process: _Process,
) -> Evaluation:
    """Evaluate this process's part, wait for the others, and return all of it."""
    from inpformer.evaluation.evaluate import collect, evaluate

    shown = process.rank == 0 and process.has_bar
    with asked_to_stop() as should_stop, _Bar(config.title, shown) as bar:
        found = evaluate(
            detectors,
            dataset,
            config,
            folder=folder,
            on_picture=bar.show,
            should_stop=should_stop,
            share=(process.rank, process.world),
        )
    process.wait()
    if process.world == 1 or process.rank > 0:
        return found
    return collect(detectors, dataset, config, folder, process.world)


def _report(
    evaluations: Sequence[Evaluation],
    thumbnails: dict[str, dict[str, str]],
    options: argparse.Namespace,
) -> None:
    """Write the report, and say the figures."""
    from inpformer.evaluation.report import write_report

    page = write_report(evaluations, options.output, thumbnails)
    if options.json:
        print(json.dumps({"report": str(page), "evaluations": [_facts(e) for e in evaluations]}))
        return
    for evaluation in evaluations:
        print(f"{evaluation.title}: {evaluation.data}")
        print(_table(evaluation))
        for problem in evaluation.problems[:_MOST_PROBLEMS]:
            _tell(f"Note: {problem}")
        if len(evaluation.problems) > _MOST_PROBLEMS:
            _tell(f"Note: {len(evaluation.problems) - _MOST_PROBLEMS} more are in the report.")
    print(f"Report: {page}")


def _facts(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "title": evaluation.title,
        "protocol": evaluation.protocol,
        "mean": {name: figure.value for name, figure in evaluation.mean.items()},
        "classes": {
            report.class_name: {name: figure.value for name, figure in report.figures.items()}
            for report in evaluation.classes
        },
        "problems": list(evaluation.problems),
    }


def _table(evaluation: Evaluation) -> str:
    """Return the figures of each class and their mean as columns of text, in percent."""
    from inpformer.evaluation.report_parts import TITLES, name_of, percent

    rows = [["", *TITLES.values()]]
    rows += [[name_of(r), *(percent(r.figures[k]) for k in TITLES)] for r in evaluation.classes]
    if len(evaluation.classes) > 1:
        rows.append(["Mean", *(percent(evaluation.mean[k]) for k in TITLES)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join([row[0].ljust(widths[0]), *cells]))
    return "\n".join(lines)


class _Bar:
    """Shows how far an evaluation is, and how long the rest takes."""

    def __init__(self, title: str, is_shown: bool) -> None:
        self._title, self._is_shown = title, is_shown
        self._bar: tqdm | None = None

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, looked: LookedAt) -> None:
        """Show that one more picture is done; those of an earlier run count, but not their time."""
        if self._bar is None:
            self._bar = tqdm(
                desc=self._title,
                initial=looked.done - 1,
                total=looked.total,
                unit="picture",
                disable=not self._is_shown,
            )
        self._bar.update(looked.done - self._bar.n)


def _tell(message: str) -> None:
    if _is_main():
        print(message, file=sys.stderr)


def _is_main() -> bool:
    """Whether this is the process that speaks; a launcher numbers them."""
    return os.environ.get("RANK", "0") == "0"


def _first_line(function: Any) -> str:
    return function.__doc__.splitlines()[0]
