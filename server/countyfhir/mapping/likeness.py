"""A source that is like another: the same system at another institution takes its mapping files, with other names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from countyfhir import shipped
from countyfhir.mapping.yaml_text import Document, read

SOURCE_FILE = "source.yaml"
Rename = Callable[[Document], Document]


def model_of(document: Document, folder: Path) -> Path | None:
    """The folder of the source that this one is ``like``: beside it, or one that ships."""
    name = document.data.get("like")
    if name is None:
        return None
    for place in (folder.parent / str(name), shipped.folder("mappings") / str(name)):
        if (place / SOURCE_FILE).is_file() and not place.samefile(folder):
            return place
    raise document.error(("like",), f"there is no source '{name}' beside this one, and none that ships")


def inherited(document: Document, model: Path) -> Document:
    """The source file with what it leaves unsaid taken from its model; titles, institutions and zone may be its own."""
    stated = read(model / SOURCE_FILE).data
    kept = {name: value for name, value in stated.items() if name not in ("institutions", "folder")}
    return replace(document, data={**kept, **document.data})


def mapping_files(folder: Path, model: Path | None) -> list[Path]:
    """The mapping files of a source; its own take the place of those of its model that have the same name."""
    found: dict[str, Path] = {}
    for place in (model, folder):
        if place is not None:
            found |= {path.name: path for path in place.glob("*.yaml") if path.name != SOURCE_FILE}
    return sorted(found.values(), key=lambda path: path.name)


def need_stand_ins(document: Document, words: Mapping[str, Any], own: str) -> None:
    """MappingError where an inherited mapping states or means resources of a further source and ``instead_of`` does not
    say which one stands for it here: the numbers of one hospital would name the patients of the other."""
    for name in sorted(meant(document.data.get("resources"))):
        if name not in words and name != own:
            told = f"it means resources of the source '{name}'; say under instead_of of source.yaml which source"
            raise document.error((), f"{told} stands for it here ('{name}: {name}' when it is that one)")


def meant(node: Any) -> Iterator[str]:
    """The further sources that resources and references name."""
    if isinstance(node, dict):
        if isinstance(node.get("source"), str) and ("ref" in node or "content" in node):
            yield node["source"]
        for part in node.values():
            yield from meant(part)
    elif isinstance(node, list):
        for one in node:
            yield from meant(one)


def renaming(words: Mapping[str, Any]) -> Rename:
    """Replaces words in every text of a mapping file, names of members included: ``instead_of`` of a source file."""
    if not words:
        return lambda document: document
    pattern = re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)))

    def said(node: Any) -> Any:
        if isinstance(node, str):
            return pattern.sub(lambda found: str(words[found[0]]), node)
        if isinstance(node, list):
            return [said(one) for one in node]
        return {said(name): said(one) for name, one in node.items()} if isinstance(node, dict) else node

    return lambda document: replace(document, data=said(document.data))
