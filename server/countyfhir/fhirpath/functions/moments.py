"""Current date and time, and the parts of a date (FHIRPath N1 section 5.9 and 2.1 extraction)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from countyfhir.fhirpath import dates
from countyfhir.fhirpath.error import FhirPathError
from countyfhir.fhirpath.functions.table import INTEGER, Function, single, single_string
from countyfhir.fhirpath.item import EMPTY, Nodes, decimal, integer, kind_of
from countyfhir.fhirpath.scope import Scope


def _now(scope: Scope, nodes: Nodes) -> Nodes:
    return [(scope.instant().isoformat(timespec="milliseconds"), "System.DateTime", None)]


def _today(scope: Scope, nodes: Nodes) -> Nodes:
    return [(scope.instant().date().isoformat(), "System.Date", None)]


def _time_of_day(scope: Scope, nodes: Nodes) -> Nodes:
    return [(scope.instant().time().isoformat(timespec="milliseconds"), "System.Time", None)]


def _moment(nodes: Nodes) -> tuple[dates.Moment | None, str]:
    node, text = single(nodes), single_string(nodes)
    if node is None or text is None:
        return None, ""
    kind = kind_of(node)
    if kind not in ("date", "time"):
        raise FhirPathError(f"The input must be a date or time, not a {kind} value")
    return dates.moment(text, kind == "time"), text


def _part(position: int, of_time: int | None) -> Function:
    def run(scope: Scope, nodes: Nodes) -> Nodes:
        point, _ = _moment(nodes)
        place = of_time if point is not None and point.is_time else position
        if point is None or place is None or place >= len(point.parts):
            return EMPTY
        return integer(int(point.parts[place]))

    return Function(run, result=INTEGER)


def _millisecond(scope: Scope, nodes: Nodes) -> Nodes:
    point, text = _moment(nodes)
    if point is None or "." not in text:
        return EMPTY
    return integer(int(Decimal(point.parts[-1]) % 1 * 1000))


def _zone(scope: Scope, nodes: Nodes) -> Nodes:
    point, _ = _moment(nodes)
    return EMPTY if point is None or point.offset is None else decimal(Decimal(point.offset) / 60)


def _text_part(choose: Callable[[str], str], type_name: str) -> Function:
    def run(scope: Scope, nodes: Nodes) -> Nodes:
        point, text = _moment(nodes)
        part = choose(text) if point is not None and not point.is_time else ""
        return [(part, type_name, None)] if part else EMPTY

    return Function(run, result=type_name)


def _time_text(text: str) -> str:
    return dates.without_zone(text).partition("T")[2]


_PARTS = (
    ("yearOf", 0, None),
    ("monthOf", 1, None),
    ("dayOf", 2, None),
    ("hourOf", 3, 0),
    ("minuteOf", 4, 1),
    ("secondOf", 5, 2),
)
FUNCTIONS: dict[str, Function] = {
    "now": Function(_now, result="System.DateTime"),
    "today": Function(_today, result="System.Date"),
    "timeOfDay": Function(_time_of_day, result="System.Time"),
    **{name: _part(position, of_time) for name, position, of_time in _PARTS},
    "millisecondOf": Function(_millisecond, result=INTEGER),
    "timezoneOffsetOf": Function(_zone, result="System.Decimal"),
    "dateOf": _text_part(lambda text: text.partition("T")[0], "System.Date"),
    "timeOf": _text_part(_time_text, "System.Time"),
}
