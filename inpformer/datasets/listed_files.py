"""Data sets that a table or JSON files list; nothing listed may lie outside of the data set."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from inpformer.datasets.findings import Findings
from inpformer.datasets.sample import HALF_BRIGHT, NORMAL, Sample, Split
from inpformer.errors import UserError


class ListedPicture(NamedTuple):
    """One picture as a list names it; paths are relative, and `mask` may be empty."""

    image: str
    mask: str
    split: Split
    defect: str
    class_name: str


class ListReader:
    """Finds on disk what the lists of one data set name, and notes what is odd.

    Pictures that no list names are not looked for.

    Args:
        findings: Of the data set.
        mask_level: See `Sample`.
    """

    def __init__(self, findings: Findings, mask_level: int = HALF_BRIGHT) -> None:
        self._findings = findings
        self._mask_level = mask_level
        self._root = os.path.realpath(findings.root)
        self._inside: dict[str, bool] = {}
        self._seen: set[str] = set()

    def read(self, folder: Path, listed: Iterable[ListedPicture], source: Path) -> list[Sample]:
        """Return the pictures of a list that are there.

        Args:
            folder: That the paths in the list begin at.
            listed: What the list says.
            source: The list.

        Raises:
            UserError: A path leads out of the data set.
        """
        samples = []
        for item in listed:
            picture = self.find(folder, item.image, source)
            if picture is None:
                self._findings.missing.append(item.image)
            elif str(picture) in self._seen:
                self._findings.repeated.append(picture)
            elif item.split == "train" and item.defect != NORMAL:
                self._findings.train_defects.append(picture)
            else:
                self._seen.add(str(picture))
                samples.append(self._sample(folder, picture, item, source))
        return samples

    def _sample(self, folder: Path, picture: Path, item: ListedPicture, source: Path) -> Sample:
        if item.defect == NORMAL:
            return Sample(picture, item.split, NORMAL, None, item.class_name)
        mask = self.find(folder, item.mask, source) if item.mask else None
        if mask is None:
            self._findings.unmasked.append(picture)
        return Sample(picture, "test", item.defect, mask, item.class_name, self._mask_level)

    def find(self, folder: Path, name: str, source: Path) -> Path | None:
        """Return a file by its path below a folder; None if it is not there.

        Raises:
            UserError: The path leads out of the data set: by `..`, as it begins at the root of a
                disk, or through a link.
        """
        *folders, last = name.replace("\\", "/").split("/")
        first = folders[0] if folders else last
        if ".." in (*folders, last) or not first or ":" in first:
            raise _leads_out(name, source)
        place = os.path.join(folder, *folders)
        path = os.path.join(place, last)
        try:
            if place not in self._inside:  # asked once, as there are many pictures in a folder
                self._inside[place] = self._is_inside(folder, folders)
            if not self._inside[place]:
                raise _leads_out(name, source)
            mode = os.lstat(path).st_mode
        except (OSError, ValueError):  # it is not there, or is called what no system allows
            return None
        if stat.S_ISLNK(mode):
            if not self._leads_in(path):
                raise _leads_out(name, source)
            return Path(path) if os.path.isfile(path) else None
        return Path(path) if stat.S_ISREG(mode) else None

    def _is_inside(self, start: Path, folders: list[str]) -> bool:
        steps = list(accumulate(folders, os.path.join, initial=str(start)))
        if steps[0] not in self._inside:
            self._inside[steps[0]] = self._leads_in(steps[0])
        links = filter(os.path.islink, steps[1:])
        return self._inside[steps[0]] and all(map(self._leads_in, links))

    def _leads_in(self, path: str) -> bool:
        target = os.path.realpath(path)
        return target == self._root or target.startswith(os.path.join(self._root, ""))


def _leads_out(name: str, source: Path) -> UserError:
    return UserError(
        f"'{source.name}' names '{name}', which leads out of the data set; put all pictures into "
        "its folder, without links."
    )
