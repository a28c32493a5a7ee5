"""The one board that `pcb` draws: where its parts, traces, holes and words are, in pixels."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import default_rng

# The board is drawn at twice the size of the picture and reduced.
SCALE = 2
WIDTH, HEIGHT = 560, 372
# Room around the board, because the socket sticks out.
MARGIN = 10
CANVAS = ((HEIGHT + 2 * MARGIN) * SCALE, (WIDTH + 2 * MARGIN) * SCALE)


class Part(NamedTuple):
    """A part on the board: its package, place, turn in degrees and marking."""

    package: str
    x: float
    y: float
    degrees: float = 0
    marking: str = ""


PARTS = {
    "U1": Part("qfp", 275, 178, 0, "INP32F4"),
    "U2": Part("soic", 455, 95, 0, "74HC08"),
    "U3": Part("soic", 345, 52, 0, "25Q64"),
    "Y1": Part("crystal", 205, 60, 0, "16.000"),
    "C10": Part("can", 95, 108, 0, "100"),
    "L1": Part("coil", 95, 262, 0, "220"),
    "D5": Part("diode", 95, 318, 0, "SS14"),
    "Q1": Part("sot", 168, 292, 0, "J3Y"),
    "S1": Part("switch", 478, 304),
    "J4": Part("socket", 20, 178),
    "R1": Part("resistor", 410, 178, 0, "331"),
    "R2": Part("resistor", 410, 200, 0, "331"),
    "R3": Part("resistor", 410, 222, 0, "331"),
    "R4": Part("resistor", 410, 244, 0, "331"),
    "R5": Part("resistor", 412, 318, 0, "103"),
    "R6": Part("resistor", 410, 30, 0, "472"),
    "R7": Part("resistor", 410, 52, 0, "472"),
    "R8": Part("resistor", 170, 168, 0, "220"),
    "R9": Part("resistor", 170, 190, 0, "220"),
    "R10": Part("resistor", 168, 324, 0, "102"),
    "D1": Part("led", 468, 178),
    "D2": Part("led", 468, 200),
    "D3": Part("led", 468, 222),
    "D4": Part("led", 468, 244),
    "C1": Part("capacitor", 150, 60),
    "C2": Part("capacitor", 262, 60),
    "C3": Part("capacitor", 150, 128),
    "C4": Part("capacitor", 160, 240),
    "C6": Part("capacitor", 520, 74),
    "C7": Part("capacitor", 520, 116),
    "C8": Part("capacitor", 360, 262, 90),
    "C9": Part("capacitor", 345, 104),
    "C5": Part("capacitor", 240, 30),
    "C11": Part("capacitor", 110, 40),
    "C12": Part("capacitor", 520, 145),
    "R11": Part("resistor", 120, 215, 0, "512"),
    "R12": Part("resistor", 458, 30, 0, "000"),
    "R13": Part("resistor", 412, 282, 0, "103"),
    "D6": Part("led", 60, 348),
}

_FOUR = (-21, -7, 7, 21)
_EIGHT = tuple(range(-35, 36, 10))
# Solder pads of each package, relative to the part: x, y, width, height.
PADS = {
    "resistor": ((-9.5, 0, 9, 13), (9.5, 0, 9, 13)),
    "capacitor": ((-9.5, 0, 9, 13), (9.5, 0, 9, 13)),
    "led": ((-11, 0, 9, 14), (11, 0, 9, 14)),
    "sot": ((-10, 11, 8, 10), (10, 11, 8, 10), (0, -11, 8, 10)),
    "soic": tuple((side * 27, y, 15, 7) for side in (-1, 1) for y in _FOUR),
    "qfp": tuple((side * 57, y, 18, 5.5) for side in (-1, 1) for y in _EIGHT)
    + tuple((x, side * 57, 5.5, 18) for side in (-1, 1) for x in _EIGHT),
    "crystal": ((-27, 0, 22, 11), (27, 0, 22, 11)),
    "can": ((-30, 0, 18, 12), (30, 0, 18, 12)),
    "coil": ((-24, 0, 14, 34), (24, 0, 14, 34)),
    "diode": ((-22, 0, 16, 18), (22, 0, 16, 18)),
    "switch": tuple((x, y, 12, 9) for x in (-25, 25) for y in (-14, 14)),
    "socket": (
        *((25, y, 10, 4) for y in (-16, -8, 0, 8, 16)),
        (-6, -27, 20, 9),
        (-6, 27, 20, 9),
    ),
}
HEADER = [(198 + 22 * i, 346) for i in range(8)] + [(536, y) for y in (180, 202, 224)]
SCREW_HOLES = [(x, y) for x in (24, WIDTH - 24) for y in (24, HEIGHT - 24)]
FIDUCIALS = [(66, 30), (504, 30)]
WORDS = [
    ("LB-207", 396, 347, 12),
    ("REV C", 455, 348, 8),
    ("J1", 182, 347, 9),
    ("J2", 536, 164, 9),
    ("USB", 62, 206, 8),
    ("+", 137, 96, 11),
    ("RST", 478, 338, 8),
]


def _fan_out() -> list[tuple[float, list]]:
    """Return the traces from the lower edge of U1 to the header."""
    traces = []
    for i in range(8):
        pin, hole = 240 + 10 * i, 198 + 22 * i
        bend = 264 + abs(hole - pin)
        traces.append((3.2, [(pin, 235), (pin, 264), (hole, bend), (hole, 346)]))
    return traces


# Width of the trace and its corners.
TRACES: list[tuple[float, list[tuple[float, float]]]] = [
    *_fan_out(),
    (3.2, [(332, 143), (338, 143), (407, 74), (428, 74)]),
    (3.2, [(332, 153), (346, 153), (411, 88), (428, 88)]),
    (3.2, [(332, 163), (354, 163), (415, 102), (428, 102)]),
    (3.2, [(332, 173), (362, 173), (419, 116), (428, 116)]),
    (3.2, [(332, 183), (358, 183), (363, 178), (401, 178)]),
    (3.2, [(332, 193), (374, 193), (381, 200), (401, 200)]),
    (3.2, [(332, 203), (362, 203), (381, 222), (401, 222)]),
    (3.2, [(332, 213), (350, 213), (381, 244), (401, 244)]),
    *((4.0, [(419, y), (457, y)]) for y in (178, 200, 222, 244)),
    (3.2, [(240, 121), (240, 104), (216, 80), (190, 80), (178, 68), (178, 60)]),
    (3.2, [(250, 121), (250, 78), (232, 60)]),
    (3.2, [(159, 60), (178, 60)]),
    (3.2, [(232, 60), (253, 60)]),
    (3.2, [(310, 121), (310, 81), (318, 73)]),
    (3.2, [(300, 121), (300, 77), (318, 59)]),
    (3.2, [(290, 121), (290, 73), (318, 45)]),
    (3.2, [(270, 121), (270, 88)]),
    (3.2, [(372, 31), (380, 31), (381, 30), (401, 30)]),
    (3.2, [(372, 45), (378, 45), (385, 52), (401, 52)]),
    (3.2, [(372, 59), (380, 59), (392, 71)]),
    (3.2, [(482, 74), (511, 74)]),
    (3.2, [(482, 116), (511, 116)]),
    (3.2, [(482, 88), (494, 88), (500, 94), (500, 144), (536, 180)]),
    (3.2, [(218, 173), (190, 173), (185, 168), (179, 168)]),
    (3.2, [(218, 183), (192, 183), (185, 190), (179, 190)]),
    (3.2, [(161, 168), (70, 168), (64, 174), (60, 174), (56, 178), (45, 178)]),
    (3.2, [(161, 190), (72, 190), (68, 186), (45, 186)]),
    (3.2, [(218, 143), (200, 143), (185, 128), (159, 128)]),
    (3.2, [(218, 153), (192, 153)]),
    (3.2, [(218, 203), (206, 203), (198, 211)]),
    (3.2, [(218, 213), (208, 213), (181, 240), (169, 240)]),
    (3.2, [(453, 290), (444, 290), (436, 298), (386, 298)]),
    (3.2, [(453, 318), (421, 318)]),
    (3.2, [(310, 235), (322, 247), (348, 247), (360, 253)]),
    (8.0, [(46, 162), (52, 162), (65, 149), (65, 108)]),
    (8.0, [(119, 262), (140, 262), (150, 252), (150, 240)]),
    (8.0, [(71, 262), (58, 249), (58, 222)]),
    (8.0, [(119, 262), (119, 318)]),
    (5.0, [(168, 281), (168, 240)]),
    (5.0, [(158, 303), (158, 324)]),
    (5.0, [(119, 40), (141, 60)]),
    (5.0, [(129, 215), (148, 215), (158, 205)]),
    (3.2, [(419, 30), (449, 30)]),
    (3.2, [(421, 282), (434, 282), (442, 290), (453, 290)]),
    (5.0, [(511, 145), (500, 134)]),
    (5.0, [(71, 348), (140, 348), (158, 330)]),
    (5.0, [(231, 30), (186, 30), (178, 38), (178, 60)]),
]
_SIGNAL_VIAS = [(270, 88), (392, 71), (192, 153), (198, 211), (386, 298), (58, 222)]


def canvas_point(x: float, y: float) -> tuple[float, float]:
    """Return where a point of the board lies on the canvas."""
    return (x + MARGIN) * SCALE, (y + MARGIN) * SCALE


def pad_rectangles() -> list[tuple[str, int, float, float, float, float]]:
    """Return reference, number, centre x, y, width and height of each solder pad."""
    pads = []
    for reference, part in PARTS.items():
        for number, (dx, dy, width, height) in enumerate(PADS[part.package]):
            if part.degrees == 90:
                dx, dy, width, height = dy, dx, height, width
            pads.append((reference, number, part.x + dx, part.y + dy, width, height))
    return pads


def _draw_copper(grow: float) -> np.ndarray:
    """Return traces, pads and holes, `grow` pixels fatter than they are, `(H, W)` in [0, 1]."""
    image = np.zeros(CANVAS, np.uint8)
    for width, corners in TRACES:
        points = np.array([canvas_point(*corner) for corner in corners])
        thickness = round((width + 2 * grow) * SCALE)
        points = np.round(points * 16).astype(np.int32)[:, None]
        cv2.polylines(image, [points], False, 255, thickness, cv2.LINE_AA, 4)
    for _, _, x, y, width, height in pad_rectangles():
        low = canvas_point(x - width / 2 - grow, y - height / 2 - grow)
        high = canvas_point(x + width / 2 + grow, y + height / 2 + grow)
        corners = [tuple(round(value) for value in corner) for corner in (low, high)]
        cv2.rectangle(image, *corners, 255, cv2.FILLED)
    for centre, radius in [(hole, 8) for hole in HEADER] + [(via, 4.5) for via in _SIGNAL_VIAS]:
        place = tuple(round(value) for value in canvas_point(*centre))
        cv2.circle(image, place, round((radius + grow) * SCALE), 255, cv2.FILLED, cv2.LINE_AA)
    return image.astype(np.float32) / 255


@cache
def copper() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the traces, the ground plane, each `(H, W)` in [0, 1], and the vias `(n, 2)`."""
    traces, clearance = _draw_copper(0), _draw_copper(3)
    plane = np.zeros(CANVAS, np.float32)
    inset = (MARGIN + 7) * SCALE
    plane[inset:-inset, inset:-inset] = 1
    for centre, radius in [(hole, 22) for hole in SCREW_HOLES] + [(dot, 11) for dot in FIDUCIALS]:
        place = tuple(round(value) for value in canvas_point(*centre))
        cv2.circle(plane, place, radius * SCALE, 0, cv2.FILLED, cv2.LINE_AA)
    plane *= 1 - clearance
    room = cv2.distanceTransform((plane > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    for part in PARTS.values():
        corners = canvas_point(part.x - 26, part.y - 46), canvas_point(part.x + 38, part.y + 14)
        cv2.rectangle(room, *(tuple(map(round, corner)) for corner in corners), 0, cv2.FILLED)
    for _, x, y, size in WORDS:
        cv2.circle(room, tuple(map(round, canvas_point(x, y))), size * 5 * SCALE, 0, cv2.FILLED)
    vias = list(_SIGNAL_VIAS)
    # The design's own generator: the same vias on each board.
    for x, y in default_rng(5).uniform((20, 20), (WIDTH - 20, HEIGHT - 20), (900, 2)):
        column, row = (round(value) for value in canvas_point(x, y))
        if room[row, column] > 7 * SCALE:
            vias.append((float(x), float(y)))
            cv2.circle(room, (column, row), 24 * SCALE, 0, cv2.FILLED)
    return traces, plane, np.array(vias)
