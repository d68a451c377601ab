"""Where the elements of an XML text stand: FHIRPath to line and column, to show problems in what was sent."""

from __future__ import annotations

from collections.abc import Iterable
from xml.parsers import expat

from countyfhir.model.json_places import LONGEST, Node, reached

Place = tuple[int, int]


def places(text: bytes, expressions: Iterable[str], start: tuple[str | int, ...] = ()) -> dict[str, Place]:
    """(line, column) of each expression, as ``json_places`` has it; {} for a text that is not well formed."""
    wanted = list(dict.fromkeys(expressions))
    if not wanted or len(text) > LONGEST:
        return {}
    reading = _Reading()
    parser = expat.ParserCreate()
    reading.parser = parser
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    try:
        parser.Parse(text, True)
    except expat.ExpatError:
        return {}
    root = reading.root.inside.get(0, reading.root)
    for step in start:
        root = root.inside.get(step, root)
    return {one: reading.found[reached(root, one).offset] for one in wanted}


_RESOURCE_HOLDERS = frozenset(("resource", "contained", "outcome"))


class _Reading:
    """Elements as nodes; a repeated name holds its occurrences by index, as a list in JSON does. The element that
    stands for a resource inside its holder is passed over, as JSON has none."""

    def __init__(self) -> None:
        self.root = Node(0, {})
        self.stack: list[tuple[str, Node]] = []
        self.found: list[Place] = [(1, 1)]
        self.parser: expat.XMLParserType

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.found.append((self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1))
        node = Node(len(self.found) - 1, {})
        plain = name.rpartition(":")[2]
        if not self.stack:
            self.root.inside[0] = node
        elif self.stack[-1][0] in _RESOURCE_HOLDERS and plain[:1].isupper():
            node = self.stack[-1][1]
        else:
            held = self.stack[-1][1].inside
            several = held.setdefault(plain, Node(node.offset, {}))
            several.inside[len(several.inside)] = node
        self.stack.append((plain, node))

    def end(self, name: str) -> None:
        self.stack.pop()
