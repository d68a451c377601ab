"""ValueSet.expansion: the members as they are answered, flat or nested, with what the expansion hangs on (R4 sections
4.9.5 and ValueSet/$expand)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from countyfhir.terminology import languages
from countyfhir.terminology.code_systems import CodeSystem
from countyfhir.terminology.findings import reasons
from countyfhir.terminology.resolving import Resolver, System
from countyfhir.terminology.selecting import Member, Selection, Used, hierarchy, selected, too_costly
from countyfhir.terminology.value_sets import Definition

MOST_AT_ONCE = 1_000
"""Codes that are answered where no count was asked for."""

_PROPERTY = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.expansion.contains.property"
"""How an R4 expansion carries R5's contains.property."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is said of each member. ``designations`` are tokens (``urn:ietf:bcp:47|zh``, ``system|code`` of a use), none
    for all; ``languages`` of displays, dearest first."""

    nested: bool = False
    with_designations: bool = False
    designations: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    with_definition: bool = False


def expanded(
    value_set: Definition,
    wanted: Selection,
    shape: Shape,
    resolver: Resolver,
    *,
    stated: Sequence[Mapping[str, Any]] = (),
    timestamp: str,
) -> dict[str, Any]:
    """The value set with its expansion. ``stated`` are the parameters of the request, which the expansion repeats.
    FhirError 422 too-costly for more than 1,000 codes without a count."""
    used = Used()
    whole = wanted.count is None and wanted.offset == 0
    probe = wanted if wanted.count is not None else _limited(wanted)
    members, total = selected(value_set, probe, resolver, used)
    if wanted.count is None and total - wanted.offset > MOST_AT_ONCE:
        raise too_costly(total)
    expansion: dict[str, Any] = {"identifier": f"urn:uuid:{uuid.uuid4()}", "timestamp": timestamp, "total": total}
    if not whole:
        expansion["offset"] = wanted.offset
    expansion["parameter"] = parameters(stated, used, value_set)
    nested = shape.nested and whole
    found = _nested(members, shape) if nested else [_contained(one, shape) for one in members]
    if found:
        expansion["contains"] = found
    left_out = (
        ("text", "expansion", "contained") if shape.with_definition else ("text", "expansion", "compose", "contained")
    )
    head = {name: value for name, value in value_set.resource.items() if name not in left_out}
    return {"resourceType": "ValueSet", **head, "expansion": expansion}


def _limited(wanted: Selection) -> Selection:
    return replace(wanted, count=MOST_AT_ONCE + 1)


def parameters(stated: Sequence[Mapping[str, Any]], used: Used, value_set: Definition) -> list[dict[str, Any]]:
    """expansion.parameter: what was asked, then the versions that were used and what is to be said of them."""
    found = [dict(one) for one in stated]
    for canonical, system in used.systems.items():
        found += [{"name": name, "valueUri": canonical} for name in ("used-codesystem", "version")]
        found += _warnings(system.header, value_set, canonical)
        if isinstance(system, CodeSystem):
            found += [{"name": "used-supplement", "valueUri": one.canonical} for one in system.supplements]
    for canonical, imported in used.value_sets.items():
        found.append({"name": "used-valueset", "valueUri": canonical})
        found += _warnings(imported.resource, value_set, canonical)
    found += _warnings(value_set.resource, value_set, value_set.canonical)
    found += [{"name": "x-unknown-system", "valueUri": url} for url in dict.fromkeys(used.unknown)]
    unique = {(one["name"], str(one)): one for one in found}
    return list(unique.values())


def _warnings(resource: Mapping[str, Any], value_set: Definition, canonical: str) -> list[dict[str, Any]]:
    """What a client may want to tell its user of the content."""
    found = reasons(resource, value_set.resource)
    return [{"name": f"warning-{reason}", "valueUri": canonical} for reason in found if canonical]


def _nested(members: Sequence[Member], shape: Shape) -> list[dict[str, Any]]:
    """The members, each below what it stands below."""
    above = hierarchy(members)
    made = {id(one): _contained(one, shape) for one in members}
    by_number = {one.concept.number: made[id(one)] for one in members if one.concept is not None and not one.from_list}
    tops = []
    for one in members:
        number = one.concept.number if one.concept is not None and not one.from_list else None
        if number is not None and number in above:
            by_number[above[number]].setdefault("contains", []).append(made[id(one)])
        else:
            tops.append(made[id(one)])
    return tops


def _contained(member: Member, shape: Shape) -> dict[str, Any]:
    """One expansion.contains."""
    found: dict[str, Any] = {"system": member.system}
    concept = member.concept
    if concept is not None and concept.abstract:
        found["abstract"] = True
    if concept is not None and concept.inactive:
        found["inactive"] = True
    found["code"] = member.code
    designations = designations_of(member)
    display = display_of(member, designations, shape.languages)
    if display is not None:
        found["display"] = display
    if shape.with_designations:
        shown = [one for one in designations if _is_asked_for(one, shape.designations)]
        if shown:
            found["designation"] = shown
    properties = _properties(member, shape.properties) if shape.properties else []
    if properties:
        found = {"extension": properties, **found}
    return found


def designations_of(member: Member) -> list[dict[str, Any]]:
    """The designations of a member: those of its value set, then those of its code system."""
    listed = list((member.listed or {}).get("designation", ()))
    if member.concept is not None and member.code_system is not None:
        listed += [one for one in member.code_system.designations(member.concept) if one not in listed]
    return listed


def display_of(member: Member, designations: Sequence[Mapping[str, Any]], wanted: Sequence[str]) -> str | None:
    """The text a member is shown with: what the value set calls it, else its code system."""
    own = (member.listed or {}).get("display")
    concept = member.concept
    system: System | None = member.code_system
    text = own if own is not None else concept.display if concept is not None else None
    language = system.language if system is not None else None
    if own is not None and wanted and concept is not None and concept.display and own != concept.display:
        named = [{"language": language, "value": concept.display}, *designations] if language else designations
        return languages.display(str(own), None, named, wanted)
    return languages.display(text, language, designations, wanted)


def _is_asked_for(designation: Mapping[str, Any], tokens: Sequence[str]) -> bool:
    if not tokens:
        return True
    use, language = designation.get("use", {}), designation.get("language")
    for token in tokens:
        system, _, code = token.rpartition("|")
        if system == "urn:ietf:bcp:47" or (not system and language):
            if language is not None and languages.fits(code, language):
                return True
        elif use.get("code") == code and system in ("", use.get("system")):
            return True
    return False


def _properties(member: Member, names: Sequence[str]) -> list[dict[str, Any]]:
    """The properties that were asked for, in the form of R4."""
    concept, system = member.concept, member.code_system
    if concept is None or system is None:
        return []
    found = [one for one in system.properties(concept) if one.get("code") in names]
    if "definition" in names and concept.definition:
        found.append({"code": "definition", "valueString": concept.definition})
    return [
        {
            "url": _PROPERTY,
            "extension": [
                {"url": "code", "valueCode": one["code"]},
                {"url": "value", **{name: value for name, value in one.items() if name.startswith("value")}},
            ],
        }
        for one in found
    ]


def relevant(resolver: Resolver, value_set: Definition) -> list[str]:
    """The supplements that a value set demands and that are not known here."""
    demanded = [
        str(one.get("valueCanonical") or one.get("valueUri"))
        for one in value_set.resource.get("extension", ())
        if one.get("url") == "http://hl7.org/fhir/StructureDefinition/valueset-supplement"
    ]
    return [url for url in demanded if resolver.supplement(url) is None]
