"""What is known of one class while its pictures are looked at; kept on disk, it survives a kill."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from inpformer.errors import UserError
from inpformer.evaluation.look import Look
from inpformer.evaluation.pixel_histogram import PixelHistogram
from inpformer.evaluation.records import PictureRecord
from inpformer.files import make_folder, save_bytes

_SETTINGS = "settings.json"


class Entry(NamedTuple):
    """One picture that is done.

    Attributes:
        name: Of the picture.
        record: What was found; None if it could not be used.
        problems: What was wrong with it, in sentences.
    """

    name: str
    record: PictureRecord | None
    problems: tuple[str, ...] = ()


@dataclass
class ClassState:
    """The pictures of one class that are done.

    Attributes:
        entries: One for each picture, in the order they were looked at.
        histograms: Pixels by kind of defect; `good` for normal pictures.
    """

    entries: list[Entry] = field(default_factory=list)
    histograms: dict[str, PixelHistogram] = field(default_factory=dict)

    def add(self, look: Look) -> None:
        """Count a picture.

        Raises:
            UserError: Its map holds values that are no numbers; nothing is counted.
        """
        if look.mask is not None:
            histogram = self.histograms.setdefault(look.record.defect, PixelHistogram())
            histogram.add(look.values, look.mask)
        self.entries.append(Entry(look.record.name, look.record, look.problems))

    def add_problem(self, name: str, problem: str) -> None:
        """Note a picture that cannot be used."""
        self.entries.append(Entry(name, None, (problem,)))

    def merge(self, other: ClassState) -> None:
        """Take in the pictures of another state of the same class, which stays as it is."""
        self.entries += other.entries
        for kind, histogram in other.histograms.items():
            self.histograms.setdefault(kind, PixelHistogram()).merge(histogram)


class StateFolder:
    """Keeps the states of an evaluation in a folder, so that it can go on after a kill.

    Args:
        folder: Made if it is not there.
        settings: What the results depend on, in plain values.
        share: Rank of this process and number of processes, which each keep files of their own.

    Raises:
        UserError: The folder holds the state of another evaluation, or cannot be used.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], share: tuple[int, int]) -> None:
        make_folder(folder)
        self._folder, self._share = folder, share
        wanted = {"processes": share[1], **settings}
        path = folder / _SETTINGS
        if not path.exists():
            # Written whole by each process, and the same by all of them.
            save_bytes(path, json.dumps(wanted, indent=1).encode())
            return
        try:
            found = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise self._damaged() from error
        if found != wanted:
            known = found if isinstance(found, dict) else {}
            changed = ", ".join(key for key in wanted if known.get(key) != wanted[key])
            raise UserError(
                f"The folder '{folder}' holds another evaluation, which differs in: {changed}. "
                "Choose another folder, or the same settings as before."
            )

    def save(self, index: int, state: ClassState) -> None:
        """Keep the state of the class number `index`.

        The records are written first and the counts after them, which tell how many records
        belong to them: a kill between the two leaves the older state.

        Raises:
            UserError: The disk is full or the folder cannot be written to.
        """
        records, counts = self._paths(index, self._share[0])
        lines = [json.dumps(_entry_values(entry)) for entry in state.entries]
        save_bytes(records, "".join(line + "\n" for line in lines).encode())
        arrays = {"done": np.array(len(lines)), "kinds": np.array(list(state.histograms), str)}
        for number, histogram in enumerate(state.histograms.values()):
            arrays |= {f"{number}-{name}": v for name, v in histogram.to_arrays().items()}
        stream = io.BytesIO()
        np.savez_compressed(stream, **arrays)
        save_bytes(counts, stream.getvalue())

    def load(self, index: int, rank: int | None = None) -> ClassState:
        """Return the state of the class number `index`, empty if none was saved.

        Args:
            index: Of the class.
            rank: Of the process that kept it; None for this one.

        Raises:
            UserError: What was saved is damaged.
        """
        records, counts = self._paths(index, self._share[0] if rank is None else rank)
        if not counts.exists():
            return ClassState()
        try:
            with np.load(counts, allow_pickle=False) as arrays:
                done, kinds = int(arrays["done"]), arrays["kinds"].tolist()
                histograms = {
                    kind: PixelHistogram.from_arrays(_of(arrays, f"{number}-"))
                    for number, kind in enumerate(kinds)
                }
            lines = records.read_text("utf-8").splitlines()[:done]
            entries = [_entry(json.loads(line)) for line in lines]
        except (OSError, EOFError, ValueError, LookupError, TypeError, zipfile.BadZipFile) as error:
            raise self._damaged() from error
        if len(entries) < done:
            raise self._damaged()
        return ClassState(entries, histograms)

    def _paths(self, index: int, rank: int) -> tuple[Path, Path]:
        # By number, for the name of a class may be no file name.
        stem = f"class-{index:03d}-part-{rank + 1}-of-{self._share[1]}"
        return self._folder / f"{stem}.jsonl", self._folder / f"{stem}.npz"

    def _damaged(self) -> UserError:
        return UserError(
            f"The state of the evaluation in '{self._folder}' is damaged; remove that folder to "
            "begin anew."
        )


def _of(arrays: Any, prefix: str) -> dict[str, np.ndarray]:
    names = [name for name in arrays if name.startswith(prefix)]
    return {name.removeprefix(prefix): arrays[name] for name in names}


def _entry_values(entry: Entry) -> dict[str, Any]:
    record = None if entry.record is None else asdict(entry.record)
    return {"name": entry.name, "record": record, "problems": list(entry.problems)}


def _entry(values: dict[str, Any]) -> Entry:
    record = values["record"]
    if record is not None:
        record = PictureRecord(**{**record, "peak": tuple(record["peak"])})
    return Entry(values["name"], record, tuple(values["problems"]))
