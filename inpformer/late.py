"""Large modules that are imported when first used: a start would else take half as long again."""

from __future__ import annotations

import importlib
from typing import Any


class LateModule:
    """Stands for a module and imports it when one of its names is first asked for.

    Args:
        name: Its full name.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._name), name)


def import_late_modules() -> None:
    """Import them now, while nobody waits."""
    for name in ("torchvision.transforms.functional", "timm.models.vision_transformer"):
        importlib.import_module(name)
