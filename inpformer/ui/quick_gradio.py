"""Import gradio without the files for editors that it makes anew at every start."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_MODULE, _FUNCTION = "gradio.component_meta", "create_or_modify_pyi"


def skip_editor_files() -> None:
    """See that gradio, imported after this, is so in about half the time.

    For each of its hundred components gradio parses its own source and writes a file that editors
    take hints from; nobody who looks at the page has an editor.
    """
    if _MODULE not in sys.modules:
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds the one module as it would be found, and takes the one function out of it."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if name != _MODULE:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        execute = spec.loader.exec_module

        def execute_without(module: ModuleType) -> None:
            execute(module)
            setattr(module, _FUNCTION, lambda *_: None)

        spec.loader.exec_module = execute_without
        return spec
