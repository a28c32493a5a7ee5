"""The verb of the `inpformer` command that makes one folder for computers without a network."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from inpformer.presets import ENCODER_PRESETS


def register(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the command's parser."""
    verb = verbs.add_parser("bundle", parents=[common], help=bundle.__doc__.splitlines()[0])
    verb.set_defaults(run=bundle)
    places = verb.add_mutually_exclusive_group(required=True)
    places.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="folder to make")
    places.add_argument("--check", type=Path, metavar="FOLDER", help="compare with its manifest")
    verb.add_argument(
        "--model",
        default="auto",
        help="what its page serves: auto (default), an encoder, a detector file, or a Hub id",
    )
    verb.add_argument(
        "--encoder",
        nargs="+",
        default=[],
        choices=list(ENCODER_PRESETS),
        metavar="NAME",
        help="also bring these encoders, whose weights are here; the embedded one always comes",
    )
    verb.add_argument(
        "--wheels",
        action="store_true",
        help="also download the packages it needs, for this platform and Python (gigabytes)",
    )


def bundle(options: argparse.Namespace) -> int:
    """Make one folder to copy to a computer without a network, or check such a folder.

    Raises:
        UserError: Something is missing, or the folder cannot be written or read.
    """
    if options.check is not None:
        return _check(options.check, options.json)
    from inpformer.bundle import BundleWish, make_bundle

    wish = BundleWish(options.model, tuple(options.encoder), options.wheels)
    made = make_bundle(options.output, wish, lambda said: print(said, file=sys.stderr))
    if options.json:
        facts = {**vars(made), "folder": str(made.folder)}
        print(json.dumps(facts))
        return 0
    print(f"{made.folder}: {made.file_count} files, {made.byte_count / 1e6:.1f} MB")
    print(f"Encoders: {', '.join(made.encoders)}. The page serves: {made.model}.")
    print("Copy the whole folder, then run start.sh or start.bat there; README.txt has the rest.")
    return 0


def _check(folder: Path, as_json: bool) -> int:
    from inpformer.bundle import check_bundle

    wrong = check_bundle(folder)
    if as_json:
        print(json.dumps({"folder": str(folder), "is_whole": not wrong, "wrong": wrong}))
    else:
        print("\n".join(wrong) if wrong else f"{folder} is as it was made.")
    return 2 if wrong else 0
