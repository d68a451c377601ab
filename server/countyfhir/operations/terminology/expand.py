"""$expand: the codes of a value set (OperationDefinition ValueSet-expand)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction
from countyfhir.interactions.request_parameters import moment
from countyfhir.interactions.world import World
from countyfhir.operations.terminology.asking import VERSION_PARAMETERS, Asked, asked
from countyfhir.operations.terminology.subject import value_set_of
from countyfhir.operations.terminology.validate_code import check_supplements
from countyfhir.outcome import FhirError
from countyfhir.terminology import value_sets
from countyfhir.terminology.expansion import Shape, expanded
from countyfhir.terminology.selecting import Selection
from countyfhir.terminology.value_sets import Definition

KNOWN = (
    *("url", "valueSet", "valueSetVersion", "context", "contextDirection", "filter", "date", "offset", "count"),
    *("includeDesignations", "designation", "includeDefinition", "activeOnly", "excludeNested", "excludeNotForUI"),
    *("excludePostCoordinated", "exclude-system", "property", "useSupplement", "limitedExpansion"),
)
_REPEATED = frozenset(KNOWN) | {"displayLanguage", *VERSION_PARAMETERS}
_KINDS = {
    "count": "valueInteger",
    "offset": "valueInteger",
    "filter": "valueString",
    "property": "valueString",
    "designation": "valueString",
    "displayLanguage": "valueCode",
    "date": "valueDateTime",
}
_FLAGS = frozenset(name for name in KNOWN if name.startswith(("include", "exclude")) or name == "activeOnly") - {
    "exclude-system"
}
_UNSTATED = frozenset({"url", "valueSet", "valueSetVersion", "context", "contextDirection"})
MOST = 50_000
"""Codes of one page."""


async def expand(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """The value set with its expansion. FhirError 404 for a value set that is not known here, 422 for one that
    cannot be listed or is too large for one answer."""
    request = await asked(interaction, grant, world, KNOWN)
    value_set, request = value_set_of(request, world)
    check_supplements(value_set, request)
    _check_date(request, world)
    return Answer(200, body=await asyncio.to_thread(_expanded, value_set, request))


def _expanded(value_set: Definition, request: Asked) -> dict[str, Any]:
    count = request.number("count")
    if count is not None and count > MOST:
        raise FhirError("too-costly", f"count is {MOST:,} at most; page with offset.", status=422, expression="count")
    wanted = Selection(
        text=request.text("filter") or None,
        offset=request.number("offset") or 0,
        count=count,
        active_only=request.flag("activeOnly"),
        selectable_only=request.flag("excludeNotForUI"),
        versions=request.versions,
        without_systems=tuple(request.all("exclude-system")),
    )
    own = value_sets.display_language(value_set.resource)
    shape = Shape(
        nested=not request.flag("excludeNested", default=True) and wanted.text is None,
        with_designations=request.flag("includeDesignations"),
        designations=tuple(request.all("designation")),
        languages=request.languages or ((own,) if own else ()),
        properties=tuple(request.all("property")),
        with_definition=request.flag("includeDefinition"),
    )
    request.flag("excludePostCoordinated")
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return expanded(value_set, wanted, shape, request.resolver, stated=_stated(request), timestamp=stamp)


def _stated(request: Asked) -> list[dict[str, Any]]:
    """The parameters that shaped the expansion, with values of their types."""
    found: list[dict[str, Any]] = []
    for name, values in request.values.items():
        if name in _REPEATED and name not in _UNSTATED:
            found += [_typed(name, value) for value in values if not isinstance(value, (dict, list))]
    return sorted(found, key=lambda one: str(one["name"]))


def _typed(name: str, value: Any) -> dict[str, Any]:
    if name in _FLAGS:
        return {"name": name, "valueBoolean": value in (True, "true")}
    kind = _KINDS.get(name, "valueUri")
    return {"name": name, kind: int(value) if kind == "valueInteger" else str(value)}


def _check_date(request: Asked, world: World) -> None:
    """FhirError 400 for a date that is over: how value sets were then is not kept."""
    date = request.text("date")
    if date is not None and moment("date", date, world.search.zone)[1] <= world.now():
        raise FhirError(
            "not-supported",
            "Expansions of a past date are not offered; name the versions with system-version instead.",
            status=400,
            expression="date",
        )
