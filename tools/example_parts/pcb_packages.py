"""How each package on the circuit board looks, painted in its own frame, in picture pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from example_parts.pcb_brush import INK, PLASTIC, SOLDER, STEEL, Brush, Coat
from example_parts.pcb_design import PADS

_MARK = Coat((0.36, 0.37, 0.36), 0.0, 0.02)
_ALUMINA = Coat((0.55, 0.54, 0.5), 0.0, 0.04)
_FERRITE = Coat((0.05, 0.05, 0.053), 0.0, 0.02)
_CERAMIC = Coat((0.30, 0.205, 0.125), 0.0, 0.05)
_LENS = Coat((0.5, 0.46, 0.2), 0.0, 0.16)
_TIN = Coat((0.66, 0.66, 0.66), 0.8, 0.0)
_GOLD_PIN = Coat((0.72, 0.6, 0.36), 0.9, 0.0)


def _resistor(brush: Brush, marking: str) -> None:
    brush.cast((0, 0, 20, 12), 2)
    brush.box((0, 0, 20.5, 12), _TIN, 1.6, 1.2, 1)
    brush.box((0, 0, 13.5, 12), _ALUMINA, 1.6, 1.0, 0.3)
    brush.box((0, 0, 13.5, 10.6), PLASTIC._replace(colour=(0.03, 0.03, 0.034)), 1.9, 0.8, 0.3)
    brush.text(0, 0, marking, 5.6, INK)


def _capacitor(brush: Brush, marking: str) -> None:
    brush.cast((0, 0, 20, 12), 5)
    brush.box((0, 0, 20.5, 12.4), _TIN, 2.4, 1.8, 1.4)
    brush.box((0, 0, 12.5, 12), _CERAMIC, 2.4, 2.0, 0.3)


def _led(brush: Brush, marking: str) -> None:
    brush.cast((0, 0, 24, 13), 3)
    brush.box((0, 0, 24, 10), _TIN, 1.0, 1.0, 0.5)
    brush.box((0, 0, 17, 13), Coat((0.5, 0.5, 0.46), 0, 0.04), 2.0, 1.2, 0.6)
    brush.box((0, 0, 11, 10), _LENS, 3.4, 3.2, 4)
    brush.box((0.5, 0.5, 3.4, 3.4), Coat((0.3, 0.24, 0.1), 0, 0.1), 2.4, 1.5, 0.6)
    brush.box((7.2, 0, 1.6, 13), Coat((0.05, 0.22, 0.08), 0, 0.02), 2.0, 1.0, 0.2)


def _gull_wing(brush: Brush, x: float, y: float, width: float) -> None:
    """Paint one lead from the body's edge at `(x, y)` outwards, along the longer distance."""
    if abs(x) > abs(y):
        out = np.sign(x)
        brush.box((x + 3 * out, y, 8, width), STEEL, 1.0, 1.0, 0.4)
        brush.box((x + 7.5 * out, y, 5, width), STEEL, 1.0, 1.0, 0.4, (-0.5 * out, 0))
        brush.box((x + 13 * out, y, 8, width), SOLDER, 1.1, 1.4, 1.2, (-0.16 * out, 0))
    else:
        out = np.sign(y)
        brush.box((x, y + 3 * out, width, 8), STEEL, 1.0, 1.0, 0.4)
        brush.box((x, y + 7.5 * out, width, 5), STEEL, 1.0, 1.0, 0.4, (0, -0.5 * out))
        brush.box((x, y + 13 * out, width, 8), SOLDER, 1.1, 1.4, 1.2, (0, -0.16 * out))


def _qfp(brush: Brush, marking: str) -> None:
    brush.cast((0, 0, 88, 88), 6)
    for dx, dy, *_ in PADS["qfp"]:
        sideways = abs(dx) > abs(dy)
        x, y = (43 * np.sign(dx), dy) if sideways else (dx, 43 * np.sign(dy))
        _gull_wing(brush, x, y, 4.2)
    brush.box((0, 0, 88, 88), PLASTIC, 3.0, 2.6, 2)
    brush.box((0, 0, 82, 82), PLASTIC._replace(colour=(0.026, 0.026, 0.029)), 0.3, 1.0, 1)
    brush.disc(-32, -32, 4.5, PLASTIC._replace(colour=(0.014, 0.014, 0.016)), lift=-0.9, bevel=2)
    brush.text(0, -10, marking, 10, _MARK)
    brush.text(2, 8, "2418 CB7", 8, _MARK)
    brush.text(-3, 24, "ARM", 8, _MARK)


def _soic(brush: Brush, marking: str) -> None:
    brush.cast((0, 0, 38, 58), 5)
    for dx, dy, *_ in PADS["soic"]:
        _gull_wing(brush, 17.5 * np.sign(dx), dy, 5.4)
    brush.box((0, 0, 38, 58), PLASTIC, 2.6, 2.6, 1)
    brush.box((-11.5, 0, 2.0, 57), PLASTIC._replace(colour=(0.018, 0.018, 0.02)), 0.2, 1, 0.5)
    brush.disc(-13, -22, 2.6, PLASTIC._replace(colour=(0.013, 0.013, 0.014)), lift=-0.6, bevel=1)
    turned = Brush(brush.layers, brush.place, brush.degrees + 90, brush.tone)
    turned.text(0, -1, marking, 7.5, _MARK)
    turned.text(0, 9.5, "2405", 6.5, _MARK)


