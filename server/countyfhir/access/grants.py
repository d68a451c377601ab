"""Scopes of a principal -> Grant: what it may do per type, and what that is narrowed to (SMART App Launch 2.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from math import prod

from countyfhir.access.scopes import LETTERS, Scope, is_clinical, parse
from countyfhir.exchange import ALL, Grant, Principal
from countyfhir.outcome import FhirError
from countyfhir.search.query import Clause, IdIs, InCompartment, TokenIs

Alternative = tuple[Clause, ...]
Pairs = tuple[tuple[str, str], ...]
Clauses = Callable[[str, Pairs], Alternative]
"""Search text of a type -> clauses: ``search.parse`` with this server's context; FhirError when it does not parse."""

SHARED_TYPES = frozenset(
    [
        "Organization",
        "Practitioner",
        "PractitionerRole",
        "Location",
        "HealthcareService",
        "Endpoint",
        "Medication",
        "Substance",
        "CodeSystem",
        "ValueSet",
        "ConceptMap",
        "NamingSystem",
        "Questionnaire",
        "PlanDefinition",
        "ActivityDefinition",
        "Library",
        "Measure",
        "StructureDefinition",
        "SearchParameter",
        "OperationDefinition",
        "CompartmentDefinition",
        "CapabilityStatement",
    ]
)
"""Types outside of the Patient compartment that hold no patient's data: a patient/ scope that names one may read it."""

NOTHING: Clause = (IdIs(("*",)),)
"""A clause that never holds: no logical id has a star."""
MOST_ALTERNATIVES = 256  # of a grant's common narrowing; beyond it only the narrowing of each letter is of use
KEPT = 4096  # compiled grants kept; the oldest goes first


@dataclass(frozen=True, slots=True)
class ScopedGrant(Grant):
    """A Grant that also knows the narrowing of each letter, and the scopes that were not understood.

    Its own ``narrowing`` holds for every letter at once, so it never shows or allows more than a scope says;
    ``for_letter`` gives the exact one.
    """

    by_letter: Mapping[str, Grant] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()


def for_letter(grant: Grant, letter: str) -> Grant:
    """The grant as the scopes that hold ``letter`` narrow it (``ALL`` and other plain grants as they are)."""
    return grant.by_letter.get(letter, grant) if isinstance(grant, ScopedGrant) else grant


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What compiling needs from the definitions: the types, the parameters of the Patient compartment by type, and
    search text -> clauses."""

    resource_types: frozenset[str]
    patient_compartment: Mapping[str, tuple[str, ...]]  # "{def}" marks the Patient itself
    clauses: Clauses


def compiler(vocabulary: Vocabulary) -> Callable[[Principal], Grant]:
    """A function that gives a principal's Grant, remembered by principal."""
    kept: dict[Principal, Grant] = {}

    def grant_of(principal: Principal) -> Grant:
        grant = kept.get(principal)
        if grant is None:
            grant = compile_grant(principal, vocabulary)
            if len(kept) >= KEPT:
                kept.pop(next(iter(kept)), None)
            kept[principal] = grant
        return grant

    return grant_of


def compile_grant(principal: Principal, vocabulary: Vocabulary) -> Grant:
    """The Grant of the principal's scopes. Several scopes on a type are alternatives. A scope that is not understood,
    and a patient/ scope without a patient in context, grants nothing."""
    understood, ignored = [], []
    views: dict[str, dict[str, dict[Alternative, None]]] = {}  # type -> letter -> alternatives in order
    for text in dict.fromkeys(principal.scopes):
        if not is_clinical(text):
            continue
        try:
            scope = parse(text, vocabulary.resource_types)
            for resource_type, letters, alternative in list(narrowed(scope, principal.patient, vocabulary)):
                for letter in letters:
                    views.setdefault(resource_type, {}).setdefault(letter, {})[alternative] = None
            understood.append(scope)
        except FhirError:
            ignored.append(text)
    whole = views.get("*", {})
    if set(whole) == set(LETTERS) and all(() in alternatives for alternatives in whole.values()):
        return ALL
    return assemble(views, digest(understood, principal.patient), tuple(ignored))


def narrowed(
    scope: Scope, patient: str | None, vocabulary: Vocabulary
) -> Iterable[tuple[str, frozenset[str], Alternative]]:
    """The (type, letters, alternative) that one scope gives; a ``*`` that is narrowed is spelled out by type."""
    if scope.context == "patient":
        yield from narrowed_to_patient(scope, patient, vocabulary)
    elif scope.resource_type == "*" and not scope.query:
        yield "*", scope.letters, ()
    else:
        for resource_type, clauses in constraints(scope, sorted(vocabulary.resource_types), vocabulary):
            yield resource_type, scope.letters, clauses


