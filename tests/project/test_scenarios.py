"""The specification's scenarios and the tests that prove them: none is without one, and none is left out (§20)."""

import ast
import re
from collections import defaultdict

import pytest

from tests.project.test_imports import ROOT

pytestmark = pytest.mark.project
ALL = range(1, 61)
NOT_BUILT = {53: "silences", 54: "inhibition"}
"""Scenarios of what the product does not do yet."""
_LEFT_OUT = re.compile(r"\b(?:skip|skipif|xfail|importorskip)\b")


def scenarios() -> dict[int, list[str]]:
    """Return the text of every test that is named after a scenario, by its number, with its module's marks."""
    found: dict[int, list[str]] = defaultdict(list)
    for path in (ROOT / "tests").rglob("test_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        marks = [ast.unparse(item) for item in tree.body if isinstance(item, ast.Assign)]
        shared = "\n".join(mark for mark in marks if mark.startswith("pytestmark"))
        for node in tree.body:
            named = re.match(r"test_(\d{1,2})_", node.name) if isinstance(node, ast.FunctionDef) else None
            if named:
                found[int(named[1])].append(f"{shared}\n{ast.unparse(node)}")
    return found


def test_every_scenario_has_its_test() -> None:
    """Each of the sixty stands in the name of a test; what is not built is listed, and only that."""
    assert set(ALL) - set(scenarios()) == set(NOT_BUILT)


def test_no_scenario_is_left_out() -> None:
    """No test of a scenario is skipped or expected to fail, by itself or with its module."""
    left_out = [number for number, texts in scenarios().items() for text in texts if _LEFT_OUT.search(text)]
    assert left_out == []
