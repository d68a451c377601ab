"""Legacy files sent to $intake end as those of ``countyfhir intake`` do: each record accounted for."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from countyfhir import intake
from countyfhir.operations.intake import OUTCOMES
from tests.http.conftest import running
from tests.stores import store_at

DEMO = Path(intake.__file__).parent / "demo_county"
SOURCE = sorted(folder for folder in DEMO.iterdir() if folder.is_dir())[0]


def asked(source: str, files: dict[str, bytes], *, dry_run: bool = False) -> dict[str, Any]:
    """The Parameters."""
    parameters: list[dict[str, Any]] = [{"name": "source", "valueString": source}]
    for name, content in files.items():
        parts = [{"name": "name", "valueString": name}]
        parts.append({"name": "content", "valueBase64Binary": base64.b64encode(content).decode()})
        parameters.append({"name": "file", "part": parts})
    return {"resourceType": "Parameters", "parameter": [*parameters, {"name": "dry-run", "valueBoolean": dry_run}]}


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """Counts, and the lines of the report."""
    found = {one["name"]: one.get("valueInteger", one.get("valueBase64Binary")) for one in answer["parameter"]}
    found["report"] = [json.loads(line) for line in base64.b64decode(found["report"]).splitlines()]
    return found


def test_files_are_taken_in_and_told_of(tmp_path: Path) -> None:
    """The counts add up, the report has a line for each record, and what it names can be read."""
    files = {one.name: one.read_bytes() for one in SOURCE.iterdir()}
    with running(store=store_at(tmp_path / "a.sqlite")) as client:
        answer = client.post("$intake", json=asked(SOURCE.name, files))
        assert answer.status_code == 200, answer.text
        first = told(answer.json())
        assert first["records"] == len(first["report"]) == sum(first[outcome] for outcome in OUTCOMES)
        assert first["stored"] > 0
        resource = next(name for line in first["report"] for name in line["resources"])
        assert client.get(resource).status_code == 200


def test_what_cannot_be_taken_in_is_refused(tmp_path: Path) -> None:
    """An unknown source, a name that is a path, content that is no base64, nothing at all."""
    wrong: list[tuple[dict[str, Any], int]] = [
        (asked("nowhere", {"a.csv": b"a"}), 422),
        (asked(SOURCE.name, {"../a.csv": b"a"}), 400),
        (asked(SOURCE.name, {}), 400),
        ({"resourceType": "Parameters", "parameter": [{"name": "what", "valueString": "x"}]}, 400),
    ]
    broken = asked(SOURCE.name, {"a.csv": b"a"})
    broken["parameter"][1]["part"] = broken["parameter"][1]["part"][:1]
    with running(store=store_at(tmp_path / "a.sqlite")) as client:
        for body, status in [*wrong, (broken, 400)]:
            answer = client.post("$intake", json=body)
            assert answer.status_code == status, answer.text
            assert answer.json()["resourceType"] == "OperationOutcome"
