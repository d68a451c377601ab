"""The institutions that mapping files name, as Organization resources (GB 32100 codes as identifiers)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from countyfhir.mapping.provenance import organization_id
from countyfhir.mapping.record import Institution

CODE_SYSTEM = "urn:oid:2.16.156.10011.1.5"
KIND = "http://terminology.hl7.org/CodeSystem/organization-type"


def institution(declared: Mapping[str, Any]) -> Institution:
    """An entry of ``institutions`` in a source file."""
    return Institution(
        declared["name"],
        declared.get("code"),
        tuple(declared.get("aliases", ())),
        declared.get("part_of"),
        declared.get("kind"),
    )


def known_institutions(institutions: Iterable[Institution]) -> dict[str, str]:
    """Code, name and aliases of each institution -> logical id of its Organization."""
    return {
        word: organization_id(one.key)
        for one in institutions
        for word in (one.name, *one.aliases, *([one.code] if one.code else []))
    }


def organization(one: Institution, known: Mapping[str, str]) -> dict[str, Any]:
    """The Organization of an institution; the same wherever it is named."""
    made: dict[str, Any] = {"resourceType": "Organization", "id": organization_id(one.key)}
    if one.code:
        made["identifier"] = [{"system": CODE_SYSTEM, "value": one.code}]
    made["active"] = True
    made["type"] = [{"coding": [{"system": KIND, "code": "prov", "display": "Healthcare Provider"}]}]
    if one.kind:
        made["type"][0]["text"] = one.kind
    made["name"] = one.name
    if one.aliases:
        made["alias"] = list(one.aliases)
    if one.part_of:
        made["partOf"] = {"reference": f"Organization/{known[one.part_of]}"}
    return made
