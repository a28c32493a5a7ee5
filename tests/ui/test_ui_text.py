"""Every sentence is used, and filled in with exactly what it has room for."""

import ast
import itertools
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from inpformer.ui import words as words_module
from inpformer.ui.words import CATALOGUES, ENGLISH

FOLDER = Path(words_module.__file__).parent
text = ENGLISH
NAMES = sorted(ENGLISH.strings)
TABLES = [name for name in NAMES if not isinstance(getattr(text, name), str)]


def parents_in(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def is_text(node: ast.AST) -> bool:
    """Whether it is `words.NAME`, `session.words.NAME`, `ENGLISH.NAME` or the like."""
    if not isinstance(node, ast.Attribute) or not node.attr.isupper():
        return False
    return ast.unparse(node.value).split(".")[-1] in ("words", "ENGLISH", "words_of(request)")


def filling_calls(node: ast.AST, tree: ast.AST, parents: dict) -> list[ast.Call]:
    """Find the `.format(...)` of a text: at once, or of the local variable it is put in."""
    words = ast.unparse(node)
    # One of two texts, or one of a row of them.
    while isinstance(parents[node], ast.IfExp | ast.Tuple | ast.Subscript):
        node = parents[node]
    if isinstance(parents[node], ast.Assign):
        words = ast.unparse(parents[node].targets[0])
    calls = [call for call in ast.walk(tree) if isinstance(call, ast.Call)]
    return [call for call in calls if ast.unparse(call.func) == f"{words}.format"]


def uses() -> Iterator[tuple[str, list[ast.Call]]]:
    """Yield every `text.NAME` of the page's modules, with the calls that fill it in."""
    for path in FOLDER.glob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        parents = parents_in(tree)
        for node in ast.walk(tree):
            if is_text(node):
                yield node.attr, filling_calls(node, tree, parents)
            elif isinstance(node, ast.Constant) and node.value in NAMES:
                yield node.value, []  # for `label`, which the browser translates


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


def test_no_text_hides_another_of_the_same_name():
    names = [name for module in CATALOGUES for name in vars(module) if name.isupper()]
    assert sorted(names) == NAMES


def test_nothing_is_shown_that_is_not_a_text():
    assert {used for used, _ in USES} <= set(NAMES)


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name not in TABLES and placeholders(getattr(text, name))]
)
def test_a_text_with_gaps_is_always_filled_in_with_what_it_asks_for(name):
    value = getattr(text, name)
    fillings = [calls for used, calls in USES if used == name]
    assert fillings and all(fillings), f"{name} is shown with its gaps"
    for call in itertools.chain(*fillings):
        assert {keyword.arg for keyword in call.keywords} == placeholders(value)
        assert not call.args


def test_a_text_without_gaps_is_not_filled_in():
    filled = {used for used, calls in USES if calls}
    assert filled and all(placeholders(getattr(text, name)) for name in filled)
    assert not any(placeholders(words) for name, words in sentences().items() if "[" in name)


@pytest.mark.parametrize(("name", "words"), sentences().items())
def test_every_text_reads_well(name, words):
    assert words.strip() == words and words
    assert "  " not in words and " ," not in words and " ." not in words
    assert not re.search(r"\b([Ee]rror|[Ii]nvalid|[Ee]xception|[Ff]ailed|null|None)\b", words)


@pytest.mark.parametrize(
    "name", ["NO_NORMALS", "NO_PICTURE", "NOTHING_INSPECTED", "TOO_MANY", "LOST", "BUSY"]
)
def test_every_refusal_is_a_whole_sentence(name):
    words = getattr(text, name)
    assert words[0].isupper() and words.endswith(".")
