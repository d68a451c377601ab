"""A whole resource judged: structure, then invariants and bindings, then profiles (DESIGN decision 4; R4 section
3.1.0.2).

What refuses a write is always looked for; warnings, best practice and codes only when everything is to be said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from countyfhir.fhirpath import Given, units
from countyfhir.model.definitions import definitions
from countyfhir.outcome import Issue
from countyfhir.terminology import ucum
from countyfhir.validation import structure
from countyfhir.validation.claims import profile_findings
from countyfhir.validation.inside import resolver
from countyfhir.validation.rules.bindings import codes_in
from countyfhir.validation.rules.finding import NO_KNOWLEDGE, Around, Finding, Knowledge
from countyfhir.validation.rules.kinds import kinds

MOST_ISSUES = structure.MOST_ISSUES
ERRORS = ("error", "fatal")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be looked for. ``complete``: warnings, best practice, codes, displays, preferred bindings too.
    ``profiles``: canonicals that the resource must conform to; ``claimed``: also those of ``meta.profile``, wherever in
    the resource. ``base`` False leaves the base definitions out."""

    complete: bool = True
    profiles: tuple[str, ...] = ()
    claimed: bool = True
    base: bool = True


WRITE = Wanted(complete=False, claimed=False)
"""What every write is checked for."""
TOLERATED = frozenset(("txt-2", "bdl-7", "fullUrl", "http://hl7.org/fhir/ValueSet/all-time-units"))
"""Rules that official examples of R4 themselves break: a write is not refused for them, ``$validate`` calls them
errors."""
COMPLETE = Wanted()


def check(
    resource: Any, knowledge: Knowledge = NO_KNOWLEDGE, wanted: Wanted = COMPLETE, expected_type: str | None = None
) -> list[Issue]:
    """Every problem of ``resource`` as an Issue with FHIRPath, constraint key or canonical in ``details``; [] when
    there is none. Structural problems come first, then what the rules find, then profiles. More than 1,000 are cut."""
    issues = structure.check(resource, expected_type) if wanted.base else []
    if not _is_known(resource) or any(issue.code == "structure" and not issue.expression for issue in issues):
        return issues
    knowledge = replace(knowledge, resolve=resolver(resource, knowledge.resolve))
    given = given_by(knowledge)
    findings: list[Finding] = []
    try:
        if wanted.base:
            findings = kinds(wanted.complete).findings(resource, knowledge, given)
            if not wanted.complete:
                findings = [tolerated(one) for one in findings]
        if wanted.profiles or wanted.claimed:
            findings += profile_findings(resource, wanted.profiles, wanted.claimed, knowledge, given)
        if wanted.complete or wanted.profiles or wanted.claimed:
            findings += knowledge.extensions(resource, Around(resource, resource, knowledge, given)) or ()
    except RecursionError:
        issues.append(Issue("structure", "The resource is nested too deeply.", (resource["resourceType"],)))
    return _cut(issues + issues_of(resource["resourceType"], findings), resource["resourceType"])


def tolerated(finding: Finding) -> Finding:
    """The finding, as a warning where a write is not refused for it."""
    return finding._replace(severity="warning") if finding.key in TOLERATED else finding


def _is_known(resource: Any) -> bool:
    named = resource.get("resourceType") if isinstance(resource, dict) else None
    return isinstance(named, str) and named in definitions().resource_types


def given_by(knowledge: Knowledge) -> Given:
    """What expressions are given: the terminology and the profiles of ``knowledge``."""

    def member_of(value: Any, type_name: str, value_set: str) -> bool | None:

        answers = [knowledge.member(value_set, system, code) for system, code in codes_in(value)]
        return True if True in answers else None if None in answers or not answers else False

    def conforms_to(resource: Any, url: str) -> bool | None:
        if knowledge.profile_check(url) is None:
            return None
        found = profile_findings(resource, (url,), False, knowledge, given)
        return not any(one.severity in ERRORS for one in found)

    given = Given(
        canonical_unit=canonical_unit,
        resolve=knowledge.resolve,
        member_of=member_of,
        subsumes=knowledge.subsumes,
        conforms_to=conforms_to,
    )
    return given


@lru_cache(maxsize=4096)
def canonical_unit(code: str) -> tuple[Decimal, tuple[tuple[str, int], ...]] | None:
    """Factor and powers of a UCUM unit, for comparing quantities; scales with an offset are compared only with
    themselves."""
    unit = ucum.reduce(code)
    if unit is None or unit.offset:
        return units.canonical(code)
    return Decimal(unit.factor.numerator) / Decimal(unit.factor.denominator), unit.dimensions


def issues_of(root: str, findings: Iterable[Finding]) -> list[Issue]:
    """Findings with their places counted from ``root``, each once."""
    return list(dict.fromkeys(Issue(one.code, one.text, (root + one.path,), one.severity, one.key) for one in findings))


def _cut(issues: list[Issue], root: str) -> list[Issue]:
    more = len(issues) - MOST_ISSUES
    if more <= 0:
        return issues
    left_out = Issue("informational", f"{more} further problems are not listed.", (root,), "information")
    return [*issues[:MOST_ISSUES], left_out]
