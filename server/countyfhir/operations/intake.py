"""$intake: legacy files sent over REST, taken in as ``countyfhir intake`` takes them (an operation of this server)."""

from __future__ import annotations

import base64
import binascii
import json
import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction, Resource
from countyfhir.interactions.world import World
from countyfhir.operations.quarantine import OWN_KINDS
from countyfhir.outcome import FhirError

RESOURCE = "Intake"
"""What stands for the intake in a scope: system/Intake.c. A file may hold records of several institutions."""
OUTCOMES = ("stored", "unchanged", "quarantined", "rejected")
NAME = re.compile(r"[^\x00-\x1f/\\:*?\"<>|]{1,200}")


async def intake(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Parameters: the number of records by outcome, an ``issue`` for each code that was met with its count, and
    ``report``, the line of every record (NDJSON, base64). Parameters asked: ``source``, the name of the mapping folder;
    ``file`` (1..*) with the parts ``name`` and ``content`` (base64, archives too); ``dry-run``."""
    require(interaction)
    source, files, dry_run = _asked(interaction)
    if world.legacy is None:
        raise FhirError("not-supported", "This server takes in no legacy files.", status=501)
    with tempfile.TemporaryDirectory(prefix="countyfhir-intake-") as folder:
        place = Path(folder) / "files"
        place.mkdir()
        for name, content in files:
            (place / name).write_bytes(content)
        said = await world.legacy.take(source, place, Path(folder) / "report.ndjson", dry_run)
        report = Path(folder) / "report.ndjson"
        lines = report.read_bytes() if report.exists() else b""
    if said is not None:
        raise FhirError("processing", f"The files could not be taken in: {said}", status=422)
    return Answer(200, body={"resourceType": "Parameters", "parameter": _told(lines)})


def require(interaction: Interaction) -> None:
    """FhirError 403 unless the principal has the scope of the intake; a wildcard does not open it."""
    if interaction.principal.kind in OWN_KINDS:
        return
    wanted = re.compile(r"system/Intake\.[ruds]*c[ruds]*")
    if not any(wanted.fullmatch(scope) for scope in interaction.principal.scopes):
        raise FhirError("forbidden", f"The intake has a scope of its own: system/{RESOURCE}.c is missing.")


def _asked(interaction: Interaction) -> tuple[str, list[tuple[str, bytes]], bool]:
    body: Any = interaction.body
    if not isinstance(body, dict) or body.get("resourceType") != "Parameters":
        raise FhirError("structure", "$intake takes a Parameters resource.", expression="Parameters")
    source, dry_run, files = "", False, []
    for number, one in enumerate(body.get("parameter", ())):
        where = f"Parameters.parameter[{number}]"
        name = one.get("name")
        if name == "source":
            source = str(one.get("valueString", one.get("valueCode", "")))
        elif name == "dry-run":
            dry_run = one.get("valueBoolean") is True
        elif name == "file":
            files.append(_file(one, where))
        else:
            text = "$intake takes source, file and dry-run."
            raise FhirError("not-supported", text, status=400, expression=f"{where}.name")
    if not source or not files:
        raise FhirError("required", "Name the source, and send at least one file.", expression="Parameters.parameter")
    if len({name for name, _ in files}) < len(files):
        raise FhirError("duplicate", "Two files have the same name.", status=400, expression="Parameters.parameter")
    return source, files, dry_run


def _file(parameter: Resource, where: str) -> tuple[str, bytes]:
    parts = {part.get("name"): part for part in parameter.get("part", ())}
    name = str(parts.get("name", {}).get("valueString", ""))
    if not NAME.fullmatch(name) or name in (".", ".."):
        raise FhirError("value", "A file has the part name: the name of a file, without a folder.", expression=where)
    try:
        return name, base64.b64decode(str(parts["content"]["valueBase64Binary"]), validate=True)
    except (KeyError, binascii.Error) as error:
        text = "A file has the part content, a base64Binary."
        raise FhirError("value", text, expression=where) from error


def _told(lines: bytes) -> list[Resource]:
    counts: Counter[str] = Counter()
    issues: Counter[str] = Counter()
    for line in lines.splitlines():
        record = json.loads(line)
        counts[record["outcome"]] += 1
        issues.update({issue["code"] for issue in record["issues"]})
    told: list[Resource] = [{"name": "records", "valueInteger": counts.total()}]
    told += [{"name": outcome, "valueInteger": counts[outcome]} for outcome in OUTCOMES]
    for code, count in sorted(issues.items()):
        parts = [{"name": "code", "valueString": code}, {"name": "records", "valueInteger": count}]
        told.append({"name": "issue", "part": parts})
    if lines:
        told.append({"name": "report", "valueBase64Binary": base64.b64encode(lines).decode()})
    return told
