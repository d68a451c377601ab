"""Instants of workflows: FHIR text and microseconds, the timer that a Task carries, the marks of a deadline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from countyfhir.exchange import Resource

TIMER = "https://fhir.county-hc.example/StructureDefinition/timer"
"""The extension of a Task that says when the server looks at it next (search parameter ``timer``)."""
DEADLINE = "https://fhir.county-hc.example/cs/deadline"
"""The system of the tags ``warning`` and ``overdue``; work lists ask ``Task?_tag=…|overdue``."""
DISPLAYS = {"warning": "Deadline near 即将超时", "overdue": "Overdue 已超时"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(text: str | None) -> int | None:
    """A FHIR instant, or a dateTime with a time and a zone, in microseconds since 1970; None for anything else."""
    if not text or "T" not in text:
        return None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return None if moment.tzinfo is None else (moment - _EPOCH) // timedelta(microseconds=1)


def instant(moment: int) -> str:
    """Microseconds since 1970 as a FHIR instant in UTC, whole milliseconds."""
    return (_EPOCH + timedelta(microseconds=moment)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def timer_of(task: Resource) -> int | None:
    """When the server looks at the Task next, or None."""
    found = (one.get("valueInstant") for one in task.get("extension", ()) if one.get("url") == TIMER)
    return micros(next(found, None))


def with_timer(task: Resource, moment: int | None) -> Resource:
    """The Task with another timer, or with none."""
    kept: list[dict[str, Any]] = [one for one in task.get("extension", ()) if one.get("url") != TIMER]
    if moment is not None:
        kept.append({"url": TIMER, "valueInstant": instant(moment)})
    rest = {name: value for name, value in task.items() if name != "extension"}
    return {**rest, "extension": kept} if kept else rest


def with_mark(task: Resource, code: str | None) -> Resource:
    """The Task tagged ``warning`` or ``overdue`` (one at a time), or with neither."""
    meta = dict(task.get("meta") or {})
    tags = [one for one in meta.get("tag", ()) if one.get("system") != DEADLINE]
    if code is not None:
        tags.append({"system": DEADLINE, "code": code, "display": DISPLAYS[code]})
    meta.pop("tag", None)
    if tags:
        meta["tag"] = tags
    rest = {name: value for name, value in task.items() if name != "meta"}
    return {**rest, "meta": meta} if meta else rest


def mark_of(task: Resource) -> str | None:
    """``warning``, ``overdue`` or None."""
    tags = (task.get("meta") or {}).get("tag", ())
    return next((one.get("code") for one in tags if one.get("system") == DEADLINE), None)
