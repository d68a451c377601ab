"""Real-sized input: the export of Qinghe County (../shared/legacy-county), where it is there, through the mappings
that ship.

Its ``truth.json`` says the expected outcome of every record and the cells that need an issue.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

import pytest

from countyfhir.intake import Report
from countyfhir.intake.report import report_line
from tests import legacy_county
from tests.legacy_county import COVERED

pytestmark = [legacy_county.needs_export, pytest.mark.slow]


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> legacy_county.Taken:
    """Report, record outcomes, resources by reference, and the report of a second run."""
    return legacy_county.taken_once(tmp_path_factory)


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    """What is true."""
    return legacy_county.truth()


def by_file(report: Report) -> dict[str, Counter[str]]:
    """Counts by file as truth.json names it (the sheets of a workbook together)."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for one in report.files:
        found[one.file.split("!")[0]].update({name: count for name, count in one.counts.items() if count})
    return found


def test_every_record_ends_as_it_should(taken: Any, truth: dict[str, Any]) -> None:
    """Stored, unchanged, quarantined and rejected agree with truth.json, file by file, and add up."""
    report, _, _, _ = taken
    found = by_file(report)
    for file, counts in sorted(found.items()):
        print(f"{file}: {dict(counts)}")  # noqa: T201 - the agreement is shown with pytest -rP
    assert {file: dict(counts) for file, counts in found.items()} == {
        file: truth["counts"][file]["expected"] for file in found
    }
    assert found.keys() == {file for file in truth["counts"] if file.split("/")[0] in COVERED}


def test_a_second_run_stores_nothing(taken: Any) -> None:
    """What was stored is unchanged, the rest keeps its outcome."""
    first, _, _, second = taken
    once, twice = first.total(), second.total()
    assert twice["stored"] == 0
    assert twice["unchanged"] == once["stored"] + once["unchanged"]
    assert (twice["quarantined"], twice["rejected"]) == (once["quarantined"], once["rejected"])


def test_every_marked_cell_has_its_issue(taken: Any, truth: dict[str, Any]) -> None:
    """Held-back and contradicted cells carry the code of the catalogue and the column."""
    report, outcomes, _, _ = taken
    found: dict[tuple[str, str], set[tuple[str, str, bool]]] = defaultdict(set)
    for outcome in outcomes:
        file, _, sheet = outcome.file.partition("!")
        key = f"{sheet}!{outcome.key}" if sheet else outcome.key
        found[file, key] |= {(issue["column"], issue["code"], issue["held_back"]) for issue in outcome.issues}
    files = by_file(report)
    missing = [
        (mark["file"], mark["key"], issue)
        for mark in truth["marked_records"]
        if mark["file"] in files
        for issue in mark.get("issues", ())
        if (issue["column"], issue["dirt"], issue["held_back"]) not in found[mark["file"], mark["key"]]
    ]
    assert missing == []


def test_consents_say_what_the_contracts_say(taken: Any, truth: dict[str, Any]) -> None:
    """No contract of someone who left or refused gives an active Consent; status and period agree for every one."""
    _, _, resources, _ = taken
    consents = {
        one["identifier"][0]["value"]: (one["status"], one["provision"]["period"])
        for one in resources.values()
        if one["resourceType"] == "Consent"
    }
    expected = {
        fact["contract"]: (fact["status"], dict(zip(("start", "end"), fact["period"], strict=True)))
        for fact in truth["facts"]
        if fact["resource_type"] == "Consent"
    }
    assert consents == expected


def test_laboratory_values_are_right_digit_for_digit(taken: Any, truth: dict[str, Any]) -> None:
    """Value, unit, comparator and status of every outpatient result; held-back glucose is nowhere."""
    _, _, resources, _ = taken
    found = {}
    for one in resources.values():
        if one["resourceType"] == "Observation" and one.get("identifier"):
            quantity = one.get("valueQuantity", {})
            number, unit, comparator = (quantity.get(name) for name in ("value", "code", "comparator"))
            found[one["identifier"][0]["value"]] = (number and float(number), unit, comparator, one["status"])
    wrong = []
    for fact in truth["facts"]:
        if fact["file"] != "county-hospital/L_TESTRESULT.csv":
            continue
        parts = dict(part.split("=") for part in fact["key"].split(";"))
        key = f"{parts['SAMPLENO']}-{parts['TESTID']}"
        stored = fact["outcome"] == "store"
        expected = (fact.get("value"), fact.get("unit"), fact.get("comparator"), fact["status"]) if stored else None
        held_right = key not in found if fact["outcome"] == "quarantine" else True
        told = found.get(key)
        if stored and told and expected and expected[1] is None:  # a document of the same result may say the unit
            told = (told[0], None, *told[2:])
        if (stored and told != expected) or not held_right:
            wrong.append((key, expected, found.get(key)))
    assert wrong == []


def test_recordings_and_images_are_what_the_centres_made(taken: Any, truth: dict[str, Any]) -> None:
    """Each ECG has its leads, each study its modality; person, time and order of the worklist agree."""
    _, _, resources, _ = taken
    found = {}
    for one in resources.values():
        patient = (
            resources[one["subject"]["reference"]] if one["resourceType"] in ("Observation", "ImagingStudy") else {}
        )
        person = [identifier["value"] for identifier in patient.get("identifier", ())]
        ordered = [resources[each["reference"]]["identifier"][0]["value"] for each in one.get("basedOn", ())]
        if one["resourceType"] == "ImagingStudy":
            uids = [each["value"] for each in one["identifier"] if each["system"] == "urn:dicom:uid"]
            number, what = uids[0].removeprefix("urn:oid:"), one["modality"][0]["code"]
            found[number] = (one["started"][:19], what, person[:1], ordered)
        elif "valueSampledData" in one.get("component", [{}])[0]:
            leads = len({component["code"]["text"] for component in one["component"]})
            found[one["identifier"][0]["value"]] = (one["effectiveDateTime"][:19], leads, person[:1], ordered)
    expected = {}
    for fact in truth["facts"]:
        if fact["resource_type"] in ("Waveform", "ImagingStudy"):
            local = [one["value"] for one in truth["identities"][fact["patient"]]["identifiers"]]
            prefix, digits = ("XD0", fact["identifier"].removeprefix("ECG")) if "leads" in fact else ("YX", "")
            order = f"{prefix}{digits}" if digits else fact["file"].rpartition("/")[2].removesuffix(".dcm")
            expected[fact["identifier"]] = (fact["date"], fact.get("leads", fact.get("modality")), local[:1], [order])
    assert len(expected) == 138
    assert found == expected


def test_the_report_of_the_export_holds_no_personal_values(taken: Any, truth: dict[str, Any]) -> None:
    """No name, identity number or telephone number of anybody in any line; file and key as truth.json has them."""
    _, outcomes, *_ = taken
    lines = [report_line(outcome) for outcome in outcomes]
    told = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    words = {person[name] for person in truth["persons"] for name in ("name", "id", "phone") if person.get(name)}
    assert [word for word in sorted(words) if word in told] == []
    rejected = {(line["file"], line["key"]) for line in lines if line["outcome"] == "rejected"}
    files = {line["file"] for line in lines}
    marked = (one for one in truth["marked_records"] if one["outcome"] == "rejected" and one["file"] in files)
    assert {(one["file"], one["key"]) for one in marked} == rejected
