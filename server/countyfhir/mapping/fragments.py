"""Named templates that mapping files share: ``use: NAME`` with ``with: {parameter: value}``, replaced before a mapping
file is checked and compiled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from countyfhir.mapping.yaml_text import Document, MappingError, read

FOLDER = "fragments"
PARAMETER = re.compile(r"\$([a-z][a-z0-9-]*)")
DEEPEST = 10
"""Fragments inside fragments."""

Fragments = Mapping[str, Any]


def fragments_in(folders: Iterable[Path]) -> Fragments:
    """The fragments of every ``fragments`` folder below the mapping folders; a later folder wins, one folder names each
    once."""
    found: dict[str, Any] = {}
    for folder in dict.fromkeys(folders):
        own: dict[str, Any] = {}
        for path in sorted((folder / FOLDER).glob("*.yaml")):
            document = read(path)
            if not isinstance(document.data, dict):
                raise MappingError(path, 1, "a file of fragments names each: NAME: template")
            for name, template in document.data.items():
                if name in own:
                    raise document.error((name,), f"the fragment '{name}' stands in another file, too")
                own[name] = template
        found |= own
    return found


def expanded(document: Document, fragments: Fragments) -> Document:
    """The document with every fragment in place. The file's own ``fragments`` section wins over those of folders. What
    stands beside ``use`` is laid over the fragment, member by member; null takes a member away."""
    if not isinstance(document.data, dict):
        return document
    data = {name: part for name, part in document.data.items() if name != FOLDER}
    known = {**fragments, **(document.data.get(FOLDER) or {})}
    return Document(document.path, replaced(data, known, document, (), 0), document.node)


def replaced(node: Any, known: Fragments, document: Document, place: tuple[Any, ...], depth: int) -> Any:
    if isinstance(node, list):
        return [replaced(part, known, document, (*place, at), depth) for at, part in enumerate(node)]
    if not isinstance(node, dict):
        return node
    if not isinstance(node.get("use"), str) or ("with" not in node and node["use"] not in known):
        return {name: replaced(part, known, document, (*place, name), depth) for name, part in node.items()}
    name, given = node["use"], node.get("with") or {}
    if name not in known:
        raise document.error(place, f"there is no fragment '{name}'; there are {', '.join(sorted(known)) or 'none'}")
    if depth == DEEPEST:
        raise document.error(place, f"the fragment '{name}' uses itself")
    wanted = parameters(known[name])
    if wrong := sorted(wanted ^ set(given)):
        raise document.error(
            place, f"the fragment '{name}' takes {', '.join(sorted(wanted))}; not so: {', '.join(wrong)}"
        )
    filled = replaced(with_values(known[name], given), known, document, place, depth + 1)
    over = {part: inner for part, inner in node.items() if part not in ("use", "with")}
    return laid_over(filled, replaced(over, known, document, place, depth))


def parameters(template: Any) -> set[str]:
    """The names of ``$parameters`` inside."""
    if isinstance(template, dict):
        return {name for part in template.values() for name in parameters(part)}
    if isinstance(template, list):
        return {name for part in template for name in parameters(part)}
    return set(PARAMETER.findall(template)) if isinstance(template, str) else set()


def with_values(template: Any, given: Mapping[str, Any]) -> Any:
    """A copy with the parameters replaced; one that stands alone keeps the type of its value."""
    if isinstance(template, dict):
        return {name: with_values(part, given) for name, part in template.items()}
    if isinstance(template, list):
        return [with_values(part, given) for part in template]
    if not isinstance(template, str):
        return template
    if alone := PARAMETER.fullmatch(template):
        return given[alone[1]]
    return PARAMETER.sub(lambda match: str(given[match[1]]), template)


def laid_over(below: Any, above: Any) -> Any:
    """Members of ``above`` over those of ``below``."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    made = dict(below)
    for name, part in above.items():
        if part is None:
            made.pop(name, None)
        else:
            made[name] = laid_over(made[name], part) if name in made else part
    return made
