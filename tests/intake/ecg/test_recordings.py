"""Recordings of ECG machines: every lead digit for digit, measurements with their units, damage refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from countyfhir.intake.ecg.aecg import read_aecg
from countyfhir.intake.ecg.muse import read_muse
from countyfhir.intake.ecg.recording import Damaged
from countyfhir.intake.ecg.scp import read_scp
from tests import ecg_recordings as made

PERSON = {"id": "50001", "name": "王小东"}


def leads(recording: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["data"] for one in recording["waveforms"][0]["leads"]}


def scales(recording: dict[str, Any]) -> set[tuple[Any, ...]]:
    found = recording["waveforms"][0]["leads"]
    return {(one["period"], one["factor"], one["unit"], one["origin"]) for one in found}


def measured(recording: dict[str, Any]) -> dict[str, tuple[Any, str]]:
    return {
        one["coding"][0]["code"]: (one["quantity"]["value"], one["quantity"]["code"])
        for one in recording["measurements"]
    }


def refused(read: Any, *arguments: Any) -> str:
    with pytest.raises(Damaged) as problem:
        read(*arguments)
    return problem.value.code


def test_an_aecg_gives_its_leads() -> None:
    """Twelve leads of 250 samples at 4 ms and 5 microvolt; the codes as they were given; person and time."""
    found = read_aecg(made.aecg())
    assert leads(found) == {name: made.data(name) for name in made.LEADS}
    assert scales(found) == {(4, 5, "uV", 0)}
    assert (found["id"], found["taken"]) == ("ECG1", "20250301083000.000")
    assert found["patient"].items() >= PERSON.items()
    assert found["waveforms"][0]["leads"][0]["coding"] == {
        "system": "urn:oid:2.16.840.1.113883.6.24",
        "code": "MDC_ECG_LEAD_I",
    }


def test_measurements_of_an_aecg_have_their_units() -> None:
    """Known ones with LOINC, another with its own code; a heart rate in milliseconds is not believed."""
    more = made.annotation("MDC_ECG_HEART_RATE", "72", "bpm") + made.annotation("MDC_ECG_TIME_PD_QT", "380", "ms")
    found = read_aecg(made.aecg(more=more + made.annotation("MDC_ECG_TIME_PD_PR", "1", "mV")))
    assert measured(found) == {"8867-4": (72, "/min"), "8634-8": (380, "ms")}


def test_the_unit_of_a_lead_is_kept_or_refused() -> None:
    """Millivolts stay millivolts, nanovolts become microvolts, metres are no voltage."""
    assert scales(read_aecg(made.aecg(unit="mV"))) == {(4, 5, "mV", 0)}
    assert scales(read_aecg(made.aecg(unit="nV"))) == {(4, Decimal("0.005"), "uV", 0)}
    assert refused(read_aecg, made.aecg(unit="m")) == "unmapped-unit"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"<x/>", "not-ecg"),
        (b"<AnnotatedECG", "not-ecg"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><AnnotatedECG>&a;</AnnotatedECG>', "not-ecg"),
        (made.aecg(leads=""), "ecg-damaged"),
        (made.aecg(leads=made.sequence("I") * 2), "ecg-damaged"),
        (made.aecg(leads=made.sequence("I", digits="1 2 x")), "ecg-damaged"),
        (made.aecg(leads=made.sequence("I", digits="")), "ecg-damaged"),
        (made.aecg(leads=made.sequence("I", digits="1 " * 600_000)), "ecg-too-long"),
    ],
)
def test_a_damaged_aecg_is_refused(raw: bytes, code: str) -> None:
    """Another root, a DTD, no leads, one twice, samples that are no numbers, days of them."""
    assert refused(read_aecg, raw) == code


def test_a_muse_file_gives_its_leads_and_those_that_follow() -> None:
    """Eight leads digit for digit; III, aVR, aVL and aVF from I and II, marked as derived."""
    found = read_muse(made.muse())
    assert {name: leads(found)[name] for name in made.STORED} == {name: made.data(name) for name in made.STORED}
    derived = [one["name"] for one in found["waveforms"][0]["leads"] if one.get("derived")]
    assert derived == ["III", "aVR", "aVL", "aVF"]
    assert leads(found)["III"].split()[:3] == ["1", "1", "1"]
    assert leads(found)["aVR"].split()[:3] == ["-0.5", "-1.5", "-2.5"]
    assert leads(found)["aVF"].split()[:2] == ["1", "1.5"]
    assert scales(found) == {(4, 5, "uV", 0)}


def test_a_muse_file_gives_person_order_measurements_and_statements() -> None:
    """Dates in the order of years; a statement goes on until its line ends."""
    found = read_muse(made.muse())
    assert found["patient"] == PERSON | {"sex": "MALE", "birth": "1960-01-02"}
    assert (found["taken"], found["order"]) == ("2025-03-01 08:30:00", "XD1")
    assert measured(found) == {
        "8867-4": (72, "/min"), "8625-6": (160, "ms"), "8633-0": (88, "ms"), "8634-8": (380, "ms"),
        "8636-3": (416, "ms"), "8626-4": (45, "deg"), "8632-2": (-30, "deg"), "8638-9": (50, "deg"),
    }  # fmt: skip
    assert found["statements"] == ["窦性心律 不齐", "ST段改变"]


def test_the_doctype_of_every_muse_file_is_passed_over() -> None:
    """It names a DTD, which is not fetched; one that declares something of its own is refused."""
    named = made.muse().replace(b"<RestingECG>", b'<!DOCTYPE RestingECG SYSTEM "restecg.dtd"><RestingECG>', 1)
    assert b"DOCTYPE" in named
    assert read_muse(named)["patient"] == read_muse(made.muse())["patient"]
    declaring = named.replace(b'"restecg.dtd"', b'"restecg.dtd" [<!ENTITY x "y">]')
    assert refused(read_muse, declaring) == "not-ecg"


def test_a_damaged_muse_file_is_refused() -> None:
    """Samples that are missing, a unit that is no voltage, base64 that is none."""
    assert refused(read_muse, made.muse(count=251)) == "ecg-damaged"
    assert refused(read_muse, made.muse(unit="METRES")) == "unmapped-unit"
    assert refused(read_muse, made.muse().replace(b"<WaveFormData>", b"<WaveFormData>%")) == "ecg-damaged"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("differences", [0, 1, 2])
def test_an_scp_recording_gives_its_leads(packed: bool, differences: int) -> None:
    """Plain or by the default Huffman table, as samples, first or second differences: the same leads."""
    found = read_scp(made.scp(packed=packed, differences=differences), "utf-8")
    assert leads(found) == {name: made.data(name) for name in made.LEADS}
    assert scales(found) == {(4, 5, "uV", 0)}
    assert found["patient"] == PERSON | {"sex": "M", "birth": "1960-01-02"}
    assert (found["taken"], found["sequence"], found["statements"]) == ("2025-03-01 08:30:00", "R1", ["窦性心律"])
    assert measured(found) == {
        "8867-4": (72, "/min"), "8625-6": (160, "ms"), "8633-0": (88, "ms"), "8634-8": (380, "ms"),
        "8626-4": (45, "deg"), "8632-2": (-30, "deg"),
    }  # fmt: skip


def test_what_scp_files_pack_otherwise_is_said() -> None:
    """Subtracted beats and bimodal compression are not unfolded, and not guessed."""
    assert refused(read_scp, made.scp(flags=5), "utf-8") == "ecg-packed"
    assert refused(read_scp, made.scp(bimodal=1), "utf-8") == "ecg-packed"


def test_a_damaged_scp_recording_is_refused() -> None:
    """Cut, changed, or something else; a text in another encoding."""
    raw = made.scp()
    assert refused(read_scp, raw[:-3], "utf-8") == "truncated"
    assert refused(read_scp, raw[:600] + b"\x55" + raw[601:], "utf-8") == "ecg-damaged"
    assert refused(read_scp, b"hello" * 100, "utf-8") == "not-ecg"
    assert refused(read_scp, raw, "ascii") == "charset"
    for length in range(0, len(raw), 37):
        assert refused(read_scp, raw[:length], "utf-8") in {"not-ecg", "truncated"}
