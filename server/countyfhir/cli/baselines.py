"""Figures that were kept to be compared with: MeasureReports under an identifier of their own (docs/indicators.md,
"Baselines")."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from countyfhir.exchange import SYSTEM, Interaction, Resource
from countyfhir.model import json
from countyfhir.operations.measures.several import Line, report_lines
from countyfhir.outcome import FhirError

SYSTEM_OF_NAMES = "https://fhir.county-hc.example/id/indicator-baseline"
PAGE = 500


async def kept(name: str, reports: Sequence[Resource], opened: Any) -> None:
    """Keep the reports under the name, in place of those that were there."""
    entries = []
    for one in reports:
        logical_id = f"{name}-{measure_id(one)}"[:64]
        resource: Resource = {"resourceType": "MeasureReport", "id": logical_id}
        resource |= {"identifier": [{"system": SYSTEM_OF_NAMES, "value": name}]} | one
        entries.append({"resource": resource, "request": {"method": "PUT", "url": f"MeasureReport/{logical_id}"}})
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    await opened.perform(Interaction("transaction", body=bundle, principal=SYSTEM, http_method="POST"))


async def compared(name: str, told: Sequence[Line], opened: Any) -> list[tuple[Line, str, str]]:
    """Each line with the value of the baseline and the change since. FhirError 404 when there is none of the name."""
    query = (("identifier", f"{SYSTEM_OF_NAMES}|{name}"), ("_count", str(PAGE)))
    answer = await opened.perform(Interaction("search-type", "MeasureReport", query=query, principal=SYSTEM))
    before: dict[tuple[str, str, str], str] = {}
    for entry in json.parse(answer.body).get("entry", ()):
        for line in report_lines(Line(measure_id(entry["resource"])), entry["resource"]):
            before[line.measure, line.stratifier, line.stratum] = line.value
    if not before:
        raise FhirError("not-found", f"No baseline is kept under the name {name}.")
    found = []
    for line in told:
        old = before.get((line.measure, line.stratifier, line.stratum), "")
        found.append((line, old, change(old, line.value)))
    return found


def measure_id(report: Resource) -> str:
    """The end of the canonical that a report is of."""
    return str(report["measure"]).partition("|")[0].rpartition("/")[2]


def change(before: str, now: str) -> str:
    """By how much a value is more than before, as a share of it: ``+10.0%``; blank where there is nothing to compare
    with."""
    if not before or not now or Decimal(before) == 0:
        return ""
    return f"{(Decimal(now) - Decimal(before)) / Decimal(before):+.1%}"
