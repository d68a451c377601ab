"""A folder of terminology files as FHIR resources (docs/add-a-code-system.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.terminology.files import code_system, concept_map, dictionary, icd_group, naming_system, value_set
from countyfhir.terminology.files.text import TerminologyFileError, documents

Resource = dict[str, Any]

SHORT_FORMS: dict[str, Callable[[dict[str, Any]], Iterable[Resource]]] = {
    "code-system": code_system.resources,
    "value-set": value_set.resources,
    "icd-group": icd_group.resources,
    "concept-map": concept_map.resources,
    "naming-system": naming_system.resources,
    "dictionary": dictionary.resources,
}
"""The key that a short form must have, and what makes FHIR resources of it."""

KINDS = frozenset({"CodeSystem", "ValueSet", "ConceptMap", "NamingSystem"})
SUFFIXES = (".yaml", ".yml", ".json")
NOT_OURS = frozenset({"code-maps"})
"""Folders that hold something else: the tables that mapping files share."""


def files(folders: Iterable[Path]) -> list[Path]:
    """Every terminology file of the folders, in the order in which they are read: a later one wins."""
    found: list[Path] = []
    for folder in folders:
        inside = (path for path in sorted(folder.rglob("*")) if path.suffix in SUFFIXES and path.is_file())
        found += [path for path in inside if not NOT_OURS & set(path.relative_to(folder).parts[:-1])]
    return found


def fingerprint(folders: Iterable[Path]) -> str:
    """Changes with the name or the content of any file: what was made from the folders is good while it stays."""
    summed = sha256()
    for path in files(folders):
        summed.update(f"{path.name}\n".encode())
        summed.update(sha256(path.read_bytes()).digest())
    return summed.hexdigest()


def resources(folders: Iterable[Path]) -> Iterator[tuple[Path, Resource]]:
    """(file, FHIR resource) of every CodeSystem, ValueSet, ConceptMap and NamingSystem of the folders. A code system in
    the short form comes with the value set of all its codes. TerminologyFileError names the file for what cannot be
    read."""
    for path in files(folders):
        for resource in in_file(path):
            yield path, resource


def naming_systems(folders: Iterable[Path]) -> tuple[Resource, ...]:
    """The NamingSystems of the folders; files that cannot be used are passed over (``registering`` logs them)."""
    found: list[Resource] = []
    for path in files(folders):
        with suppress(TerminologyFileError):
            found += [one for one in in_file(path) if one["resourceType"] == "NamingSystem"]
    return tuple(found)


def in_file(path: Path) -> list[Resource]:
    """The FHIR resources of one file."""
    try:
        text = path.read_bytes()
        found = [json.parse(text)] if path.suffix == ".json" else documents(text.decode("utf-8"))
        return [resource for document in found for resource in _made(document)]
    except TerminologyFileError as error:
        raise TerminologyFileError(f"{path}: {error}") from error
    except FhirError as error:
        raise TerminologyFileError(f"{path}: {error.issues[0].diagnostics}") from error
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise TerminologyFileError(f"{path} cannot be read: {error}") from error


def _made(document: dict[str, Any]) -> Iterable[Resource]:
    resource_type = document.get("resourceType")
    if resource_type == "Bundle":
        return [one for entry in document.get("entry", ()) for one in _made(entry.get("resource", {}))]
    if resource_type is not None:
        if resource_type not in KINDS:
            raise TerminologyFileError(
                f"{resource_type} is not terminology: expected one of {', '.join(sorted(KINDS))}"
            )
        return [document]
    chosen = [form for form in SHORT_FORMS if form in document]
    if len(chosen) != 1:
        raise TerminologyFileError(f"a document begins with one of: {', '.join(SHORT_FORMS)}, resourceType")
    return SHORT_FORMS[chosen[0]](document)
