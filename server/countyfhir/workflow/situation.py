"""What a rule of a workflow sees and what it says: Situation in, Verdict out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from countyfhir.exchange import Principal, Resource
from countyfhir.outcome import Issue

Key = tuple[str, str]
"""Resource type and logical id."""


@dataclass(frozen=True, slots=True)
class Change:
    """One resource of a plan: as it was (None: it was not there) and as it shall be (None: it is deleted).

    ``place`` is its position among the writes of the plan, which leads problems back to the entry of a bundle;
    ``method`` is POST for a create, whose id the server chose.
    """

    resource_type: str
    logical_id: str
    before: Resource | None
    after: Resource | None
    place: int = 0
    method: str = "PUT"

    @property
    def key(self) -> Key:
        """Type and id."""
        return (self.resource_type, self.logical_id)

    @property
    def reference(self) -> str:
        """``Type/id``."""
        return f"{self.resource_type}/{self.logical_id}"


class Look(Protocol):
    """The record as it will be after the plan: what the plan writes is seen first, then the store."""

    async def read(self, reference: str | None) -> Resource | None:
        """The current resource of a literal reference (``Type/id``, absolute on this server too); None where there is
        none, it is deleted, or the reference leads elsewhere."""

    async def search(self, resource_type: str, criteria: str, *, bound: bool = False) -> list[Resource]:
        """The resources that match (``status=active&subject=Patient/1``, escaped as in a URL), in order of id. Those
        that the plan changes are shown as it leaves them, even where they match no longer; what it creates is not
        found: look through the changes for that. ``bound``: the commit fails and is judged again when other resources
        match by then."""

    async def persons(self, patients: Iterable[str]) -> frozenset[str]:
        """Logical ids of Patients -> those, and all that are linked with them as records of the same persons."""

    async def shown(self, resources: Iterable[Resource]) -> list[Resource]:
        """Those of the stored resources that the caller may read: for what a rule tells it of them."""

    def below(self, system: str, code: str) -> frozenset[str] | None:
        """A code and those below it in its code system, as the server knows it now; None where it knows none."""


class Tables(Protocol):
    """The rules that stand as data in ``profiles/rules/`` and an operator's folders."""

    def table(self, name: str) -> dict[str, Any]:
        """The content of ``rules/NAME.yaml``, checked against ``rules/schema/NAME.schema.json``."""

    def definition(self, url: str) -> dict[str, Any] | None:
        """The definition in ``plans/`` with a canonical URL."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything a rule is given. ``organizations`` are the logical ids that the principal acts for (its Organization
    and the departments of it), or None for one that is bound to none (the local caller, the program itself).
    ``now`` is in microseconds since 1970-01-01T00:00Z. ``from_intake``: the plan takes in legacy records, which have
    happened already."""

    changes: Sequence[Change]
    principal: Principal
    organizations: frozenset[str] | None
    now: int
    look: Look
    tables: Tables
    from_intake: bool = False

    def acts_for(self, reference: str | None) -> bool:
        """Whether the principal acts for the Organization of a reference."""
        if self.organizations is None:
            return True
        return (reference or "").rpartition("Organization/")[2] in self.organizations

    def has_role(self, *roles: str) -> bool:
        """Whether the principal has one of the roles; one without any configured role is bound to its organization
        only."""
        return not self.principal.roles or bool(set(roles) & set(self.principal.roles))

    def changed(self, reference: str | None) -> Change | None:
        """The change of this plan to ``Type/id``."""
        return next((one for one in self.changes if one.reference == reference), None)


@dataclass(slots=True)
class Verdict:
    """What rules say of a plan. ``refused`` stops it (422 unless an issue's code says otherwise), ``warned`` is told
    with the answer, ``resources`` are written in the same commit: beside the plan's own, or instead of one of them.
    ``known``: creates of what is here already, and what it is here; they are answered with that. ``accepted``: writes
    that are kept, but not acted on yet (202)."""

    refused: list[tuple[Issue, Change | None]] = field(default_factory=list)
    warned: list[tuple[Issue, Change | None]] = field(default_factory=list)
    resources: dict[Key, Resource] = field(default_factory=dict)
    known: dict[Key, Key] = field(default_factory=dict)
    accepted: set[Key] = field(default_factory=set)

    def refuse(self, change: Change | None, code: str, diagnostics: str, *expression: str) -> None:
        """The plan cannot be: an IssueType code, one sentence in English and one in Chinese, FHIRPath places."""
        self.refused.append((Issue(code, diagnostics, expression), change))

    def warn(self, change: Change | None, code: str, diagnostics: str, *expression: str) -> None:
        """Something that people should know, and may overrule."""
        self.warned.append((Issue(code, diagnostics, expression, "warning"), change))

    def write(self, resource: Resource) -> None:
        """Write this (complete, with its ``id``) in the same commit. A later one of the same id replaces an earlier."""
        self.resources[(resource["resourceType"], resource["id"])] = resource

    def is_known(self, change: Change, resource: Resource) -> None:
        """What a create sends is this resource, which is here already: no second one is made, what refers to the new id
        refers to this one, and it is the answer (200), with what ``write`` makes of it."""
        self.known[change.key] = (resource["resourceType"], resource["id"])

    def accept(self, change: Change) -> None:
        """The write is kept, but what it asks for waits for somebody: 202, with the warnings."""
        self.accepted.add(change.key)

    def latest(self, change: Change) -> Resource | None:
        """The resource of a change as the rules before this one have left it."""
        return self.resources.get(change.key, change.after)
