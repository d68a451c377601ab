"""From method and path to the interaction they ask for (R4 section 3.1.0: the table of interactions)."""

from __future__ import annotations

import re
from dataclasses import replace

from countyfhir.exchange import Interaction
from countyfhir.model.definitions import Definitions
from countyfhir.outcome import FhirError

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")
_SYSTEM_GET = {"metadata": "capabilities", "_history": "history-system"}
_ON_TYPE = {
    "GET": "search-type",
    "HEAD": "search-type",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_ON_INSTANCE = {"GET": "read", "HEAD": "read", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_READS = ("GET", "HEAD")


def route(asked: Interaction, path: str, definitions: Definitions) -> Interaction:
    """The interaction of ``asked.http_method`` on ``path`` (relative to the base, percent-decoded, without query).

    ``asked`` brings everything else. 404 for a type or path that FHIR does not know, 405 for a method that the place
    does not have, 400 for an impossible id.
    """
    segments = [segment for segment in path.split("/") if segment]
    method = asked.http_method
    if not segments:
        return _system(asked, method)
    first = segments[0]
    if first[0] in "$_" or first == "metadata":
        return _system_place(asked, method, first, segments)
    if first not in definitions.endpoint_types:
        raise unknown_type(first)
    if len(segments) == 1:
        return _pick(asked, _ON_TYPE, method, first)
    return _below_type(asked, method, first, segments[1:], definitions)


def _system(asked: Interaction, method: str) -> Interaction:
    if method in _READS:
        return replace(asked, kind="search-system")
    if method == "POST":
        return replace(asked, kind="batch")  # or transaction, as the Bundle says
    raise wrong_method(method, "the base of the server", "GET, POST")


def _system_place(asked: Interaction, method: str, first: str, segments: list[str]) -> Interaction:
    if len(segments) > 1:
        raise _no_such_place(segments)
    if first.startswith("$"):
        return _operation(asked, method, first, None, None)
    if first == "_search":
        return _posted_search(asked, method, "search-system", None)
    if first not in _SYSTEM_GET:
        raise _no_such_place(segments)
    if method not in _READS:
        raise wrong_method(method, first, "GET")
    return replace(asked, kind=_SYSTEM_GET[first])


def _below_type(
    asked: Interaction, method: str, resource_type: str, rest: list[str], definitions: Definitions
) -> Interaction:
    place = rest[0]
    if place.startswith("$") and len(rest) == 1:
        return _operation(asked, method, place, resource_type, None)
    if place == "_search" and len(rest) == 1:
        return _posted_search(asked, method, "search-type", resource_type)
    if place == "_history" and len(rest) == 1:
        return _history(asked, method, "history-type", resource_type)
    if not ID.match(place):
        raise bad_id(method, resource_type)
    asked = replace(asked, logical_id=place)
    if len(rest) == 1:
        return _pick(asked, _ON_INSTANCE, method, resource_type)
    return _below_instance(asked, method, resource_type, rest[1:], definitions)


def _below_instance(
    asked: Interaction, method: str, resource_type: str, rest: list[str], definitions: Definitions
) -> Interaction:
    place = rest[0]
    if place.startswith("$") and len(rest) == 1:
        return _operation(asked, method, place, resource_type, asked.logical_id)
    if place == "_history":
        return _versions(asked, method, resource_type, rest)
    if resource_type in definitions.compartments and (place == "*" or place in definitions.endpoint_types):
        assert asked.logical_id is not None
        inside = replace(asked, compartment=(resource_type, asked.logical_id), logical_id=None)
        searched = None if place == "*" else place
        if len(rest) == 1 and method in _READS:
            return replace(inside, kind="search-compartment", resource_type=searched)
        if rest[1:] == ["_search"]:
            return _posted_search(inside, method, "search-compartment", searched)
    raise _no_such_place([resource_type, str(asked.logical_id), *rest])


def _versions(asked: Interaction, method: str, resource_type: str, rest: list[str]) -> Interaction:
    if len(rest) == 1:
        return _history(asked, method, "history-instance", resource_type)
    if len(rest) == 2 and method in _READS:
        return replace(asked, kind="vread", resource_type=resource_type, version_id=rest[1])
    if len(rest) == 3 and rest[2].startswith("$"):
        return replace(_operation(asked, method, rest[2], resource_type, asked.logical_id), version_id=rest[1])
    if len(rest) == 2:
        raise wrong_method(method, "a version", "GET")
    raise _no_such_place([resource_type, str(asked.logical_id), *rest])


def _pick(asked: Interaction, table: dict[str, str], method: str, resource_type: str) -> Interaction:
    kind = table.get(method)
    if kind is None:
        raise wrong_method(method, resource_type, ", ".join(table))
    return replace(asked, kind=kind, resource_type=resource_type)


def _history(asked: Interaction, method: str, kind: str, resource_type: str) -> Interaction:
    if method not in _READS:
        raise wrong_method(method, "_history", "GET")
    return replace(asked, kind=kind, resource_type=resource_type)


def _posted_search(asked: Interaction, method: str, kind: str, resource_type: str | None) -> Interaction:
    if method not in ("POST", *_READS):
        raise wrong_method(method, "_search", "POST")
    return replace(asked, kind=kind, resource_type=resource_type)


def _operation(
    asked: Interaction, method: str, name: str, resource_type: str | None, logical_id: str | None
) -> Interaction:
    if method not in ("GET", "HEAD", "POST"):
        raise wrong_method(method, name, "GET, POST")
    return replace(asked, kind="operation", operation=name, resource_type=resource_type, logical_id=logical_id)


def unknown_type(name: str) -> FhirError:
    """404 for a type without an endpoint."""
    return FhirError(
        "not-supported", f"'{name[:64]}' is not a resource type of FHIR R4 that has an endpoint.", status=404
    )


def wrong_method(method: str, place: str, allowed: str) -> FhirError:
    """405 with what is allowed."""
    return FhirError(
        "not-supported",
        f"{method} is not possible on {place}; possible: {allowed}.",
        status=405,
        headers={"Allow": allowed},
    )


def bad_id(method: str, resource_type: str) -> FhirError:
    """400 for an id outside of FHIR's id type on a write; nothing can be stored there, so 404 on a read."""
    said = "An id has 1 to 64 characters out of A-Z a-z 0-9 - and '.'."
    if method in _READS:
        return FhirError("not-found", f"No {resource_type} can have this id. {said}")
    return FhirError("value", said, expression=f"{resource_type}.id", status=400)


def _no_such_place(segments: list[str]) -> FhirError:
    return FhirError("not-supported", f"There is nothing at '{'/'.join(segments)[:200]}'.", status=404)
