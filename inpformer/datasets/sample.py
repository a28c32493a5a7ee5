"""What a data set consists of: pictures with their class, their split, and where the defect is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from inpformer.images import load_image

Split = Literal["train", "test"]

NORMAL = "good"
# Masks of most sets are black and white; half of that is the cut.
HALF_BRIGHT = 127
# Kinds of files that keep every pixel as it was.
_EXACT_SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".gif", ".pgm", ".ppm")
_NAMED = 3


@dataclass(frozen=True)
class Sample:
    """One picture of a data set.

    Attributes:
        path: The picture.
        split: `train` or `test`.
        defect: Kind of defect, such as the name of its folder; `good` for a normal picture.
        mask_path: Where the defect is; None for a normal picture, and where nobody has marked it.
        class_name: The object that is shown, such as `bottle`; empty if there is but one.
        mask_level: Mask pixels brighter than this, of 0 to 255, are defect; see `load_mask`.
    """

    path: Path
    split: Split
    defect: str
    mask_path: Path | None = None
    class_name: str = ""
    mask_level: int = HALF_BRIGHT

    @property
    def is_anomalous(self) -> bool:
        """Whether the picture shows a defect."""
        return self.defect != NORMAL

    @property
    def is_masked(self) -> bool:
        """Whether it is known of every pixel if it is defect: normal pictures need no mask."""
        return self.mask_path is not None or not self.is_anomalous


class ClassCounts(NamedTuple):
    """How many pictures one class has: to train on, and to test with."""

    class_name: str
    train: int
    test_normal: int
    test_anomalous: int
    unmasked: int


@dataclass(frozen=True)
class DataSet:
    """A data set that was found on disk; its pictures are read one by one, when they are needed.

    Attributes:
        root: Its folder.
        layout: What it was found to be, for people: `MVTec AD`, `VisA`, `Real-IAD` and so on.
        samples: Its pictures, by class, split and name.
        problems: One sentence for each thing that was left out or is odd, and why.
    """

    root: Path
    layout: str
    samples: tuple[Sample, ...]
    problems: tuple[str, ...] = ()

    @property
    def class_names(self) -> tuple[str, ...]:
        """Its classes, sorted."""
        return tuple(sorted({sample.class_name for sample in self.samples}))

    def of(self, class_name: str, split: Split) -> list[Sample]:
        """Return the pictures of a class and a split, in order."""
        return [s for s in self.samples if s.class_name == class_name and s.split == split]

    def counts(self) -> list[ClassCounts]:
        """Return how many pictures each class has, by class."""
        found = {name: ClassCounts(name, 0, 0, 0, 0) for name in self.class_names}
        for sample in self.samples:
            row, is_test = found[sample.class_name], sample.split == "test"
            found[sample.class_name] = ClassCounts(
                row.class_name,
                row.train + (not is_test),
                row.test_normal + (is_test and not sample.is_anomalous),
                row.test_anomalous + (is_test and sample.is_anomalous),
                row.unmasked + (is_test and not sample.is_masked),
            )
        return list(found.values())

    def summary(self) -> str:
        """Say in one line what this is."""
        counts = self.counts()
        train, normal, anomalous = (sum(row[i] for row in counts) for i in (1, 2, 3))
        classes = f"{len(counts)} class{'' if len(counts) == 1 else 'es'}"
        return (
            f"{self.layout}: {classes}, {train} pictures to train on, {normal} normal and "
            f"{anomalous} anomalous ones to test with"
        )


def load_mask(path: Path, level: int = HALF_BRIGHT) -> np.ndarray:
    """Read a mask file as `(H, W)` bool: True where it is brighter than `level`.

    In a lossless file that is nowhere brighter, all that is not 0 is taken, as some data sets write
    1 for a defect.

    Raises:
        ImageError: The file is missing or damaged.
    """
    # Not of one channel: masks of several classes may come in colours.
    grey = load_image(path).max(axis=2)
    is_exact = path.suffix.lower() in _EXACT_SUFFIXES
    return grey > (0 if is_exact and grey.max() <= level else level)


def shown(paths: Sequence[Path], root: Path) -> str:
    """Name the first few of many files, by their place in the data set."""
    names = [path.relative_to(root).as_posix() for path in paths[:_NAMED]]
    return first_few(names, len(paths))


def first_few(names: Sequence[str], total: int | None = None) -> str:
    """Put the first few of `total` names (as many as are given if left out) into a sentence."""
    more = (len(names) if total is None else total) - len(names[:_NAMED])
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more else "")
