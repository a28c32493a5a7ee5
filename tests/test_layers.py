"""Which part of the library may import which; the rules of docs/design.md, read with `ast`."""

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "inpformer"

LAYER_0 = (
    "config",
    "config_table",
    "errors",
    "examples",
    "fit_config",
    "places",
    "presets",
    "scales",
    "settings",
    "training.config",
    "version",
)
TENSORS = (
    "modeling",
    "losses",
    "optimizer",
    "augmentation",
    "pseudo_anomalies",
    "scoring",
    "calibration",
    "token_cache",
    "training.ahead",
    "training.decoder_phase",
    "training.descent",
    "training.head_phase",
    "training.processes",
    "training.schedule",
    "training.step",
    "training.token_statistics",
    "training.token_store",
)
PICTURES = ("images", "pixels", "tiling", "pictures", "files", "annotations", "datasets")
PICTURE_LIBRARIES = ("PIL", "cv2", "gradio", "matplotlib")


class Import(NamedTuple):
    """One module named in an import statement."""

    target: str
    line: int
    when_loaded: bool  # at module level, and not only for type checkers


def module_files() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    modules = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


MODULES = module_files()


def imports_of(source: str, module: str, known: set[str], is_package: bool) -> Iterator[Import]:
    """Yield all imports in a module, those inside functions and type-checking blocks too."""
    package = module if is_package else module.rpartition(".")[0]

    def visit(node: ast.AST, when_loaded: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, when_loaded)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            for alias in node.names:
                # `from inpformer.ui import text` imports a module, `from x import y` a name of it.
                full = f"{base}.{alias.name}"
                yield Import(full if full in known else base, node.lineno, when_loaded)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.body:
                yield from visit(child, False)
            for child in node.orelse:
                yield from visit(child, when_loaded)
        else:
            inside = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            for child in ast.iter_child_nodes(node):
                yield from visit(child, when_loaded and not inside)

    yield from visit(ast.parse(source), True)


IMPORTS = {
    name: list(imports_of(path.read_text("utf-8"), name, set(MODULES), path.name == "__init__.py"))
    for name, path in MODULES.items()
}


def is_part_of(module: str, prefix: str) -> bool:
    return module == prefix or module.startswith(prefix + ".")


def modules_in(parts: tuple[str, ...]) -> list[str]:
    """The modules that these parts of the package consist of."""
    found = {
        part: [name for name in MODULES if is_part_of(name, f"inpformer.{part}")] for part in parts
    }
    assert all(found.values()), f"no such module: {[part for part in parts if not found[part]]}"
    return [name for part in parts for name in found[part]]


def forbidden_edges(parts: tuple[str, ...], targets: tuple[str, ...]) -> list[str]:
    """Imports of `targets` by `parts`, or by anything of ours that those import in their turn."""
    edges = []
    for start in modules_in(parts):
        paths, waiting = {start: start}, [start]
        while waiting:
            module = waiting.pop()
            for target, line, _ in IMPORTS[module]:
                if any(is_part_of(target, prefix) for prefix in targets):
                    edges.append(f"{paths[module]} -> {target} ({module} line {line})")
                elif target in MODULES and target not in paths and target != "inpformer":
                    paths[target] = f"{paths[module]} -> {target}"
                    waiting.append(target)
    return edges


def direct_edges(modules: list[str], targets: tuple[str, ...]) -> list[str]:
    return [
        f"{module} -> {target} (line {line})"
        for module in modules
        for target, line, _ in IMPORTS[module]
        if any(is_part_of(target, prefix) for prefix in targets)
    ]


def ours(*names: str) -> tuple[str, ...]:
    return tuple(f"inpformer.{name}" for name in names)


def test_layer_0_imports_only_the_standard_library_and_itself():
    layer = modules_in(LAYER_0)
    edges = [
        f"{module} -> {target} (line {line})"
        for module in layer
        for target, line, _ in IMPORTS[module]
        if target not in layer and target.split(".")[0] not in sys.stdlib_module_names
    ]
    assert not edges, edges


def test_the_tensor_modules_know_nothing_of_picture_files_and_pages():
    above = ours(*PICTURES, "geometry", "panels", "result", "report", "ui", "detector")
    edges = forbidden_edges(TENSORS, (*PICTURE_LIBRARIES, *above))
    assert not edges, edges


def test_the_tensor_modules_know_nothing_of_the_fit():
    edges = forbidden_edges(TENSORS, ours("fitting", "detector", "detector_file", "cli"))
    assert not edges, edges


def test_the_picture_modules_never_import_torch_timm_or_gradio():
    parts = tuple(
        part
        for part in (
            *PICTURES,
            "attention_views",
            "comparison",
            "cut",
            "evaluation.bin_figures",
            "evaluation.curves",
            "evaluation.pixel_histogram",
            "evaluation.records",
            "evaluation.report_style",
            "evaluation.verdicts",
            "geometry",
            "panels",
            "patch_pictures",
            "patch_reason",
            "prototype_health",
            "picture_sources",
            "prototypes",
            "report",
            "result",
            "result_table",
            "shot_lab_report",
            "shot_quality",
        )
        if part in PICTURES or f"inpformer.{part}" in MODULES
    )
    edges = forbidden_edges(parts, ("torch", "torchvision", "timm", "gradio", *ours(*TENSORS)))
    assert not edges, edges


