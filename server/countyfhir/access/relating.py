"""What a resource says about who may see whose record, as index entries: by the table ``profiles/rules/access.yaml``
(docs/access.md)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from functools import cached_property
from typing import TYPE_CHECKING, Any

from countyfhir.model.primitives import interval
from countyfhir.search.entries import RELATION, Entry
from countyfhir.search.query import FOREVER
from countyfhir.search.relations import ACTORS, FIRM, ITSELF, OWN, PERMIT, PERSON, RECORD, Target
from countyfhir.search.targets import target_of

if TYPE_CHECKING:
    from countyfhir.fhirpath import Expression

log = logging.getLogger(__name__)

DAY = 86_400_000_000
REACH = {"person": PERSON, "record": RECORD}
PATIENT = "Patient"
Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """How references and dates of a resource are read."""

    bases: tuple[str, ...]
    zone: tzinfo

    def targets(self, references: Iterable[Any], kinds: Iterable[str] = ACTORS) -> list[Target]:
        """The local targets of these References, each once, as far as they are of these types."""
        found: dict[Target, None] = {}
        for reference in references:
            literal = reference.get("reference") if isinstance(reference, dict) else None
            target = target_of(literal, self.bases) if isinstance(literal, str) else None
            if target is not None and target[0] in kinds:
                found[target] = None
        return list(found)

    def moment(self, text: Any) -> tuple[int, int] | None:
        """A date, dateTime or instant as ``[low, high)``; None for what is none."""
        try:
            return interval(text, self.zone) if isinstance(text, str) else None
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of ``relations``, its expressions compiled."""

    name: str
    where: Expression | None
    patient: Expression | None
    organizations: Expression
    start: Expression | None
    end: Expression | None
    open: Expression | None
    window: int
    types: str
    reach: int
    effect: int

    def entries(self, resource: Mapping[str, Any], reading: Reading) -> Iterator[Entry]:
        """The relations that the resource gives by this row."""
        if self.where is not None and not holds(self.where, resource):
            return
        actors = reading.targets(values(self.organizations, resource))
        until = self._until(resource, reading) if actors else 0
        for patient in patients_of(self.patient, resource, reading) if actors else ():
            for actor in actors:
                yield relation(self.name, patient, actor, self.effect, self.reach, (-FOREVER, until), self.types)

    def _until(self, resource: Mapping[str, Any], reading: Reading) -> int:
        if self.open is not None and holds(self.open, resource):
            return FOREVER
        for path in (self.end, self.start):
            moments = [reading.moment(text) for text in values(path, resource)] if path is not None else []
            known = [one[1] for one in moments if one is not None]
            if known:
                return max(known) + self.window * DAY
        return FOREVER


class Relating:
    """The table, read when it is first needed. ``version`` tells one content from another without reading it."""

    def __init__(self, read: Callable[[], Table], zone: tzinfo, version: str = "") -> None:
        self._read, self.zone, self.version = read, zone, version

    @cached_property
    def table(self) -> Table:
        """The content of the file."""
        return self._read()

    @cached_property
    def _rules(self) -> dict[str, list[Rule]]:
        found: dict[str, list[Rule]] = {}
        for row in self.table["relations"]:
            found.setdefault(row["type"], []).append(rule_of(row))
        return found

    @cached_property
    def _own(self) -> dict[str, dict[str, list[tuple[str, ...]]]]:
        return {name: by_first(paths) for name, paths in self.table["own"].items()}

    @cached_property
    def consents(self) -> list[tuple[Table, Expression | None, Expression]]:
        """The rows of ``consents``: each with what chooses and what names the institutions."""
        return [
            (row, expression(row.get("where"), "Consent"), compiled(row["organizations"], "Consent"))
            for row in self.table["consents"]
        ]

    @cached_property
    def shared(self) -> frozenset[str]:
        """Types that hold nobody's data."""
        return frozenset(self.table["shared"])

    def entries(self, resource: Mapping[str, Any], bases: tuple[str, ...]) -> tuple[Entry, ...]:
        """The entries of kind RELATION of a resource that is about to be indexed."""
        resource_type = str(resource["resourceType"])
        if resource_type in self.shared or "id" not in resource:
            return ()
        reading = Reading(bases, self.zone)
        found = dict.fromkeys(self._own_entries(resource, reading))
        for rule in self._rules.get(resource_type, ()):
            found.update(dict.fromkeys(rule.entries(resource, reading)))
        if resource_type == "Consent":
            from countyfhir.access.consenting import entries_of

            found.update(dict.fromkeys(entries_of(resource, self, reading)))
        return tuple(found)

    def own_institutions(self, resource: Mapping[str, Any], reading: Reading) -> list[Target]:
        """The institutions that the resource is of, by what stands in it."""
        paths = self._own.get(str(resource["resourceType"]), self._own["*"])
        return reading.targets(
            part for first in paths.keys() & resource.keys() for part in along(resource, paths[first])
        )

    def _own_entries(self, resource: Mapping[str, Any], reading: Reading) -> Iterator[Entry]:
        itself = (str(resource["resourceType"]), str(resource["id"]))
        for actor in self.own_institutions(resource, reading):
            yield relation(OWN, itself, actor, FIRM, ITSELF, (-FOREVER, FOREVER), "")


