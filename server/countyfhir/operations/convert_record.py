"""$convert-record: a legacy record through its mapping, without storing anything (an operation of this server; R4's own
$convert is about formats of FHIR)."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction, Resource
from countyfhir.interactions.world import Converted, World
from countyfhir.outcome import FhirError

KNOWN = ("mapping", "record")
SEVERITIES = {"error": "error", "warning": "warning", "information": "information"}


async def convert_record(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Parameters with ``return`` (a transaction Bundle of what the records become) and ``outcome`` (an OperationOutcome
    with their issues). ``mapping`` names the mapping (county-hospital/ms-brda), ``record`` is a JSON object by columns
    (valueString or a Binary of application/json), or a piece of a file or message (a Binary of another type)."""
    if world.legacy is None:
        raise FhirError("not-supported", "This server was started without mappings.")
    parts = interaction.body.get("parameter", []) if isinstance(interaction.body, dict) else []
    given = {str(part.get("name")): part for part in parts}
    if set(given) - set(KNOWN) or len(given) != len(parts):
        raise FhirError("invalid", "$convert-record takes mapping and record, once each.", expression="Parameters")
    name = given.get("mapping", {}).get("valueString")
    if not isinstance(name, str) or "record" not in given:
        raise FhirError("required", "Send the name of the mapping and the record.", expression="Parameters.parameter")
    raw, is_json = content_of(given["record"])
    converted = await asyncio.to_thread(world.legacy.convert, name, raw, is_json)
    outcome = {"resourceType": "OperationOutcome", "issue": issues_of(converted)}
    told = [{"name": "return", "resource": bundle_of(converted)}, {"name": "outcome", "resource": outcome}]
    return Answer(200, body={"resourceType": "Parameters", "parameter": told})


def content_of(part: dict[str, Any]) -> tuple[bytes, bool]:
    """The bytes of the record, and whether they are JSON."""
    if isinstance(part.get("valueString"), str):
        text = part["valueString"]
        return text.encode(), text.lstrip()[:1] in ("{", "[")
    binary = part.get("resource", {})
    data = part.get("valueBase64Binary", binary.get("data"))
    if not isinstance(data, str) or (binary and binary.get("resourceType") != "Binary"):
        raise FhirError("invalid", "The record is a valueString, a valueBase64Binary or a Binary.", expression="record")
    try:
        raw = base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise FhirError("invalid", "The data of the record is not base64.", expression="record") from error
    return raw, str(binary.get("contentType", "")).partition(";")[0].strip() in ("application/json", "text/json")


def bundle_of(converted: list[Converted]) -> Resource:
    """A transaction that would store all of it; of one resource stated twice the last."""
    resources = {f"{one['resourceType']}/{one['id']}": one for record in converted for one in record.resources}
    entries = [{"resource": one, "request": {"method": "PUT", "url": url}} for url, one in resources.items()]
    return {"resourceType": "Bundle", "type": "transaction", **({"entry": entries} if entries else {})}


def issues_of(converted: list[Converted]) -> list[Resource]:
    """What became of each record, then its issues: code and column, never a value."""
    found: list[Resource] = []
    for record in converted:
        text = f"{record.key or 'a record without a key'}: {record.outcome}"
        found.append({"severity": "information", "code": "informational", "diagnostics": text})
        for issue in record.issues:
            told = f"{issue['column']}: {issue['diagnostics']}" if issue["column"] else issue["diagnostics"]
            severity = SEVERITIES[issue["severity"]]
            found.append(
                {
                    "severity": severity,
                    "code": "informational" if severity == "information" else "processing",
                    "details": {"text": issue["code"]},
                    "diagnostics": told,
                }
            )
    return found or [{"severity": "warning", "code": "not-found", "diagnostics": "No record was in what was sent."}]
