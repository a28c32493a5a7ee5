"""Import timm without torch's compiler, which nothing here uses at the start."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

_NAMES = ("torch._dynamo", "torch._dynamo.utils")


def import_timm() -> None:
    """Import timm, and torchvision with it, in about half the time.

    torchvision asks the compiler one question when a box operator is first compiled, and timm tells
    it to leave a function of one model alone. To be able to, both import all of it, 2 of the 8
    seconds that a start takes. A stand-in is there while they are imported; whoever imports the
    compiler later, to compile or to export, gets the compiler.
    """
    import_module("torch")
    if _NAMES[0] in sys.modules:
        return
    compiler, utilities = (_StandIn(name) for name in _NAMES)
    compiler.disable = _leave_alone
    utilities.is_compile_supported = _is_compile_supported
    sys.modules.update(zip(_NAMES, (compiler, utilities), strict=True))
    try:
        import_module("timm")
    finally:
        _remove_stand_ins()


class _StandIn(ModuleType):
    """Has what is asked for at import; asked for anything else, it makes room for the module."""

    __path__: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        _remove_stand_ins()
        return getattr(import_module(self.__name__), name)


def _remove_stand_ins() -> None:
    for name in _NAMES:
        if isinstance(sys.modules.get(name), _StandIn):
            del sys.modules[name]


def _is_compile_supported(device: str) -> bool:
    return import_module("torch._dynamo.utils").is_compile_supported(device)


def _leave_alone(function: Callable | None = None, *_: Any, **__: Any) -> Callable:
    """Stand for `torch._dynamo.disable`: a function that is not compiled needs no mark."""
    return (lambda given: given) if function is None else function
