"""$enrol: registers and next visits of chronic care from what is stored already, as after an intake of legacy records
(docs/chronic-care.md)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from countyfhir.exchange import SYSTEM, Answer, Grant, Interaction, Preconditions, Resource, changed
from countyfhir.interactions.perform import perform
from countyfhir.interactions.ruling import StoreLook
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.workflow.chronic import registers, rule, visits
from countyfhir.workflow.chronic.days import plus_days, today
from countyfhir.workflow.chronic.record import Record, local
from countyfhir.workflow.situation import Situation, Verdict

_KNOWN = ("subject", "from", "count")
AT_ONCE = 200
YEAR = 400  # days in which a last visit is looked for


async def enrol(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Enrol one resident (``subject``), or the residents of the next ``count`` diagnoses (200 unless said, 1000 at
    most): ``next`` of the answer is sent back as ``from`` until none comes."""
    asked = _asked(interaction)
    if world.rules is None:
        raise FhirError("not-supported", "The workflows of this server are off.", status=501)
    following = None
    if "subject" in asked:
        patients = [await _visible(str(asked["subject"]), interaction, grant, world)]
    elif grant.narrowing:
        text = "Name the resident by subject: only who sees the whole county enrols all of it."
        raise FhirError("forbidden", text, expression="subject")
    else:
        patients, following = await _page(asked, interaction, grant, world)
    written = 0
    for patient in patients:
        written += await _enrol(patient, interaction, world)
    told: list[Resource] = [
        {"name": "residents", "valueInteger": len(patients)},
        {"name": "written", "valueInteger": written},
    ]
    if following is not None:
        told.append({"name": "next", "valueString": following})
    return Answer(200, body={"resourceType": "Parameters", "parameter": told})


def _asked(interaction: Interaction) -> dict[str, Any]:
    found: dict[str, Any] = {name: value for name, value in interaction.query if not name.startswith("_")}
    body = interaction.body if isinstance(interaction.body, dict) else {}
    for one in body.get("parameter", ()):
        value = next((one[key] for key in one if key.startswith("value")), None)
        found[str(one.get("name"))] = value.get("reference") if isinstance(value, dict) else value
    for name in found:
        if name not in _KNOWN:
            text = f"$enrol takes {', '.join(_KNOWN)}; '{name[:64]}' is none of them."
            raise FhirError("not-supported", text, status=400, expression="Parameters.parameter")
    if not str(found.get("count", 1)).isdigit() or not 0 < int(found.get("count", 1)) <= 1000:
        raise FhirError("value", "count is a number from 1 to 1000.", status=400, expression="count")
    return found


async def _visible(reference: str, interaction: Interaction, grant: Grant, world: World) -> str:
    kind, _, logical_id = reference.rpartition("/")
    if kind.rpartition("/")[2] != "Patient":
        raise FhirError("value", "subject is a reference, such as Patient/[id].", status=400, expression="subject")
    await perform(_asking(interaction, "read", resource_type="Patient", logical_id=logical_id), world, grant)
    return f"Patient/{logical_id}"


async def _page(
    asked: dict[str, Any], interaction: Interaction, grant: Grant, world: World
) -> tuple[list[str], str | None]:
    """The residents of the next diagnoses, and where to go on."""
    assert world.rules is not None
    systems = world.rules.table("chronic-registers")["bound"]["systems"]
    query: tuple[tuple[str, str], ...] = (
        ("code", ",".join(f"{one}|" for one in systems)),
        ("_count", str(asked.get("count", AT_ONCE))),
    )
    if "from" in asked:
        query = tuple(parse_qsl(str(asked["from"]), keep_blank_values=True))
    answer = await perform(_asking(interaction, "search-type", resource_type="Condition", query=query), world, grant)
    bundle = json.parse(answer.body) if isinstance(answer.body, bytes) else answer.body or {}
    subjects = [local(one["resource"].get("subject")) for one in bundle.get("entry", ())]
    patients = [one for one in dict.fromkeys(subjects) if one is not None and one.startswith("Patient/")]
    links = [one["url"] for one in bundle.get("link", ()) if one["relation"] == "next"]
    return patients, urlsplit(links[0]).query if links else None


async def _enrol(patient: str, interaction: Interaction, world: World) -> int:
    """Write the registers, the standing and the next visit of a resident; how many resources changed."""
    assert world.rules is not None
    table = world.rules.table("chronic-registers")
    look = StoreLook((), world, interaction.base)
    record = Record(Situation((), SYSTEM, None, world.now(), look, world.rules), Verdict())
    resident = await record.read(patient)
    if resident is None or rule.died(resident):
        return 0
    enrolled = False
    for condition in await record.find("Condition", patient, "", lambda one: registers.is_bound(one, table)):
        enrolled |= await registers.enrol(record, condition, table) is not None
    if enrolled:
        await rule.assess_anew(record, patient, table)
    await _last_visits(record, patient, world)
    entries = [
        {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
        for one in record.verdict.resources.values()
    ]
    if entries:
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        await perform(_asking(interaction, "transaction", resource_type=None, body=bundle, principal=SYSTEM), world)
    return len(entries)


async def _last_visits(record: Record, patient: str, world: World) -> None:
    """Judge the last visit of each disease of the last year as if it came now: it says when the next is due."""
    assert world.rules is not None
    since = plus_days(today(record.situation.now), -YEAR)
    found = await record.find("Encounter", patient, f"date=ge{since}", visits.is_follow_up)
    last: dict[str, Resource] = {}
    for one in sorted(found, key=lambda one: str((one.get("period") or {}).get("start", ""))):
        for kind in visits.kinds_of(one):
            last[kind] = one
    rules, table = world.rules.table("chronic-classification"), world.rules.table("chronic-registers")
    order = sorted(last.values(), key=lambda one: str((one.get("period") or {}).get("start", "")))
    for reference in dict.fromkeys(f"Encounter/{one['id']}" for one in order):
        await visits.judge_visit(record, reference, rules, table, proposing=False)


def _asking(interaction: Interaction, kind: str, **changes: Any) -> Interaction:
    plain: dict[str, Any] = {"logical_id": None, "query": (), "body": None, **changes}
    return changed(interaction, kind=kind, operation=None, preconditions=Preconditions(), **plain)
