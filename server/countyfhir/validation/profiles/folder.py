"""StructureDefinitions that lie as files in a folder: JSON as published, or the same written as YAML."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from countyfhir.mapping import yaml_text
from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.validation.profiles.snapshot import StructureDefinition

log = logging.getLogger(__name__)

SUFFIXES = (".json", ".yaml", ".yml")


class ProfileFileError(ValueError):
    """A file cannot be read; the message names it, and the line where it is known."""


EXAMPLES = "examples"
"""Folders of this name hold instances, not definitions."""


def structures(folders: Iterable[Path]) -> Iterator[StructureDefinition]:
    """The StructureDefinitions of all files below the folders, by name; what a later folder has comes later."""
    return (found for found in resources(folders) if found["resourceType"] == "StructureDefinition")


def resources(folders: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """The definitions in all files below the folders: profiles, extensions, forms. A file that cannot be read is logged
    and left out."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix not in SUFFIXES or EXAMPLES in path.relative_to(folder).parts or not path.is_file():
                continue
            try:
                found = read(path)
            except ProfileFileError as problem:
                log.warning("a profile is left out: %s", problem)
                continue
            if "resourceType" in found:
                yield found


def read(path: Path) -> dict[str, Any]:
    """The resource in a file; ProfileFileError for one that cannot be read."""
    try:
        document = json.parse(path.read_bytes()) if path.suffix == ".json" else yaml_text.read(path).data
    except FhirError as problem:
        issue = problem.issues[0]
        raise ProfileFileError(f"{path}, line {issue.line or 1}: {issue.diagnostics}") from None
    except (yaml_text.MappingError, OSError) as problem:
        raise ProfileFileError(str(problem)) from None
    if not isinstance(document, dict):
        raise ProfileFileError(f"{path}, line 1: expected a resource.")
    return with_texts(document) if path.suffix != ".json" else document


def with_texts(structure: dict[str, Any]) -> dict[str, Any]:
    """A StructureDefinition from YAML, where ``max: 1`` may stand for ``max: "1"``."""
    for part in ("differential", "snapshot"):
        for element in structure.get(part, {}).get("element", ()):
            if "max" in element:
                element["max"] = str(element["max"])
    return structure
