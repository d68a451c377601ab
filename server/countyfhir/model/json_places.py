"""Where the parts of a JSON text stand: FHIRPath to line and column, for problems that are shown in what was sent."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

_TOKEN = re.compile(rb'[{}\[\],:]|"(?:[^"\\]|\\.)*"|[^\s{}\[\],:"]+')
_STEP = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]")
LONGEST = 8 * 1024 * 1024
"""Bytes of a text in which places are looked for; finding them takes about a second for these."""


class Node(NamedTuple):
    """A value: where it begins in the text, and what is in it by name or index."""

    offset: int
    inside: dict[str | int, Node]


def tree(text: bytes) -> Node:
    """The places of a well-formed JSON text; a property stands where its name begins."""
    root = Node(0, {})
    stack: list[tuple[Node, bool]] = [(root, False)]
    name: str | None = None
    offset = 0
    for token in _TOKEN.finditer(text):
        mark = token.group()
        holder, is_object = stack[-1]
        if mark in (b",", b":"):
            continue
        if mark in (b"}", b"]"):
            stack.pop()
            continue
        if is_object and name is None:
            name, offset = mark[1:-1].decode(errors="replace"), token.start()
            continue
        key: str | int = name if is_object and name is not None else len(holder.inside)
        node = Node(offset if is_object else token.start(), {})
        holder.inside[key] = node
        name = None
        if mark in (b"{", b"["):
            stack.append((node, mark == b"{"))
    return root.inside.get(0, root)


def places(text: bytes, expressions: Iterable[str], start: tuple[str | int, ...] = ()) -> dict[str, tuple[int, int]]:
    """(line, column), both from 1, of each expression; of what is not there, the nearest part around it that is.
    ``start`` leads from the whole text to the resource the expressions are about. {} for texts of over 8 MB."""
    wanted = list(dict.fromkeys(expressions))
    if not wanted or len(text) > LONGEST:
        return {}
    root = tree(text)
    for step in start:
        root = root.inside.get(step, root)
    lines = [0, *(match.end() for match in re.finditer(b"\n", text))]
    found = {}
    for expression in wanted:
        offset = reached(root, expression).offset
        line = _line_of(lines, offset)
        found[expression] = (line + 1, len(text[lines[line] : offset].decode(errors="replace")) + 1)
    return found


def reached(root: Node, expression: str) -> Node:
    """As far as the steps after the type lead."""
    node, at_list = root, False
    for match in list(_STEP.finditer(expression))[1:]:
        name, index = match.groups()
        if name is None:
            below = node.inside.get(int(index))
        else:
            if at_list and 0 in node.inside:
                node = node.inside[0]
            below = _named(node, name)
        if below is None:
            return node
        node, at_list = below, name is not None
    return node


def _named(node: Node, name: str) -> Node | None:
    if name in node.inside:
        return node.inside[name]
    choice = re.compile(rf"_?{re.escape(name)}(?:[A-Z]\w*)?")
    return next((below for key, below in node.inside.items() if isinstance(key, str) and choice.fullmatch(key)), None)


def _line_of(lines: list[int], offset: int) -> int:
    return bisect_right(lines, offset) - 1
