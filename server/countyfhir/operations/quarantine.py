"""$quarantine, $quarantine-record, $quarantine-replay, $quarantine-discard: the legacy records that wait for a person
(operations of this server). They hold raw personal data: a scope of their own opens them, every look is recorded."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from countyfhir.access.scopes import is_clinical, parse
from countyfhir.exchange import Answer, Grant, Interaction, Principal, Resource, SourceRecord
from countyfhir.interactions.world import World
from countyfhir.outcome import FhirError
from countyfhir.store import instant

RESOURCE = "Quarantine"
"""What stands for the quarantine in a scope: system/Quarantine.rs lists and shows, .u replays, .d discards."""
OWN_KINDS = ("local", "system")
"""Principals on the machine itself, who can open the store anyway."""
_FORM = ("_format", "_pretty")
DEFAULT_COUNT, MOST = 100, 1000


def require(letter: str, principal: Principal) -> None:
    """FhirError 403 unless the principal has the quarantine's own scope. A wildcard (system/*.cruds) does not open
    it."""
    if principal.kind in OWN_KINDS:
        return
    for text in principal.scopes:
        try:
            scope = parse(text) if is_clinical(text) else None
        except FhirError:
            continue
        if scope and (scope.context, scope.resource_type) == ("system", RESOURCE) and letter in scope.letters:
            return
    raise FhirError("forbidden", f"The quarantine has a scope of its own: system/{RESOURCE}.{letter} is missing.")


async def listed(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """What lies in quarantine, oldest first: place, mapping, file, record, key, issues; never a value. ``mapping``
    narrows it, ``_count`` and ``after`` page."""
    require("s", interaction.principal)
    asked = parameters(interaction, ("mapping", "_count", "after"))
    count, after = min(number(asked, "_count", DEFAULT_COUNT), MOST), number(asked, "after", 0)
    found: Any = world.store.intake.quarantined(asked["mapping"][0] if "mapping" in asked else None)
    entries: list[Resource] = []
    last, more = after, False
    async for place, record in found:
        if place <= after:
            continue
        if len(entries) == count:
            more = True
            break
        entries.append({"name": "record", "part": described(place, record)})
        last = place
    if more:
        entries.append({"name": "after", "valueInteger": last})
    return answered(entries)


async def shown(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """One record with its raw bytes; 404 when it is not in quarantine (any more)."""
    require("r", interaction.principal)
    place = only(parameters(interaction, ("id",)))
    record = await world.store.intake.held(place)
    if record is None:
        raise unknown(place)
    raw = base64.b64encode(record.raw or b"").decode()
    return answered(
        [{"name": "record", "part": [*described(place, record), {"name": "raw", "valueBase64Binary": raw}]}]
    )


async def replayed(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Takes records (``id``, repeated; all when none is named) through their mappings as they are now; how many
    ended as what."""
    require("u", interaction.principal)
    if world.legacy is None:
        raise FhirError("not-supported", "This server was started without mappings.")
    places = numbers(parameters(interaction, ("id",)))
    for place in places:
        if await world.store.intake.held(place) is None:
            raise unknown(place)
    counts, problems = await world.legacy.replay(places)
    told: list[Resource] = [{"name": outcome, "valueInteger": count} for outcome, count in counts.items()]
    return answered([*told, *({"name": "problem", "valueString": text} for text in problems)])


async def discarded(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Takes a record (``id``) out of quarantine without storing it, for a ``reason``. Who did it, when and why stays in
    the ledger; the same record does not come back."""
    require("d", interaction.principal)
    asked = parameters(interaction, ("id", "reason"))
    place, reason = only(asked), asked.get("reason", [""])[0].strip()
    if not reason:
        raise FhirError("required", "Say why the record is discarded: reason.", expression="reason")
    record = await world.store.intake.held(place)
    if record is None:
        raise unknown(place)
    assert world.legacy is not None
    await world.legacy.discard(place, record, interaction.principal.name, reason)
    return answered([{"name": "discarded", "valueInteger": place}])


def described(place: int, record: SourceRecord) -> list[Resource]:
    """A record as parameters: keys, columns and codes."""
    stated = {
        "mapping": ("valueString", record.source),
        "mapping-version": ("valueString", record.mapping_version),
        "file": ("valueString", record.file),
        "file-digest": ("valueString", f"sha256:{record.file_digest}" if record.file_digest else ""),
        "number": ("valueInteger", record.record),
        "key": ("valueString", record.key),
        "recorded": ("valueInstant", instant.text(record.recorded)),
    }
    parts: list[Resource] = [{"name": "id", "valueInteger": place}]
    parts += [{"name": name, kind: value} for name, (kind, value) in stated.items() if value != ""]
    return [*parts, *(issue_part(issue) for issue in record.issues)]


def issue_part(issue: dict[str, Any]) -> Resource:
    """An issue of a record: code, severity, column, what it means."""
    parts = [{"name": name, "valueString": issue[name]} for name in ("code", "severity", "column", "diagnostics")]
    return {"name": "issue", "part": [part for part in parts if part["valueString"]]}


def parameters(interaction: Interaction, known: Sequence[str]) -> dict[str, list[str]]:
    """The parameters of the call by name, from the query or the Parameters that were sent; 400 for others."""
    pairs = [pair for pair in interaction.query if pair[0] not in _FORM]
    body = interaction.body.get("parameter", []) if isinstance(interaction.body, dict) else []
    for one in body:
        value = next((part for name, part in one.items() if name.startswith("value")), "")
        pairs.append((str(one.get("name")), str(value)))
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in known:
            problem = f"${str(interaction.operation).lstrip('$')} takes {', '.join(known)}."
            raise FhirError("not-supported", problem, status=400, expression="Parameters.parameter")
        found.setdefault(name, []).append(value)
    return found


def numbers(asked: dict[str, list[str]], name: str = "id") -> list[int]:
    values = asked.get(name, [])
    if not all(value.isascii() and value.isdigit() and len(value) < 19 for value in values):
        raise FhirError("value", f"{name} is a whole number.", expression=name)
    return [int(value) for value in values]


def number(asked: dict[str, list[str]], name: str, default: int) -> int:
    return next(iter(numbers(asked, name)), default)


def only(asked: dict[str, list[str]]) -> int:
    found = numbers(asked)
    if len(found) != 1:
        raise FhirError("required", "Say which record: one id.", expression="id")
    return found[0]


def unknown(place: int) -> FhirError:
    return FhirError("not-found", f"No record {place} lies in quarantine.", expression="id")


def answered(entries: list[Resource]) -> Answer:
    return Answer(200, body={"resourceType": "Parameters", **({"parameter": entries} if entries else {})})
