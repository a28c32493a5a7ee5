"""Pictures drawn by lot: which to train with, and which to keep for a test.

A draw depends on the seed and on the names of the pictures and of their folders alone: not on
the machine, nor on where the data set lies. A larger draw holds all of a smaller one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import replace

from inpformer.datasets.sample import DataSet, Sample, shown
from inpformer.errors import UserError, require

SPLIT_SEED = 0
TEST_SHARE = 0.2


def draw_shots(dataset: DataSet, class_name: str, count: int, seed: int) -> list[Sample]:
    """Draw the normal pictures of a few-shot fit.

    Args:
        dataset: Where from.
        class_name: One of its classes.
        count: How many, at least 1. The draw of 1 is part of the draw of 2, and so on, so that
            figures over the number of shots are comparable.
        seed: The same one gives the same draw.

    Returns:
        `count` of the pictures to train on, in the order of the draw.

    Raises:
        UserError: There is no such class, or it has fewer pictures to train on.
    """
    require(count >= 1, f"a draw takes at least 1 picture, not {count}")
    shots = in_drawn_order(_of_class(dataset, class_name, "train"), seed)
    if count > len(shots):
        raise UserError(
            f"{count} pictures cannot be drawn, for the class '{class_name}' has {len(shots)} to "
            "train on."
        )
    return shots[:count]


def draw_anomalies(dataset: DataSet, class_name: str, count: int, seed: int) -> list[Sample]:
    """Draw the real anomalies of a semi-supervised training; `without` takes them out of the test.

    Args:
        dataset: Where from.
        class_name: One of its classes.
        count: How many, at least 1; a smaller draw is part of a larger one.
        seed: The same one gives the same draw.

    Returns:
        `count` anomalous test pictures that have a mask, spread over the kinds of defects as
        evenly as there are pictures, in the order of the draw.

    Raises:
        UserError: There is no such class, or it has fewer such pictures.
    """
    require(count >= 1, f"a draw takes at least 1 picture, not {count}")
    test = _of_class(dataset, class_name, "test")
    masked = [item for item in test if item.is_anomalous and item.is_masked]
    kinds: dict[str, list[Sample]] = {}
    for sample in in_drawn_order(masked, seed):
        kinds.setdefault(sample.defect, []).append(sample)
    # In turn: the first picture of every kind, then the second of every kind, and so on.
    turns = [(turn, item) for drawn in kinds.values() for turn, item in enumerate(drawn)]
    spread = [item for _, item in sorted(turns, key=lambda pair: pair[0])]
    if count > len(spread):
        raise UserError(
            f"{count} anomalies cannot be drawn, for the class '{class_name}' has {len(spread)} "
            "test pictures with a marked defect."
        )
    return spread[:count]


def without(dataset: DataSet, samples: Collection[Sample]) -> DataSet:
    """Return a data set without some of its pictures, and say so in its `problems`."""
    given = set(samples)
    taken = [item for item in dataset.samples if item in given]
    problems = list(dataset.problems)
    if test := [item.path for item in taken if item.split == "test"]:
        problems.append(f"Taken out of the pictures to test with: {shown(test, dataset.root)}.")
    if train := [item.path for item in taken if item.split == "train"]:
        problems.append(f"Taken out of the pictures to train on: {shown(train, dataset.root)}.")
    kept = tuple(item for item in dataset.samples if item not in given)
    return replace(dataset, samples=kept, problems=tuple(problems))


def with_drawn_split(samples: Iterable[Sample]) -> list[Sample]:
    """Return the samples of one class with `TEST_SHARE` of the normal ones kept to test with.

    Drawn with `SPLIT_SEED`; at least one is kept if there are two. All others of the normal ones
    are to train on, and all anomalous ones to test with. Pictures that are added later move few
    of the others to the other side.
    """
    samples = list(samples)
    normal = in_drawn_order([item for item in samples if not item.is_anomalous], SPLIT_SEED)
    kept = max(round(TEST_SHARE * len(normal)), min(1, len(normal) - 1))
    train = set(normal[kept:])
    return [replace(item, split="train" if item in train else "test") for item in samples]


def in_drawn_order(samples: Iterable[Sample], seed: int) -> list[Sample]:
    """Return samples in an order drawn by their names; those that come first are the draw."""
    by_name = sorted(samples, key=lambda item: str(item.path))
    return sorted(by_name, key=lambda item: _lot(item, seed))


def _lot(sample: Sample, seed: int) -> bytes:
    # Not of the whole path, so that an object opened alone gives the draw that it gives among
    # others. And not from a generator of random numbers, whose order their next version may change.
    name = "/".join(sample.path.parts[-2:])
    return hashlib.sha256(f"{seed}:{name}".encode("utf-8", "surrogatepass")).digest()


def _of_class(dataset: DataSet, class_name: str, split: str) -> list[Sample]:
    if class_name not in dataset.class_names:
        names = ", ".join(dataset.class_names)
        raise UserError(f"The data set has no class '{class_name}'; its classes are: {names}.")
    return dataset.of(class_name, split)
