"""Whether a resource that is not stored yet satisfies clauses: the same predicates the stores compile, over its entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from countyfhir.exchange import Write
from countyfhir.outcome import FhirError
from countyfhir.search import entries as kinds
from countyfhir.search.query import (
    Clause,
    DateIs,
    IdIs,
    InCompartment,
    Missing,
    Not,
    Predicate,
    ReferenceIs,
    StringIs,
    TokenIs,
    UriIs,
)
from countyfhir.search.ranges import date_holds


def holds(clauses: Iterable[Clause], write: Write) -> bool:
    """Whether every clause has a predicate that holds. FhirError for one that only a store can answer (a chain)."""
    return all(any(_holds(predicate, write) for predicate in clause) for clause in clauses)


def _holds(predicate: Predicate, write: Write) -> bool:
    test = _TESTS.get(type(predicate))
    if test is None:
        raise FhirError(
            "not-supported",
            "These criteria cannot be applied to a resource that is just being written; use simpler ones.",
            status=400,
        )
    return test(predicate, write)


def _values(write: Write, kind: int, parameter: str) -> Iterable[tuple[Any, ...]]:
    return (entry[3:] for entry in write.entries if entry[0] == kind and entry[1] == parameter)


def _token(predicate: TokenIs, write: Write) -> bool:
    return any(
        (predicate.system is None or system == predicate.system) and (predicate.code is None or code == predicate.code)
        for system, code, *_ in _values(write, kinds.TOKEN, predicate.parameter)
    )


def _string(predicate: StringIs, write: Write) -> bool:
    found = _values(write, kinds.STRING, predicate.parameter)
    if predicate.match == "exact":
        return any(original == predicate.value for _, original, *_ in found)
    if predicate.match == "contains":
        return any(predicate.value in normalised for normalised, *_ in found)
    return any(normalised.startswith(predicate.value) for normalised, *_ in found)


def _reference(predicate: ReferenceIs, write: Write) -> bool:
    wanted_url = predicate.url
    return any(
        (target_type == "" and target_id == wanted_url)
        if wanted_url is not None
        else (target_id == predicate.target_id and predicate.target_type in (None, target_type))
        for target_type, target_id, *_ in _values(write, kinds.REFERENCE, predicate.parameter)
    )


def _date(predicate: DateIs, write: Write) -> bool:
    return any(
        date_holds(predicate.prefix, low, high, predicate.low, predicate.high)
        for low, high, *_ in _values(write, kinds.DATE, predicate.parameter)
    )


def _uri(predicate: UriIs, write: Write) -> bool:
    return predicate.match == "exact" and any(
        value == predicate.value for value, *_ in _values(write, kinds.URI, predicate.parameter)
    )


def _missing(predicate: Missing, write: Write) -> bool:
    return predicate.missing != any(entry[1] == predicate.parameter for entry in write.entries)


def _compartment(predicate: InCompartment, write: Write) -> bool:
    if (write.resource_type, write.logical_id) == (predicate.compartment_type, predicate.logical_id):
        return True
    target = (predicate.compartment_type, predicate.logical_id)
    return any(
        entry[0] == kinds.REFERENCE and entry[1] in predicate.parameters and (entry[3], entry[4]) == target
        for entry in write.entries
    )


_TESTS: dict[type, Callable[[Any, Write], bool]] = {
    TokenIs: _token,
    StringIs: _string,
    ReferenceIs: _reference,
    DateIs: _date,
    UriIs: _uri,
    Missing: _missing,
    InCompartment: _compartment,
    IdIs: lambda predicate, write: write.logical_id in predicate.logical_ids,
    Not: lambda predicate, write: not holds((predicate.clause,), write),
}