def test_looking_at_the_hub_and_fetching_from_it_need_neither_torch_nor_the_page():
    parts = ("hub", "hub_calls", "hub_download", "hub_problems")
    parts += tuple(
        f"sharing.{part}" for part in ("card", "description", "look", "measured", "pull", "writing")
    )
    edges = forbidden_edges(parts, ("torch", "torchvision", "timm", "gradio", "inpformer.ui"))
    assert not edges, edges


def test_fitting_imports_neither_picture_files_nor_the_page_nor_the_detector():
    edges = forbidden_edges(
        ("fitting",), (*PICTURE_LIBRARIES, *ours(*PICTURES, "geometry", "ui", "detector"))
    )
    assert not edges, edges


def test_the_page_never_imports_torch_timm_or_the_network():
    below = (*TENSORS, "fitting", "detector_file", "official")
    edges = direct_edges(modules_in(("ui",)), ("torch", "torchvision", "timm", *ours(*below)))
    assert not edges, edges


def test_nothing_but_the_page_imports_gradio():
    others = [name for name in MODULES if not is_part_of(name, "inpformer.ui")]
    edges = direct_edges(others, ("gradio",))
    assert not edges, edges


def modules_outside(*parts: str) -> list[str]:
    return [name for name in MODULES if not any(is_part_of(name, part) for part in ours(*parts))]


def test_nothing_but_training_and_its_command_imports_training_on_data_sets():
    runs = ("training.run", "training.plan", "training.stream", "training.model_training")
    edges = direct_edges(modules_outside("training", "train_command"), ours(*runs))
    assert not edges, edges


def test_only_what_runs_in_several_processes_imports_accelerate():
    others = modules_outside("training", "train_command", "evaluate_command")
    edges = direct_edges(others, ("accelerate",))
    assert not edges, edges


def test_nothing_below_the_command_imports_the_page():
    below = [
        name
        for name in MODULES
        if not any(is_part_of(name, part) for part in ours("ui", "cli", "__main__"))
    ]
    edges = direct_edges(below, ours("ui"))
    assert not edges, edges


def cycle_in(graph: dict[str, list[str]]) -> list[str] | None:
    """Return one cycle of `graph`, or None."""
    finished: set[str] = set()

    def walk(module: str, path: list[str]) -> list[str] | None:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in finished:
            return None
        for target in graph.get(module, []):
            cycle = walk(target, [*path, module])
            if cycle:
                return cycle
        finished.add(module)
        return None

    for module in graph:
        cycle = walk(module, [])
        if cycle:
            return cycle
    return None


def test_no_modules_import_each_other_while_they_are_loaded():
    graph = {
        name: [item.target for item in found if item.when_loaded and item.target in MODULES]
        for name, found in IMPORTS.items()
    }
    cycle = cycle_in(graph)
    assert cycle is None, " -> ".join(cycle)


def test_an_installed_package_has_every_folder_of_modules():
    project = (PACKAGE.parent / "pyproject.toml").read_text("utf-8")
    listed = json.loads(re.search(r"^packages = (\[.*\])$", project, re.M).group(1))
    folders = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    assert folders <= set(listed)


# --- the reader itself -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target", "when_loaded"),
    [
        ("import torch.nn as nn", "torch.nn", True),
        ("from torch.nn import functional", "torch.nn", True),
        ("from inpformer import images", "inpformer.images", True),
        ("from inpformer.images import load_image", "inpformer.images", True),
        ("from . import images", "inpformer.images", True),
        ("from .images import load_image", "inpformer.images", True),
        ("def f():\n    import torch", "torch", False),
        ("class A:\n    def f(self):\n        from torch import nn", "torch", False),
        ("if TYPE_CHECKING:\n    import torch", "torch", False),
        ("try:\n    import torch\nexcept ImportError:\n    pass", "torch", True),
    ],
)
def test_the_reader_sees_every_kind_of_import(source, target, when_loaded):
    (found,) = imports_of(source, "inpformer.x", {"inpformer.images"}, is_package=False)
    assert (found.target, found.when_loaded) == (target, when_loaded)


def test_the_reader_resolves_the_imports_of_a_package_and_of_a_package_inside_it():
    known = {"inpformer.images", "inpformer.ui.text"}
    (found,) = imports_of("from . import text", "inpformer.ui", known, is_package=True)
    assert found.target == "inpformer.ui.text"
    (found,) = imports_of("from ..images import x", "inpformer.ui.page", known, is_package=False)
    assert found.target == "inpformer.images"


def test_a_forbidden_edge_is_named_with_the_way_to_it(monkeypatch):
    fake = {
        "inpformer.losses": [Import("inpformer.scoring", 3, True)],
        "inpformer.scoring": [Import("cv2", 7, False)],
    }
    for module, found in fake.items():
        monkeypatch.setitem(IMPORTS, module, found)
    assert forbidden_edges(("losses",), ("cv2",)) == [
        "inpformer.losses -> inpformer.scoring -> cv2 (inpformer.scoring line 7)"
    ]


def test_a_cycle_is_found_and_named():
    assert cycle_in({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c", "b"]
    assert cycle_in({"a": ["b", "c"], "b": ["c"], "c": []}) is None
