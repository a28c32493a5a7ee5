"""`SECURITY.md`: each promise names a test that is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "SECURITY.md").read_text("utf-8")
PROMISES = [line for line in PAGE.splitlines() if line.startswith("- ")]


@pytest.mark.parametrize("promise", PROMISES, ids=range(len(PROMISES)))
def test_each_promise_ends_with_a_test_that_checks_something(promise):
    found = re.fullmatch(r"- .+[.] `(tests/[\w/]+\.py)::(test_\w+)`", promise)
    assert found, promise
    path, name = found.groups()
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    tests = [node for node in tree.body if getattr(node, "name", "") == name]
    assert len(tests) == 1, f"{path} has {len(tests)} tests called {name}"
    source = ast.unparse(tests[0])
    assert re.search(r"\bassert|pytest\.raises|refused\(", source), source


def test_there_is_a_promise_under_every_list_and_settings_are_real():
    from inpformer.settings import SETTINGS

    assert len(PROMISES) > 30 and len(PAGE.splitlines()) < 100
    named = set(re.findall(r"`(INPFORMER_[A-Z_]+)`", PAGE))
    assert named <= {each.name for each in SETTINGS} and len(named) > 6
