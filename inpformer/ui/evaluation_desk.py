"""What is kept of a visitor's evaluation, so that sliders need no second look at the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inpformer.evaluation.records import Evaluation, PictureRecord
from inpformer.evaluation.verdicts import best_threshold


@dataclass(frozen=True)
class Evaluated:
    """One detector that has been evaluated.

    Attributes:
        title: What the page calls it.
        evaluation: What was found.
        thumbnails: By name of the picture, the address of a small overlay.
        key: How the shelf knows it.
        data: What it was shown, in English: for who was not there.
    """

    title: str
    evaluation: Evaluation
    thumbnails: dict[str, str]
    key: str = ""
    data: str = ""

    @property
    def pictures(self) -> tuple[PictureRecord, ...]:
        """What it said about each picture."""
        return self.evaluation.pictures

    @property
    def threshold(self) -> float | None:
        """Its calibrated threshold on the image score; None if it has none."""
        return self.evaluation.classes[0].threshold if self.evaluation.classes else None

    @property
    def first_cut(self) -> float | None:
        """Where the slider starts: the calibrated threshold, or that of the best F1."""
        return best_threshold(self.pictures) if self.threshold is None else self.threshold


@dataclass
class EvaluationDesk:
    """A visitor's newest evaluation.

    Attributes:
        detectors: What was evaluated, in the order of the choice.
        chosen: Index of the detector whose pictures are shown.
        cut: Threshold on its image score, raw scale; None where there is no way to choose one.
    """

    detectors: tuple[Evaluated, ...]
    chosen: int = 0
    cut: float | None = None

    def __post_init__(self) -> None:
        self.choose(self.chosen)

    def choose(self, index: int) -> None:
        """Show another detector, at its own threshold."""
        self.chosen = index
        self.cut = self.shown.first_cut

    @property
    def shown(self) -> Evaluated:
        """The detector whose pictures are shown."""
        return self.detectors[self.chosen]


def disagreements(detectors: Sequence[Evaluated]) -> list[tuple[str, list[PictureRecord]]]:
    """Return the pictures on which verdicts differ, with each detector's record.

    Args:
        detectors: All have looked at the same pictures; those without a threshold of their own
            are left out, for they give no verdicts.
    """
    judged = [each for each in detectors if each.threshold is not None]
    if len(judged) < 2:
        return []
    tables = [{record.name: record for record in each.pictures} for each in judged]
    common = [name for name in tables[0] if all(name in table for table in tables)]
    rows = [(name, [table[name] for table in tables]) for name in common]
    return [(name, found) for name, found in rows if len({each.verdict for each in found}) > 1]
