"""One CarePlan of chronic care a resident: another one takes the place of the former, which it names (DOMAIN D1)."""

from __future__ import annotations

from countyfhir.exchange import Resource
from countyfhir.workflow.chronic.record import Record, local, refers
from countyfhir.workflow.situation import Change

PLAN = "https://fhir.county-hc.example/PlanDefinition/chronic-care"
PROFILE = "https://fhir.county-hc.example/StructureDefinition/county-care-plan"


def is_bound(plan: Resource | None) -> bool:
    """Whether a CarePlan is of the county's chronic care: by its profile or the PlanDefinition it was made of."""
    claimed = ((plan or {}).get("meta") or {}).get("profile", ())
    made_of = (plan or {}).get("instantiatesCanonical", ())
    return PROFILE in (str(one).partition("|")[0] for one in claimed) or any(
        str(one).partition("|")[0] == PLAN for one in made_of
    )


async def judge_plan(record: Record, change: Change) -> None:
    """Refuse a second active plan that does not replace the first; what it replaces is revoked."""
    after = change.after
    patient = local((after or {}).get("subject"))
    if after is None or after.get("status") != "active" or patient is None:
        return
    if change.before is not None and change.before.get("status") == "active":
        return
    others = await record.find(
        "CarePlan",
        patient,
        "status=active",
        lambda one: is_bound(one) and one["id"] != change.logical_id and one.get("status") == "active",
        bound=True,
    )
    for other in others:
        if any(refers(one, f"CarePlan/{other['id']}") for one in after.get("replaces", ())):
            await record.put({**other, "status": "revoked"})
        else:
            text = f"The resident has an active plan: replace CarePlan/{other['id']}, or change it."
            told = f"{text} 居民已有执行中的方案，请更新原方案或在 replaces 中写明被取代的方案。"
            record.verdict.refuse(change, "business-rule", told, "CarePlan.replaces")
