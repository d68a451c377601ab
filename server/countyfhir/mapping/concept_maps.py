"""ConceptMaps of ``terminology/`` as code maps of a column (R4 ConceptMap; DESIGN decision 11)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from countyfhir import shipped
from countyfhir.terminology.files.folder import in_file
from countyfhir.terminology.files.text import TerminologyFileError

FOLDERS = ("concept-maps", "dictionaries")
DICTIONARY = "/cs/dictionary/"
EXACT = ("equal", "equivalent", "wider", "subsumes")
"""Equivalences by which the target may stand for the code: it means the same, or more."""


class NoConceptMap(ValueError):
    """The map cannot be used for the column; the message says why."""


def places(mapping: Path) -> tuple[Path, ...]:
    """Where the tables of a mapping file lie: the shipped ``terminology/``, and the one beside the folder of mappings
    (``county/mappings/clinic/visits.yaml``: ``county/terminology``), whose tables stand in the place of shipped
    ones."""
    beside = mapping.resolve().parent.parent.parent / "terminology"
    own = shipped.folder("terminology")
    return (own, beside) if beside.is_dir() and beside != own.resolve() else (own,)


@cache
def concept_maps(folders: tuple[Path, ...]) -> Mapping[str, dict[str, Any]]:
    """Every ConceptMap below the folders by its url."""
    paths = [path for root in folders for name in FOLDERS for path in sorted((root / name).rglob("*.yaml"))]
    return {one["url"]: one for path in paths for one in in_file(Path(path)) if one["resourceType"] == "ConceptMap"}


def table_of(url: str, source: str, dictionary: str, folders: tuple[Path, ...]) -> dict[str, Any]:
    """Legacy code -> Coding, of the groups whose ``sourceVersion`` is the version of the dictionary. A code without an
    exact or wider target, or with several, is left out: it stays an issue. NoConceptMap for an unknown map, for one of
    another source's dictionary, and for another version."""
    try:
        found = concept_maps(folders).get(url)
    except TerminologyFileError as error:
        raise NoConceptMap(str(error)) from error
    if found is None:
        raise NoConceptMap(f"there is no ConceptMap {url} in terminology/")
    table: dict[str, Any] = {}
    versions = set()
    for group in found.get("group", ()):
        owner = str(group.get("source", "")).partition(DICTIONARY)[2].partition("/")[0]
        if owner and owner != source:
            raise NoConceptMap(f"{url} is about the dictionary of {owner}, never shared with {source}")
        versions.add(str(group.get("sourceVersion", "")))
        if str(group.get("sourceVersion", "")) == dictionary:
            table |= {one["code"]: coding for one in group["element"] if (coding := target_of(one, group))}
    if dictionary not in versions:
        raise NoConceptMap(f"{url} is about version {', '.join(sorted(versions))} of the dictionary, not {dictionary}")
    return table


def target_of(element: Mapping[str, Any], group: Mapping[str, Any]) -> dict[str, Any] | None:
    """The one target that may stand for a code."""
    targets = [one for one in element.get("target", ()) if one.get("equivalence") in EXACT and "code" in one]
    if len(targets) != 1:
        return None
    shown = {"display": targets[0]["display"]} if "display" in targets[0] else {}
    return {"system": group["target"], "code": targets[0]["code"], **shown}
