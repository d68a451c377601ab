"""Queries of a Measure (``application/x-fhir-query``): text with FHIRPath in double braces, to what the store answers
in bulk (R4 Expression; FHIR's x-fhir-query).

``{{%context.id}}`` stands for the id of the person or event that is counted. A query that holds it is not sent once for
each of them, but once for all, and its matches are dealt out by the reference parameter that it stands in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from countyfhir import fhirpath
from countyfhir.access.check import require
from countyfhir.access.criteria import narrow
from countyfhir.exchange import Grant
from countyfhir.fhirpath import FhirPathError, Given, Item
from countyfhir.interactions.world import World
from countyfhir.operations.measures.definition import Criterion
from countyfhir.outcome import FhirError
from countyfhir.search import parse
from countyfhir.search.query import Query

_BRACED = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_CONTEXT = re.compile(r"\s*%context\.id\s*")
_MARK = re.compile(r"\x00(\d+)\x00")
_OWN_ID = "_id"


@dataclass(frozen=True, slots=True)
class Asked:
    """A query ready for the store. ``towards`` is the reference parameter that leads to what is counted, ``_id`` where
    the matches are themselves counted, None where the query has nothing to do with what is counted."""

    query: Query
    towards: str | None

    @property
    def resource_type(self) -> str:
        """The type that is searched."""
        return self.query.resource_types[0]


def asked(criterion: Criterion, variables: Mapping[str, Any], world: World, grant: Grant) -> Asked:
    """The query of an expression. FhirError: 422 when it cannot be read, 403 when it reaches what is not granted."""
    try:
        return _asked(criterion, variables, world, grant)
    except FhirPathError as error:
        raise _wrong(criterion, str(error)) from error
    except FhirError as error:
        if error.issues[0].code == "forbidden":
            raise
        raise _wrong(criterion, str(error.issues[0].diagnostics)) from error


def _asked(criterion: Criterion, variables: Mapping[str, Any], world: World, grant: Grant) -> Asked:
    resource_type, pairs, towards = _pairs(criterion, variables)
    require("s", resource_type, grant)
    found = parse.search(resource_type, pairs, replace(world.search, default_count=1), lenient=False)
    query = replace(narrow(found.query, grant), includes=(), total="none", cursor=None)
    return Asked(query, towards)


def _pairs(criterion: Criterion, variables: Mapping[str, Any]) -> tuple[str, list[tuple[str, str]], str | None]:
    """Type, parameters with their values, and the parameter that leads to what is counted."""
    inner: list[str] = []

    def kept(found: re.Match[str]) -> str:
        inner.append(found[1])
        return f"\x00{len(inner) - 1}\x00"

    kind, _, query = _BRACED.sub(kept, criterion.expression.strip()).partition("?")
    pairs, towards = [], None
    for part in filter(None, query.split("&")):
        name, _, value = (unquote(each) for each in part.partition("="))
        found = _MARK.findall(value)
        if any(_CONTEXT.fullmatch(inner[int(number)]) for number in found):
            if towards is not None:
                raise FhirError("invalid", "{{%context.id}} stands in one parameter only.")
            towards = _OWN_ID if name == _OWN_ID else name.partition(":")[0]
            continue
        pairs.append((name, _MARK.sub(lambda mark: _text(inner[int(mark[1])], variables), value)))
    return kind.strip("/ "), pairs, towards


def _text(expression: str, variables: Mapping[str, Any]) -> str:
    found = fhirpath.compile(expression)({}, given=Given(variables=variables))
    return ",".join(_value(one) for one in found)


def _value(item: Item) -> str:
    return str(item.value)


def _wrong(criterion: Criterion, why: str) -> FhirError:
    text = f"The criteria cannot be evaluated: {why}"
    return FhirError("invalid", text, status=422, expression=criterion.place)
