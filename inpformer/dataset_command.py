"""The verb of the `inpformer` command that says what a data set holds."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inpformer.datasets.sample import DataSet

# Named here as well, so that `--help` does not wait for picture libraries; a test compares them.
LAYOUT_NAMES = ("store", "visa", "real-iad", "mvtec", "folders")
_COLUMNS = ("class", "train", "test normal", "test anomalous", "without mask")


def register(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the command's parser."""
    what = "Say which pictures a data set has, and what is odd about it."
    verb = verbs.add_parser("dataset", parents=[common], help=what)
    verb.set_defaults(run=dataset)
    verb.add_argument("path", type=Path, help="folder of a data set, or of one object of it")
    verb.add_argument(
        "--layout",
        choices=LAYOUT_NAMES,
        help="mvtec is also MPDD, BTAD, MVTec AD 2 and VisA in its one-class layout "
        "(default: what it looks like)",
    )
    verb.add_argument(
        "--check-masks", action="store_true", help="compare the sizes of masks and pictures too"
    )


def dataset(options: argparse.Namespace) -> int:
    """Say which pictures a data set has, and what is odd about it."""
    from inpformer.datasets.checks import check_masks
    from inpformer.datasets.find import open_dataset

    found = open_dataset(options.path, options.layout)
    problems = [*found.problems, *(check_masks(found) if options.check_masks else ())]
    if options.json:
        facts = {"root": str(found.root), "layout": found.layout, "summary": found.summary()}
        facts |= {"classes": [row._asdict() for row in found.counts()], "problems": problems}
        print(json.dumps(facts))
        return 0
    print(found.summary())
    print(_table(found))
    for sentence in problems:
        print(f"Note: {sentence}")
    return 0


def _table(found: DataSet) -> str:
    rows = [_COLUMNS, *(tuple(map(str, row)) for row in found.counts())]
    # The only class of a data set has no name, but the data set has.
    rows = [(row[0] or found.root.resolve().name, *row[1:]) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join((row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:]))) for row in rows
    )
