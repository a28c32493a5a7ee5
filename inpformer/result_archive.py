"""One zip of inspected pictures: maps, masks, overlays, tables, and a run card to repeat it by."""

from __future__ import annotations

import hashlib
import json
import time
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from inpformer.cut import Cut
from inpformer.detector import AnomalyDetector
from inpformer.detector_file import describe_detector, fingerprint
from inpformer.files import replacing, to_jpeg, to_png
from inpformer.images import read_image
from inpformer.report import describe_result, draw_result, map_range
from inpformer.result import AnomalyResult
from inpformer.result_table import ResultRow, result_row, sort_rows, to_csv, to_json
from inpformer.version import versions

FORMAT = "inpformer-run-1"


@dataclass(frozen=True)
class ArchiveEntry:
    """One picture of the archive.

    Attributes:
        name: What its person calls it.
        path: The file that was inspected.
        result: What the detector said; its deciding map is written.
        detector: That inspected it.
        title: What its person calls the detector.
    """

    name: str
    path: Path
    result: AnomalyResult
    detector: AnomalyDetector
    title: str


def write_archive(
    path: Path, entries: Iterable[ArchiveEntry], cut: Cut | None = None, colour_map: str = "inferno"
) -> Path:
    """Write the zip, whole or not at all; one picture at a time is held in memory.

    Per picture there are the raw map (16 bits over the `map_range` of its row), the mask and the
    overlay; for all of them `results.csv`, `results.json` and the run card `run.json`, which
    holds all that is needed to repeat the run and to compare with it.

    Args:
        path: Where to; a file of that name is replaced.
        entries: The pictures.
        cut: Where masks begin; None takes the calibrated threshold, and without one the mask is
            empty.
        colour_map: Of the overlays.

    Raises:
        UserError: A picture is gone, or the file cannot be written.
    """
    rows: list[ResultRow] = []
    pictures: list[dict[str, Any]] = []
    detectors: dict[int, dict[str, Any]] = {}
    with replacing(path) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        for number, entry in enumerate(entries, 1):
            # By identity: two detectors of one fingerprint may still be called differently.
            known = detectors.get(id(entry.detector)) or _describe(entry)
            detectors[id(entry.detector)] = known
            stem = f"{number:02d}_{_file_stem(entry.name)}"
            facts = _add_picture(archive, stem, entry, cut, colour_map)
            pictures.append({"detector": known["fingerprint"], **facts})
            rows.append(result_row(entry.name, entry.result, entry.title, cut))
            entry.result.forget_pictures()
        rows = sort_rows(rows)
        archive.writestr("results.csv", to_csv(rows))
        archive.writestr("results.json", to_json(rows))
        card = _run_card(list(detectors.values()), pictures, cut, colour_map)
        text = json.dumps(card, ensure_ascii=False, indent=2, allow_nan=False)
        archive.writestr("run.json", text, zipfile.ZIP_DEFLATED)
    return path


def _run_card(
    detectors: list[dict[str, Any]],
    pictures: list[dict[str, Any]],
    cut: Cut | None,
    colour_map: str,
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "replay": (
            "Load the detector with a picture's fingerprint; for the picture with its sha256 call "
            "predict(image, geometry=geometry, tiles=tiles, map_name=map). On the same versions "
            "and device the scores are equal; elsewhere they differ by rounding."
        ),
        "cut": None if cut is None else asdict(cut),
        "colour_map": colour_map,
        "versions": versions(),
        "detectors": detectors,
        "pictures": pictures,
    }


def _describe(entry: ArchiveEntry) -> dict[str, Any]:
    return {
        "title": entry.title,
        "fingerprint": fingerprint(entry.detector),
        "device": str(entry.detector.device),
        **describe_detector(entry.detector),
    }


def _add_picture(
    archive: zipfile.ZipFile, stem: str, entry: ArchiveEntry, cut: Cut | None, colour_map: str
) -> dict[str, Any]:
    """Write the files of one picture and return its part of the run card."""
    result, image = entry.result, read_image(entry.path).image
    drawings = draw_result(image, result, cut, colour_map)
    files = {}
    for kind, array in drawings.items():
        # Overlays are for looking at; what is measured stays lossless.
        data, suffix = (to_jpeg(array), "jpg") if kind == "overlay" else (to_png(array), "png")
        files[kind] = f"{kind}s/{stem}.{suffix}"
        archive.writestr(files[kind], data)
    tiles = result.tiles
    return {
        "name": entry.name,
        "sha256": hashlib.sha256(entry.path.read_bytes()).hexdigest(),
        **describe_result(result, cut),
        "geometry": result.geometry.name,
        "tiles": "" if tiles is None else f"{tiles[0]}x{tiles[1]}",
        "map_range": list(map_range(result)),
        "files": files,
    }


def _file_stem(name: str) -> str:
    """Return a name that is safe on every system, of a picture's own."""
    path = PurePosixPath(name.replace("\\", "/"))
    stem = path.as_posix().removesuffix(path.suffix)  # a name may be nothing but "."
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in stem)
    return safe.strip("._")[:80] or "picture"
