"""The verb of the `inpformer` command that retrains a detector with corrected pictures."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from inpformer.errors import UserError

if TYPE_CHECKING:
    from inpformer.changes import Changes
    from inpformer.detector import AnomalyDetector


def register(verbs: Any, common: argparse.ArgumentParser, model: argparse.ArgumentParser) -> None:
    """Add the verb to the command's parser."""
    verb = verbs.add_parser("retrain", parents=[common, model], help=_first_line(retrain))
    verb.set_defaults(run=retrain)
    verb.add_argument("detector", type=Path, help="detector, file or Hub id, to start from")
    verb.add_argument(
        "--normal", nargs="+", type=Path, required=True, help="normal pictures, or folders"
    )
    verb.add_argument(
        "--masks",
        type=Path,
        required=True,
        help="corrected pictures: an annotation store, NAME_mask.png beside NAME.png, or a data "
        "set such as one in the layout of MVTec AD",
    )
    verb.add_argument("-o", "--output", type=Path, required=True, help="detector file to write")
    verb.add_argument(
        "--use-normal", action="store_true", help="pictures labelled normal are shots as well"
    )
    verb.add_argument("--seed", type=int, help="same seed, same detector")
    verb.add_argument("--steps", type=int, help="steps of the segmentation head")
    verb.add_argument("--bundle-encoder", action="store_true", help="store the encoder too")
    verb.add_argument("--half", action="store_true", help="store 16-bit numbers: half the size")


def retrain(options: argparse.Namespace) -> int:
    """Train the segmentation head of a detector with corrected pictures; save a new version."""
    from inpformer.annotations.corrected import read_corrected
    from inpformer.corrections import RetrainConfig
    from inpformer.images import list_images, load_image

    settings = {"seed": options.seed, "steps": options.steps}
    config = RetrainConfig(**{name: value for name, value in settings.items() if value is not None})
    if options.output.resolve() == options.detector.resolve():
        raise UserError("Give the new version another file; the old detector stays as it is.")
    normal = [load_image(path) for path in list_images(options.normal)]
    found = read_corrected(options.masks)
    if options.use_normal:
        normal += found.normal_images

    # Late, for they bring torch: what is wrong with the pictures is said at once.
    from inpformer.detector import AnomalyDetector
    from inpformer.detector_file import check_target

    check_target(options.output)
    before = AnomalyDetector.load(options.detector, options.device, options.weights)
    with tqdm(total=100, unit="%", bar_format=_BAR, disable=options.json) as bar:

        def show(step: Any) -> None:
            bar.n = round(100 * step.fraction, 1)
            bar.set_description_str(str(step))

        after = before.retrain(normal, found.corrections, config, show)
    after.save(options.output, options.bundle_encoder, options.half)
    _report(after, options.output, _changes(before, after, found), options.json)
    return 0


def _changes(before: AnomalyDetector, after: AnomalyDetector, found: Any) -> Changes:
    from inpformer.changes import LabelledPicture, what_changed

    pictures = [
        LabelledPicture(name, item.image, item.mask, is_used=True)
        for name, item in zip(found.names, found.corrections, strict=True)
    ]
    return what_changed(before, after, pictures)


def _report(after: AnomalyDetector, path: Path, changes: Changes, as_json: bool) -> None:
    lines = [
        {
            "picture": item.name,
            "change": item.kind,
            "pixel_ap_before": item.before.pixel_ap,
            "pixel_ap_after": item.after.pixel_ap,
            "anomalous_before": item.before.is_anomalous,
            "anomalous_after": item.after.is_anomalous,
        }
        for item in changes.pictures
    ]
    provenance = after.provenance
    if as_json:
        facts = {"file": str(path), "version": provenance.version}
        facts |= {"corrections": provenance.correction_count, "pictures": lines}
        print(json.dumps(facts))
        return
    print(f"{path}: version {provenance.version}, {provenance.correction_count} corrections")
    for line in lines:
        print(
            f"{line['picture']}: {line['change']}, pixel AP {line['pixel_ap_before']:.2f} -> "
            f"{line['pixel_ap_after']:.2f} (trained with it)"
        )
    print("Look at pictures it was not trained with before you rely on it.", file=sys.stderr)


_BAR = "{percentage:3.0f}%|{bar}| {elapsed} {desc}"


def _first_line(function: Any) -> str:
    return function.__doc__.splitlines()[0]
