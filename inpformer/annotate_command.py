"""The verbs of the `inpformer` command that work on annotations."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

# Named here as well, so that `--help` does not wait for picture libraries; a test compares them.
FORMATS = ("mvtec", "png", "coco", "labelme", "yolo", "label-studio", "zip")


def register(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verbs to the command's parser."""
    what = "Write the labels and masks of a store in the format of another program."
    verb = verbs.add_parser("annotate-export", parents=[common], help=what)
    verb.set_defaults(run=annotate_export)
    verb.add_argument("store", type=Path, help="folder of the annotation store")
    verb.add_argument("--format", choices=FORMATS, required=True, help="yolo keeps outlines only")
    verb.add_argument(
        "-o", "--output", type=Path, required=True, help="new folder, or file for zip"
    )


def annotate_export(options: argparse.Namespace) -> int:
    """Write the labels and masks of a store in the format of another program."""
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
