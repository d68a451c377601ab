"""A grant narrowed to the records that an institution may see, and to what no label keeps from it (docs/access.md).

It narrows as scopes do, by clauses that travel with the grant: whatever reads, reads through them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from countyfhir.access.grants import Alternative, ScopedGrant, labels_named
from countyfhir.exchange import Grant
from countyfhir.search.query import Clause, InCompartment, OwnBy, SeenBy, Unlabelled

Coding = tuple[str, str]
"""System and code of a security label."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """Labels that a caller may not see; ``own``: except on what is its own institution's."""

    codes: frozenset[Coding]
    own: bool = False


@dataclass(frozen=True, slots=True)
class Cover:
    """What a caller is narrowed to. ``organizations`` are those it acts for; ``related``: it sees only records that
    they have a relation to."""

    organizations: tuple[str, ...]
    related: bool
    guarded: tuple[Guarded, ...] = ()

    @property
    def digest(self) -> str:
        """The same in every process for the same cover."""
        told = (self.organizations, self.related, [(sorted(one.codes), one.own) for one in self.guarded])
        return hashlib.sha256(repr(told).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Covering:
    """The types of this server, as far as they are narrowed: ``types`` hold residents' data."""

    types: tuple[str, ...]
    attached: frozenset[str]
    through: frozenset[str]

    def cover(self, grant: Grant, cover: Cover) -> Grant:
        """The grant narrowed; one that is narrowed already stays as it is."""
        if grant.covered or not (cover.related or cover.guarded):
            return grant
        digest = f"{grant.digest}.{cover.digest}"

        def narrowed(one: Grant) -> Mapping[str, tuple[Alternative, ...]]:
            further = {name: self._narrowed(name, one.narrowed(name), cover) for name in self.types}
            return {**one.narrowing, **further}

        if not isinstance(grant, ScopedGrant):
            return replace(grant, narrowing=narrowed(grant), digest=digest, covered=True)
        by_letter = {
            letter: replace(one, narrowing=narrowed(one), digest=digest, covered=True)
            for letter, one in grant.by_letter.items()
        }
        return replace(grant, narrowing=narrowed(grant), digest=digest, covered=True, by_letter=by_letter)

    def _narrowed(
        self, resource_type: str, alternatives: tuple[Alternative, ...] | None, cover: Cover
    ) -> tuple[Alternative, ...]:
        return tuple(
            one if is_of_a_patient(one) else (*one, *self._clauses(resource_type, one, cover))
            for one in (alternatives if alternatives is not None else ((),))
        )

    def _clauses(self, resource_type: str, alternative: Alternative, cover: Cover) -> Iterable[Clause]:
        if cover.related:
            attached, through = resource_type in self.attached, resource_type in self.through
            yield (SeenBy(cover.organizations, attached, through),)
        named = labels_named(alternative)
        for one in cover.guarded:
            codes = frozenset(code for code in one.codes if code not in named)
            if codes:
                yield (Unlabelled(codes), OwnBy(cover.organizations)) if one.own else (Unlabelled(codes),)


def is_of_a_patient(alternative: Alternative) -> bool:
    """Whether it shows one resident's compartment only: a patient/ scope, by which residents see what is theirs."""
    return any(len(clause) == 1 and isinstance(clause[0], InCompartment) for clause in alternative)


def kept(compute: Callable[[Grant, Cover], Grant], most: int) -> Callable[[Grant, Cover], Grant]:
    """The function, its answers remembered for the very grants it was asked with."""
    known: dict[tuple[int, Cover], tuple[Grant, Grant]] = {}

    def remembered(grant: Grant, cover: Cover) -> Grant:
        key = (id(grant), cover)
        found = known.get(key)
        if found is not None and found[0] is grant:
            return found[1]
        while len(known) >= most:
            known.pop(next(iter(known)), None)
        made = compute(grant, cover)
        known[key] = (grant, made)
        return made

    return remembered
