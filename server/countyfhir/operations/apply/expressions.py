"""Expressions of definitions: FHIRPath on the subject, and searches (application/x-fhir-query); another language is
refused, for its answer would be a guess (R4 section 2.25, Expression)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from countyfhir.exchange import Resource
from countyfhir.fhirpath.compile import compile as compiled
from countyfhir.fhirpath.error import FhirPathError
from countyfhir.fhirpath.item import Item
from countyfhir.fhirpath.scope import Given
from countyfhir.operations.apply.applying import Applying
from countyfhir.outcome import FhirError

FHIRPATH = ("text/fhirpath", "text/fhir-path")
QUERY = "application/x-fhir-query"
_HOLE = re.compile(r"\{\{(.*?)\}\}")


async def evaluated(expression: Resource, applying: Applying, where: str, more: dict[str, Any]) -> list[Any]:
    """The items of a FHIRPath expression, or the resources of a search."""
    language, text = str(expression.get("language", "")).lower(), expression.get("expression")
    if not text:
        raise FhirError(
            "required", "The expression has no text; one by reference is not fetched.", status=422, expression=where
        )
    if language in FHIRPATH:
        return list(fhirpath(str(text), applying, where, more))
    if language == QUERY:
        return await _found(str(text), applying, where, more)
    told = f"An expression in {language[:40] or 'no language'} is not evaluated here; use text/fhirpath or {QUERY}."
    raise FhirError("not-supported", told, status=422, expression=where)


def fhirpath(text: str, applying: Applying, where: str, more: dict[str, Any]) -> list[Item]:
    """The items of an expression on the subject."""
    known = {**applying.variables, **more}
    resources = {
        f"{one['resourceType']}/{one['id']}": one for one in known.values() if isinstance(one, dict) and "id" in one
    }
    given = Given(variables=known, now=applying.now, resolve=lambda url: resources.get("/".join(url.split("/")[-2:])))
    try:
        return compiled(text)(applying.subject, given=given)
    except FhirPathError as problem:
        raise FhirError(
            "invalid", f"The expression cannot be evaluated: {problem}.", status=422, expression=where
        ) from problem


async def holds(expression: Resource, applying: Applying, where: str, more: dict[str, Any]) -> bool:
    """Whether a condition holds: FHIRPath that is true (empty is not), or a search that finds something."""
    items = await evaluated(expression, applying, where, more)
    if str(expression.get("language", "")).lower() == QUERY:
        return bool(items)
    values = [one.value for one in items]
    return bool(values) and (len(values) > 1 or values[0] is not False)


async def _found(text: str, applying: Applying, where: str, more: dict[str, Any]) -> list[Resource]:
    def filled(hole: re.Match[str]) -> str:
        items = fhirpath(hole.group(1), applying, where, more)
        return ",".join(quote(str(one.value), safe="/:|.-") for one in items)

    told = _HOLE.sub(filled, text)
    kind, _, criteria = told.lstrip("/").partition("?")
    return await applying.search(kind, criteria)