def relation(
    rule: str,
    subject: Target,
    actor: Target,
    effect: int,
    reach: int,
    period: tuple[int, int],
    types: str,
    instance: Target = ("", ""),
) -> Entry:
    """An entry of kind RELATION (``search.relations`` says what its values mean)."""
    return (RELATION, rule, 0, *subject, *actor, effect, reach, *period, types, *instance)


def listed(types: Iterable[str]) -> str:
    """Types as an entry names them: each between two bars; "" for all."""
    names = sorted(set(types))
    return f"|{'|'.join(names)}|" if names else ""


def rule_of(row: Mapping[str, Any]) -> Rule:
    """A row of the table, compiled; FhirPathError when an expression cannot be."""
    kind = row["type"]
    return Rule(
        row["name"],
        expression(row.get("where"), kind),
        expression(row.get("patient"), kind),
        compiled(row["organizations"], kind),
        expression(row.get("start"), kind),
        expression(row.get("end"), kind),
        expression(row.get("open"), kind),
        int(row.get("window", 0)),
        listed(row.get("covers", ())),
        REACH[row.get("reach", "person")],
        FIRM if row.get("firm") else PERMIT,
    )


def compiled(text: str, kind: str) -> Expression:
    """A compiled expression."""
    from countyfhir.fhirpath import compile  # noqa: A004 - a server starts without the FHIRPath engine

    return compile(text, kind)


def expression(text: str | None, kind: str) -> Expression | None:
    """A compiled expression, or None where there is none."""
    return None if text is None else compiled(text, kind)


def holds(path: Expression, resource: Mapping[str, Any]) -> bool:
    """Whether the expression is true of the resource; one that cannot be evaluated is not."""
    return values(path, resource) == [True]


def values(path: Expression, resource: Mapping[str, Any]) -> list[Any]:
    """What the expression finds; nothing where it cannot be evaluated."""
    from countyfhir.fhirpath import FhirPathError

    try:
        return [node[0] for node in path.nodes(resource)]
    except FhirPathError as error:
        log.warning(
            "an expression of the table access cannot be evaluated on a %s: %s", resource["resourceType"], error
        )
        return []


def patients_of(path: Expression | None, resource: Mapping[str, Any], reading: Reading) -> list[Target]:
    """The Patients that a row is about: a Patient is about itself."""
    if path is None:
        return [(PATIENT, str(resource["id"]))] if resource["resourceType"] == PATIENT else []
    return reading.targets(values(path, resource), (PATIENT,))


def by_first(paths: Iterable[str]) -> dict[str, list[tuple[str, ...]]]:
    """Paths of names by their first name."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for path in paths:
        names = tuple(path.split("."))
        found.setdefault(names[0], []).append(names)
    return found


def along(resource: Mapping[str, Any], paths: Iterable[tuple[str, ...]]) -> Iterator[Any]:
    """What stands at the ends of paths of names; lists are gone through."""
    for names in paths:
        found: list[Any] = [resource]
        for name in names:
            inner = (one.get(name) for one in found if isinstance(one, Mapping))
            found = [each for one in inner if one is not None for each in (one if isinstance(one, list) else [one])]
        yield from found
