"""Contract/[id]/$terminate and $change-team (DOMAIN 3.6: 解约, 变更团队)."""

from __future__ import annotations

from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction, Resource
from countyfhir.interactions.world import World
from countyfhir.operations.contracts.asking import collection, given_of, place, put, read, text_of, transacted
from countyfhir.operations.contracts.sign import member_of
from countyfhir.outcome import FhirError
from countyfhir.workflow.contracts.reading import END_REASON, related
from countyfhir.workflow.timing import instant

REASONS = "https://fhir.county-hc.example/cs/contract-end-reason"


async def terminate(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """The Contract terminated for ``reason`` (a code of contract-end-reason, or a CodeableConcept); its consents, team,
    coverage and open services end in the same commit."""
    given = given_of(interaction, ("reason", "date"))
    reason = (given.get("reason") or [None])[0]
    if reason is None:
        raise FhirError("required", "The parameter reason is needed. 须注明解约原因。", expression=place("reason"))
    contract = await read(f"Contract/{interaction.logical_id}", interaction, grant, world)
    concept = reason if isinstance(reason, dict) else {"coding": [{"system": REASONS, "code": str(reason)}]}
    kept = [one for one in contract.get("extension", ()) if one.get("url") != END_REASON]
    day = text_of(given, "date") or instant(world.now())[:10]
    applies = dict(contract.get("applies", {}))
    if day < str(applies.get("end", "9999"))[:10]:
        applies["end"] = max(day, str(applies.get("start", day)))
    ended: Resource = {**contract, "status": "terminated", "applies": applies}
    ended["extension"] = [*kept, {"url": END_REASON, "valueCodeableConcept": concept}]
    stored = await transacted([put(ended, contract["meta"]["versionId"])], interaction, grant, world)
    return collection(stored, interaction, 200)


async def change_team(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """The Contract amended with a new CareTeam of the ``member``s; the team before ends today."""
    given = given_of(interaction, ("member", "doctor"))
    members: list[Any] = [member_of(one) for one in given.get("member", [])]
    if not members:
        raise FhirError("required", "Give at least one member. 须有团队成员。", expression=place("member"))
    contract = await read(f"Contract/{interaction.logical_id}", interaction, grant, world)
    today, name = instant(world.now())[:10], world.new_id()
    entries = []
    for reference in related(contract, "CareTeam"):
        team = await read(reference, interaction, grant, world)
        period = {**team.get("period", {}), "end": today}
        entries.append(put({**team, "status": "inactive", "period": period}, team["meta"]["versionId"]))
    fresh = {
        "resourceType": "CareTeam",
        "id": name,
        "status": "active",
        "name": "家庭医生团队",
        "subject": contract["subject"][0],
        "period": {"start": today},
        "participant": members,
        "managingOrganization": contract["authority"],
    }
    kept = [
        one for one in contract.get("supportingInfo", ()) if not str(one.get("reference", "")).startswith("CareTeam/")
    ]
    amended = {**contract, "status": "amended", "supportingInfo": [*kept, {"reference": f"CareTeam/{name}"}]}
    doctor = text_of(given, "doctor")
    if doctor:
        amended["author"] = {"reference": doctor}
    entries += [put(fresh), put(amended, contract["meta"]["versionId"])]
    stored = await transacted(entries, interaction, grant, world)
    stored.sort(key=lambda one: one["resourceType"] != "Contract")
    return collection(stored, interaction, 200)
