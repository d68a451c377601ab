"""An alert that somebody must acknowledge: a Flag on the resident and a Task for the institution that looks after them.
In time or late, it ends only when that institution says what was done; until then it goes up the tiers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.chronic.codes import ACTION, ACTIONS, concept, is_action
from countyfhir.workflow.chronic.next_visit import OPEN
from countyfhir.workflow.chronic.record import Record, derived_id, local
from countyfhir.workflow.chronic.registers import episodes_of
from countyfhir.workflow.situation import Change
from countyfhir.workflow.timing import instant, mark_of, with_mark, with_timer

Table = Mapping[str, Any]
MINUTE = 60_000_000
KIND = "https://fhir.county-hc.example/cs/flag-kind"
ALERT = "https://fhir.county-hc.example/cs/home-reading-alert"


async def raise_alert(record: Record, observation: Resource, patient: str, alert: Table) -> None:
    """Write Flag and Task, unless they are there."""
    reference = f"Observation/{observation['id']}"
    task_id, flag_id = derived_id(reference, "acknowledge"), derived_id(reference, "flag")
    before = await record.read(f"Task/{task_id}")
    if before is not None and before.get("status") != "cancelled":
        return
    now = record.situation.now
    text = " ".join(part.strip() for part in str(alert["text"]).split("|"))
    keeper = await _keeper(record, patient)
    flag: Resource = {
        "resourceType": "Flag",
        "id": flag_id,
        "meta": {"profile": ["https://fhir.county-hc.example/StructureDefinition/county-flag"]},
        "status": "active",
        "category": [concept(KIND, "home-reading", "居家监测异常")],
        "code": {"text": text},
        "subject": {"reference": patient},
        "period": {"start": instant(now)},
    }
    end = now + int(alert["minutes"]) * MINUTE
    task: Resource = {
        "resourceType": "Task",
        "id": task_id,
        "status": "requested",
        "intent": "order",
        "priority": alert["priority"],
        "code": concept(ACTION, "acknowledge-reading", ACTIONS["acknowledge-reading"]),
        "description": text,
        "focus": {"reference": reference},
        "for": {"reference": patient},
        "authoredOn": instant(now),
        "lastModified": instant(now),
        "reasonReference": {"reference": f"Flag/{flag_id}"},
        "reasonCode": concept(ALERT, str(alert["id"]), text),
        "restriction": {"period": {"start": instant(now), "end": instant(end)}},
    }
    if keeper is not None:
        task["owner"] = flag["author"] = {"reference": keeper}
    await record.put(flag)
    await record.put(with_timer(task, end))


async def _keeper(record: Record, patient: str) -> str | None:
    """The institution that looks after the resident: of the registers, else of the Patient."""
    for episode in await episodes_of(record, patient):
        found = local(episode.get("managingOrganization"))
        if found is not None:
            return found
    return local(((await record.read(patient)) or {}).get("managingOrganization"))


async def take_back(record: Record, reference: str) -> None:
    """The reading was wrong or is another by now: nobody need acknowledge it."""
    task = await record.read(f"Task/{derived_id(reference, 'acknowledge')}")
    if task is None or task.get("status") not in OPEN:
        return
    why = {"text": "读数已更正或作废 The reading was corrected or withdrawn"}
    closed = {**task, "status": "cancelled", "statusReason": why, "lastModified": instant(record.situation.now)}
    await record.put(with_mark(with_timer(closed, None), None))
    await _lower(record, task)


async def _lower(record: Record, task: Resource) -> None:
    flag = await record.read(local(task.get("reasonReference")))
    if flag is not None and flag.get("status") == "active":
        period = {**flag.get("period", {}), "end": instant(record.situation.now)}
        await record.put({**flag, "status": "inactive", "period": period})


async def judge_acknowledgement(record: Record, change: Change) -> None:
    """The Task is not deleted, ended otherwise or by others; done, it says what was done."""
    before, after, verdict = change.before, change.after, record.verdict
    if before is None or not is_action(before, "acknowledge-reading"):
        return
    if after is None:
        text = "An alert is acknowledged, not deleted. 居家监测预警须确认，不得删除。"
        verdict.refuse(change, "business-rule", text, "Task")
        return
    status = after.get("status")
    if before.get("status") not in OPEN:
        if status != before.get("status"):
            text = "The alert was acknowledged already. 该预警已确认。"
            verdict.refuse(change, "business-rule", text, "Task.status")
        return
    if status in OPEN:
        return
    owner = local(before.get("owner"))
    if status != "completed":
        text = "An alert ends only when it is acknowledged (completed). 居家监测预警只能以确认（completed）结束。"
        verdict.refuse(change, "business-rule", text, "Task.status")
    elif owner is not None and not record.situation.acts_for(owner):
        text = "Only the institution that the alert was sent to acknowledges it. 仅接收机构可确认预警。"
        verdict.refuse(change, "forbidden", text, "Task.owner")
    elif not (after.get("note") or after.get("output") or after.get("statusReason")):
        text = "Say what was done: a note, an output or a statusReason. 请注明处置情况。"
        verdict.refuse(change, "required", text, "Task.note")
    else:
        now = instant(record.situation.now)
        period = {**after.get("executionPeriod", {}), "end": now}
        done = {**after, "id": change.logical_id, "executionPeriod": period, "lastModified": now}
        late = mark_of(before)
        await record.put(with_mark(with_timer(done, None), "overdue" if late == "overdue" else None))
        await _lower(record, after)


async def escalate(record: Record, task: Resource, table: Table) -> Resource:
    """The Task overdue, for the institution above the one that has not answered."""
    now, minute = record.situation.now, MINUTE
    told = with_mark(with_timer({**task, "lastModified": instant(now)}, None), "overdue")
    done = sum(str(one.get("text", "")).startswith("逾期上报") for one in task.get("note", ()))
    owner = local(task.get("owner"))
    above = local(((await record.read(owner)) or {}).get("partOf")) if owner is not None else None
    if above is None or done >= int(table["escalations"]):
        return told
    note = {"time": instant(now), "text": f"逾期上报 Escalated: {owner} -> {above}"}
    rule = next((str(one.get("code")) for one in (task.get("reasonCode") or {}).get("coding", ())), "")
    minutes = next((int(one["minutes"]) for one in table["alerts"] if one["id"] == rule), 60)
    told |= {"owner": {"reference": above}, "note": [*task.get("note", ()), note], "priority": "stat"}
    return with_timer(told, now + minutes * minute)
