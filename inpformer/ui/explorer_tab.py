"""The Explorer tab: components, then what its events call."""

from __future__ import annotations

from typing import Any

from inpformer.ui.handlers import Handlers


def build_explorer_tab(handlers: Handlers) -> dict[str, Any]:
    """Build the tab."""
    return {}


def wire_explorer_tab(handlers: Handlers, page: dict[str, Any]) -> None:
    """Connect the tab."""
