"""File names that every system takes, made from names that people and data sets give."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from inpformer.errors import UserError

MAX_NAME = 200
_MAX_KEY = 60
_WINDOWS = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{i}" for port in ("com", "lpt") for i in range(10)),
}


def clean_name(name: str) -> str:
    """Return the name under which people know a picture: one line, composed characters.

    Folders stay in it (`washer/003.png`), as it is never used as a path.

    Raises:
        UserError: Nothing is left of it.
    """
    name = unicodedata.normalize("NFC", name.replace("\\", "/"))
    name = "".join(letter if letter.isprintable() else "_" for letter in name)
    name = "/".join(part for part in name.split("/") if part not in ("", ".", ".."))
    name = name[-MAX_NAME:].strip()
    if not name:
        raise UserError("Give the picture a name of at least one visible character.")
    return name


def file_key(name: str) -> str:
    """Return a file name for `name`: always the same one, and never one that another name has.

    It has no folders, only characters that all systems allow, and differs from others by more
    than capitals. Names that are such a file name already stay as they are.
    """
    key = re.sub(r"[^a-z0-9._-]+", "_", name.lower())
    stem, dot, suffix = key.rpartition(".")
    if not dot or len(suffix) > 5:
        stem, suffix = key, ""
    stem = stem.strip("._-")[:_MAX_KEY]
    plain = f"{stem}.{suffix}" if suffix else stem
    if stem and plain == name and stem.split(".")[0] not in _WINDOWS:
        return plain
    # A plain name has no "~", so it is never taken for one that was made here.
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    stem = f"{stem}~{digest}" if stem else f"picture~{digest}"
    return f"{stem}.{suffix}" if suffix else stem


def folder_key(name: str) -> str:
    """Return a folder name for a class; see `file_key`."""
    return file_key(name).replace(".", "_")
