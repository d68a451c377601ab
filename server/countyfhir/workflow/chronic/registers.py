"""Registers: a resident with a certain, present diagnosis of a register's category has an EpisodeOfCare in it; entry
and exit are its period and status history (DOMAIN 1-D, 7.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.chronic.codes import DISEASE, concept
from countyfhir.workflow.chronic.days import local_day, today
from countyfhir.workflow.chronic.record import Record, codes_in, derived_id, local, refers

Table = Mapping[str, Any]
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
OPEN = ("planned", "waitlist", "active", "onhold")


def is_bound(condition: Resource | None, table: Table) -> bool:
    """Whether the registers look at a Condition: it claims the county's profile or is coded in the county's systems."""
    if condition is None:
        return False
    claimed = (str(one).partition("|")[0] for one in (condition.get("meta") or {}).get("profile", ()))
    if any(one in table["bound"]["profiles"] for one in claimed):
        return True
    codings = (condition.get("code") or {}).get("coding", ())
    return any(one.get("system") in table["bound"]["systems"] for one in codings)


def registers_of(condition: Resource | None, table: Table) -> frozenset[str]:
    """The registers that a diagnosis enrols in, whatever its state: by its codes."""
    codings = ((condition or {}).get("code") or {}).get("coding", ())
    return frozenset(name for name, spec in table["registers"].items() if _coded(codings, spec, table))


def _coded(codings: Iterable[Mapping[str, Any]], spec: Table, table: Table) -> bool:
    for coding in codings:
        code, system = str(coding.get("code", "")), coding.get("system")
        if f"{system}|{code}" in spec.get("codes", ()):
            return True
        if system in table["icd"] and belongs(code, spec["categories"], spec.get("except", ())):
            return True
    return False


def belongs(code: str, categories: Iterable[str], exceptions: Iterable[str] = ()) -> bool:
    """Whether a part of a code of ICD-10 begins with a category and with no exception, in whatever case. A dual code
    (``E11.300x011+H36.0*``) has two parts."""
    parts = [part.strip(" *").lower() for part in code.split("+")]
    return any(
        any(_under(part, category.lower()) for category in categories)
        and not any(_under(part, one.lower()) for one in exceptions)
        for part in parts
    )


def _under(part: str, category: str) -> bool:
    return part.startswith(category) and (
        len(category) > 3 or part[len(category) : len(category) + 1] in ("", ".", "x")
    )


def qualifies(condition: Resource, table: Table) -> bool:
    """Whether a diagnosis is certain and present (a missing state counts as such; an abatement ends it)."""
    certain = codes_in(condition.get("verificationStatus"), VERIFICATION)
    present = codes_in(condition.get("clinicalStatus"), CLINICAL)
    if any(name.startswith("abatement") for name in condition) and not present:
        return False
    return (not certain or certain[0] in table["certain"]) and (not present or present[0] in table["present"])


async def episodes_of(record: Record, patient: str, *, bound: bool = False) -> list[Resource]:
    """The entries of a resident in registers that have not ended."""
    return await record.find(
        "EpisodeOfCare",
        patient,
        f"status={','.join(OPEN)}",
        lambda one: one.get("status") in OPEN and register_of(one) is not None,
        bound=bound,
    )


def register_of(episode: Resource) -> str | None:
    """The register an EpisodeOfCare is an entry of."""
    return next(iter(codes_in(episode.get("type"), DISEASE)), None)


async def enrol(record: Record, condition: Resource, table: Table) -> str | None:
    """Let the registers follow a diagnosis as it is now; the resident, where one of them changed."""
    patient = local(condition.get("subject"))
    names = registers_of(condition, table)
    if patient is None or not patient.startswith("Patient/") or not names:
        return None
    open_episodes = {register_of(one): one for one in await episodes_of(record, patient, bound=True)}
    touched = False
    for name in sorted(names):
        if qualifies(condition, table):
            touched |= await _enter(record, condition, patient, name, open_episodes.get(name), table)
        elif name in open_episodes:
            touched |= await _leave(record, condition, patient, name, open_episodes[name], table)
    return patient if touched else None


async def _enter(
    record: Record, condition: Resource, patient: str, name: str, present: Resource | None, table: Table
) -> bool:
    reference = f"Condition/{condition['id']}"
    told = {"condition": {"reference": reference}}
    if present is not None:
        if any(refers(one.get("condition"), reference) for one in present.get("diagnosis", ())):
            return False
        await record.put({**present, "diagnosis": [*present.get("diagnosis", ()), told]})
        return True
    start = min(local_day(condition.get("recordedDate")) or "9", today(record.situation.now))
    episode_id = derived_id(patient, "register", name)
    before = await record.read(f"EpisodeOfCare/{episode_id}")
    text = " ".join(part.strip() for part in table["registers"][name]["text"].split("|"))
    if before is not None:  # it left and comes again: the history of states keeps both stays
        await record.put(_changed(before, "active", today(record.situation.now)) | {"diagnosis": [told]})
        return True
    organization = await _keeper(record, condition, patient)
    episode: Resource = {
        "resourceType": "EpisodeOfCare",
        "id": episode_id,
        "status": "active",
        "statusHistory": [{"status": "active", "period": {"start": start}}],
        "type": [concept(DISEASE, name, text)],
        "diagnosis": [told],
        "patient": {"reference": patient},
        "period": {"start": start},
    }
    if organization is not None:
        episode["managingOrganization"] = {"reference": organization}
    await record.put(episode)
    return True


async def _leave(record: Record, condition: Resource, patient: str, name: str, episode: Resource, table: Table) -> bool:
    others = await record.find(
        "Condition",
        patient,
        "",
        lambda one: one["id"] != condition["id"] and name in registers_of(one, table) and qualifies(one, table),
    )
    others = [one for one in others if is_bound(one, table)]
    if others:
        listed = [{"condition": {"reference": f"Condition/{one['id']}"}} for one in others]
        await record.put({**episode, "diagnosis": listed})
        return True
    wrong = "entered-in-error" in codes_in(condition.get("verificationStatus"), VERIFICATION)
    await record.put(_changed(episode, "entered-in-error" if wrong else "finished", today(record.situation.now)))
    return True


async def leave_all(record: Record, patient: str) -> list[Resource]:
    """End every entry of a resident (death)."""
    ended = await episodes_of(record, patient)
    for episode in ended:
        await record.put(_changed(episode, "finished", today(record.situation.now)))
    return ended


def _changed(episode: Resource, status: str, day: str) -> Resource:
    """The entry in another state from a day on."""
    history = [dict(one) for one in episode.get("statusHistory", ())]
    if history and "end" not in history[-1].get("period", {}):
        history[-1]["period"] = {**history[-1].get("period", {}), "end": day}
    history.append({"status": status, "period": {"start": day}})
    period = {name: value for name, value in episode.get("period", {}).items() if name != "end"}
    if status not in OPEN:
        period["end"] = day
    return {**episode, "status": status, "statusHistory": history, "period": period}


async def _keeper(record: Record, condition: Resource, patient: str) -> str | None:
    """The institution that looks after the resident: of the Patient, else of the visit of the diagnosis."""
    found = await record.read(patient)
    own = local((found or {}).get("managingOrganization"))
    if own is not None:
        return own
    encounter = await record.read(local(condition.get("encounter")))
    return local((encounter or {}).get("serviceProvider"))
