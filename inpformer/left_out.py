"""Which views of the shots are left out in turn, so that thresholds come from unseen ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from inpformer.augmentation import VIEW_COUNT
from inpformer.calibration import Shots
from inpformer.fit_config import FitConfig

MAX_CALIBRATION_VIEWS = 48
Item = TypeVar("Item")


@dataclass(frozen=True)
class LeftOutViews:
    """The views of a fit, in parts that are left out in turn.

    Views are numbered: all 22 of the first picture, then those of the next. A picture is a shot or
    a tile of one.

    Attributes:
        shot_ids: Of each picture, the shot it belongs to, from 0 on.
        is_trained: Whether anything is fitted on the views.
        config: The fit.
    """

    shot_ids: tuple[int, ...]
    is_trained: bool
    config: FitConfig

    @property
    def shot_count(self) -> int:
        """How many shots there are."""
        return self.shot_ids[-1] + 1

    @cached_property
    def folds(self) -> list[list[int]]:
        """Views in held-out parts: by shot, or by view where there is one shot."""
        views = [(shot, view) for shot in self.shot_ids for view in range(VIEW_COUNT)]
        if not self.is_trained:
            return [list(range(len(views)))]
        if self.shot_count == 1:
            return [[i for i, (_, view) in enumerate(views) if view % 2 == odd] for odd in (0, 1)]
        count = min(self.shot_count, self.config.calibration_folds)
        return [
            [i for i, (shot, _) in enumerate(views) if shot % count == fold]
            for fold in range(count)
        ]

    @cached_property
    def shown(self) -> list[int]:
        """All views that are scored, fold by fold."""
        return [view for fold in self.folds for view in self.shown_of(fold)]

    def shown_of(self, fold: Sequence[int]) -> list[int]:
        """Return the views of a fold that are scored: of many shots, a part of each."""
        step = -(-self.shot_count * VIEW_COUNT // MAX_CALIBRATION_VIEWS)
        return [index for index in fold if index % VIEW_COUNT % step == 0]

    def by_view(self, indices: Sequence[int], items: Sequence[Item]) -> list[list[Item]]:
        """Bring what is known of the tiles of one view of one shot together."""
        views: dict[tuple[int, int], list[Item]] = {}
        for index, item in zip(indices, items, strict=True):
            views.setdefault(self._place(index), []).append(item)
        return list(views.values())

    def source(self, view: int) -> int:
        """Return what a view counts as a picture of where tokens are remembered."""
        # Views of one shot are too alike to tell how shots differ, unless there is but one.
        return self._place(view)[0] if self.shot_count > 1 else view

    def relatives(self, view: int) -> list[int]:
        """Return the sources in the memory that a held-out view must not be compared with."""
        if self.shot_count > 1:
            return [self.source(view)]
        return next(fold for fold in self.folds if view in fold)

    def shots(self) -> Shots | None:
        """Return which of the held-out views are the shots themselves, if they set the thresholds.

        A single shot has no other to be compared with.
        """
        if not self.config.shot_spread or self.shot_count == 1 or not self.is_trained:
            return None
        keys = dict.fromkeys(map(self._place, self.shown))
        rows = [row for row, (_, view) in enumerate(keys) if view == 0]
        return Shots(rows, self.config.shot_spread)

    def method(self) -> str:
        """Say how thresholds are come by."""
        if not self.is_trained:
            return "views of the normal pictures (nothing was trained on them)"
        if self.shot_count == 1:
            return "views of the only normal picture, every second one left out in turn"
        if self.config.shot_spread:
            return "normal pictures as they are, each judged without itself"
        if self.shot_count == len(self.folds):
            return "views of normal pictures, each picture left out in turn"
        return f"views of normal pictures, left out in {len(self.folds)} groups in turn"

    def _place(self, view: int) -> tuple[int, int]:
        """Return the shot and the view of it that a view, perhaps of a tile, belongs to."""
        return self.shot_ids[view // VIEW_COUNT], view % VIEW_COUNT
