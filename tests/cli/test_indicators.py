"""`countyfhir indicators`: the table, its files, an earlier instant, and a baseline."""

from __future__ import annotations

import asyncio
import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from typer.testing import CliRunner

from countyfhir.app import open_world
from countyfhir.cli import application
from countyfhir.cli.baselines import change
from countyfhir.exchange import ALL, Grant, Interaction
from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.search.query import IdIs
from countyfhir.settings import load

SETTINGS = {"load_definitions": "off", "workflow": "off", "person_index": "off"}
FACED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"}


def said(store: str, *arguments: str) -> list[str]:
    """The lines that the command prints."""
    done = CliRunner().invoke(application("indicators"), ["indicators", *arguments, "--store", store])
    assert done.exit_code == 0, done.output
    return str(done.output).splitlines()


def follow_up(number: int, systolic: int) -> list[dict[str, Any]]:
    """A resident with one follow-up."""
    subject = {"subject": {"reference": f"Patient/p{number}"}}
    visit = {"resourceType": "Encounter", "id": f"v{number}", "status": "finished", "class": FACED, **subject}
    visit |= {"type": [{"text": "高血压随访"}], "period": {"start": "2025-05-01"}}
    parts = [
        {"code": {"coding": [{"code": code}]}, "valueQuantity": {"value": value}}
        for code, value in (("8480-6", systolic), ("8462-4", 80))
    ]
    reading = {"resourceType": "Observation", "id": f"o{number}", "status": "final", "component": parts, **subject}
    reading |= {"code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]}}
    reading |= {"encounter": {"reference": f"Encounter/v{number}"}, "effectiveDateTime": "2025-05-01"}
    return [{"resourceType": "Patient", "id": f"p{number}", "gender": "female"}, visit, reading]


async def written(store: str, resources: list[dict[str, Any]]) -> None:
    """Put them into the store."""
    async with open_world(load({"store": store, **SETTINGS})) as opened:
        for one in resources:
            await opened.perform(Interaction("update", one["resourceType"], one["id"], body=one))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Four residents, two of them controlled."""
    made = f"sqlite:{tmp_path_factory.mktemp('store')}/county.sqlite"
    asyncio.run(written(made, [one for number in range(4) for one in follow_up(number, 130 + 8 * number)]))
    return made


def test_the_table_has_every_indicator(store: str, tmp_path: Path) -> None:
    """Figures, strata, and what is not computable; the files hold the same rows."""
    lines = said(
        store, "--period", "2025", "--stratify", "sex", "--csv", f"{tmp_path}/t.csv", "--xlsx", f"{tmp_path}/t.xlsx"
    )
    (whole,) = [line for line in lines if "[hypertension-control]" in line]
    assert whole == "Hypertension: control rate 管理人群血压控制率 [hypertension-control]: 2/4 = 50.0%"
    assert "  sex: female: 2/4 = 50.0%" in lines
    (without,) = [line for line in lines if "[satisfaction]" in line]
    assert without.endswith("not computable: needs a survey of residents 需要居民满意度调查")
    with (tmp_path / "t.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) == len(lines) + 1
    (row,) = [row for row in rows if row[0] == "hypertension-control" and not row[2]]
    assert row[4:8] == ["2", "4", "0.5", ""]
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx").worksheets[0]
    shown = [["" if cell is None else str(cell) for cell in each] for each in sheet.iter_rows(values_only=True)]
    assert shown == rows


def test_a_baseline_is_kept_and_compared(store: str) -> None:
    """The change is a share of what was kept; an earlier instant still has the earlier figure."""
    before = said(store, "--period", "2025", "--measure", "hypertension-control", "--baseline", "save", "first")
    assert before[0].endswith("2/4 = 50.0%")
    (kept,) = asyncio.run(reports(store))
    instant = kept["extension"][0]["valueInstant"]
    asyncio.run(written(store, follow_up(2, 120)))
    now = said(store, "--period", "2025", "--measure", "hypertension-control", "--baseline", "compare", "first")
    assert now[0].endswith("3/4 = 75.0%  (baseline 基线 0.5, +50.0%)")
    then = said(store, "--period", "2025", "--measure", "hypertension-control", "--as-of", instant)
    assert then == before
    wrong = CliRunner().invoke(application("indicators"), ["indicators", "--store", store, "--baseline", "show", "x"])
    assert wrong.exit_code == 2


async def reports(store: str) -> list[dict[str, Any]]:
    """The MeasureReports that are kept."""
    async with open_world(load({"store": store, **SETTINGS})) as opened:
        answer = await opened.perform(Interaction("search-type", "MeasureReport"))
        return [entry["resource"] for entry in json.parse(answer.body)["entry"]]


def test_only_what_the_caller_may_see_is_counted(store: str) -> None:
    """A narrowed grant counts its own, of an earlier instant too; one that may not search a type of the Measure is told
    which."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")

    async def asked(grant: Grant, **more: str) -> dict[str, int]:
        async with open_world(load({"store": store, **SETTINGS})) as opened:
            query = (("periodStart", "2025"), ("periodEnd", "2025"), *more.items())
            called = Interaction(
                "operation", "Measure", "hypertension-control", query=query, operation="$evaluate-measure"
            )
            answer = await opened.perform(called, grant)
            (group,) = answer.body["group"]
            return {one["code"]["coding"][0]["code"]: one["count"] for one in group["population"]}

    mine = Grant({"*": frozenset("rs")}, {"Encounter": (((IdIs(("v0", "v3")),),),)})
    assert asyncio.run(asked(ALL))["denominator"] == 4
    assert asyncio.run(asked(mine))["denominator"] == 2
    assert asyncio.run(asked(mine, cutOff=now))["denominator"] == 2
    with pytest.raises(FhirError, match="Observation"):
        asyncio.run(asked(Grant({one: frozenset("rs") for one in ("Measure", "Encounter", "Patient", "Organization")})))


@pytest.mark.parametrize(
    ("before", "now", "shown"), [("0.5", "0.55", "+10.0%"), ("0.4", "0.3", "-25.0%"), ("0", "1", "")]
)
def test_a_change_is_a_share_of_what_was(before: str, now: str, shown: str) -> None:
    """Nothing can be said of what was nothing."""
    assert change(before, now) == shown
