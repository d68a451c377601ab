"""Parameters that shape the answer: _sort _count _total _summary _elements _include _revinclude (R4 section
3.1.1.5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from countyfhir.outcome import FhirError
from countyfhir.search import parameters as table_of
from countyfhir.search.conditions import Place, find
from countyfhir.search.extractor import SORTED_APART
from countyfhir.search.leaves import sorts_apart
from countyfhir.search.query import Include, Sort
from countyfhir.search.refusals import NotReady, Unsupported, malformed, shown

SUMMARIES = ("true", "text", "data", "count", "false")
TOTALS = ("none", "estimate", "accurate")
FORMATS = ("_format", "_pretty")
"""Read at the edge; they are no part of what is searched."""

CONTAINED, CONTAINED_TYPE = ("false", "true", "both"), ("contained", "container")
NOT_YET_MODES = ("_score",)
_MODIFIED = ("_include", "_revinclude")
_REPEATED = frozenset({"_include", "_revinclude", "_sort", "_elements"})
_COUNT = re.compile(r"\d{1,9}", re.ASCII)
_MOST_SORT_KEYS = 8


@dataclass(slots=True)
class Shape:
    """What the result parameters said so far."""

    count: int
    most: int
    sort: list[Sort] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    total: str = "none"
    summary: str = "false"
    elements: list[str] = field(default_factory=list)
    pretty: bool | None = None
    format: str | None = None
    cursor: str | None = None
    contained: str = "false"
    containers: bool = False
    seen: set[str] = field(default_factory=set)


Read = Callable[[Shape, Place, str, str], str]
"""``read(shape, place, modifier, text)`` puts the value into the shape and returns it as it was applied."""


def is_result_parameter(name: str) -> bool:
    """Whether a parameter name (modifier and all) is one of these."""
    code = name.partition(":")[0]
    return code in READERS or code in NOT_YET_MODES


def read(shape: Shape, place: Place, name: str, text: str) -> str:
    """Put one parameter into ``shape``; the value as it was applied. FhirError 400 when it is malformed or said
    twice."""
    code, _, modifier = name.partition(":")
    if code in NOT_YET_MODES:
        raise Unsupported(f"{code} is not supported yet.")
    if modifier and not (code in _MODIFIED and modifier == "iterate"):
        raise Unsupported(f"{code} has no modifier :{shown(modifier)}.")
    if code in shape.seen and code not in _REPEATED:
        raise FhirError("invalid", f"{code} is given more than once; it may be given once.")
    if not text:
        raise malformed(code, "it is empty")
    shape.seen.add(code)
    return READERS[code](shape, place, modifier, text)


def finish(shape: Shape) -> None:
    """What the parameters mean together; FhirError 400 for those that exclude each other."""
    if shape.summary == "text" and shape.includes:
        raise FhirError("invalid", "_summary=text cannot be combined with _include or _revinclude.")
    if shape.elements and shape.summary in ("true", "text", "data"):
        raise FhirError("invalid", "_elements and _summary exclude each other; use one of them.")
    if shape.contained != "false" and any(key.parameter != "_lastUpdated" for key in shape.sort):
        raise FhirError("invalid", "A search of contained resources can only be sorted by _lastUpdated.")
    if shape.summary == "count" or shape.count == 0:
        shape.count, shape.total = 0, "accurate"


def _sort(shape: Shape, place: Place, modifier: str, text: str) -> str:
    for key in text.split(","):
        code = key.removeprefix("-")
        kind, name = _sort_entry(place, code)
        shape.sort.append(Sort(name, kind, key.startswith("-")))
    names = [key.parameter for key in shape.sort]
    if len(set(names)) < len(names):
        raise FhirError("invalid", "_sort names a parameter twice.")
    if len(names) > _MOST_SORT_KEYS:
        raise FhirError("too-costly", f"_sort has more than {_MOST_SORT_KEYS} keys.", status=400)
    return text


def _sort_entry(place: Place, code: str) -> tuple[str, str]:
    """Kind and entry name of a sort key."""
    if code in _COLUMN_KINDS:
        return _COLUMN_KINDS[code], code
    if not code:
        raise malformed("_sort", "it has an empty key between commas")
    parameter = find(place, code)
    if parameter.type not in table_of.SORTABLE or not parameter.expression:
        raise Unsupported(f"_sort by {code} is not possible: it is a {parameter.type} parameter.")
    apart = sorts_apart(place.resource_types, code, place.context.parameters)
    return parameter.type, code + SORTED_APART if apart else code


_COLUMN_KINDS = {"_id": "token", "_lastUpdated": "date"}


def _count(shape: Shape, place: Place, modifier: str, text: str) -> str:
    if not _COUNT.fullmatch(text):
        raise malformed("_count", "it is a whole number, 0 or more")
    shape.count = min(int(text), shape.most)
    return str(shape.count)


def _one_of(name: str, allowed: tuple[str, ...]) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in allowed:
            raise malformed(name, f"it is one of {', '.join(allowed)}")
        return text

    return check


_is_total, _is_summary = _one_of("_total", TOTALS), _one_of("_summary", SUMMARIES)
_is_pretty = _one_of("_pretty", ("true", "false"))
_is_contained, _is_contained_type = _one_of("_contained", CONTAINED), _one_of("_containedType", CONTAINED_TYPE)


def _total(shape: Shape, place: Place, modifier: str, text: str) -> str:
    shape.total = _is_total(text)
    return text


def _total_method(shape: Shape, place: Place, modifier: str, text: str) -> str:
    """Not FHIR's: how the client library fhir-py asks for a total."""
    if text != "count":
        raise malformed("_totalMethod", "it is count; FHIR's own parameter is _total")
    shape.total = "accurate"
    return text


