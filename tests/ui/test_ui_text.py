"""Every sentence is used, and filled in with exactly what it has room for."""

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from inpformer.ui import text

FOLDER = Path(text.__file__).parent
NAMES = sorted(name for name in vars(text) if name.isupper())


def parents_in(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def uses() -> Iterator[tuple[str, ast.Call | None]]:
    """Yield every `text.NAME` of the page's modules, with the call if it is `.format(...)`."""
    for path in FOLDER.glob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        parents = parents_in(tree)
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
                continue
            if node.value.id == "text" and node.attr.isupper():
                method = parents.get(node)
                is_format = isinstance(method, ast.Attribute) and method.attr == "format"
                yield node.attr, parents.get(method) if is_format else None


USES = list(uses())


def placeholders(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name is not None}


def sentences() -> dict[str, str]:
    """Return all strings, those in tables and tuples too, by a name of theirs."""
    found = {}
    for name in NAMES:
        value = getattr(text, name)
        items = value.values() if isinstance(value, dict) else value
        if isinstance(value, str):
            found[name] = value
        else:
            found |= {f"{name}[{i}]": str(item) for i, item in enumerate(items)}
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_text_is_shown_somewhere(name):
    assert name in {used for used, _ in USES}


def test_nothing_is_shown_that_is_not_a_text():
    assert {used for used, _ in USES} <= set(NAMES)


@pytest.mark.parametrize(
    "name", [name for name in NAMES if placeholders(str(getattr(text, name))) and name.isupper()]
)
def test_a_text_with_gaps_is_always_filled_in_with_what_it_asks_for(name):
    value = getattr(text, name)
    if not isinstance(value, str):
        assert not placeholders(" ".join(map(str, value))), "a table must not have gaps"
        return
    calls = [call for used, call in USES if used == name]
    assert calls and None not in calls, f"{name} is shown with its gaps"
    for call in calls:
        assert {keyword.arg for keyword in call.keywords} == placeholders(value)
        assert not call.args


def test_a_text_without_gaps_is_not_filled_in():
    filled = {used for used, call in USES if call is not None}
    assert all(placeholders(getattr(text, name)) for name in filled)


@pytest.mark.parametrize(("name", "words"), sentences().items())
def test_every_text_reads_well(name, words):
    assert words.strip() == words and words
    assert "  " not in words and " ," not in words and " ." not in words
    assert not re.search(r"\b(error|invalid|exception|failed|null|None)\b", words, re.IGNORECASE)


@pytest.mark.parametrize(
    "name", ["NO_NORMALS", "NO_PICTURE", "NOTHING_INSPECTED", "TOO_MANY", "LOST", "BUSY"]
)
def test_every_refusal_is_a_whole_sentence(name):
    words = getattr(text, name)
    assert words[0].isupper() and words.endswith(".")
