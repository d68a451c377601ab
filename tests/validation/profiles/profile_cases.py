"""Short ways to write profiles and to ask for findings, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countyfhir.fhirpath import Given
from countyfhir.validation.profiles import Profiles
from countyfhir.validation.rules.finding import Around, Finding, Knowledge

OURS = "https://fhir.county-hc.example/StructureDefinition/"
R4 = "http://hl7.org/fhir/StructureDefinition/"
MEMBERS = {"https://fhir.county-hc.example/ValueSet/colours": {("urn:colours", "red"), (None, "red")}}


def profile(name: str, of: str, *elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A profile: ``of`` is a type, or the name of another profile of ours."""
    found = more.pop("type", of)
    return {
        "resourceType": "StructureDefinition",
        "url": OURS + name,
        "name": name,
        "status": "active",
        "kind": "resource",
        "abstract": False,
        "type": found,
        "baseDefinition": (R4 if found == of else OURS) + of,
        "derivation": "constraint",
        "differential": {"element": [*elements]},
        **more,
    }


def element(place: str, **said: Any) -> dict[str, Any]:
    """An element of a differential by its id; path and slice name follow from it."""
    steps = [step.partition(":") for step in place.split(".")]
    found: dict[str, Any] = {"id": place, "path": ".".join(name for name, _, _ in steps)}
    if steps[-1][2]:
        found["sliceName"] = steps[-1][2]
    return found | said


def sliced(kind: str, path: str, rules: str = "open", ordered: bool = False) -> dict[str, Any]:
    """How an element is sliced, by one discriminator."""
    return {"discriminator": [{"type": kind, "path": path}], "ordered": ordered, "rules": rules}


def known(*structures: dict[str, Any]) -> Profiles:
    """R4's definitions and these."""
    return Profiles(structures)


def member(value_set: str, system: str | None, code: str) -> bool | None:
    """Membership in the value sets of these tests."""
    found = MEMBERS.get(value_set.partition("|")[0])
    return None if found is None else (system, code) in found


def around(resource: Any, others: Mapping[str, Any] | None = None) -> Around:
    """What a check of the resource is given; ``others`` can be resolved."""
    resolve = (others or {}).get
    return Around(resource, resource, Knowledge(member=member, resolve=resolve), Given(resolve=resolve))


def findings(
    profiles: Profiles, name: str, resource: dict[str, Any], others: Mapping[str, Any] | None = None
) -> list[Finding]:
    """What a profile finds."""
    check = profiles.profile_check(OURS + name)
    assert check is not None
    return check(resource, around(resource, others)) or []


def errors(
    profiles: Profiles, name: str, resource: dict[str, Any], others: Mapping[str, Any] | None = None
) -> list[tuple[str, str]]:
    """(place, issue code) of the errors among them."""
    return [(one.path, one.code) for one in findings(profiles, name, resource, others) if one.severity == "error"]


def observation(**more: Any) -> dict[str, Any]:
    """A small Observation."""
    return {"resourceType": "Observation", "status": "final", "code": {"text": "c"}, **more}
