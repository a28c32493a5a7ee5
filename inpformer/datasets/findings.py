"""What was odd while a data set was being listed, and how that is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from inpformer.datasets.sample import Sample, first_few, shown


@dataclass
class Findings:
    """Files and folders of a data set that are not used as they might be expected to be.

    Attributes:
        root: The data set's folder.
        others: Files that are no pictures.
        misplaced: Folders and pictures that are no part of the layout.
        unmasked: Anomalous pictures that have no mask.
        lone_masks: Masks that have no picture.
        missing: Pictures that a list names and that are not there.
        repeated: Pictures that are listed a second time.
        train_defects: Anomalous pictures among those to train on.
        unlabelled: Pictures, or folders of them, of which nobody says what they show.
        validation: Folders of pictures that are neither to train on nor to test with.
        empty_classes: Classes without a picture.
        said: Whole sentences on anything else.
    """

    root: Path
    others: list[Path] = field(default_factory=list)
    misplaced: list[Path] = field(default_factory=list)
    unmasked: list[Path] = field(default_factory=list)
    lone_masks: list[Path] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    repeated: list[Path] = field(default_factory=list)
    train_defects: list[Path] = field(default_factory=list)
    unlabelled: list[Path] = field(default_factory=list)
    validation: list[Path] = field(default_factory=list)
    empty_classes: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def say(self, sentence: str) -> None:
        """Add a sentence, once."""
        if sentence not in self.said:
            self.said.append(sentence)

    def sentences(self) -> list[str]:
        """Return one sentence for each kind of thing that was found; it names the first few."""
        problems = list(self.said)
        if self.others:
            problems.append(f"Passed over, for they are no pictures: {self._shown(self.others)}.")
        if self.misplaced:
            problems.append(
                f"Passed over, for they do not belong to the layout: {self._shown(self.misplaced)}."
            )
        if self.unmasked:
            problems.append(f"No mask was found for {self._shown(self.unmasked)}.")
        if self.lone_masks:
            problems.append(
                f"Passed over, for these masks have no picture: {self._shown(self.lone_masks)}."
            )
        if self.missing:
            problems.append(f"Listed, but not there: {first_few(self.missing)}.")
        if self.repeated:
            problems.append(
                f"Listed more than once, and used where they came first: "
                f"{self._shown(self.repeated)}."
            )
        problems += self._left_out()
        if self.empty_classes:
            problems.append(f"These classes have no pictures: {first_few(self.empty_classes)}.")
        return problems

    def _left_out(self) -> list[str]:
        problems = []
        if self.train_defects:
            problems.append(
                f"Left out, for only normal pictures are trained on: "
                f"{self._shown(self.train_defects)}."
            )
        if self.unlabelled:
            problems.append(f"Left out, for they have no labels: {self._shown(self.unlabelled)}.")
        if self.validation:
            problems.append(
                f"Left out, for they are neither to train on nor to test with: "
                f"{self._shown(self.validation)}."
            )
        return problems

    def _shown(self, paths: Sequence[Path]) -> str:
        return shown(paths, self.root)


class Reading(NamedTuple):
    """What the reader of a layout found.

    Attributes:
        title: The layout, for people.
        samples: In any order.
        findings: What was odd.
    """

    title: str
    samples: list[Sample]
    findings: Findings
