"""The folder of a run: what it is, what it has trained so far, and where the files lie."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from inpformer.errors import UserError
from inpformer.files import UniqueNames, check_folder, make_folder, save_bytes
from inpformer.training.config import FREE_ON_RESUME
from inpformer.version import __version__

FORMAT = "inpformer-run-1"
# What a run is, beside its settings; a run goes on only where all of it is the same.
_IDENTITY = ("encoder", "classes", "pictures", "textures")
_IDENTITY_WORDS = {
    "encoder": "another encoder",
    "classes": "other classes",
    "pictures": "other pictures",
    "textures": "other textures",
}
_PACKAGES = ("torch", "timm", "accelerate", "safetensors", "numpy", "pillow")


class RunFolder:
    """Files of one run.

    Args:
        root: The folder; made when it is first written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.record_file = root / "run.json"
        self.log_file = root / "log.jsonl"
        self.curve_file = root / "curve.html"
        self.checkpoint_file = root / "checkpoint" / "state.safetensors"

    def begin(self, record: Mapping[str, Any], resume: bool) -> dict[str, Any]:
        """Return the record to go on from: that of the folder if it may be, or a new one.

        Args:
            record: What this run is, as far as it is known; compared with what is there.
            resume: Whether a run that is there may go on.

        Raises:
            UserError: A run is there that must not or cannot go on, or nothing can be written.
        """
        found = self.read()
        if found is None:
            check_folder(self.root)
        elif not resume:
            raise UserError(
                f"'{self.root}' holds a run already; add --resume to go on with it, or choose "
                "another folder."
            )
        problem = first_difference(found, record) if found else ""
        if problem:
            raise UserError(
                f"The run in '{self.root}' cannot go on: {problem}. Give it what it was started "
                "with, or choose another folder."
            )
        return found or dict(record)

    def read(self) -> dict[str, Any] | None:
        """Return the record of a run; None if there is none.

        Raises:
            UserError: It is damaged, or of another version of this program.
        """
        if not self.record_file.is_file():
            return None
        try:
            record = json.loads(self.record_file.read_text("utf-8"))
            if record["format"] != FORMAT:
                raise ValueError(record["format"])
            if not all(isinstance(record.get(key, {}), dict) for key in ("config", "detectors")):
                raise TypeError(FORMAT)
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise UserError(
                f"'{self.record_file}' is damaged, or of another version of this program; choose "
                "another folder."
            ) from error
        return record

    def write(self, record: Mapping[str, Any]) -> None:
        """Write the record, whole.

        Raises:
            UserError: It cannot be written.
        """
        make_folder(self.root)
        save_bytes(self.record_file, json.dumps(record, indent=1).encode(), durable=True)


def detector_files(names: Iterable[str]) -> dict[str, str]:
    """Return the detector file of every model, relative to the run folder."""
    unique = UniqueNames()
    files = {}
    for name in names:
        stem = "all" if name == "*" else re.sub(r"[^\w.-]+", "_", name).strip("._") or "class"
        files[name] = f"detectors/{unique.give(stem, '.safetensors')}"
    return files


def digest_of(names: Iterable[str]) -> str:
    """Return a short hash of a list of pictures."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]


def versions() -> dict[str, str]:
    """Return the versions of this program and of what it stands on."""
    found = {name: version(name) for name in _PACKAGES}
    return {"inpformer": __version__, "python": platform.python_version(), **found}


def first_difference(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Say the first thing in which two records are not the same run; empty if there is none.

    Args:
        found: The record of a run.
        wanted: Its `config`, and of what else identifies a run, as much as is known.
    """
    before, now = found.get("config", {}), wanted["config"]
    for name in [*now, *(set(before) - set(now))]:
        if name not in FREE_ON_RESUME and before.get(name) != now.get(name):
            return f"its {name} is {_shown(before.get(name))}, and now {_shown(now.get(name))}"
    for name in _IDENTITY:
        if name in wanted and found.get(name) != wanted[name]:
            return f"it was started with {_IDENTITY_WORDS[name]}"
    return ""


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
