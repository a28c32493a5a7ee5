"""Two folders of pictures: `normal` and `defect`, with masks if there are any."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inpformer.annotations.annotation import Annotation
from inpformer.annotations.labelled_set import ClassBook, Entry, LabelledSet
from inpformer.annotations.masks import read_binary_mask
from inpformer.datasets.findings import Findings
from inpformer.datasets.plain import list_plain
from inpformer.datasets.sample import Sample
from inpformer.images import load_image


def read_plain_folders(root: Path) -> LabelledSet:
    """Read folders of normal and of defective pictures; `list_plain` says where masks may lie.

    A picture of a defect without a mask is anomalous, and nothing is marked in it.
    """
    found, findings = LabelledSet(ClassBook()), Findings(root)
    for sample in list_plain(root, findings):
        found.readers.append(lambda sample=sample: _read_picture(root, sample, found.book))
    found.notes += findings.sentences()
    return found


def _read_picture(root: Path, sample: Sample, book: ClassBook) -> Entry:
    shape = load_image(sample.path).shape[:2]
    mask = np.zeros(shape, np.uint8)
    if sample.mask_path is not None:
        mask[read_binary_mask(sample.mask_path, shape)] = book.value_of("defect")
    name = sample.path.relative_to(root).as_posix()
    label = "anomalous" if sample.is_anomalous else "normal"
    return Entry(sample.path, Annotation(name, mask, label))
