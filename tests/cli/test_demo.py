"""The demo county is taken in, its table adds up, and a second time nothing is stored."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Run
from tests.cli.served import served


def rows(text: str) -> dict[str, list[int]]:
    """The counts of each file of the table."""
    matches = (re.fullmatch(r" *(\S+)((?: +\d+){5}) *", line) for line in text.splitlines())
    return {match[1]: [int(count) for count in match[2].split()] for match in matches if match}


def test_every_record_of_the_demo_county_is_accounted_for(run: Run) -> None:
    """Read is the sum of the outcomes in every row; no file is rejected; the second time all is unchanged."""
    done = run("demo", "--no-serve")
    assert done.code == 0, done.err
    first = rows(done.out)
    assert len(first) >= 7
    for read, *outcomes in first.values():
        assert read == sum(outcomes)
    read, stored, _, quarantined, rejected = first["total"]
    assert stored > 0
    again = rows(run("demo", "--no-serve").out)
    assert again["total"] == [read, 0, read - quarantined - rejected, quarantined, rejected]


@pytest.mark.skipif(shutil.which("curl") is None, reason="the demo prints curl commands")
def test_the_printed_commands_show_one_record_of_three_institutions(run: Run, tmp_path: Path) -> None:
    """Each address that is printed answers with what the demo promises."""
    done = run("demo", "--no-serve")
    addresses = [shlex.split(line)[2] for line in done.out.splitlines() if line.startswith("curl ")]
    assert len(addresses) == 3
    with served(tmp_path, "--store", "sqlite:var/demo.sqlite") as server, httpx.Client(trust_env=False) as client:
        bundles = []
        for address in addresses:
            answer = client.get(address.replace("http://127.0.0.1:8080/fhir", server.base))
            assert answer.status_code == 200, answer.text
            bundles.append(answer.json())
    record, pressures, origins = ([entry["resource"] for entry in bundle["entry"]] for bundle in bundles)
    patients = [resource for resource in record if resource["resourceType"] == "Patient"]
    assert len(patients) >= 3
    assert len({resource["subject"]["reference"] for resource in pressures}) == 3
    assert len({agent["who"]["reference"] for origin in origins for agent in origin["agent"][:1]}) == 3


def test_the_store_of_the_demo_is_its_own(run: Run) -> None:
    """The setting store is not mixed up with the folder."""
    assert run("demo", "--no-serve", "--store", "sqlite:county.sqlite").code == 2


def test_the_table_stands_in_80_columns(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file is one line, named below its source; each issue says what it means."""
    monkeypatch.setenv("COLUMNS", "80")
    done = run("demo", "--no-serve")
    assert set(rows(done.out)) == {
        "patients.csv",
        "visits.csv",
        "dongling.xlsx!门诊登记",
        "follow-up.csv",
        "contracts.jsonl",
        "reports.jsonl",
        "referral-out.csv",
        "return-slip.csv",
        "total",
    }
    assert "M07" in done.out
    assert "the date cannot be read" in done.out
