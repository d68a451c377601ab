"""YAML as mapping files use it: codes stay text (``01`` is "01", ``yes`` is "yes"), and every place has a line
number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
INTEGER = re.compile(r"-?(?:0|[1-9]\d*)\Z")
DECIMAL = re.compile(r"-?(?:0|[1-9]\d*)\.\d+\Z")
WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None}


class MappingError(ValueError):
    """A mapping file cannot be used. The message names file, line and what to do."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        self.path, self.line, self.problem = path, line, problem
        super().__init__(f"{path}, line {line}: {problem}")


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file: its data and where each part of it stands."""

    path: Path
    data: Any
    node: yaml.Node | None

    def line(self, place: Iterable[Any]) -> int:
        """The 1-based line of the part that ``place`` (keys and positions) leads to."""
        node = self.node
        line = node.start_mark.line + 1 if node else 1
        for step in place:
            node, at = inner(node, step)
            line = at if at else line
        return line

    def error(self, place: Iterable[Any], problem: str) -> MappingError:
        return MappingError(self.path, self.line(place), problem)


def inner(node: yaml.Node | None, step: Any) -> tuple[yaml.Node | None, int]:
    """The node one step further down and the line where it begins."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step].start_mark.line + 1
    return None, 0


def read(path: Path) -> Document:
    """The document in ``path``; MappingError with the line for what is not YAML."""
    try:
        node = yaml.compose(path.read_text("utf-8"), Loader=LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise MappingError(path, line, f"this is not YAML: {error.problem}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(path, 1, f"the file cannot be read: {error}") from error
    return Document(path, plain(node, path), node)


def plain(node: yaml.Node | None, path: Path) -> Any:
    if isinstance(node, yaml.MappingNode):
        made: dict[str, Any] = {}
        for key, value in node.value:
            if key.value in made:
                raise MappingError(path, key.start_mark.line + 1, f"'{key.value}' stands here a second time")
            made[key.value] = plain(value, path)
        return made
    if isinstance(node, yaml.SequenceNode):
        return [plain(item, path) for item in node.value]
    return scalar(node) if isinstance(node, yaml.ScalarNode) else None


def scalar(node: yaml.ScalarNode) -> Any:
    text: str = node.value
    if node.style in ("'", '"', "|", ">"):
        return text
    if text in WORDS:
        return WORDS[text]
    if INTEGER.match(text):
        return int(text)
    return Decimal(text) if DECIMAL.match(text) else (text or None)