def _summary(shape: Shape, place: Place, modifier: str, text: str) -> str:
    shape.summary = _is_summary(text)
    return text


def _elements(shape: Shape, place: Place, modifier: str, text: str) -> str:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        _check_element(place, name)
    shape.elements += [name for name in names if name not in shape.elements]
    return text


def _check_element(place: Place, name: str) -> None:
    """A top-level element (``name`` or ``Patient.name``, ``value`` for a choice) of one of the types, or of what may
    be included; ``resourceType`` is always shown."""
    if name == "resourceType":
        return
    types = place.context.parameters.definitions.types
    owner, dot, element = name.rpartition(".")
    searched = (owner,) if dot else place.resource_types
    for each in searched:
        elements = types[each].elements if each in types else {}
        if element in elements or any(known.choice == element for known in elements.values()):
            return
    if not dot and any(element in types[each].elements for each in place.context.parameters.endpoint_types):
        return
    raise malformed("_elements", f"{shown(name)} is no element of {place.said}")


def _pretty(shape: Shape, place: Place, modifier: str, text: str) -> str:
    shape.pretty = _is_pretty(text) == "true"
    return text


def _format(shape: Shape, place: Place, modifier: str, text: str) -> str:
    shape.format = text
    return text


def _cursor(shape: Shape, place: Place, modifier: str, text: str) -> str:
    shape.cursor = text
    return text


def _contained(shape: Shape, place: Place, modifier: str, text: str) -> str:
    shape.contained = _is_contained(text)
    if place.wide and text != "false":
        raise malformed("_contained", "contained resources are searched by type, not on the whole server")
    return text


def _contained_type(shape: Shape, place: Place, modifier: str, text: str) -> str:
    shape.containers = _is_contained_type(text) == "container"
    return text


def _include(shape: Shape, place: Place, modifier: str, text: str) -> str:
    """``Source:parameter[:Target]`` or ``*``."""
    iterate = modifier == "iterate"
    source, code, target = _include_parts("_include", text)
    if source == "*":
        sources = ("*",) if iterate or len(place.resource_types) > 1 else place.resource_types
        shape.includes += [Include(each, "*", None, False, iterate) for each in sources]
        return text
    _check_include(place, "_include", source, code, target)
    shape.includes.append(Include(source, code, target, False, iterate))
    return text


def _revinclude(shape: Shape, place: Place, modifier: str, text: str) -> str:
    iterate = modifier == "iterate"
    source, code, target = _include_parts("_revinclude", text)
    if source != "*":
        _check_include(place, "_revinclude", source, code, target)
        pointed = (target,) if target else place.resource_types
        _check_points_here(place, source, code, pointed, iterate)
    shape.includes.append(Include(source, code, target, True, iterate))
    return text


def _include_parts(name: str, text: str) -> tuple[str, str, str | None]:
    if text == "*":
        return "*", "*", None
    parts = text.split(":")
    if len(parts) not in (2, 3) or not all(parts):
        raise malformed(name, "it is written Type:parameter, Type:parameter:TargetType, Type:* or *")
    return parts[0], parts[1], parts[2] if len(parts) == 3 else None


def _check_include(place: Place, name: str, source: str, code: str, target: str | None) -> None:
    table = place.context.parameters
    for resource_type in filter(None, (source, target)):
        if resource_type not in table.definitions.endpoint_types:
            raise malformed(name, f"{shown(resource_type)} is no resource type")
    if code == "*":
        return
    parameter = table.of(source).get(code)
    if parameter is None and (job := table.waits_for((source,), code)) is not None:
        raise NotReady(code, job)
    if parameter is None or parameter.type != "reference":
        offered = [each.code for each in table.of(source).values() if each.type == "reference"]
        raise malformed(
            name, f"{shown(code)} is no reference parameter of {source}; it has {table_of.named(offered) or 'none'}"
        )
    if target and not table_of.leads_to(parameter, target):
        raise malformed(name, f"{source}:{code} does not lead to {target}")


def _check_points_here(place: Place, source: str, code: str, pointed: tuple[str, ...], iterate: bool) -> None:
    """A reverse include that can never find anything is a mistake, unless it goes on from what was included."""
    if code == "*" or iterate:
        return
    parameter = place.context.parameters.of(source)[code]
    if not any(table_of.leads_to(parameter, each) for each in pointed):
        raise malformed("_revinclude", f"{source}:{code} does not lead to {place.said}")


READERS: Mapping[str, Read] = {
    "_sort": _sort,
    "_count": _count,
    "_total": _total,
    "_totalMethod": _total_method,
    "_summary": _summary,
    "_elements": _elements,
    "_include": _include,
    "_revinclude": _revinclude,
    "_contained": _contained,
    "_containedType": _contained_type,
    "_format": _format,
    "_pretty": _pretty,
    "_cursor": _cursor,
}
