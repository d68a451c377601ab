"""The demo county: its files are what the script makes, its table adds up, and three commands show one resident."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from countyfhir import shipped
from countyfhir.intake import demo, discover, run
from countyfhir.intake.make_demo_county import make
from countyfhir.intake.readers.formats import READERS
from countyfhir.mapping import load
from countyfhir.mapping.stable_id import stable_id

if TYPE_CHECKING:
    from .conftest import Bench

SOURCES = load(shipped.folder("mappings"))


def test_the_files_are_what_the_script_makes(tmp_path: Path) -> None:
    """Compared record by record: a workbook's bytes hold the time of their making."""
    make(tmp_path)
    made, kept = (discover([folder], SOURCES).inputs for folder in (tmp_path, demo.folder()))
    assert [one.label for one in made] == [one.label for one in kept]
    for one, other in zip(made, kept, strict=True):
        records = READERS[one.mapping.format.format].records
        assert list(records(one.path, one.mapping.format)) == list(records(other.path, other.mapping.format))


def test_the_demo_county_shows_one_resident_from_three_institutions(bench: Bench) -> None:
    """The three commands find the village's, the township's and the county hospital's part of the record."""
    inputs = discover([demo.folder()], SOURCES)
    assert inputs.unmatched == ()
    report = bench.perform(lambda world, desk: run(inputs, desk))
    total = report.total()
    assert total["read"] == sum(total[name] for name in ("stored", "unchanged", "quarantined", "rejected"))
    assert all(total[name] for name in ("stored", "unchanged", "quarantined", "rejected"))
    everything, pressures, lineage = (query_of(line) for line in demo.demo_curl_lines())
    record = bench.read(everything)
    patients = {f"Patient/{one['id']}" for one in record if one["resourceType"] == "Patient"}
    three = {f"Patient/{stable_id(source, 'Patient', key)}" for source, key in demo.PATIENTS}
    assert three < patients
    kinds = {one["resourceType"] for one in record}
    assert kinds >= {"Encounter", "Composition", "DiagnosticReport", "Contract", "Task"}
    assert {one["subject"]["reference"] for one in bench.read(pressures)} == three
    agents = {one["agent"][0]["who"]["reference"] for one in bench.read(lineage)}
    assert len(agents) == 3


def query_of(line: str) -> str:
    """``Type?criteria`` of a curl line, without what only changes its look."""
    url = re.search(r"'(.*)'", line)
    assert url is not None
    parts = urlsplit(url[1])
    pairs = [(name, value) for name, value in parse_qsl(parts.query) if name != "_pretty"]
    return parts.path.rsplit("/", 1)[-1] + "?" + "&".join(f"{name}={value}" for name, value in pairs)
