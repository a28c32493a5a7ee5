"""The `inpformer` command: thin, one function per verb."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from inpformer import (
    annotate_command,
    bundle_command,
    dataset_command,
    evaluate_command,
    export_command,
    retrain_command,
    share_command,
    train_command,
)
from inpformer.allocator import keep_freed_memory
from inpformer.config import ENGINES, MAP_NAMES, VARIANTS, VIEW_KINDS
from inpformer.errors import UserError
from inpformer.fit_config import FitConfig
from inpformer.presets import ENCODER_PRESETS
from inpformer.share_command import report
from inpformer.version import __version__

if TYPE_CHECKING:
    from inpformer.detector import AnomalyDetector
    from inpformer.progress import FitStep

EXIT_OK, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 0, 2, 130


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code: 0 done, 2 bad usage or input, 130 Ctrl-C."""
    options = _parser().parse_args(arguments)
    level = logging.INFO if options.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr)
    keep_freed_memory()
    try:
        code = options.run(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except UserError as error:
        _complain(str(error), options.json)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        _complain("Stopped; nothing was written.", options.json)
        return EXIT_INTERRUPTED


def fit(options: argparse.Namespace) -> int:
    """Fit a detector to a few normal pictures and save it."""
    from inpformer.images import list_images, read_image

    settings = {
        "variant": options.variant,
        "seed": options.seed,
        "inp_count": options.inps,
        "tiles": options.tiles,
        "false_alarm_rate": options.false_alarm_rate,
        "steps": options.steps,
        "views": options.views,
    }
    # What was not asked for is left to what suits the encoder.
    settings = {name: value for name, value in settings.items() if value is not None}
    FitConfig(**settings)  # nonsense is refused at once, not after the encoder was loaded
    pictures = {path: read_image(path) for path in list_images(options.shots)}
    for path, picture in pictures.items():
        _tell_notes(path, picture.notes)
    images = [picture.image for picture in pictures.values()]
    textures = [read_image(path).image for path in list_images(options.textures or [])]

    # Late, for they bring torch: what is wrong with the pictures is said at once.
    from inpformer.detector import AnomalyDetector
    from inpformer.detector_file import check_target

    check_target(options.output)
    source = AnomalyDetector.load(options.encoder, options.device, options.weights)
    _tell(source.provenance.encoder_reason)
    config = FitConfig.for_encoder(source.config.encoder, **settings)
    notices: set[str] = set()
    with tqdm(total=100, unit="%", bar_format=_BAR, disable=options.json) as bar:

        def show(step: FitStep) -> None:
            _advance(bar, step)
            notices.add(step.notice)

        detector = source.fit(images, config, on_step=show, textures=textures)
    for notice in notices - {""}:
        _tell(f"Note: {notice}.")
    used = detector.provenance.shot_count
    if used < len(images):
        _tell(f"Note: of {len(images)} pictures some are identical and count once; {used} used.")
    detector.save(options.output, options.bundle_encoder, options.half)
    report(_describe(detector, options.output), options.json)
    return EXIT_OK


def predict(options: argparse.Namespace) -> int:
    """Inspect pictures and write maps, masks and prototypes for each."""
    from inpformer.files import check_folder
    from inpformer.pictures import check_colour_map
    from inpformer.tiling import parse_tiles

    # What is wrong with the options is said once, before anything is loaded or written.
    check_colour_map(options.colour_map)
    if parse_tiles(options.tiles or "") and options.geometry == "benchmark":
        raise UserError("The benchmark geometry cannot be tiled; leave out --tiles or --geometry.")
    paths = _choose_pictures(options.pictures, options.output)
    check_folder(options.output)

    from inpformer.detector import AnomalyDetector

    detector = AnomalyDetector.load(options.model, options.device, options.weights, options.engine)
    detector.choose_map(options.map)
    _tell(detector.provenance.encoder_reason)
    for notice in detector.notices:
        _tell(f"Note: {notice}.")
    lines: list[dict[str, Any]] = []
    try:
        with closing(_inspect_files(detector, paths, options)) as found:
            is_quiet = options.json or len(paths) < 2
            for line in tqdm(found, total=len(paths), unit="picture", disable=is_quiet):
                lines.append(line)
                _report_line(line, options.json)
    except KeyboardInterrupt:
        _save_lines(options.output, lines)
        done = f"{len(lines)} of {len(paths)} pictures are done and listed in results.jsonl"
        _complain(f"Stopped; {done}.", options.json)
        return EXIT_INTERRUPTED
    _save_lines(options.output, lines)
    return EXIT_BAD_INPUT if any("error" in line for line in lines) else EXIT_OK


def _inspect_files(
    detector: AnomalyDetector, paths: list[Path], options: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Inspect pictures, write their files, and yield their lines: facts, or what was wrong."""
    from inpformer.batch_prediction import BatchConfig, inspect_many
    from inpformer.images import read_image
    from inpformer.prediction import Looking
    from inpformer.report import write_result

    names = _output_names(paths)
    config = BatchConfig(Looking(options.geometry, options.tiles, options.map))
    for each in inspect_many(detector, paths, read_image, config):
        line, picture = {"file": str(each.source)}, each.picture
        try:
            facts = write_result(
                options.output,
                names[each.source],
                picture and picture.image,
                each.unwrap(),
                options.maps,
                options.colour_map,
            )
        except UserError as error:
            yield {**line, "error": str(error)}
        else:
            yield {**line, "notes": list(picture.notes), **facts}


def _save_lines(folder: Path, lines: list[dict[str, Any]]) -> None:
    from inpformer.files import make_folder, save_bytes

    make_folder(folder)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    save_bytes(folder / "results.jsonl", text.encode())


def _choose_pictures(given: list[Path], output: Path) -> list[Path]:
    """List the pictures to inspect; none of them may lie where results are written.

    Raises:
        UserError: There is none, or results could overwrite pictures.
    """
    from inpformer.images import list_images

    target = output.resolve()
    for path in given:
        place = path.resolve() if path.is_dir() else path.resolve().parent
        if place == target:
            raise UserError(
                f"'{output}' holds the pictures to inspect, which results could overwrite; choose "
                "another folder for the output."
            )
    # A folder that holds the output folder is fine: results of an earlier run are passed over.
    paths = [path for path in list_images(given) if path.resolve().parent != target]
    if not paths:
        raise UserError(f"All pictures lie in the output folder '{output}'; choose another one.")
    return paths


def import_official(options: argparse.Namespace) -> int:
    """Convert an official INP-Former checkpoint into a detector file."""
    from inpformer.detector_file import check_target, import_official_detector

    check_target(options.output)
    detector = import_official_detector(options.checkpoint)
    detector.save(options.output, bundle_encoder=True)
    report(_describe(detector, options.output), options.json)
    return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="inpformer",
        description="Find what is anomalous in pictures, where, and why, after a few normal ones.",
    )
    parser.add_argument("--version", action="version", version=f"inpformer {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print JSON for machines")
    common.add_argument("-v", "--verbose", action="store_true", help="say what is being done")
    model = argparse.ArgumentParser(add_help=False)
    model.add_argument("--device", default="auto", help="auto, cpu, cuda, mps (default: auto)")
    model.add_argument("--weights", type=Path, help="file with the encoder's weights")

    verb = verbs.add_parser("fit", parents=[common, model], help=_first_line(fit))
    verb.set_defaults(run=fit)
    defaults = FitConfig()
    verb.add_argument("shots", nargs="+", type=Path, help="1 to 16 normal pictures, or folders")
    verb.add_argument("-o", "--output", type=Path, required=True, help="detector file to write")
    encoders = ", ".join(ENCODER_PRESETS)
    verb.add_argument("--encoder", default="auto", help=f"auto, {encoders}, or a detector file")
    verb.add_argument("--variant", choices=VARIANTS, default=defaults.variant)
    verb.add_argument("--steps", type=int, help="decoder steps (default: as suits the encoder)")
    verb.add_argument("--inps", type=int, default=defaults.inp_count, help="prototypes per picture")
    verb.add_argument("--seed", type=int, default=defaults.seed)
    verb.add_argument("--tiles", default="", help="fit in tiles, such as 2x2, or auto")
    verb.add_argument(
        "--views",
        choices=VIEW_KINDS,
        help="paper: parts lie at any angle; station: always the same way "
        "(default: as suits the encoder)",
    )
    verb.add_argument(
        "--textures", nargs="+", type=Path, help="pictures to cut synthetic defects from (DTD)"
    )
    verb.add_argument("--false-alarm-rate", type=float, default=defaults.false_alarm_rate)
    verb.add_argument("--bundle-encoder", action="store_true", help="store the encoder too")
    verb.add_argument("--half", action="store_true", help="store 16-bit numbers: half the size")

    verb = verbs.add_parser("predict", parents=[common, model], help=_first_line(predict))
    verb.set_defaults(run=predict)
    verb.add_argument("pictures", nargs="+", type=Path, help="pictures, or folders of pictures")
    verb.add_argument(
        "--model",
        default="auto",
        help="detector file, user/repo[@revision] on the Hub, encoder, or auto (default)",
    )
    verb.add_argument("-o", "--output", type=Path, required=True, help="folder to write to")
    verb.add_argument("--map", choices=MAP_NAMES, help="map that decides (default: the model's)")
    verb.add_argument("--maps", choices=("png16", "npy", "none"), default="png16")
    verb.add_argument("--geometry", choices=("full", "benchmark"), default="full")
    verb.add_argument("--tiles", help="inspect in overlapping tiles: 2x2 and so on, or auto")
    verb.add_argument("--colour-map", default="inferno")
    verb.add_argument("--engine", choices=ENGINES, default="torch", help="what runs the network")

    verb = verbs.add_parser("import-official", parents=[common], help=_first_line(import_official))
    verb.set_defaults(run=import_official)
    verb.add_argument("checkpoint", type=Path, help="the .pth file of the official training")
    verb.add_argument("-o", "--output", type=Path, required=True, help="detector file to write")

    retrain_command.register(verbs, common, model)
    annotate_command.register(verbs, common)
    dataset_command.register(verbs, common)
    evaluate_command.register(verbs, common, model)
    train_command.register(verbs, common, model)
    export_command.register(verbs, common)
    share_command.register(verbs, common)
    bundle_command.register(verbs, common)
    return parser


_BAR = "{percentage:3.0f}%|{bar}| {elapsed} {desc}"


def _advance(bar: tqdm, step: FitStep) -> None:
    bar.n = round(100 * step.fraction, 1)
    bar.set_description_str(str(step))


def _describe(detector: AnomalyDetector, path: Path) -> dict[str, Any]:
    from inpformer.detector_file import read_header

    return {"file": str(path), **read_header(path), "notices": list(detector.notices)}


def _output_names(paths: list[Path]) -> dict[Path, str]:
    """Give every picture a name of its own, also where two folders hold the same file name."""
    from inpformer.files import UniqueNames

    names = UniqueNames("{stem}_{count}")
    return {path: names.give(path.stem) for path in paths}


def _tell_notes(path: str | Path, notes: Sequence[str]) -> None:
    if notes:
        tqdm.write(f"{path}: {'; '.join(notes)}", file=sys.stderr)


def _report_line(line: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(line), flush=True)
    elif "error" in line:
        tqdm.write(f"{line['file']}: {line['error']}", file=sys.stderr)
    else:
        confidence = line["confidence"]
        shown = "" if confidence is None else f", confidence {confidence:.0%}"
        _tell_notes(line["file"], line["notes"])
        tqdm.write(f"{line['file']}: {line['verdict']}, score {line['image_score']:.4f}{shown}")


def _complain(message: str, as_json: bool) -> None:
    print(json.dumps({"error": message}) if as_json else f"inpformer: {message}", file=sys.stderr)


def _tell(message: str) -> None:
    print(message, file=sys.stderr)


def _first_line(function: Any) -> str:
    return function.__doc__.splitlines()[0]
