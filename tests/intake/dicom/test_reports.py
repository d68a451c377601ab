"""Structured reports and ECG objects through the mapping that ships; valid by the county's profiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from countyfhir import shipped
from countyfhir.intake.readers import dicom_file
from countyfhir.mapping import apply, load
from countyfhir.terminology.files import folder as terminology_files
from countyfhir.terminology.knowledge import open_terminology
from countyfhir.validation.profiles.registry import Profiles
from countyfhir.validation.rules.finding import Around, knowledge_of
from countyfhir.validation.structure import check
from tests.dicom_objects import LEADS, ecg, image, report

PROFILES = "https://fhir.county-hc.example/StructureDefinition/"
MAPPINGS = {one.name: one for one in load(shipped.folder("mappings") / "imaging-centre")[0].mappings}
MAPPING = MAPPINGS["imaging-centre/dicom"]


def made(raw: bytes) -> dict[str, list[dict[str, Any]]]:
    """The resources of an object by type."""
    record = apply(MAPPING, dicom_file.record_of(1, raw, MAPPING.format).row)
    assert (record.outcome, record.issues) == ("mapped", ())
    found: dict[str, list[dict[str, Any]]] = {}
    for one in record.resources:
        assert check(one) == []
        found.setdefault(one["resourceType"], []).append(one)
    return found


def test_a_structured_report_becomes_a_report_with_its_results() -> None:
    """Findings, conclusion, state and time of the report; a number with its UCUM unit, digit for digit."""
    found = made(report())
    (one,) = found["DiagnosticReport"]
    assert (one["status"], one["issued"]) == ("final", "2025-03-01T09:15:00+08:00")
    assert one["conclusion"] == "左侧基底节区脑梗死"
    assert one["extension"][0]["valueString"] == "左侧基底节区见片状低密度影。"
    assert one["code"]["coding"][0]["code"] == "18748-4"
    assert one["imagingStudy"] == [{"reference": f"ImagingStudy/{found['ImagingStudy'][0]['id']}"}]
    (result,) = found["Observation"]
    assert one["result"] == [{"reference": f"Observation/{result['id']}"}]
    assert str(result["valueQuantity"]["value"]) == "12.50"
    assert result["valueQuantity"] == {
        "value": Decimal("12.50"), "unit": "mm", "system": "http://unitsofmeasure.org", "code": "mm",
    }  # fmt: skip
    assert result["code"] == {"coding": [{"code": "M-02550", "display": "Diameter"}], "text": "Diameter"}


def test_a_report_that_nobody_verified_is_preliminary() -> None:
    """VerificationFlag UNVERIFIED."""
    raw = report().replace(b"VERIFIED", b"\0\0\0\0\0\0\0\0")
    assert made(raw)["DiagnosticReport"][0]["status"] == "preliminary"


def test_an_ecg_object_becomes_sampled_data() -> None:
    """Twelve leads, 250 samples at 4 ms and 5 microvolt, digit for digit; the codes as they were given."""
    (one,) = made(ecg())["Observation"]
    assert [component["code"]["text"] for component in one["component"]] == list(LEADS)
    assert one["component"][1]["code"]["coding"] == [{"system": "urn:iso:std:iso:11073:10101", "code": "2:2"}]
    sampled = one["component"][1]["valueSampledData"]
    assert sampled["data"] == " ".join(str(moment + 1) for moment in range(250))
    assert (sampled["period"], sampled["factor"], sampled["origin"]["code"]) == (4, 5, "uV")
    assert one["effectiveDateTime"] == "2025-03-01T08:30:00+08:00"


def test_an_ecg_object_without_all_its_samples_is_held_back() -> None:
    """It says 250 and holds fewer."""
    raw = ecg(samples=100).replace((100).to_bytes(4, "little"), (250).to_bytes(4, "little"), 1)
    assert dicom_file.record_of(1, raw, MAPPING.format).problem == "ecg-damaged"


def test_pixels_are_read_only_when_they_are_asked_for() -> None:
    """``pixels: true`` gives them in base64."""
    assert "PixelData" not in dicom_file.record_of(1, image(), MAPPING.format).row
    asked = dicom_file.record_of(1, image(), replace(MAPPING.format, pixels=True))
    assert asked.row["PixelData"] == "AAAAAAAAAAAAAAAAAAAAAA=="


@pytest.mark.parametrize(
    ("raw", "profile"),
    [(ecg, "county-ecg-waveform"), (image, "county-imaging-study"), (report, "county-imaging-report")],
)
def test_what_is_made_conforms_to_the_profiles(raw: Callable[[], bytes], profile: str) -> None:
    """No error of the county's profile, its terminology included."""
    check_profile = Profiles(folders=[shipped.folder("profiles")]).profile_check(f"{PROFILES}{profile}")
    assert check_profile is not None
    terminology = open_terminology(None)
    for _, resource in terminology_files.resources([shipped.folder("terminology")]):
        if resource["resourceType"] == "ValueSet" and resource["url"].endswith(("ecg-studies", "voltage-units")):
            terminology.load(resource)
    wanted = {"county-ecg-waveform": "Observation", "county-imaging-study": "ImagingStudy"}.get(
        profile, "DiagnosticReport"
    )
    (one,) = made(raw())[wanted]
    found = check_profile(one, Around(one, one, knowledge_of(terminology, lambda url: None))) or ()
    assert [problem for problem in found if problem.severity == "error"] == []