def _crystal(brush: Brush, marking: str) -> None:
    brush.cast((0, 0, 62, 25), 7)
    brush.box((0, 0, 67, 10), PLASTIC, 1.0, 1.0, 1)
    brush.box((0, 0, 62, 26), STEEL, 0.8, 1.5, 13)
    brush.box((0, 0, 57, 21), STEEL._replace(colour=(0.7, 0.7, 0.69)), 3.0, 3.5, 10.5)
    brush.text(0, 0, marking, 8, Coat((0.1, 0.1, 0.1), 0.3, 0.0))


def _can(brush: Brush, marking: str) -> None:
    brush.cast((0, 0, 50, 50), 13)
    brush.box((0, 0, 66, 7), _TIN, 0.8, 1.0, 0.5)
    brush.box((0, 0, 54, 54), PLASTIC, 1.5, 1.5, 7)
    brush.disc(0, 0, 26, STEEL, lift=4.0, bevel=3.5)
    brush.disc(0, 0, 22.5, STEEL._replace(colour=(0.72, 0.72, 0.71)), lift=0.5, bevel=1.2)
    dark = Coat((0.03, 0.03, 0.035), 0.25, 0.02)
    for column in np.arange(-21.5, -9, 0.5):
        chord = 2 * np.sqrt(22.3**2 - column**2)
        brush.box((column, 0, 0.6, chord), dark, 0.0, 1.0, 0.1)
    brush.text(6, -6, marking, 8.5, Coat((0.06, 0.06, 0.06), 0.2, 0.0))
    brush.text(5, 7, "16V", 7.5, Coat((0.06, 0.06, 0.06), 0.2, 0.0))


def _coil(brush: Brush, marking: str) -> None:
    brush.cast((0, 0, 52, 52), 10)
    brush.box((0, 0, 59, 30), _TIN, 0.8, 1.0, 0.5)
    brush.box((0, 0, 52, 52), _FERRITE, 3.4, 3.0, 7)
    brush.disc(0, 0, 21, _FERRITE._replace(colour=(0.035, 0.035, 0.037)), lift=-0.8, bevel=2)
    brush.disc(0, 0, 19, _FERRITE, lift=1.4, bevel=2.5)
    brush.text(0, 0, marking, 12, INK)


def _diode(brush: Brush, marking: str) -> None:
    brush.cast((0, 0, 42, 26), 5)
    brush.box((0, 0, 55, 14), _TIN, 1.0, 1.0, 0.5)
    brush.box((0, 0, 42, 26), PLASTIC, 3.0, 2.8, 1.2)
    brush.box((-14.5, 0, 4.5, 24), _MARK, 0.1, 1.0, 0.2)
    brush.text(4, 0, marking, 8.5, _MARK)


def _sot(brush: Brush, marking: str) -> None:
    brush.cast((0, 0, 29, 14), 4)
    for x, y in ((-10, 9), (10, 9), (0, -9)):
        brush.box((x, y, 4.6, 9), SOLDER, 1.0, 1.0, 0.6, (0, -0.3 * np.sign(y)))
    brush.box((0, 0, 29, 14), PLASTIC, 2.4, 2.0, 0.8)
    brush.text(0, 0, marking, 6.5, _MARK)


def _switch(brush: Brush, marking: str) -> None:
    brush.cast((0, 0, 44, 44), 6)
    for x in (-24, 24):
        for y in (-14, 14):
            brush.box((x, y, 10, 6), _TIN, 0.9, 1.0, 0.5, (-0.2 * np.sign(x), 0))
    brush.box((0, 0, 44, 44), PLASTIC, 1.5, 1.5, 2)
    brush.box((0, 0, 42, 42), STEEL, 1.4, 1.6, 3)
    for x in (-16, 16):
        for y in (-16, 16):
            brush.disc(x, y, 3.2, PLASTIC, lift=0.8, bevel=1.5)
    brush.cast((0, 0, 20, 20), 5)
    brush.disc(0, 0, 13, PLASTIC, lift=0.6, bevel=1.0)
    brush.disc(0, 0, 11, PLASTIC._replace(colour=(0.032, 0.032, 0.035)), lift=3.2, bevel=2.6)


def _socket(brush: Brush, marking: str) -> None:
    brush.cast((-2, 0, 46, 50), 8)
    for y in (-16, -8, 0, 8, 16):
        brush.box((23, y, 12, 3), _GOLD_PIN, 0.8, 1.0, 0.4, (-0.25, 0))
    for y in (-26, 26):
        brush.box((-6, y, 14, 7), STEEL, 1.0, 1.2, 1)
    brush.box((-2, 0, 46, 50), STEEL, 3.0, 3.0, 2)
    brush.box((-2, 0, 41, 45), STEEL._replace(colour=(0.68, 0.68, 0.68)), 0.3, 1.2, 1)
    for y in (-13, 13):
        brush.box((2, y, 18, 6), PLASTIC, -0.8, 1.2, 1)
        brush.box((3, y, 14, 4), STEEL, 1.0, 1.2, 1, (0.12, 0))
    brush.box((8, 0, 22, 0.8), PLASTIC, -0.4, 0.5, 0.2)


PAINTERS: dict[str, Callable[[Brush, str], None]] = {
    "resistor": _resistor,
    "capacitor": _capacitor,
    "led": _led,
    "qfp": _qfp,
    "soic": _soic,
    "crystal": _crystal,
    "can": _can,
    "coil": _coil,
    "diode": _diode,
    "sot": _sot,
    "switch": _switch,
    "socket": _socket,
}
# Width and height of the outline that the silkscreen shows around a package.
OUTLINES = {
    "resistor": (34, 18),
    "capacitor": (34, 18),
    "led": (38, 19),
    "qfp": (96, 96),
    "soic": (44, 66),
    "crystal": (82, 34),
    "can": (60, 60),
    "coil": (66, 60),
    "diode": (66, 34),
    "sot": (34, 20),
    "switch": (50, 52),
}
