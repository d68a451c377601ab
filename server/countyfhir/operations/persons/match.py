"""$match: the records that may be of the person described (OperationDefinition Patient-match)."""

from __future__ import annotations

from countyfhir.exchange import Answer, Grant, Interaction, Resource, Stored
from countyfhir.identity.blocking import followed_of
from countyfhir.identity.features import features_of
from countyfhir.identity.golden_ids import is_golden
from countyfhir.identity.judging import CERTAIN, NOT, Verdict, judge
from countyfhir.interactions.bundle_text import bundle
from countyfhir.interactions.persons.neighbourhood import decode
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.operations.given import refuse_unknown
from countyfhir.operations.persons.asking import flag, given_of, number
from countyfhir.outcome import FhirError
from countyfhir.search.query import IdIs, Query

GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"
MOST = 100


async def match(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """A searchset of the records that the caller may see, the likeliest first: ``score`` between 0 and 1 and the
    extension match-grade. ``onlyCertainMatches``: only those that would be linked without a human; where they are of
    several persons, none. ``count``: at most so many."""
    if world.person_rules is None:
        raise FhirError("not-supported", "This server keeps no index of persons (person_index is off).", status=501)
    asked, given = await _asked(interaction)
    found = await _found(asked, world)
    if flag(given, "onlyCertainMatches"):
        certain = {name: verdict for name, verdict in found.items() if verdict.grade == CERTAIN}
        found = certain if await _is_one(list(certain), world) else {}
    seen = await _visible(list(found), grant, world)
    ordered = sorted(seen.values(), key=lambda one: (-found[one.logical_id].bits, one.logical_id))
    ordered.sort(key=lambda one: found[one.logical_id].grade != CERTAIN)
    listed = ordered[: number(given, "count") or MOST]
    rules = world.person_rules()
    rows = [_row(interaction.base, one, found[one.logical_id], found[one.logical_id].score(rules)) for one in listed]
    return Answer(
        200, body=bundle("searchset", rows, total=len(rows)), patients=tuple(one.logical_id for one in listed)
    )


async def _asked(interaction: Interaction) -> tuple[Resource, dict[str, list[object]]]:
    body = interaction.body
    if isinstance(body, dict) and body.get("resourceType") == "Patient":
        said: dict[str, list[object]] = {name: [one] for name, one in interaction.query if not name.startswith("_")}
        refuse_unknown(said, interaction, ("onlyCertainMatches", "count"))
        return body, said
    given = given_of(interaction, ("resource", "onlyCertainMatches", "count"))
    resource = given.get("resource", [None])[0]
    if not isinstance(resource, dict) or resource.get("resourceType") != "Patient":
        text = "Send Parameters with a Patient as the parameter 'resource'."
        raise FhirError("required", text, expression="Parameters.parameter('resource')")
    return resource, given


async def _found(patient: Resource, world: World) -> dict[str, Verdict]:
    """The records that are not certainly of others, the one asked about, where it is stored, among them."""
    assert world.person_rules is not None
    rules = world.person_rules()
    features = features_of(patient, rules)
    mates = await world.store.persons.mates(followed_of(features), rules.block)
    verdicts = {name: judge(features, decode(one.features), rules) for name, one in mates.items()}
    return {name: one for name, one in verdicts.items() if one.grade != NOT and not is_golden(name)}


async def _is_one(patients: list[str], world: World) -> bool:
    """Whether the records are of one person."""
    if len(patients) < 2:
        return True
    linked = await world.store.persons.linked(patients)
    return set(patients) <= set(linked.get(patients[0], ()))


async def _visible(patients: list[str], grant: Grant, world: World) -> dict[str, Stored]:
    if not patients:
        return {}
    query = Query(("Patient",), ((IdIs(tuple(sorted(patients))),),), count=len(patients))
    return {one.logical_id: one for one in (await world.store.resources.search(query, grant)).matches}


def _row(base: str, one: Stored, verdict: Verdict, score: float) -> bytes:
    assert one.body is not None
    graded = {"extension": [{"url": GRADE, "valueCode": verdict.grade}], "mode": "match", "score": score}
    url = f"{base}/Patient/{one.logical_id}".encode()
    return b'{"fullUrl":"' + url + b'","resource":' + one.body + b',"search":' + json.dumps(graded) + b"}"
