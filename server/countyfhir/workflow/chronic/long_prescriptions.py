"""Long prescriptions 长处方: contract, diagnosis, stability, stock and length are checked; what fails is named (DOMAIN
D25, F1, F2)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow import formulary
from countyfhir.workflow.chronic.codes import STABILITY
from countyfhir.workflow.chronic.days import local_day, today
from countyfhir.workflow.chronic.facts import converted
from countyfhir.workflow.chronic.hand_over import tier_of
from countyfhir.workflow.chronic.record import Record, codes_in, local
from countyfhir.workflow.chronic.registers import belongs, episodes_of, qualifies, register_of
from countyfhir.workflow.situation import Change

Table = Mapping[str, Any]
KIND = "https://fhir.county-hc.example/StructureDefinition/prescription-kind"
TEXTS = {
    "contract": "an active family-doctor contract of the resident 居民须有有效的家庭医生签约协议",
    "diagnosis": "a confirmed diagnosis that allows it, as reasonReference or on a register 诊断须明确且属长处方病种",
    "stability": "a stable condition by the last follow-ups 病情须稳定（近期随访控制满意）",
    "stock": "the drug on the stock list of the institution 药品须在本机构药品目录内",
    "duration": "a supply of at most {limit} days 用药天数不超过{limit}天",
}
PLACES = {
    "contract": "MedicationRequest.supportingInformation",
    "diagnosis": "MedicationRequest.reasonReference",
    "stability": "MedicationRequest.subject",
    "stock": "MedicationRequest.medication",
    "duration": "MedicationRequest.dispenseRequest.expectedSupplyDuration",
}


def is_bound(request: Resource) -> bool:
    """Whether a MedicationRequest says that it is a long prescription; which kinds are is read in ``judge``."""
    profiles = (request.get("meta") or {}).get("profile", ())
    return any("county-long-prescription" in str(one) for one in profiles) or any(
        one.get("url") == KIND for one in request.get("extension", ())
    )


async def judge_prescription(record: Record, change: Change, table: Table, registers: Table) -> None:
    """Refuse an active long prescription with every condition that it does not meet."""
    after = change.after
    if after is None or after.get("status") != "active" or after.get("intent") == "proposal" or not _kind(after, table):
        return
    if change.before is not None and {**change.before, "meta": None} == {**after, "meta": None}:
        return
    patient = local(after.get("subject")) or ""
    place = await _institution(record, after)
    limit = await _limit(record, place, table)
    tests = {
        "contract": partial(_contracted, record, after, patient, table),
        "diagnosis": partial(_diagnosed, record, after, patient, table, registers),
        "stability": partial(_stable, record, patient, table),
        "stock": partial(_in_stock, record, after, place),
        "duration": partial(_short, after, limit),
    }
    for name, test in tests.items():
        if name in table["conditions"] and not await test():
            told = TEXTS[name].format(limit=limit)
            text = f"A long prescription needs {told.rpartition(' ')[0]}. 长处方条件不符：{told.rpartition(' ')[2]}。"
            record.verdict.refuse(change, "business-rule", text, PLACES[name])


def _kind(request: Resource, table: Table) -> bool:
    claimed = [str(one).partition("|")[0] for one in (request.get("meta") or {}).get("profile", ())]
    told = [one.get("valueCoding", {}) for one in request.get("extension", ()) if one.get("url") == KIND]
    kinds = [f"{one.get('system')}|{one.get('code')}" for one in told]
    return table["bound"]["profile"] in claimed or any(one in table["bound"]["kinds"] for one in kinds)


async def _institution(record: Record, request: Resource) -> str | None:
    """Who dispenses, else where it was prescribed, else who sends it."""
    performer = local((request.get("dispenseRequest") or {}).get("performer"))
    if performer is not None:
        return performer
    requester = local(request.get("requester")) or ""
    if requester.startswith("Organization/"):
        return requester
    if requester.startswith("PractitionerRole/"):
        return local(((await record.read(requester)) or {}).get("organization"))
    encounter = await record.read(local(request.get("encounter")))
    place = local((encounter or {}).get("serviceProvider"))
    own = record.situation.principal.organization
    if place is None and own is not None and await record.read(f"Organization/{own}") is not None:
        place = f"Organization/{own}"
    if place is None:
        resident = await record.read(local(request.get("subject")))
        place = local((resident or {}).get("managingOrganization"))
    return place


async def _limit(record: Record, place: str | None, table: Table) -> int:
    tier = tier_of(await record.read(place)) if place is not None else None
    return int(table["longest_days"].get(tier, table["longest_days"]["default"]))


async def _contracted(record: Record, request: Resource, patient: str, table: Table) -> bool:
    day = today(record.situation.now)
    named = [await record.read(local(one)) for one in request.get("supportingInformation", ())]
    contracts = [one for one in named if one is not None and one.get("resourceType") == "Contract"]
    if not contracts:
        contracts = await record.find("Contract", patient, "", lambda one: True)
    return any(_in_force(one, patient, day, table) for one in contracts)


def _in_force(contract: Resource, patient: str, day: str, table: Table) -> bool:
    claimed = [str(one).partition("|")[0] for one in (contract.get("meta") or {}).get("profile", ())]
    kinds = codes_in(contract.get("type"), "https://fhir.county-hc.example/cs/contract-kind")
    period = contract.get("applies") or {}
    start, end = local_day(period.get("start")) or "0001", local_day(period.get("end")) or "9999"
    about = any(str(one.get("reference", "")).endswith(patient) for one in contract.get("subject", ()))
    ours = table["contract"]["profile"] in claimed or "family-doctor" in kinds
    return ours and about and contract.get("status") in table["contract"]["active"] and start <= day <= end


async def _diagnosed(record: Record, request: Resource, patient: str, table: Table, registers: Table) -> bool:
    for one in request.get("reasonReference", ()):
        condition = await record.read(local(one))
        if condition is not None and condition.get("resourceType") == "Condition" and qualifies(condition, registers):
            codings = (condition.get("code") or {}).get("coding", ())
            if any(belongs(str(coding.get("code", "")), table["categories"]) for coding in codings):
                return True
    return any(register_of(one) in table["registers"] for one in await episodes_of(record, patient))


async def _stable(record: Record, patient: str, table: Table) -> bool:
    episodes = [one for one in await episodes_of(record, patient) if register_of(one) in table["registers"]]
    return any(not set(codes_in(one.get("type"), STABILITY)).isdisjoint(table["stable"]) for one in episodes)


async def _in_stock(record: Record, request: Resource, place: str | None) -> bool:
    look = record.situation.look
    drug = await formulary.drug_of(request, look)
    if place is None or drug is None:
        return False
    return await formulary.listed(drug, await formulary.formulary_of([place], look), look)


async def _short(request: Resource, limit: int) -> bool:
    duration = (request.get("dispenseRequest") or {}).get("expectedSupplyDuration") or {}
    days = converted(duration, "d")
    return days is not None and 0 < days <= Decimal(limit)
