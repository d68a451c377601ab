"""``naming-system:`` -> NamingSystem (R4 section 8.34): what an identifier's or a code's ``system`` means."""

from __future__ import annotations

from typing import Any

from countyfhir.terminology.files.text import HEAD, PUBLISHER, TerminologyFileError, identity, known, name_of

KEYS = HEAD | {"naming-system", "kind", "oid", "uri", "other", "type", "responsible", "usage", "preferred"}
V2_0203 = "http://terminology.hl7.org/CodeSystem/v2-0203"


def resources(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The NamingSystem. ``oid``, ``uri`` and ``other`` are its names; ``preferred`` says which of them resources use
    (``uri`` unless said)."""
    known(document, KEYS, "a naming system")
    made: dict[str, Any] = {"resourceType": "NamingSystem", "id": identity(document, document["naming-system"])}
    made |= {"language": "zh-CN", "name": name_of(document.get("english") or made["id"])}
    made |= {"status": document.get("status", "active"), "kind": document.get("kind", "identifier")}
    made["date"] = document.get("date", "2026-01-01")
    made["publisher"] = PUBLISHER
    if "responsible" in document:
        made["responsible"] = document["responsible"]
    if "type" in document:
        made["type"] = {"coding": [{"system": V2_0203, "code": document["type"]}]}
    made["description"] = " ".join(document[key] for key in ("title", "english", "description") if key in document)
    if "usage" in document:
        made["usage"] = document["usage"]
    made["uniqueId"] = _names(document)
    return [made]


def _names(document: dict[str, Any]) -> list[dict[str, Any]]:
    preferred = document.get("preferred", "uri" if "uri" in document else "oid")
    made = []
    for kind in ("oid", "uri", "other"):
        if kind in document:
            one: dict[str, Any] = {"type": kind, "value": document[kind]}
            made.append({**one, "preferred": True} if kind == preferred else one)
    if not made:
        raise TerminologyFileError("a naming system has an oid, a uri or another name")
    return made
