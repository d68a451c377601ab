"""Whether a resource that is not stored yet satisfies clauses: the predicates that stores compile, over its entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from countyfhir.exchange import Write
from countyfhir.outcome import FhirError
from countyfhir.search import entries as kinds
from countyfhir.search.contained import alternatives, numbers
from countyfhir.search.entries import Entry
from countyfhir.search.escapes import ascii_lower
from countyfhir.search.full_text import NARRATIVE, occurs
from countyfhir.search.near import is_within
from countyfhir.search.query import (
    AllOf,
    Clause,
    CodeStarts,
    CompositeIs,
    Contained,
    DateIs,
    FullText,
    IdIs,
    InCompartment,
    Missing,
    Near,
    Not,
    NumberIs,
    OfType,
    OwnBy,
    Predicate,
    ReferenceIs,
    SeenBy,
    StringIs,
    TokenIn,
    TokenIs,
    Unlabelled,
    UriIs,
)
from countyfhir.search.ranges import date_holds, number_holds


def holds(clauses: Iterable[Clause], write: Write) -> bool:
    """Whether every clause has a predicate that holds. FhirError for one that only a store can answer (a chain,
    ``_has``, ``_lastUpdated``)."""
    return all(any(_holds(predicate, write) for predicate in clause) for clause in clauses)


def _holds(predicate: Predicate, write: Write) -> bool:
    if type(predicate) in _VALUES:
        return next(_matching(predicate, write.entries), None) is not None
    test = _TESTS.get(type(predicate))
    if test is None:
        raise FhirError(
            "not-supported",
            "These criteria cannot be applied to a resource that is just being written; use simpler ones.",
            status=400,
        )
    return test(predicate, write)


def _matching(predicate: Any, entries: Iterable[Entry]) -> Iterator[Any]:
    """The entries that satisfy a predicate about values."""
    wanted, test = _VALUES[type(predicate)]
    name = predicate.parameter
    return (entry for entry in entries if entry[0] in wanted and entry[1] == name and test(predicate, *entry[3:]))


def _token(predicate: TokenIs, system: str, code: str) -> bool:
    return predicate.system in (None, system) and predicate.code in (None, code)


def _token_in(predicate: TokenIn, system: str, code: str) -> bool:
    return system in predicate.systems or (system, code) in predicate.pairs


def _code_starts(predicate: CodeStarts, system: str, code: str) -> bool:
    return ascii_lower(code).startswith(predicate.value)


def _string(predicate: StringIs, normalised: str, original: str) -> bool:
    if predicate.match == "exact":
        return original == predicate.value
    if predicate.match == "contains":
        return predicate.value in normalised
    if predicate.match == "ends":
        return normalised.endswith(predicate.value)
    if predicate.match == "equals":
        return normalised == predicate.value
    return normalised.startswith(predicate.value)


def _reference(predicate: ReferenceIs, target_type: str, target: str) -> bool:
    if predicate.url is not None:
        return (target_type, target) == ("", predicate.url)
    return target_type != "" and target == predicate.target_id and predicate.target_type in (None, target_type)


def _date(predicate: DateIs, low: int, high: int) -> bool:
    return date_holds(predicate.prefix, low, high, predicate.low, predicate.high)


def _number(predicate: NumberIs, *values: Any) -> bool:
    *unit, key = values
    if unit != ([] if predicate.unit is None else [predicate.unit]):
        return False
    return number_holds(predicate.prefix, key, predicate.low, predicate.exact, predicate.high)


def _uri(predicate: UriIs, uri: str) -> bool:
    if predicate.match == "below":
        return uri == predicate.value or uri.startswith(predicate.value.rstrip("/") + "/")
    if predicate.match == "above":
        return uri == predicate.value or predicate.value.startswith(uri.rstrip("/") + "/")
    if predicate.match == "versions":
        return _versions(predicate, uri)
    return uri == predicate.value


def _versions(predicate: UriIs, uri: str) -> bool:
    """A canonical with any version, or with the version or one that goes on with a dot."""
    value = predicate.value
    return uri.startswith(value) if value.endswith("|") else uri == value or uri.startswith(value + ".")


def _composite(predicate: CompositeIs, write: Write) -> bool:
    """Some element, which the entries' part numbers name, satisfies every component."""
    parts = [{entry[2] for entry in _matching(part, write.entries)} for part in predicate.parts]
    return bool(set.intersection(*parts)) if parts else False


def _full_text(predicate: FullText, write: Write) -> bool:
    """The entry's two texts are looked through apart: a phrase does not go on from one to the other."""
    texts = [text for entry in write.entries if entry[0] == kinds.FULL_TEXT for text in entry[3:]]
    searched = texts[:1] if predicate.parameter == NARRATIVE else texts
    return all(any(occurs(phrase, str(text)) for text in searched) for phrase in predicate.phrases)


def _near(predicate: Near, write: Write) -> bool:
    latitudes, longitudes = (
        [entry[3] for entry in write.entries if entry[:2] == (kinds.NUMBER, predicate.parameter + side)]
        for side in ("$latitude", "$longitude")
    )
    return any(
        is_within(latitude, longitude, predicate.latitude, predicate.longitude, predicate.metres)  # type: ignore[arg-type]
        for latitude in latitudes
        for longitude in longitudes
    )


def _contained(predicate: Contained, write: Write) -> bool:
    there = numbers(predicate.resource_type, (str(entry[1]) for entry in write.entries))
    return holds((alternatives(predicate, there),), write)


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


_VALUES: dict[type, tuple[tuple[int, ...], Callable[..., bool]]] = {
    TokenIs: ((kinds.TOKEN,), _token),
    TokenIn: ((kinds.TOKEN,), _token_in),
    CodeStarts: ((kinds.TOKEN,), _code_starts),
    StringIs: ((kinds.STRING,), _string),
    ReferenceIs: ((kinds.REFERENCE,), _reference),
    DateIs: ((kinds.DATE,), _date),
    NumberIs: ((kinds.NUMBER, kinds.QUANTITY), _number),
    UriIs: ((kinds.URI,), _uri),
}
"""Predicates about the values of one entry: its kinds, and the test of the values."""

_TESTS: dict[type, Callable[[Any, Write], bool]] = {
    CompositeIs: _composite,
    FullText: _full_text,
    Near: _near,
    Missing: _missing,
    Contained: _contained,
    OfType: lambda predicate, write: write.resource_type == predicate.resource_type,
    InCompartment: _compartment,
    IdIs: lambda predicate, write: write.logical_id in predicate.logical_ids,
    SeenBy: lambda predicate, write: True,  # whoever writes something sees it; who may write it is judged elsewhere
    OwnBy: lambda predicate, write: True,
    Unlabelled: lambda predicate, write: True,
    Not: lambda predicate, write: not holds((predicate.clause,), write),
    AllOf: lambda predicate, write: holds(predicate.clauses, write),
}
"""Predicates about the resource as a whole."""
