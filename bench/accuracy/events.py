"""Whether records of one real event became one resource, and records of several did not."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from bench.accuracy.facts import of_type
from bench.accuracy.served import Resource, Served
from bench.accuracy.statements import codes, means


def standing(served: Served, group: Resource, record: Resource) -> set[str]:
    """The resources that stand for the event of a group, by one of its records."""
    kind = group["resource_type"]
    found = of_type(served.made_of(record["file"], record["key"]), kind)
    if kind == "Observation":
        found = [one for one in found if means(one.get("code"), group)]
    if kind == "DiagnosticReport":
        found = [one for one in found if "lab" not in codes((one.get("category") or [None])[0])]
    return {f"{kind}/{one['id']}" for one in found}


def agreement(served: Served, truth: dict[str, Any]) -> dict[str, Any]:
    """Groups that became one resource, by event; records of different groups that became one."""
    right: Counter[str] = Counter()
    apart: Counter[str] = Counter()
    missed: list[list[str]] = []
    groups_of: dict[str, set[int]] = defaultdict(set)
    for number, group in enumerate(truth["same_event"]):
        found = [standing(served, group, record) for record in group["records"]]
        for references in found:
            for reference in references:
                groups_of[reference].add(number)
        if set.intersection(*found):
            right[group["event"]] += 1
        else:
            apart[group["event"]] += 1
            missed.append([f"{record['file']}?{record['key']}" for record in group["records"]])
    return {
        "groups": len(truth["same_event"]),
        "one": dict(right),
        "apart": dict(apart),
        "joined_wrongly": sum(len(numbers) > 1 for numbers in groups_of.values()) + strangers(served, truth),
        "missed": missed,
    }


def strangers(served: Served, truth: dict[str, Any]) -> int:
    """Resources of those kinds that stem from records of several sources which no group holds together."""
    together = {
        (record["file"], record["key"]): number
        for number, group in enumerate(truth["same_event"])
        for record in group["records"]
    }
    numbers: dict[str, set[int]] = defaultdict(set)
    for number, group in enumerate(truth["same_event"]):
        for record in group["records"]:
            numbers[f"{record['file']}?{record['key']}"].add(number)
    count = 0
    for reference, records in served.records_of.items():
        if reference.partition("/")[0] not in {group["resource_type"] for group in truth["same_event"]}:
            continue
        kinds = {file.rpartition("/")[0] for file, _ in records}
        known = [record for record in records if record in together]
        count += len(kinds) > 1 and len(known) < 2 and not reference.startswith("DiagnosticReport/")
    return count
