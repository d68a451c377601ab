"""What is critical in an Observation or a report: an interpretation, the county's table, the centre's flag."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.model.primitives import interval

HOUR = 3_600_000_000
SERIOUS = frozenset({"HH", "LL", "AA"})
"""What a hot path looks for at once; the table may name more, which it then looks for too."""
Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """A critical value: what people are told, and what makes it this value and no other."""

    text: str
    key: tuple[str, ...]


class Watched:
    """The codes and interpretations that any table of this process names: what an Observation without any of them is
    spared. Nothing is known before the first table is read."""

    def __init__(self) -> None:
        self.codes: frozenset[str] | None = None
        self.marks: frozenset[str] = SERIOUS
        self._table: Table | None = None
        self._rows: dict[str, list[Mapping[str, Any]]] = {}

    def rows(self, table: Table, code: str) -> list[Mapping[str, Any]]:
        """The rows of a table that name the code, whatever its system, in their order."""
        if table is not self._table:
            self._table, self._rows = table, {}
            for row in table["values"]:
                for one in dict.fromkeys([*(each.rpartition("|")[2] for each in row["codes"]), *row.get("local", ())]):
                    self._rows.setdefault(one, []).append(row)
        return self._rows.get(code, [])

    def learn(self, table: Table) -> None:
        """Look for what this table names, too."""
        if table is self._table:
            return
        named = {one.rpartition("|")[2] for row in table["values"] for one in row["codes"]}
        local = {one for row in table["values"] for one in row.get("local", ())}
        codes = self.codes or frozenset()
        if self.codes is None or not named | local <= codes:
            self.codes = codes | named | local
        self.marks |= set(table["interpretations"])

    def catches(self, observation: Resource) -> bool:
        """Whether an Observation is worth a closer look."""
        codes = self.codes
        if codes is None:
            return True
        if "interpretation" in observation and self._marked(observation):
            return True
        for one in observation["code"].get("coding", ()) if "valueQuantity" in observation else ():
            if one.get("code") in codes:
                return True
        return "component" in observation and any(self.catches(one) for one in observation["component"])

    def _marked(self, observation: Resource) -> bool:
        marks = self.marks
        return any(one.get("code") in marks for each in observation["interpretation"] for one in each.get("coding", ()))


watched = Watched()


def of_observation(observation: Resource, patient: Resource | None, table: Table) -> Finding | None:
    """The first critical value of an Observation, its components included."""
    if observation.get("status") not in table["statuses"]:
        return None
    judged = not _excluded(observation, table)
    for part in (observation, *observation.get("component", ())):
        mark = _interpretation(part, table)
        row = _row(part, observation, patient, table) if judged else None
        side = _beyond(part.get("valueQuantity"), row) if row is not None else None
        if mark is None and side is None:
            continue
        code = part.get("code") or {}
        name = f"{row['english']} {row['chinese']}" if row is not None else _name(code)
        text = f"Critical value 危急值: {name} {_value(part)} ({mark or side})".replace("  ", " ")
        return Finding(text, (_identity(code), *_when(observation), _value(part)))
    return None


def of_report(report: Resource, table: Table) -> Finding | None:
    """The centre's flag on a report: a conclusion code, or words of its conclusion that are not denied."""
    if report.get("status") not in table["statuses"]:
        return None
    codings = [one for each in report.get("conclusionCode", ()) for one in each.get("coding", ())]
    flagged = any(f"{one.get('system')}|{one.get('code')}" in table["flags"] for one in codings)
    said = str(report.get("conclusion", ""))
    for denial in table["negated"]:
        said = said.replace(denial, "")
    if not flagged and not any(word in said for word in table["words"]):
        return None
    name = _name(report.get("code") or {})
    conclusion = str(report.get("conclusion", ""))
    return Finding(f"Critical report 危急值报告: {name} {conclusion}".strip(), ("report", conclusion))


def asks_whose(observation: Resource, table: Table) -> bool:
    """Whether sex or age of the person decides."""
    codings = (
        one for part in (observation, *observation.get("component", ())) for one in part["code"].get("coding", ())
    )
    rows = (row for one in codings for row in watched.rows(table, str(one.get("code"))))
    return any("sex" in row or "from_days" in row or "to_days" in row for row in rows)


