"""Pictures inside HTML: no file of a visitor's is left behind, and a screen reader gets words."""

from __future__ import annotations

import base64
from html import escape

import cv2
import numpy as np

_KINDS = {".jpg": "jpeg", ".png": "png"}


def figure(image: np.ndarray, alt: str, caption: str) -> str:
    """Return a picture with its caption.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        alt: What it shows, in words.
        caption: HTML.
    """
    return (
        f'<figure><img alt="{escape(alt)}" src="{data_url(image)}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def figure_row(figures: list[str]) -> str:
    """Put figures beside each other, as many as fit."""
    return f'<div class="figures">{"".join(figures)}</div>'


def data_url(image: np.ndarray, suffix: str = ".jpg") -> str:
    """Return a picture `(H, W, 3)` uint8 RGB as the address of itself."""
    encoded = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
    return f"data:image/{_KINDS[suffix]};base64,{base64.b64encode(encoded).decode()}"
