"""What Patients are compared by, worked out once for a write and used before and after its commit (docs/persons.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from countyfhir.exchange import Account, Resource, Write
from countyfhir.identity.blocking import followed_of, keys_of
from countyfhir.identity.features import features_of
from countyfhir.identity.rules import Rules
from countyfhir.interactions.persons.neighbourhood import encode
from countyfhir.store.ports import PersonRecord

UNFINISHED = 0
"""The version of a record that was entered and not yet linked: whoever looks next links it. That it is linked is
written with what is entered next, so that a write of a Patient waits for one commit less; where that is lost, it is
looked at again, and nothing changes."""
MOST_KEPT = 8192
"""Records remembered; then it begins anew (those of commits that failed would stay)."""


def compared(name: str, patient: Resource, rules: Rules) -> PersonRecord:
    """The record of a Patient as the index takes it."""
    features = features_of(patient, rules)
    return PersonRecord(name, UNFINISHED, encode(features), keys_of(features), followed=followed_of(features))


def prepared_ahead(name: str, patient: Resource, account: Account | None) -> PersonRecord | None:
    """The record as another process made it of this very resource."""
    ready = account.ready.get(f"Patient/{name}") if account is not None else None
    return ready.person if ready is not None and ready.resource is patient else None


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What was worked out about a Patient before its commit: the resource it was made of, the record, and of one that
    nobody else has to do with, how often the index had changed when that was looked up."""

    resource: Resource
    record: PersonRecord
    alone: int | None


class Compared:
    """Records that were worked out before their commit, by id."""

    def __init__(self) -> None:
        self._known: dict[str, Foreseen] = {}

    def add(self, found: Mapping[str, Foreseen]) -> None:
        """Remember records with the resources that are going to be written (their links to golden records count for
        nothing here)."""
        if len(self._known) + len(found) > MOST_KEPT:
            self._known = {}
        self._known |= found

    def taken(self, writes: Iterable[Write]) -> dict[str, Foreseen]:
        """Those of what was written just so; they are forgotten."""
        patients = {one.logical_id: one.resource for one in writes if one.resource_type == "Patient"}
        known = {name: found for name in patients if (found := self._known.pop(name, None)) is not None}
        return {name: found for name, found in known.items() if patients[name] is found.resource}
