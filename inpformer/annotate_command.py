"""The verbs of the `inpformer` command that work on annotations."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from inpformer.errors import UserError

# Named here as well, so that `--help` does not wait for picture libraries; a test compares them.
FORMATS = ("mvtec", "png", "coco", "labelme", "yolo", "label-studio", "zip")


def register(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verbs to the command's parser."""
    what = "Write the labels and masks of a store in the format of another program."
    verb = verbs.add_parser("annotate-export", parents=[common], help=what)
    verb.set_defaults(run=annotate_export)
    verb.add_argument("store", type=Path, help="folder of the annotation store")
    verb.add_argument("--format", choices=FORMATS, help="yolo keeps outlines only")
    verb.add_argument("-o", "--output", type=Path, help="new folder, or file for zip")
    verb.add_argument(
        "--push",
        metavar="USER/NAME",
        help="instead: the next version of this data set on the Hugging Face Hub",
    )
    verb.add_argument("--public", action="store_true", help="everybody may see what is pushed")


def annotate_export(options: argparse.Namespace) -> int:
    """Write the labels and masks of a store in the format of another program, or push them.

    Raises:
        UserError: Neither a format and an output are given, nor a data set to push to.
    """
    is_file, is_push = bool(options.format and options.output), bool(options.push)
    if is_file == is_push or (is_push and (options.format or options.output)):
        raise UserError("Give either --format and --output, or --push USER/NAME.")
    return _push(options) if is_push else _export(options)


def _push(options: argparse.Namespace) -> int:
    from inpformer.annotations.dataset_push import push_dataset
    from inpformer.annotations.store import AnnotationStore

    store = AnnotationStore.open(options.store)
    report = push_dataset(store, options.push, private=not options.public)
    facts = {"url": report.url, "version": report.version, "pictures": report.pictures}
    print(json.dumps(facts) if options.json else f"{report.url}: {report.pictures} pictures")
    return 0


def _export(options: argparse.Namespace) -> int:
    from inpformer.annotations.exchange import export_annotations
    from inpformer.annotations.store import AnnotationStore

    report = export_annotations(AnnotationStore.open(options.store), options.format, options.output)
    for note in report.notes:
        print(f"Note: {note}", file=sys.stderr)
    facts = {
        "output": str(report.path),
        "pictures": report.pictures,
        "lossless": report.is_lossless,
        "notes": list(report.notes),
    }
    if options.json:
        print(json.dumps(facts))
    else:
        print(f"{report.path}: {report.pictures} pictures")
    return 0
