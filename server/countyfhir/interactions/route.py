"""From method and path to the interaction they ask for (R4 section 3.1.0: the table of interactions)."""

from __future__ import annotations

import re
from typing import NamedTuple

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


class Route(NamedTuple):
    """What method and path ask for; the fields are those of Interaction."""

    kind: str
    resource_type: str | None = None
    logical_id: str | None = None
    version_id: str | None = None
    operation: str | None = None
    compartment: tuple[str, str] | None = None


def route(method: str, path: str, definitions: Definitions) -> Route:
    """What ``method`` on ``path`` (relative to the base, percent-decoded, without query) asks for.

    404 for a type or path that FHIR does not know, 405 for a method that the place does not have, 400 for an
    impossible id. A POST to the base is ``batch`` here; its body tells whether it is a transaction.
    """
    segments = [segment for segment in path.split("/") if segment]
    if not segments:
        return _system(method)
    first = segments[0]
    if first[0] in "$_" or first == "metadata":
        return _system_place(method, first, segments)
    if first not in definitions.endpoint_types:
        raise unknown_type(first)
    if len(segments) == 1:
        return Route(_pick(_ON_TYPE, method, first), first)
    return _below_type(method, first, segments[1:], definitions)


def _system(method: str) -> Route:
    if method in _READS:
        return Route("search-system")
    if method == "POST":
        return Route("batch")
    raise wrong_method(method, "the base of the server", "GET, POST")


def _system_place(method: str, first: str, segments: list[str]) -> Route:
    if len(segments) > 1:
        raise _no_such_place(segments)
    if first.startswith("$"):
        return _operation(method, first)
    if first == "_search":
        return _posted_search(method, Route("search-system"))
    if first not in _SYSTEM_GET:
        raise _no_such_place(segments)
    if method not in _READS:
        raise wrong_method(method, first, "GET")
    return Route(_SYSTEM_GET[first])


def _below_type(method: str, resource_type: str, rest: list[str], definitions: Definitions) -> Route:
    place = rest[0]
    if len(rest) == 1 and place[0] in "$_":
        return _on_type(method, resource_type, place)
    if not ID.match(place):
        raise bad_id(method, resource_type)
    if len(rest) == 1:
        return Route(_pick(_ON_INSTANCE, method, resource_type), resource_type, place)
    return _below_instance(method, resource_type, place, rest[1:], definitions)


def _on_type(method: str, resource_type: str, place: str) -> Route:
    if place.startswith("$"):
        return _operation(method, place, resource_type)
    if place == "_search":
        return _posted_search(method, Route("search-type", resource_type))
    if place == "_history":
        return _history(method, Route("history-type", resource_type))
    raise _no_such_place([resource_type, place])


def _below_instance(
    method: str, resource_type: str, logical_id: str, rest: list[str], definitions: Definitions
) -> Route:
    place = rest[0]
    if place.startswith("$") and len(rest) == 1:
        return _operation(method, place, resource_type, logical_id)
    if place == "_history":
        return _versions(method, resource_type, logical_id, rest)
    if resource_type in definitions.compartments and (place == "*" or place in definitions.endpoint_types):
        inside = Route("search-compartment", None if place == "*" else place, compartment=(resource_type, logical_id))
        if len(rest) == 1 and method in _READS:
            return inside
        if rest[1:] == ["_search"]:
            return _posted_search(method, inside)
    raise _no_such_place([resource_type, logical_id, *rest])


def _versions(method: str, resource_type: str, logical_id: str, rest: list[str]) -> Route:
    if len(rest) == 1:
        return _history(method, Route("history-instance", resource_type, logical_id))
    if len(rest) == 2 and method in _READS:
        return Route("vread", resource_type, logical_id, rest[1])
    if len(rest) == 2:
        raise wrong_method(method, "a version", "GET")
    if len(rest) == 3 and rest[2].startswith("$"):
        return _operation(method, rest[2], resource_type, logical_id)._replace(version_id=rest[1])
    raise _no_such_place([resource_type, logical_id, *rest])


def _pick(table: dict[str, str], method: str, resource_type: str) -> str:
    kind = table.get(method)
    if kind is None:
        raise wrong_method(method, resource_type, ", ".join(table))
    return kind


def _history(method: str, found: Route) -> Route:
    if method not in _READS:
        raise wrong_method(method, "_history", "GET")
    return found


def _posted_search(method: str, found: Route) -> Route:
    if method not in ("POST", *_READS):
        raise wrong_method(method, "_search", "POST")
    return found


def _operation(method: str, name: str, resource_type: str | None = None, logical_id: str | None = None) -> Route:
    if method not in ("GET", "HEAD", "POST"):
        raise wrong_method(method, name, "GET, POST")
    return Route("operation", resource_type, logical_id, operation=name)


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
