"""What the operations on persons are asked: two Patients by reference or identifier, and flags (R5 Patient-merge)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction, Resource
from countyfhir.identity.golden_ids import is_golden
from countyfhir.interactions.visible import is_visible
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.operations.given import parameters_in, refuse_unknown, value_of
from countyfhir.outcome import FhirError
from countyfhir.search.query import Query, TokenIs


@dataclass(frozen=True, slots=True)
class Asked:
    """``source`` and ``target``, logical ids of Patients; the other parameters by name."""

    source: str
    target: str
    given: dict[str, list[Any]]

    def flag(self, name: str) -> bool:
        """A boolean parameter; false when it is not sent."""
        return flag(self.given, name)


def given_of(interaction: Interaction, known: Sequence[str]) -> dict[str, list[Any]]:
    """Parameters by name; FhirError for no Parameters, and for one that is not known."""
    found: dict[str, list[Any]] = {name: [value] for name, value in interaction.query if not name.startswith("_")}
    for one in parameters_in(interaction):
        found.setdefault(str(one.get("name")), []).append(value_of(one))
    refuse_unknown(found, interaction, known)
    return found


def flag(given: dict[str, list[Any]], name: str) -> bool:
    """A boolean parameter; FhirError when it is something else."""
    value = given.get(name, [False])[0]
    if value not in (True, False, "true", "false"):
        raise FhirError("value", f"{name} is true or false.", expression=f"Parameters.parameter('{name}')")
    return value in (True, "true")


def number(given: dict[str, list[Any]], name: str) -> int | None:
    """A positive whole number; None when it is not sent."""
    if name not in given:
        return None
    text = str(given[name][0])
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**31:
        raise FhirError("value", f"{name} is a whole number above 0.", expression=f"Parameters.parameter('{name}')")
    return int(text)


async def two_patients(interaction: Interaction, grant: Grant, world: World, more: Sequence[str]) -> Asked:
    """Source and target, both there, visible and no golden record."""
    if world.person_rules is None:
        raise FhirError("not-supported", "This server keeps no index of persons (person_index is off).", status=501)
    names = [f"{side}-patient{ending}" for side in ("source", "target") for ending in ("", "-identifier")]
    given = given_of(interaction, (*names, *more))
    if interaction.logical_id is not None:
        given.setdefault("source-patient", [{"reference": f"Patient/{interaction.logical_id}"}])
    sides = [await _patient(side, given, grant, world) for side in ("source", "target")]
    if sides[0] == sides[1]:
        raise FhirError("business-rule", "Source and target are the same Patient.", status=422)
    return Asked(sides[0], sides[1], given)


async def _patient(side: str, given: dict[str, list[Any]], grant: Grant, world: World) -> str:
    name = f"{side}-patient"
    where = f"Parameters.parameter('{name}')"
    identifiers = given.get(f"{name}-identifier", [])
    if name in given:
        logical_id = _referred(given[name][0], where)
    elif identifiers:
        logical_id = await _identified(side, identifiers, grant, world)
    else:
        raise FhirError("required", f"Name the Patient by {name} or {name}-identifier.", expression=where)
    if is_golden(logical_id):
        text = "A golden record follows from the records of the institutions: name one of these."
        raise FhirError("business-rule", text, status=422, expression=where)
    stored = await world.store.resources.read("Patient", logical_id)
    if stored is None or stored.body is None or not await is_visible(stored, grant, world):
        raise FhirError("not-found", f"The Patient of {name} is not known.", status=404, expression=where)
    if identifiers and name in given:
        _check_identifiers(json.parse(stored.body), identifiers, where)
    return logical_id


def _referred(value: Any, where: str) -> str:
    reference = str(value.get("reference", "")) if isinstance(value, dict) else str(value)
    kind, _, logical_id = reference.rpartition("/")
    if not logical_id or kind.rpartition("/")[2] not in ("Patient", ""):
        raise FhirError("value", "A reference to a Patient of this server is needed.", expression=where)
    return logical_id


async def _identified(side: str, identifiers: Sequence[Any], grant: Grant, world: World) -> str:
    """The one Patient that has all of the identifiers; golden records do not count."""
    where = tuple(
        (TokenIs("identifier", one.get("system"), one.get("value")),) for one in identifiers if isinstance(one, dict)
    )
    page = await world.store.resources.search(Query(("Patient",), where, count=10), grant)
    found = [one.logical_id for one in page.matches if not is_golden(one.logical_id)]
    if len(found) != 1 or len(where) != len(identifiers):
        text = f"{'No' if not found else 'More than one'} Patient has the identifiers of the {side}."
        raise FhirError("not-found" if not found else "multiple-matches", text, status=422)
    return found[0]


def _check_identifiers(patient: Resource, identifiers: Sequence[Any], where: str) -> None:
    held = {(one.get("system"), one.get("value")) for one in patient.get("identifier", ())}
    if any((one.get("system"), one.get("value")) not in held for one in identifiers):
        raise FhirError("conflict", "The Patient does not have the identifiers given.", status=422, expression=where)


def answered(interaction: Interaction, text: str, result: Resource | None, issues: Sequence[Resource] = ()) -> Answer:
    """Parameters with ``input``, ``outcome`` and ``result``, as R5's $merge answers."""
    told = {"severity": "information", "code": "informational", "diagnostics": text}
    listed: list[Resource] = []
    if isinstance(interaction.body, dict):
        listed.append({"name": "input", "resource": interaction.body})
    listed.append({"name": "outcome", "resource": {"resourceType": "OperationOutcome", "issue": [told, *issues]}})
    if result is not None:
        listed.append({"name": "result", "resource": result})
    return Answer(200, body={"resourceType": "Parameters", "parameter": listed})


async def present(logical_id: str, world: World) -> Resource | None:
    """A Patient as it is now."""
    stored = await world.store.resources.read("Patient", logical_id)
    return json.parse(stored.body) if stored is not None and stored.body is not None else None
