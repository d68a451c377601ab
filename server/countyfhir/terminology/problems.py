"""What makes a code system, value set or concept map unusable, told when it is written (R4 sections 4.8 and 4.9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from countyfhir.outcome import FhirError, Issue
from countyfhir.terminology.patterns import compiled

_MOST = 50
"""Problems of one resource that are told."""


def of_resource(resource: Mapping[str, Any]) -> list[Issue]:
    """Every problem, at most 50; [] for a resource that can be used."""
    finder = _FINDERS.get(str(resource.get("resourceType")))
    found = finder(resource) if finder is not None else iter(())
    return [issue for _, issue in zip(range(_MOST), found, strict=False)]


def _of_code_system(resource: Mapping[str, Any]) -> Iterator[Issue]:
    """Codes that come twice (invariant csd-1)."""
    seen: dict[str, str] = {}
    waiting = _placed(resource, "CodeSystem")
    while waiting:
        concept, place = waiting.pop()
        code = str(concept.get("code"))
        if code in seen:
            text = f"The code '{code}' comes twice, first at {seen[code]}; codes are unique within a code system."
            yield Issue("invariant", text, (f"{place}.code",), details="csd-1")
        seen.setdefault(code, place)
        waiting += _placed(concept, place)


def _placed(holder: Mapping[str, Any], place: str) -> list[tuple[Mapping[str, Any], str]]:
    """The concepts of a holder with their places, the last one first."""
    return [(one, f"{place}.concept[{at}]") for at, one in enumerate(holder.get("concept", ()))][::-1]


def _of_value_set(resource: Mapping[str, Any]) -> Iterator[Issue]:
    """Regular expressions that cannot be used."""
    compose = resource.get("compose", {})
    for name in ("include", "exclude"):
        for at, part in enumerate(compose.get(name, ())):
            for number, one in enumerate(part.get("filter", ())):
                if one.get("op") != "regex" or not one.get("value"):
                    continue
                try:
                    compiled(str(one["value"]))
                except FhirError as error:
                    place = f"ValueSet.compose.{name}[{at}].filter[{number}].value"
                    yield Issue("value", str(error), (place,))


_FINDERS = {"CodeSystem": _of_code_system, "ValueSet": _of_value_set}
