"""The shipped mappings of standard messages, over the line: every kind and version, as a hospital's engine
sends them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from countyfhir import shipped
from countyfhir.mapping import load
from countyfhir.mllp.peers import loopback_peer

from .conftest import Bench, Line

MESSAGES = Path(__file__).parents[1] / "golden" / "hl7-standard" / "messages.hl7"


def of_identifier(resources: list[dict[str, Any]], value: str) -> dict[str, Any]:
    return next(one for one in resources if any(each["value"] == value for each in one.get("identifier", ())))


def test_every_standard_message_is_answered_and_accounted_for(bench: Bench) -> None:
    """Every message is AA; those that the mappings hold back say so; the store has the last state of everything, and
    what was cancelled or deleted keeps its content in a version that says so."""
    bench.peers = (loopback_peer("hl7-standard"),)
    bench.loaded = load(shipped.folder("mappings") / "hl7-standard")
    messages = [one for one in re.split(rb"(?=MSH\|)", MESSAGES.read_bytes()) if one]

    async def work(line: Line) -> None:
        answers = await line.send(*messages)
        assert {one[1][1] for one in answers} == {"AA"}
        assert [one[1][3] for one in answers].count("in quarantine") == 3  # stay, appointment, unknown type
        assert {record.issues[-1]["code"] for record in await line.quarantine()} == {
            "M27",
            "main-missing",
            "no-mapping",
        }
        assert (of_identifier(await line.read("Encounter"), "V1"))["status"] == "in-progress"
        assert (of_identifier(await line.read("Encounter"), "V2"))["status"] == "cancelled"
        orders = await line.read("ServiceRequest")
        assert [of_identifier(orders, f"P10{n}")["status"] for n in range(4)] == [
            "active",
            "revoked",
            "active",
            "revoked",
        ]
        results = await line.read("Observation")
        assert [of_identifier(results, f"P100-{code}")["status"] for code in ("2345-7", "CRP", "TITER", "RBC-HP")] == [
            "corrected", "entered-in-error", "entered-in-error", "final"
        ]  # fmt: skip
        assert of_identifier(results, "P201-FIND")["valueString"].count("\n") == 2
        appointments = await line.read("Appointment")
        assert [of_identifier(appointments, f"F-A{n}")["status"] for n in (1, 2, 3)] == [
            "cancelled", "noshow", "entered-in-error"
        ]  # fmt: skip
        assert [one["status"] for one in await line.read("Slot")] == ["free"]
        documents = await line.read("DocumentReference")
        first, second = of_identifier(documents, "DOC1"), of_identifier(documents, "DOC2")
        assert first["content"][0]["attachment"]["contentType"] == "application/pdf"
        assert (second["status"], second["relatesTo"][0]["code"]) == ("entered-in-error", "replaces")
        assert "data" in second["content"][0]["attachment"]
        repeated = await line.send(*messages[:12])
        assert [one[1][3] for one in repeated] == ["repeated"] * 11 + ["in quarantine"]

    bench(work)


def test_the_shipped_sources_say_which_messages_are_theirs() -> None:
    """No mapping of messages is out of reach of a listener."""
    from countyfhir.mllp.taking import FORMAT, Lane, unreachable

    for source in load(shipped.folder("mappings")):
        if any(one.format.format == FORMAT for one in source.mappings):
            assert unreachable(Lane(source, None)) == ()  # type: ignore[arg-type]
