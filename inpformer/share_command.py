"""The verbs of the `inpformer` command for detectors on the Hub, and for what a file holds."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from inpformer.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inpformer.sharing.records import PulledFile, PushWish, RepoLook, TransferStep


def register(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verbs to the command's parser."""
    verb = verbs.add_parser("info", parents=[common], help=_first_line(info))
    verb.set_defaults(run=info)
    verb.add_argument("file", help="detector file, or user/repo[@revision] on the Hub")

    verb = verbs.add_parser("pull", parents=[common], help=_first_line(pull))
    verb.set_defaults(run=pull)
    verb.add_argument("repo", metavar="USER/REPO[@REVISION]", help="where it is on the Hub")
    verb.add_argument("-o", "--output", type=Path, help="copy it to this file, too")

    verb = verbs.add_parser("push", parents=[common], help=_first_line(push))
    verb.set_defaults(run=push)
    verb.add_argument("file", type=Path, help="detector file")
    verb.add_argument("repo", metavar="USER/REPO", help="made if it is not there")
    verb.add_argument("--licence", help="as the Hub names it: apache-2.0, cc-by-4.0, other ...")
    verb.add_argument("--public", action="store_true", help="everybody may see it")
    verb.add_argument("--title", default="", help="what it is called (default: the repository)")
    verb.add_argument("--about", default="", help="what it is for, in your words")
    verb.add_argument("--metrics", type=Path, help="report of inpformer evaluate, or its folder")
    verb.add_argument("--measured-on", help="what the data of the report is called")
    verb.add_argument("--pictures", nargs="+", type=Path, default=[], help="pictures to show")
    verb.add_argument("--bundle-encoder", action="store_true", help="push the encoder too")
    verb.add_argument("--weights", type=Path, help="file with the encoder's weights")


def info(options: argparse.Namespace) -> int:
    """Say what a detector file holds, or a repository of the Hub before it is downloaded."""
    path = Path(options.file)
    address = None if path.exists() else _address(options.file)
    if address is None:
        from inpformer.detector_file import read_header

        report(read_header(path), options.json)
        return 0
    from inpformer.sharing.look import look_at

    found = look_at(address)
    _tell(found.note)
    report(_look_facts(found), options.json)
    return 0


def pull(options: argparse.Namespace) -> int:
    """Fetch a detector from the Hub, with its commit and hash.

    Raises:
        UserError: It cannot be had, or the file cannot be written.
    """
    from inpformer.sharing.pull import pull
    from inpformer.sharing.records import RepoAddress

    address = RepoAddress.parse(options.repo)
    if options.output is not None:
        from inpformer.detector_file import check_target

        check_target(options.output)
    with _bar(options.json) as tell:
        pulled = pull(address, tell=tell)
    _tell(pulled.look.note)
    path = pulled.path if options.output is None else _copy(pulled, options.output)
    facts = {
        "file": str(path),
        "revision": pulled.look.revision,
        "sha256": pulled.sha256,
        "was_cached": pulled.was_cached,
    }
    report(facts if not options.json else {**_look_facts(pulled.look), **facts}, options.json)
    return 0


def push(options: argparse.Namespace) -> int:
    """Push a detector to the Hub with a card that says what it is; private unless you say so.

    Raises:
        UserError: The licence is missing, or something cannot be used, read or pushed.
    """
    wish = _wish(options)

    from inpformer.detector import AnomalyDetector
    from inpformer.sharing.outgoing import check_wish
    from inpformer.sharing.push import push

    check_wish(wish)
    if not options.file.is_file():
        raise UserError(f"There is no detector file at '{options.file}'.")
    detector = AnomalyDetector.load(options.file, "cpu", options.weights)
    with _bar(options.json) as tell:
        pushed = push(detector, wish, tell=tell)
    if pushed.is_encoder_inside:
        _tell(
            f"Note: the encoder's weights ({detector.config.encoder.name}) went along; its licence "
            "is named in the card."
        )
    facts = {
        "url": pushed.url,
        "load": f"{pushed.address.repo_id}@{pushed.version}",
        "revision": pushed.address.revision,
        "sha256": pushed.sha256,
        "private": pushed.is_private,
        "encoder_inside": pushed.is_encoder_inside,
    }
    report(facts, options.json)
    return 0


def report(values: dict[str, Any], as_json: bool, indent: str = "") -> None:
    """Print facts, as JSON or one per line."""
    if as_json:
        print(json.dumps(values))
        return
    for name, value in values.items():
        if isinstance(value, dict):
            print(f"{indent}{name}:")
            report(value, False, indent + "  ")
        else:
            print(f"{indent}{name}: {value}")


def _wish(options: argparse.Namespace) -> PushWish:
    from inpformer.images import list_images, load_image
    from inpformer.sharing.measured import read_metrics
    from inpformer.sharing.records import PushWish

    licence = options.licence or _ask_licence(options.json)
    metrics, data = (None, "") if options.metrics is None else read_metrics(options.metrics)
    paths = list_images(options.pictures) if options.pictures else []
    return PushWish(
        repo_id=options.repo,
        licence=licence,
        is_private=not options.public,
        title=options.title,
        about=options.about,
        metrics=metrics,
        metrics_on=options.measured_on or data,
        pictures=tuple((path.stem, load_image(path)) for path in paths),
        bundle_encoder=options.bundle_encoder,
    )


def _ask_licence(as_json: bool) -> str:
    if not as_json and sys.stdin.isatty():
        answer = input("Licence of what you push, as the Hub names it (such as apache-2.0): ")
        if answer.strip():
            return answer.strip()
    raise UserError("Say under which licence it is shared, such as --licence apache-2.0.")


def _address(text: str) -> Any:
    """Return the address on the Hub that a text is; None if it is none."""
    from inpformer.sharing.records import RepoAddress

    try:
        return RepoAddress.parse(text)
    except UserError:
        return None


def _look_facts(found: RepoLook) -> dict[str, Any]:
    facts = {**asdict(found), "address": str(found.address)}
    return {name: value for name, value in facts.items() if name != "note"}


def _copy(pulled: PulledFile, output: Path) -> Path:
    import shutil

    from inpformer.files import make_folder, replacing

    make_folder(output.parent)
    with replacing(output) as partial:
        shutil.copyfile(pulled.path, partial)
    return output


@contextmanager
def _bar(as_json: bool) -> Iterator[Any]:
    """Show how far a transfer is, from its first byte on."""
    with tqdm(unit="B", unit_scale=True, disable=as_json, delay=0.2) as bar:

        def tell(step: TransferStep) -> None:
            bar.total = step.byte_total or None
            bar.update(step.byte_count - bar.n)

        yield tell


def _tell(message: str) -> None:
    if message:
        print(message, file=sys.stderr)


def _first_line(function: Any) -> str:
    return function.__doc__.splitlines()[0]
