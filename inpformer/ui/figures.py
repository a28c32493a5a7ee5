"""Pictures inside HTML: no file of a visitor's is left behind, and a screen reader gets words."""

from __future__ import annotations

import base64
from html import escape

import numpy as np

from inpformer.files import to_jpeg, to_png

# Hardly a trace of JPEG left; thumbnails and layers take less.
_BEST_QUALITY = 95


def figure(image: np.ndarray, alt: str, caption: str, quality: int = _BEST_QUALITY) -> str:
    """Return a picture with its caption.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        alt: What it shows, in words.
        caption: HTML.
        quality: Of the JPEG, 0 to 100.
    """
    return (
        f'<figure><img alt="{escape(alt)}" src="{jpeg_uri(image, quality)}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def figure_row(figures: list[str]) -> str:
    """Put figures beside each other, as many as fit."""
    return f'<div class="figures">{"".join(figures)}</div>'


def jpeg_uri(image: np.ndarray, quality: int = _BEST_QUALITY) -> str:
    """Return a picture `(H, W, 3)` uint8 RGB as the address of itself."""
    return data_uri(to_jpeg(image, quality), "jpeg")


def png_uri(image: np.ndarray) -> str:
    """Return a picture, `(H, W, 3)` RGB or `(H, W)` grey, uint8, as the address of itself."""
    return data_uri(to_png(image), "png")


def data_uri(data: bytes, kind: str) -> str:
    """Return the content of a picture file, `jpeg` or `png`, as the address of itself."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
