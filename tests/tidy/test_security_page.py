"""The page on security names tests, and each of them is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.tidy.repository import python_files, text_of, tree_of


def test_every_test_that_the_page_on_security_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", text_of(Path("docs/security.md"))))
    there = {
        node.name
        for path in python_files("tests")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(named) > 30
    assert named - there == set()
