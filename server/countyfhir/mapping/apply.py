"""One record through one mapping: values, checks, resources, outcome. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from countyfhir.mapping.event import Event, event_of
from countyfhir.mapping.expression import MADE, NOTES, Environment, guarded
from countyfhir.mapping.finding import Finding, HeldBack
from countyfhir.mapping.keep import Kept, kept_of
from countyfhir.mapping.merge import Merge
from countyfhir.mapping.record import Check, Context, MappedRecord, RecordMapping, Row, Target
from countyfhir.mapping.stable_id import stable_id

EMPTY = Context()


def apply(
    mapping: RecordMapping, record: Row, context: Context = EMPTY, reused: frozenset[str] = frozenset()
) -> MappedRecord:
    """What the record becomes: resources with stable ids and the issues of its cells. Never raises for bad data: a cell
    that cannot be trusted is held back, and a record whose key or main value is missing is quarantined. ``reused`` are
    values of the key that stand over several records."""
    environment: Environment = {**record, NOTES: []}
    notes: list[Finding] = environment[NOTES]
    if mapping.paths:
        read_paths(mapping, record, environment)
    key = natural_key((*mapping.key, *mapping.part), environment)
    if key and mapping.reused and str(environment[mapping.key[0]]).strip() in reused:
        key = natural_key((*mapping.key, *mapping.reused), environment) or key
    subject = natural_key(mapping.of, environment) if mapping.of else key
    outcomes: list[str | None] = [] if key else [noted(notes, Finding("key-missing", mapping.key))]
    if key and not subject:
        outcomes.append(noted(notes, Finding("key-missing", mapping.of)))
    outcomes += look_up(mapping, environment, context)
    for name, expression in mapping.values:
        environment[name] = guarded(expression, environment)
    outcomes += [check.outcome for check in mapping.checks if broken(check, environment)]
    outcomes += missing_main(mapping, environment)
    version = guarded(mapping.version_key, environment) if mapping.version_key else None
    if key and mapping.deleted is not None and guarded(mapping.deleted, environment):
        return deleted(key, subject or key, sortable(version))
    outcome = "rejected" if "rejected" in outcomes else "quarantined" if any(outcomes) else "mapped"
    made = Made()
    if outcome == "mapped":
        try:
            for target in mapping.targets:
                add_target(mapping, target, environment, made)
        except HeldBack as held:
            notes.append(Finding(held.code, (), "error", held_back=True))
            outcome, made = "quarantined", Made()
    return MappedRecord(
        key or "",
        sortable(version),
        tuple(made.resources.values()),
        tuple(dict.fromkeys(notes)),
        outcome,
        frozenset(made.shared),
        frozenset(made.stubs),
        subject,
        tuple(made.events),
        guarded(mapping.institution_of, environment) if mapping.institution_of else None,
        environment,
        made.merges,
        made.kept,
        tuple(made.changes.values()),
    )


def deleted(key: str, subject: str, version_key: str) -> MappedRecord:
    """A record that its source marks as deleted: it becomes nothing; what it became earlier is withdrawn."""
    finding = Finding("M35d", (), "warning")
    return MappedRecord(key, version_key, (), (finding,), "deleted", subject=subject)


def read_paths(mapping: RecordMapping, record: Row, environment: Environment) -> None:
    """Puts the columns that are found in the tree of the record into the environment."""
    for name, find in mapping.paths:
        try:
            found = find(record)
        except HeldBack as held:
            environment[NOTES].append(Finding(held.code, (name,), "error", held_back=True))
            found = None
        blank = isinstance(found, str) and found.strip() in mapping.format.blanks
        environment[name] = None if blank else found


def noted(notes: list[Finding], finding: Finding) -> str:
    notes.append(finding)
    return "quarantined"


def natural_key(columns: tuple[str, ...], record: Row) -> str:
    """ "BRID=10001"; empty when a part of the key is blank."""
    parts = [record.get(column) for column in columns]
    if any(part is None for part in parts):
        return ""
    return ";".join(f"{column}={str(part).strip()}" for column, part in zip(columns, parts, strict=True))


def identity(mapping: RecordMapping, record: Row) -> str:
    """The natural key alone, empty when a part of it is blank; no value is computed."""
    environment: Environment = {**record, NOTES: []}
    read_paths(mapping, record, environment)
    return natural_key(mapping.key, environment)


def called(mapping: RecordMapping, key: str) -> str:
    """The natural key as reports name it: without what only tells the parts of one thing apart."""
    return key.partition(f";{mapping.part[0]}=")[0] if mapping.part else key


def look_up(mapping: RecordMapping, environment: Environment, context: Context) -> list[str]:
    """Puts the rows of other tables into the environment; a needed one that is not there quarantines the record."""
    missing = []
    for lookup in mapping.lookups:
        wanted = guarded(lookup.by, environment)
        find = context.lookups.get(lookup.name)
        environment[lookup.name] = find(str(wanted).strip()) if wanted is not None and find else None
        if lookup.needed and environment[lookup.name] is None:
            columns = lookup.by.columns
            missing.append(noted(environment[NOTES], Finding("lookup-missing", columns, "error", held_back=True)))
    return missing


def broken(check: Check, environment: Environment) -> bool:
    """Whether the rule of the check holds; its finding is noted then."""
    if not guarded(check.when, environment):
        return False
    held_back = check.held_back or check.outcome is not None
    environment[NOTES].append(Finding(check.issue, check.columns, check.severity, held_back, check.message))
    return True


def missing_main(mapping: RecordMapping, environment: Environment) -> list[str]:
    absent = [name for name in mapping.main if environment.get(name) is None]
    if not absent:
        return []
    columns = {name: expression.columns for name, expression in mapping.values}
    held = {column for finding in environment[NOTES] if finding.held_back for column in finding.columns}
    for name in absent:
        stems = columns.get(name, (name,))
        if not held.intersection(stems):
            environment[NOTES].append(Finding("main-missing", stems, "error", held_back=True))
    return ["quarantined"]


@dataclass(slots=True)
class Made:
    """The resources of the record so far, by reference, and which of them other records state too, or better."""

    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)
    stubs: set[str] = field(default_factory=set)
    merges: dict[str, Merge] = field(default_factory=dict)
    kept: dict[str, Kept] = field(default_factory=dict)
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)


def turns_of(mapping: RecordMapping, target: Target, environment: Environment) -> Iterator[tuple[str, Environment]]:
    """The resources that a target becomes, each as its reference and the environment it is made from."""
    turns = target.loop.turns(environment) if target.loop else [{**environment}]
    for turn in turns:
        if (target.values or target.checks) and not settled(target, turn):
            continue
        if target.when is not None and not target.when(turn):
            continue
        key = target.key(turn)
        if key is not None:
            logical_id = stable_id(target.source or mapping.source, target.resource_type, str(key))
            yield f"{target.resource_type}/{logical_id}", turn


def add_target(mapping: RecordMapping, target: Target, environment: Environment, made: Made) -> None:
    environment[MADE] = made.resources
    for reference, turn in turns_of(mapping, target, environment):
        content = target.render(turn) or {}
        logical_id = reference.partition("/")[2]
        resource = {"resourceType": target.resource_type, "id": logical_id, **content}
        if target.keeps is not None:
            made.kept[reference] = kept_of(target.keeps, turn)
            if target.keeps.known:
                made.changes[reference] = resource
                made.shared.add(reference)
                continue
        made.resources[reference] = resource
        if target.event is not None:
            made.events.append(event_of(target.event, reference, made.resources[reference], turn))
        if target.shared:
            made.shared.add(reference)
        if target.stub:
            made.stubs.add(reference)
        if target.merge is not None:
            made.merges[reference] = target.merge


def settled(target: Target, turn: Environment) -> bool:
    """Computes the values of one turn and applies its checks; false when one leaves the resource out."""
    for name, expression in target.values:
        turn[name] = guarded(expression, turn)
    found = [check for check in target.checks if broken(check, turn)]
    return not any(check.held_back or check.outcome for check in found)


def sortable(version: Any) -> str:
    """A version as text that sorts as the version does."""
    if version is None:
        return ""
    if isinstance(version, (int, Decimal)) or str(version).isdecimal():
        return f"{Decimal(str(version)):020}"
    return str(version)
