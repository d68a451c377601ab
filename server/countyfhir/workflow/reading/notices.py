"""What the server tells: Communications that are sent, and Tasks for somebody to look at."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from countyfhir.exchange import Resource
from countyfhir.model import json
from countyfhir.workflow.reading.reading import TASK_NAMES, TASKS, concept, literal, named_id, notice_type
from countyfhir.workflow.timing import instant, with_timer

MINUTE = 60_000_000


def digest(resource: Resource) -> str:
    """What a version says, as a short text: everything but id and meta."""
    rest = {name: value for name, value in resource.items() if name not in ("id", "meta", "text")}
    return sha256(json.dumps(rest)).hexdigest()[:24]


def communication(
    purpose: str,
    key: Iterable[object],
    *,
    now: int,
    text: str,
    recipients: Iterable[str],
    sender: str | None = None,
    subject: Resource | None = None,
    about: Iterable[str] = (),
    content: str | None = None,
    priority: str = "routine",
    category: Resource | None = None,
) -> Resource | None:
    """A Communication that says ``text``, from ``sender`` to ``recipients`` (``Type/id``), based on ``about``; None
    without a recipient."""
    named = list(dict.fromkeys(recipients))
    if not named:
        return None
    made: Resource = {
        "resourceType": "Communication",
        "id": named_id(purpose, *key, *named),
        "basedOn": [{"reference": one} for one in dict.fromkeys(about)],
        "status": "completed",
        "category": [category or notice_type(purpose)],
        "priority": priority,
        "subject": {"reference": literal(subject, "Patient")},
        "recipient": [{"reference": one} for one in named],
        "sender": {"reference": sender},
        "sent": instant(now),
        "payload": [{"contentString": text}],
    }
    if content is not None:
        made["payload"].append({"contentReference": {"reference": content}})
    if literal(subject, "Patient") is None:
        del made["subject"]
    for name in ("sender", "basedOn"):
        if not made[name] or made[name] == {"reference": None}:
            del made[name]
    return made


def task(
    code: str,
    key: Iterable[object],
    *,
    now: int,
    focus: str,
    owner: str | None,
    requester: str | None,
    subject: Resource | None,
    text: str,
    minutes: float | None = None,
    priority: str = "routine",
) -> Resource:
    """A Task for ``owner`` to look at ``focus``; where it has ``minutes``, with its time and a timer."""
    made: Resource = {
        "resourceType": "Task",
        "id": named_id(code, *key),
        "status": "requested",
        "intent": "order",
        "priority": priority,
        "code": concept(TASKS, code, TASK_NAMES),
        "description": text,
        "focus": {"reference": focus},
        "authoredOn": instant(now),
        "lastModified": instant(now),
    }
    if literal(subject, "Patient") is not None:
        made["for"] = {"reference": literal(subject, "Patient")}
    if requester is not None:
        made["requester"] = {"reference": requester}
    if owner is not None:
        made["owner"] = {"reference": owner}
    if minutes is None:
        return made
    due = now + int(minutes * MINUTE)
    return with_timer({**made, "restriction": {"period": {"end": instant(due)}}}, due + 1000)
