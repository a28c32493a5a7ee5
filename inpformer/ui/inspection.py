"""One inspected picture: what sliders redraw from, so that the model is not needed again."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from inpformer.cut import Cut
from inpformer.detector import AnomalyDetector
from inpformer.images import read_image
from inpformer.result import AnomalyResult
from inpformer.result_table import ResultRow, result_row
from inpformer.ui.resting import rested

if TYPE_CHECKING:
    from inpformer.ui.explorer_look import Look

# What a browser can show of a large picture; maps are kept at full size.
DISPLAY_SIDE = 1024


@dataclass(frozen=True)
class ViewSettings:
    """Which map a visitor looks at, and where it is cut.

    Attributes:
        map_name: Which map; None for the one that decides.
        times: The threshold in multiples of the calibrated one; raw where there is none.
        min_area: Regions below this percentage of the picture do not count.
    """

    map_name: str | None = None
    times: float = 1.0
    min_area: float = 0.0

    @property
    def cut(self) -> Cut:
        """The same as the library takes it."""
        return Cut(self.times, self.min_area / 100)


@dataclass
class Inspection:
    """A picture with its result. Only the one on the screen holds drawings and maps in memory.

    Attributes:
        name: File name, as the visitor knows it.
        path: The visitor's own copy of the picture as it came.
        result: Raw maps and scores.
        detector: What made the result.
        detector_key: Its key on the shelf at that time.
        detector_title: What the page called it.
        notes: What reading did to the picture, such as "first of 12 frames".
        thumbnail: Address of a small picture of the result, for lists.
        id: How the page names the result to the server.
        look: What the explorer works from; None until it is opened there.
    """

    name: str
    path: Path
    result: AnomalyResult
    detector: AnomalyDetector
    detector_key: str
    detector_title: str
    notes: tuple[str, ...] = ()
    thumbnail: str = ""
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    look: Look | None = None
    _display_image: np.ndarray | None = None
    _display_maps: dict[str, np.ndarray] = field(default_factory=dict)
    _is_in_file: bool = False
    _row: tuple[ViewSettings | None, ResultRow] | None = None

    @property
    def display_image(self) -> np.ndarray:
        """The picture as shown, `(h, w, 3)` uint8, longer side at most `DISPLAY_SIDE`."""
        if self._display_image is None:
            self._display_image = at_display_size(self.read())
        return self._display_image

    def read(self) -> np.ndarray:
        """Return the picture itself again, `(H, W, 3)` uint8."""
        return read_image(self.path).image

    def display_map(self, name: str) -> np.ndarray:
        """Return a raw map at display size, `(h, w)` float32."""
        if name not in self._display_maps:
            height, width = self.display_image.shape[:2]
            values = self.result.map(name)
            resized = cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)
            self._display_maps[name] = resized
        return self._display_maps[name]

    def row(self, settings: ViewSettings | None = None) -> ResultRow:
        """Return the facts of this result, by a map and cut; None takes its own."""
        if self._row is None or self._row[0] != settings:
            result, cut = self.result, settings and settings.cut
            if settings is not None:
                result = self.deciding_by(settings.map_name)
            self._row = settings, result_row(self.name, result, self.detector_title, cut)
            if self._display_image is None:
                result.forget_pictures()
        return self._row[1]

    def deciding_by(self, map_name: str | None) -> AnomalyResult:
        """Return the result with this map as the deciding one, if it has such a map."""
        if map_name not in self.result.score_maps:
            return self.result
        return self.result.deciding_by(map_name)

    def rest(self) -> None:
        """Let go of what can be drawn or read again, when another picture is looked at."""
        self._display_image = None
        self._display_maps.clear()
        self.result.forget_pictures()
        # With a full disk it stays in memory.
        if not self._is_in_file:
            with contextlib.suppress(OSError):
                self.result = rested(self.result, self.path.with_name(f"{self.id}.maps"))
                self._is_in_file = True


def at_display_size(image: np.ndarray, side: int = DISPLAY_SIDE) -> np.ndarray:
    """Return a picture shrunk to a longer side of at most `side`, or itself if it is smaller."""
    scale = min(1.0, side / max(image.shape[:2]))
    if scale == 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
