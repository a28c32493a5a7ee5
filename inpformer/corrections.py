"""What a labeller says about pictures, and how a detector is retrained with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inpformer.errors import UserError, require
from inpformer.images import check_image

MAX_CORRECTIONS = 500
# The picture itself, three mirror images, and a quarter turn.
OWN_VIEWS = 5


@dataclass(frozen=True, eq=False)
class Correction:
    """A picture and where its defects are.

    Attributes:
        image: `(H, W, 3)` uint8 RGB; other kinds that `check_image` takes are converted.
        mask: `(H, W)` bool, True in a defect; other numbers count as True unless they are 0.

    Raises:
        UserError: The picture cannot be used, the mask has another size, or nothing is marked.
    """

    image: np.ndarray
    mask: np.ndarray

    def __post_init__(self) -> None:
        image, mask = check_image(self.image), np.asarray(self.mask) != 0
        if mask.shape != image.shape[:2]:
            size = " × ".join(map(str, mask.shape[1::-1]))
            raise UserError(
                f"A mask is {size} pixels, but its picture is {image.shape[1]} × {image.shape[0]}; "
                "both must have one size."
            )
        if not mask.any():
            raise UserError(
                "Nothing is marked in a corrected picture; mark its defect, or label it normal."
            )
        if mask.all():
            raise UserError("A whole picture is marked as a defect; mark only what is wrong in it.")
        object.__setattr__(self, "image", image)
        object.__setattr__(self, "mask", mask)


@dataclass(frozen=True)
class RetrainConfig:
    """How the segmentation head is trained with real defects; seconds to a minute on a CPU.

    Attributes:
        seed: Same seed, same pictures and same machine give the same detector.
        own_views: Views of each corrected picture itself, mirrored and turned: 1 to 5, 0 for none.
        pasted: Pictures for each corrected one that show its regions on a normal picture. They
            made the detectors of real tiles worse: their background is one that the decoder knows.
        pseudo_anomalies: Pictures with a synthetic defect in the mix.
        steps: Steps of the segmentation head.
        batch_size: Pictures per step.
        learning_rate: Peak rate.
        head_widths: Channels of the new head; None takes those of the detector.
        head_weight: See `ModelConfig.head_weight`; None takes the largest that does no harm
            to corrections which a head has not seen (`head_weight.py`).
    """

    seed: int = 1
    own_views: int = 5
    pasted: int = 0
    pseudo_anomalies: int = 24
    steps: int = 200
    batch_size: int = 4
    learning_rate: float = 5e-3
    head_widths: tuple[int, int] | None = None
    head_weight: float | None = None

    def __post_init__(self) -> None:
        for name, low, high in (
            ("seed", 0, 2**63 - 1),
            ("own_views", 0, OWN_VIEWS),
            ("pasted", 0, 100),
            ("pseudo_anomalies", 0, 10_000),
            ("steps", 1, 100_000),
            ("batch_size", 1, 256),
        ):
            value = getattr(self, name)
            require(low <= value <= high, f"{name} must be {low} to {high}, got {value}")
        require(0 < self.learning_rate < 1, "learning_rate must lie between 0 and 1")
        require(
            self.own_views + self.pasted > 0,
            "own_views and pasted are both 0, so the corrections would not be used",
        )


def check_corrections(corrections: Sequence[Correction]) -> list[Correction]:
    """Return the corrections, if there are as many as can be used.

    Raises:
        UserError: There are none, or too many.
    """
    if not corrections:
        raise UserError("Mark a defect in at least 1 picture before you retrain.")
    if len(corrections) > MAX_CORRECTIONS:
        raise UserError(
            f"A retraining takes at most {MAX_CORRECTIONS} corrected pictures, and these are "
            f"{len(corrections)}. Choose those that differ most."
        )
    return list(corrections)
