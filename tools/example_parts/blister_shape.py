"""The one blister pack that `blister` draws: its pockets, knurling and stamp."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from example_parts.blister_capsule import SCALE, WINDOW

PACK = (300 * SCALE, 568 * SCALE)
POCKETS = [((59 + 90 * column) * SCALE, row * SCALE) for row in (80, 220) for column in range(6)]
# Half the size of a pocket and the radius of its corners.
POCKET = (27 * SCALE, 63 * SCALE, 25 * SCALE)
# Direction to the lamp in the picture.
LAMP = np.array([-0.62, -0.78], np.float32)


def rounded(x: np.ndarray, y: np.ndarray, half: tuple[float, float, float]) -> np.ndarray:
    """Return the signed distance to a rounded box: half width, half height, corner."""
    beyond_x, beyond_y = np.abs(x) - half[0] + half[2], np.abs(y) - half[1] + half[2]
    outside = np.hypot(np.maximum(beyond_x, 0), np.maximum(beyond_y, 0))
    return outside + np.minimum(np.maximum(beyond_x, beyond_y), 0) - half[2]


def pocket_window(place: tuple[float, float]) -> tuple[slice, slice]:
    """Return the window of the pack round a pocket."""
    top, left = int(place[1] - WINDOW[0] / 2), int(place[0] - WINDOW[1] / 2)
    return slice(top, top + WINDOW[0]), slice(left, left + WINDOW[1])


@cache
def pack_shape() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the distance to the nearest pocket, the knurling and the stamp, each `(H, W)`."""
    rows, columns = np.mgrid[: PACK[0], : PACK[1]].astype(np.float32)
    distance = np.full(PACK, 1e3, np.float32)
    for x, y in POCKETS:
        window = pocket_window((x, y))
        near = rounded(columns[window] - x, rows[window] - y, POCKET)
        distance[window] = np.minimum(distance[window], near)
    step = np.pi / (6.4 * SCALE)
    ridges = [np.abs(np.sin((columns + side * rows * 0.8) * step)) for side in (-1, 1)]
    # Little pillows between two families of grooves, as the sealing roller leaves them.
    knurl = 4.5 * np.minimum(ridges[0], ridges[1]) ** 0.8
    stamp = np.zeros(PACK, np.uint8)
    words = (("LOT 24B071", 116), ("EXP 08 2027", 716))
    for text, left in words:
        place = (left, PACK[0] // 2 + 9)
        cv2.putText(stamp, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.85, 255, 3, cv2.LINE_AA)
    return distance, knurl, cv2.GaussianBlur(stamp, (0, 0), 1.2).astype(np.float32) / 255
