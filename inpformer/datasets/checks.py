"""What may be wrong with a data set as a whole, and with its masks."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence

from inpformer.datasets.sample import ClassCounts, DataSet, Sample, first_few, shown
from inpformer.errors import ImageError
from inpformer.images import picture_size


def class_problems(dataset: DataSet) -> list[str]:
    """Return one sentence for each thing that classes lack for training or for a test."""
    counts = dataset.counts()

    def lacking(lacks: Callable[[ClassCounts], bool]) -> str:
        # The only class of a data set has no name, but the data set has.
        names = [row.class_name for row in counts if lacks(row)]
        return first_few([name or dataset.root.resolve().name for name in names])

    problems = []
    if names := lacking(lambda row: row.train == 0):
        problems.append(f"There are no pictures to train on: {names}.")
    if names := lacking(lambda row: row.test_anomalous == 0):
        problems.append(f"There are no anomalous pictures to test with: {names}.")
    if names := lacking(lambda row: row.test_normal == 0):
        problems.append(f"There are no normal pictures to test with: {names}.")
    if names := lacking(lambda row: row.train + row.test_normal + row.test_anomalous == 1):
        problems.append(f"There is just one picture: {names}.")
    return problems


def name_problems(dataset: DataSet) -> list[str]:
    """Return one sentence for pictures of one name, and one for those that share a mask."""
    samples = dataset.samples
    stems = [os.path.splitext(sample.path)[0].casefold() for sample in samples]
    counts = Counter(stems)
    same = [item for item, stem in zip(samples, stems, strict=True) if counts[stem] > 1]
    masks = Counter(sample.mask_path for sample in samples if sample.mask_path is not None)
    shared = [item for item in samples if masks[item.mask_path] > 1]
    problems = []
    if same:
        problems.append(f"These pictures have one name but for its end: {_names(dataset, same)}.")
    if shared:
        problems.append(f"These pictures have a mask in common: {_names(dataset, shared)}.")
    return problems


def check_masks(dataset: DataSet) -> list[str]:
    """Compare the size of each mask with that of its picture; only headers of files are read.

    Returns:
        One sentence for masks of another size, and one for files that cannot be read; empty if
        all is well.
    """
    other_size, unreadable = [], []
    for sample in dataset.samples:
        if sample.mask_path is None:
            continue
        try:
            if picture_size(sample.path) != picture_size(sample.mask_path):
                other_size.append(sample)
        except ImageError:
            unreadable.append(sample)
    problems = []
    if other_size:
        problems.append(f"The mask is of another size than {_names(dataset, other_size)}.")
    if unreadable:
        problems.append(f"The picture or its mask cannot be read: {_names(dataset, unreadable)}.")
    return problems


def _names(dataset: DataSet, samples: Sequence[Sample]) -> str:
    return shown([sample.path for sample in samples], dataset.root)