def narrowed_to_patient(
    scope: Scope, patient: str | None, vocabulary: Vocabulary
) -> Iterable[tuple[str, frozenset[str], Alternative]]:
    """A patient/ scope: each type of the Patient compartment, narrowed to the patient in context."""
    if patient is None:
        return
    compartment = {name: codes for name, codes in vocabulary.patient_compartment.items() if codes}
    compartment.setdefault("Patient", ("{def}",))
    for resource_type, clauses in constraints(scope, sorted(compartment), vocabulary):
        if resource_type in compartment:
            parameters = tuple(code for code in compartment[resource_type] if code != "{def}")
            inside: Clause = (InCompartment("Patient", patient, parameters),)
            yield resource_type, scope.letters, (inside, *clauses)
        elif resource_type in SHARED_TYPES:
            yield resource_type, scope.letters & {"r", "s"}, clauses


def constraints(scope: Scope, all_types: list[str], vocabulary: Vocabulary) -> list[tuple[str, Alternative]]:
    """The clauses of the scope's search parameters by type. ``*`` grants the types that have the parameters; FhirError
    when none has."""
    if scope.resource_type != "*":
        return [(scope.resource_type, vocabulary.clauses(scope.resource_type, scope.query) if scope.query else ())]
    if not scope.query:
        return [(resource_type, ()) for resource_type in all_types]
    found, problem = [], None
    for resource_type in all_types:
        try:
            found.append((resource_type, vocabulary.clauses(resource_type, scope.query)))
        except FhirError as error:
            problem = error
    if problem is not None and not found:
        raise problem
    return found


def assemble(
    views: dict[str, dict[str, dict[Alternative, None]]], digest: str, ignored: tuple[str, ...]
) -> ScopedGrant:
    """The grant of all views, with the view of each letter inside."""
    permissions = {resource_type: frozenset(view) for resource_type, view in views.items()}
    whole = views.get("*", {})
    exact: dict[str, dict[str, tuple[Alternative, ...]]] = {letter: {} for letter in LETTERS}
    together: dict[str, tuple[Alternative, ...]] = {}
    for resource_type in views.keys() - {"*"}:
        view = views[resource_type]
        held = {letter: alternatives_of(letter, view, whole) for letter in LETTERS if letter in view or letter in whole}
        conjunction = all_of(dict.fromkeys(held.values()))
        keep(together, resource_type, conjunction)
        for letter in LETTERS:
            keep(exact[letter], resource_type, held.get(letter, conjunction))
    by_letter = {letter: Grant(permissions, narrowing, digest) for letter, narrowing in exact.items()}
    return ScopedGrant(permissions, together, digest, by_letter=by_letter, ignored=ignored)


def alternatives_of(
    letter: str, view: dict[str, dict[Alternative, None]], whole: dict[str, dict[Alternative, None]]
) -> tuple[Alternative, ...]:
    """The alternatives under which a letter is granted on a type; () when it is granted without narrowing. A scope that
    names a security label is kept beside a wider one: it shows what is labelled so."""
    alternatives = (*view.get(letter, ()), *whole.get(letter, ()))
    if () not in alternatives:
        return alternatives
    labelled = tuple(one for one in alternatives if labels_named(one))
    return ((), *labelled) if labelled else ()


def labels_named(alternative: Alternative) -> frozenset[tuple[str, str]]:
    """The security labels (system, code) that a scope asks for itself (``?_security=system|code``)."""
    return frozenset(
        (one.system, one.code)
        for clause in alternative
        for one in clause
        if isinstance(one, TokenIs) and one.parameter == "_security" and one.system and one.code
    )


def all_of(views: Iterable[tuple[Alternative, ...]]) -> tuple[Alternative, ...]:
    """Alternatives that hold when one alternative of every narrowed view holds; () when no view is narrowed."""
    narrowed_views = [view for view in views if view]
    if not narrowed_views:
        return ()
    if prod(map(len, narrowed_views)) > MOST_ALTERNATIVES:
        return ((NOTHING,),)
    joined = (tuple(dict.fromkeys(sum(combination, ()))) for combination in product(*narrowed_views))
    return tuple(dict.fromkeys(joined))


def keep(
    narrowing: dict[str, tuple[Alternative, ...]], resource_type: str, alternatives: tuple[Alternative, ...]
) -> None:
    """Note a narrowing; a type that is not narrowed has no entry."""
    if alternatives:
        narrowing[resource_type] = alternatives


def digest(scopes: Iterable[Scope], patient: str | None) -> str:
    """A text that is the same in every process for the same rights."""
    listed = sorted(
        (scope.context, scope.resource_type, "".join(sorted(scope.letters)), scope.query) for scope in scopes
    )
    bound = patient if any(scope[0] == "patient" for scope in listed) else None
    return hashlib.sha256(repr((listed, bound)).encode()).hexdigest()[:24]
