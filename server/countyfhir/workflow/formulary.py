"""What drugs an institution has: a Group of type medication that it manages (code ``formulary``; R4 Group: List has no
Organization to belong to)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.situation import Look

KIND = "https://fhir.county-hc.example/cs/medication-list"
FORMULARY = "formulary"


async def formulary_of(organizations: Iterable[str], look: Look) -> list[Resource]:
    """The lists of drugs in use that the Organizations (``Organization/id``) manage."""
    names = ",".join(sorted(organizations))
    if not names:
        return []
    found = await look.search("Group", f"managing-entity={names}&code={KIND}%7C{FORMULARY}")
    return [one for one in found if one.get("active") is not False]


async def listed(drug: Any, lists: Iterable[Resource], look: Look) -> bool:
    """Whether a drug (CodeableConcept) is in one of the lists: by a code, or by its name."""
    wanted = keys(drug)
    for one in lists:
        for characteristic in one.get("characteristic", ()):
            if not characteristic.get("exclude") and wanted & keys(characteristic.get("valueCodeableConcept")):
                return True
        for member in one.get("member", ()):
            if member.get("inactive"):
                continue
            medication = await look.read(member.get("entity", {}).get("reference")) or {}
            if wanted & (keys(medication.get("code")) | keys({"text": member["entity"].get("display")})):
                return True
    return False


async def drug_of(resource: Resource, look: Look) -> dict[str, Any] | None:
    """The drug of a MedicationRequest or MedicationStatement as a CodeableConcept."""
    concept = resource.get("medicationCodeableConcept")
    if isinstance(concept, dict):
        return concept
    reference = resource.get("medicationReference") or {}
    name = reference.get("reference", "")
    if name.startswith("#"):
        inner = (one for one in resource.get("contained", ()) if one.get("id") == name[1:])
        medication = next(inner, None)
    else:
        medication = await look.read(name)
    code = (medication or {}).get("code")
    return code if isinstance(code, dict) else {"text": reference["display"]} if "display" in reference else None


def keys(concept: Any) -> set[tuple[str, str]]:
    """What two drugs are compared by: system and code, or the name without width and case."""
    concept = concept or {}
    found = {(one.get("system", ""), one["code"]) for one in concept.get("coding", ()) if "code" in one}
    names = [concept.get("text"), *(one.get("display") for one in concept.get("coding", ()))]
    return found | {("", unicodedata.normalize("NFKC", name).casefold().strip()) for name in names if name}


def name_of(concept: Any) -> str:
    """The name of a drug for people."""
    concept = concept or {}
    displays = (one.get("display") or one.get("code") for one in concept.get("coding", ()))
    return str(concept.get("text") or next(displays, None) or "?")
