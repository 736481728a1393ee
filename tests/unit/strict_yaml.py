"""Reads the part of YAML that `docker-compose.yml` is written in, and refuses all the rest.

Maps by two spaces of indentation, lists of scalars or of flat maps, scalars on one line, comments
on lines of their own. No anchors, no types, no folding: every scalar is text, so that nothing turns
into something else. Written here because the one other use of a YAML library would be this file.
"""

from __future__ import annotations

import json
import re
from typing import Final

Node = str | list["str | dict[str, str]"] | dict[str, "Node"] | None

INDENT: Final = 2
_KEY: Final = re.compile(r"^(?P<key>[A-Za-z][A-Za-z0-9_]*):(?: (?P<value>\S.*))?$")
_PLAIN: Final = re.compile(r"^(?!.*: )[A-Za-z0-9./$_-][^#\"'{}\[\]&*]*$|^\$\{[A-Z_]+:\?[a-z ]+\}$")


class NotInTheSubsetError(ValueError):
    """A line says more than this reader understands."""


def read_yaml(text: str) -> dict[str, Node]:
    """Return the map that the text holds.

    Example:
        >>> read_yaml("a:\\n  b: [\\"x\\", \\"y\\"]\\n  c:\\n    - d\\n")
        {'a': {'b': ['x', 'y'], 'c': ['d']}}
        >>> read_yaml("a:\\n  - b: c\\n    d: e\\n")
        {'a': [{'b': 'c', 'd': 'e'}]}
    """
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    node, rest = _block(lines, 0)
    if rest or not isinstance(node, dict):
        raise NotInTheSubsetError(f"line {rest[0][0] if rest else 1}: expected a map")
    return node


def _block(lines: list[tuple[int, str]], depth: int) -> tuple[Node, list[tuple[int, str]]]:
    if lines and lines[0][1].startswith(" " * depth + "- "):
        return _list(lines, depth)
    found: dict[str, Node] = {}
    while lines and _depth(lines[0]) == depth:
        number, line = lines.pop(0)
        match = _KEY.match(line.strip())
        if match is None or match["key"] in found:
            raise NotInTheSubsetError(f"line {number}: expected a key that is not there yet")
        if match["value"] is not None:
            found[match["key"]] = _scalar(number, match["value"])
        elif lines and _depth(lines[0]) == depth + INDENT:
            found[match["key"]], lines = _block(lines, depth + INDENT)
        else:
            found[match["key"]] = None
    return found, lines


def _list(lines: list[tuple[int, str]], depth: int) -> tuple[Node, list[tuple[int, str]]]:
    items: list[str | dict[str, str]] = []
    while lines and _depth(lines[0]) == depth:
        number, line = lines.pop(0)
        if not line.strip().startswith("- "):
            raise NotInTheSubsetError(f"line {number}: expected another item of this list")
        text = line.strip().removeprefix("- ")
        if _KEY.match(text) is None:
            items.append(_text(number, text))
            continue
        of_map = [(number, " " * (depth + INDENT) + text)]
        while lines and _depth(lines[0]) == depth + INDENT:
            of_map.append(lines.pop(0))
        node, _ = _block(of_map, depth + INDENT)
        if not isinstance(node, dict):
            raise NotInTheSubsetError(f"line {number}: expected a map in this list")
        flat = {key: value for key, value in node.items() if isinstance(value, str)}
        if len(flat) != len(node):
            raise NotInTheSubsetError(f"line {number}: expected scalars in this map")
        items.append(flat)
    return items, lines


def _text(number: int, text: str) -> str:
    value = _scalar(number, text)
    if not isinstance(value, str):
        raise NotInTheSubsetError(f"line {number}: expected a scalar in this list")
    return value


def _scalar(number: int, text: str) -> str | list[str | dict[str, str]]:
    if text.startswith(("[", '"')):
        value: object = json.loads(text)
        if isinstance(value, str):
            return value
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return [str(item) for item in value]
    elif _PLAIN.match(text):
        return text
    raise NotInTheSubsetError(f"line {number}: {text!r} is not a scalar of this subset")


def _depth(line: tuple[int, str]) -> int:
    return len(line[1]) - len(line[1].lstrip(" "))
