"""One zip file with everything and a card that says what it is; and zip files of others."""

from __future__ import annotations

import collections
import json
import zipfile
from pathlib import Path

from inpformer.annotations.labelled_set import OutgoingSet
from inpformer.annotations.table import write_table_set
from inpformer.errors import UserError
from inpformer.files import DISK_ERRORS, disk_problem, replacing

MAX_UNPACKED_BYTES = 20_000_000_000
MAX_FILES = 200_000
# Pictures hardly shrink in a zip; what shrinks more, and is large, was made to fill the disk.
MAX_RATIO = 200
_SMALL_BYTES = 200 << 20
_COMPRESSED = (".csv", ".md", ".json", ".txt", ".yaml")


def write_card_set(folder: Path, outgoing: OutgoingSet) -> list[str]:
    """Write pictures, masks, tables and `README.md`, a card as Hugging Face data sets have it."""
    notes = write_table_set(folder, outgoing)
    (folder / "README.md").write_text(_card(outgoing), "utf-8", newline="\n")
    return notes


def _card(outgoing: OutgoingSet) -> str:
    labels = collections.Counter(item.annotation.label for item in outgoing)
    lines = [f"| {label} | {count} |" for label, count in sorted(labels.items())]
    classes = [
        f"| {item.value} | {item.name.replace('|', chr(92) + '|')} | {item.colour} |"
        for item in outgoing.classes
    ]
    front = {
        "pretty_name": "Annotated pictures for anomaly detection",
        "task_categories": ["image-segmentation"],
        "tags": ["anomaly-detection", "inpformer"],
    }
    yaml_lines = [f"{key}: {json.dumps(value)}" for key, value in front.items()]
    return "\n".join(
        [
            "---", *yaml_lines, "---", "",
            "# Annotated pictures for anomaly detection", "",
            "Written by INP-Former++ Lab. `metadata.csv` has one line per picture: file, mask, "
            "name, label, who drew each region, detector, seconds spent. Masks are PNG files of 8 "
            "bits, as large as their picture; 0 is background, other values are classes "
            "(`classes.csv`).", "",
            "| value | class | colour |", "|---|---|---|", *classes, "",
            "| label | pictures |", "|---|---|", *lines, "",
        ]
    )  # fmt: skip


def pack(folder: Path, output: Path) -> None:
    """Pack a folder into a zip file, whole or not at all.

    Raises:
        UserError: It cannot be written.
    """
    with replacing(output) as partial, zipfile.ZipFile(partial, "w") as archive:
        for path in sorted(item for item in folder.rglob("*") if item.is_file()):
            # Pictures are compressed as they are.
            small = path.suffix.lower() in _COMPRESSED
            kind = zipfile.ZIP_DEFLATED if small else zipfile.ZIP_STORED
            archive.write(path, path.relative_to(folder).as_posix(), kind)


def unpack(archive_file: Path, folder: Path, max_bytes: int = MAX_UNPACKED_BYTES) -> None:
    """Unpack a zip file into an empty folder; links and paths that lead out of it are not made.

    Args:
        archive_file: The zip file.
        folder: Where to.
        max_bytes: More than this, unpacked, is refused before anything is written.

    Raises:
        UserError: It is no zip file, damaged, locked by a password, or far too large.
    """
    name = archive_file.name
    try:
        with zipfile.ZipFile(archive_file) as archive:
            members = archive.infolist()
            size = sum(member.file_size for member in members)
            packed = archive_file.stat().st_size
            is_bomb = size > _SMALL_BYTES and size > MAX_RATIO * packed
            if size > max_bytes or len(members) > MAX_FILES or is_bomb:
                raise UserError(f"'{name}' is too large to unpack; split it into several files.")
            for member in members:
                archive.extract(member, folder)  # which drops ".." and drive letters
    except UserError:
        raise
    except OSError as error:
        if error.errno in DISK_ERRORS:
            raise disk_problem(folder / name, error) from error
        raise UserError(f"'{name}' cannot be unpacked: {error.strerror or error}.") from error
    except Exception as error:  # damaged streams make decompressors raise anything
        raise UserError(
            f"'{name}' is no zip file that can be read (damaged, or locked by a password); pack "
            "it again."
        ) from error