def too_old(resource: Resource, now: int, from_intake: bool, table: Table) -> bool:
    """Whether a value was known so long ago that nobody is alarmed; one taken in from legacy that says no time is."""
    period = resource.get("effectivePeriod") or {}
    said = [resource.get(name) for name in ("issued", "effectiveDateTime", "effectiveInstant")]
    said.append(period.get("end") or period.get("start"))
    known = [interval(one, UTC)[1] for one in said if one]
    if not known:
        return from_intake
    hours: int = table["age"]["intake_hours" if from_intake else "live_hours"]
    return max(known) < now - hours * HOUR


def _excluded(observation: Resource, table: Table) -> bool:
    codings = (one for each in observation.get("category", ()) for one in each.get("coding", ()))
    if any(one.get("code") in table["excluded_categories"] for one in codings):
        return True
    by = [str(one.get("reference", "")) for one in observation.get("performer", ())]
    return bool(by) and all("Patient/" in one or "RelatedPerson/" in one for one in by)


def _interpretation(part: Resource, table: Table) -> str | None:
    codings = (one for each in part.get("interpretation", ()) for one in each.get("coding", ()))
    return next((str(one["code"]) for one in codings if one.get("code") in table["interpretations"]), None)


def _row(part: Resource, observation: Resource, patient: Resource | None, table: Table) -> Mapping[str, Any] | None:
    codings = (part.get("code") or {}).get("coding", ())
    names = {f"{one.get('system')}|{one.get('code')}" for one in codings}
    local = {one.get("code") for one in codings if one.get("system") in table["local_systems"]}
    for row in (row for one in codings for row in watched.rows(table, str(one.get("code")))):
        if (names & set(row["codes"]) or local & set(row.get("local", ()))) and _fits(row, observation, patient):
            return row
    return None


def _fits(row: Mapping[str, Any], observation: Resource, patient: Resource | None) -> bool:
    if "sex" in row and (patient or {}).get("gender") != row["sex"]:
        return False
    if "from_days" not in row and "to_days" not in row:
        return True
    age = _age_days(observation, patient)
    if age is None:  # most people are no newborns: a band that begins later is theirs
        return "to_days" not in row
    return bool(row.get("from_days", 0) <= age <= row.get("to_days", age))


def _age_days(observation: Resource, patient: Resource | None) -> int | None:
    born = (patient or {}).get("birthDate")
    at = observation.get("effectiveDateTime") or observation.get("issued")
    if not born or not at or len(born) < 10 or len(at) < 10:
        return None
    return (date.fromisoformat(at[:10]) - date.fromisoformat(born[:10])).days


def _beyond(quantity: Any, row: Mapping[str, Any]) -> str | None:
    """``low`` or ``high``; None within the limits, and where unit or comparator do not let it be known."""
    value = (quantity or {}).get("value")
    if value is None:
        return None
    units = {str(name): factor for name, factor in row["units"].items()}
    factor = units.get(str(quantity.get("code"))) or units.get(str(quantity.get("unit")))
    if factor is None:
        return None
    number, comparator = Decimal(str(value)) * Decimal(str(factor)), quantity.get("comparator")
    low, high = row.get("low"), row.get("high")
    if low is not None and comparator in (None, "<", "<="):
        limit = Decimal(str(low))
        if number < limit or (comparator == "<" and number <= limit):
            return "low 低"
    if high is not None and comparator in (None, ">", ">="):
        limit = Decimal(str(high))
        if number > limit or (comparator == ">" and number >= limit):
            return "high 高"
    return None


def _name(code: Resource) -> str:
    shown = (one.get("display") or one.get("code") for one in code.get("coding", ()))
    return str(code.get("text") or next((one for one in shown if one), ""))


def _identity(code: Resource) -> str:
    return next((str(one["code"]) for one in code.get("coding", ()) if one.get("code")), str(code.get("text", "")))


def _when(observation: Resource) -> Iterator[str]:
    """The time a value is of; without one, the number or id of what bears it."""
    time = observation.get("effectiveDateTime") or observation.get("effectiveInstant") or observation.get("issued")
    if time is not None:
        yield str(time)
        return
    numbers = [str(one.get("value")) for one in observation.get("identifier", ()) if one.get("value")]
    yield numbers[0] if numbers else str(observation.get("id", ""))


def _value(part: Resource) -> str:
    quantity = part.get("valueQuantity")
    if quantity is not None:
        unit = quantity.get("unit") or quantity.get("code") or ""
        return f"{quantity.get('comparator', '')}{quantity.get('value', '')} {unit}".strip()
    concept = part.get("valueCodeableConcept")
    return str(part.get("valueString") or (_name(concept) if concept else ""))
