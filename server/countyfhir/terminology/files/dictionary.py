"""``dictionary:`` -> the CodeSystem of one column of one table of a legacy system in one version of its dictionary, and
its ConceptMaps. Codes of legacy systems are never shared between columns: the same key means different things."""

from __future__ import annotations

import re
from typing import Any

from countyfhir.terminology.files import code_system, concept_map
from countyfhir.terminology.files.text import HEAD, TerminologyFileError, address, canonical, known

KEYS = HEAD | {"dictionary", "table", "column", "concepts", "maps"}
_NAME = re.compile(r"[a-z0-9.-]+(/[a-z0-9.-]+){2}\Z")


def resources(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The dictionary as a CodeSystem and one ConceptMap for each target system under ``maps``. ``dictionary`` is
    source/table/column in small letters; ``table`` and ``column`` are their names in the legacy system."""
    known(document, KEYS, "a dictionary")
    name = document["dictionary"]
    if not _NAME.match(name) or "version" not in document:
        raise TerminologyFileError(f"'{name}': a dictionary is named source/table/column and says its version")
    source = name.partition("/")[0]
    head = {key: document[key] for key in HEAD & set(document)} | {
        "id": f"{name.replace('/', '-')}-{document['version']}",
        "title": " ".join(filter(None, (source, document["table"], document["column"], document.get("title")))),
        "description": _description(document),
    }
    system = {**head, "code-system": f"dictionary/{name}", "concepts": document["concepts"], "with-value-set": False}
    made = code_system.resources(system)
    return made + [_map(document, head, target, mapped) for target, mapped in (document.get("maps") or {}).items()]


def _map(document: dict[str, Any], head: dict[str, Any], target: str, mapped: dict[str, Any]) -> dict[str, Any]:
    tail = re.sub(r"[^A-Za-z0-9.-]+", "-", re.split(r"[/:]", address(target, "cs"))[-1])
    url = address(f"dictionary/{document['dictionary']}/{tail}", "map")
    made = canonical({**head, "id": f"{head['id']}-to-{tail}"[-64:].lstrip("-.")}, "ConceptMap", url, "map")
    origin = {"source": f"dictionary/{document['dictionary']}", "source-version": document["version"]}
    made["group"] = [concept_map.group(origin, mapped, target)]
    return made


def _description(document: dict[str, Any]) -> str:
    where = f"table {document['table']}, column {document['column']}, dictionary of {document['version']}."
    return (
        f"Source system {document['dictionary'].partition('/')[0]}, {where} {document.get('description', '')}".strip()
    )
