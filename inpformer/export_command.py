"""The verb of the `inpformer` command that writes a detector as an ONNX file."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from inpformer.errors import UserError


def register(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the command's parser."""
    verb = verbs.add_parser("export", parents=[common], help=export.__doc__.splitlines()[0])
    verb.set_defaults(run=export)
    verb.add_argument(
        "detector", type=Path, help="detector file, or user/repo[@revision] on the Hub"
    )
    verb.add_argument("-o", "--output", type=Path, required=True, help="ONNX file to write")
    verb.add_argument(
        "--picture-size",
        metavar="WIDTHxHEIGHT",
        help="of the pictures it is for; others are squeezed to their aspect (default: that of "
        "the first picture to check on, or square)",
    )
    verb.add_argument("--int8", action="store_true", help="large products in 8 bits: less exact")
    verb.add_argument(
        "--check", nargs="+", type=Path, help="pictures or folders to compare on (default: drawn)"
    )
    verb.add_argument("--weights", type=Path, help="file with the encoder's weights")


def export(options: argparse.Namespace) -> int:
    """Write a detector as an ONNX file that runs without this program, and check it.

    Raises:
        UserError: Something cannot be used, or the file does not agree with the detector.
    """
    from inpformer.images import list_images, load_image

    size = None if options.picture_size is None else parse_picture_size(options.picture_size)
    images = [load_image(path) for path in list_images(options.check or [])]

    # Late, for they bring torch: what is wrong with the options is said at once.
    from inpformer.detector import AnomalyDetector
    from inpformer.engine import require_onnx
    from inpformer.onnx_export import DEFAULT_SIZE, check_export_target, export_onnx

    require_onnx()
    check_export_target(options.output)
    detector = AnomalyDetector.load(options.detector, "cpu", options.weights)
    size = size or (images[0].shape[:2] if images else DEFAULT_SIZE)
    found = export_onnx(detector, options.output, size, options.int8, images)
    facts = {
        "file": str(options.output),
        "bytes": options.output.stat().st_size,
        "picture_size": f"{size[1]}x{size[0]}",
        "checked_on": found.picture_count,
        "map_difference": found.map_difference,
        "score_difference": found.score_difference,
    }
    if options.json:
        print(json.dumps(facts))
        return 0
    print(f"{options.output}: for pictures of {facts['picture_size']} pixels and their aspect")
    print(
        f"The same verdicts as the detector on {found.picture_count} "
        f"{'given' if images else 'drawn'} pictures; maps differ by up to "
        f"{found.map_difference:.2%} of their range, scores by {found.score_difference:.2%} of the "
        "threshold."
    )
    return 0


def parse_picture_size(text: str) -> tuple[int, int]:
    """Return height and width of a size such as `1024x768`, which is width by height.

    Raises:
        UserError: It cannot be read, or a side is below 8 pixels.
    """
    match = re.fullmatch(r"(\d{1,6})[xX×](\d{1,6})", text.strip())
    if match is None or min(map(int, match.groups())) < 8:
        raise UserError(
            f"'{text}' is no picture size; give width and height in pixels, such as 1024x768."
        )
    width, height = map(int, match.groups())
    return height, width
