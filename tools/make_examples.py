"""Draw the example parts of the page: photos of an inspection station that nobody had to take.

    python tools/make_examples.py
    python tools/make_examples.py --out runs/parts --parts washer cap --train 20 --per-defect 5

Each part gets a folder in the layout of MVTec AD (train/good, test/good, test/DEFECT,
ground_truth/DEFECT), and `parts.json` says what they are. The same seed gives the same pictures.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
from example_parts.kinds import PARTS
from example_parts.part import PartKind, make_picture
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "assets" / "examples"
INDEX_NAME = "parts.json"
LICENCE_NAME = "LICENSES.md"
JPEG_QUALITY = 92
# Spread over the run of the station: a good part of the test is never one of the training.
TRAIN, TEST = 0, 1
SHIPPED_DEFECTS = 4

Write = Callable[[Path, np.ndarray], None]


class FolderError(Exception):
    """The output folder cannot be used; the message says why."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parse(arguments)
    try:
        write_parts(options)
    except (FolderError, OSError) as error:
        print(f"make_examples: {error}", file=sys.stderr)
        return 1
    return 0


def write_parts(options: argparse.Namespace) -> None:
    """Write the chosen parts and the index; other parts in the folder stay.

    Raises:
        FolderError: The folder holds something that this tool did not write.
    """
    index = _read_index(options.out)
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.parts:
        kind = PARTS[name]
        _write_part(options.out / name, kind, options)
        index[name] = {"title": kind.title, "defects": list(_shown_defects(kind, options))}
        ordered = {name: index[name] for name in PARTS if name in index}
        _write_text(options.out / INDEX_NAME, json.dumps(ordered, indent=2) + "\n")
        print(f"{name}: {_megabytes(options.out / name):.2f} MB")


def _write_part(folder: Path, kind: PartKind, options: argparse.Namespace) -> None:
    """Draw a part beside its folder, then swap: a broken run leaves the older pictures whole."""
    fresh = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.part")
    stale = fresh.with_suffix(".old")
    try:
        _draw_part(fresh, kind, options)
        if folder.exists():
            folder.rename(stale)
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(stale, ignore_errors=True)


def _draw_part(folder: Path, kind: PartKind, options: argparse.Namespace) -> None:
    """Draw all pictures of one part."""

    def draw(place: str, count: int, half: int, defect: str | None = None) -> None:
        (folder / place).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            image, mask = make_picture(kind, options.seed, 2 * number + half, defect)
            path = folder / place / f"{number:03}.jpg"
            Image.fromarray(image).save(path, quality=JPEG_QUALITY)
            if defect is not None:
                mask_path = folder / "ground_truth" / defect / f"{number:03}_mask.png"
                mask_path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(mask.astype(np.uint8) * 255).save(mask_path)

    draw("train/good", options.train, TRAIN)
    draw("test/good", options.good, TEST)
    for defect in _shown_defects(kind, options):
        draw(f"test/{defect}", options.per_defect, TEST, defect)


def _shown_defects(kind: PartKind, options: argparse.Namespace) -> tuple[str, ...]:
    return kind.defects[: options.defects]


def _read_index(folder: Path) -> dict:
    """Return what an earlier run wrote to `folder`, if it holds nothing else."""
    if not folder.exists():
        return {}
    if not folder.is_dir():
        raise FolderError(f"'{folder}' is a file; name a folder with --out.")
    # Hidden names do not count: file managers put theirs everywhere.
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    index_path = folder / INDEX_NAME
    expected = {INDEX_NAME, LICENCE_NAME, *(PARTS if index_path.exists() else ())}
    if names - expected:
        raise FolderError(
            f"'{folder}' holds files that are not example parts; name an empty folder with --out."
        )
    return _parsed(index_path) if index_path.exists() else {}


def _parsed(index_path: Path) -> dict:
    try:
        index = json.loads(index_path.read_text(encoding="utf-8"))
    except ValueError:
        index = None
    if not isinstance(index, dict):
        raise FolderError(f"'{index_path}' is damaged; remove it and the parts beside it.")
    return index


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.part")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=OUTPUT, help="folder (assets/examples)")
    parser.add_argument("--seed", type=_count, default=7, help="picks the series (%(default)s)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--train", type=_count, default=8, help="good parts to learn from")
    parser.add_argument("--good", type=_count, default=4, help="good parts to test on")
    parser.add_argument("--per-defect", type=_count, default=1, help="bad parts of each defect")
    parser.add_argument(
        "--defects", type=_count, default=SHIPPED_DEFECTS, help="kinds of defect per part"
    )
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number, 0 or larger")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
