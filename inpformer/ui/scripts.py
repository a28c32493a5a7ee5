"""The page's own JavaScript, as the components of `gr.HTML` take it."""

from __future__ import annotations

from pathlib import Path


def read_script(*names: str) -> str:
    """Return files of this folder as one script; later ones see what earlier ones define.

    Gradio runs a component's script as the body of one function, so they share one scope.
    """
    return "".join(Path(__file__).with_name(name).read_text("utf-8") for name in names)
