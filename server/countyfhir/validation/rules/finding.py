"""What a rule finds, and what the rules are given to find it with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from countyfhir.fhirpath import Given
from countyfhir.terminology.knowledge import Terminology


class Finding(NamedTuple):
    """One problem: steps from here (``.name[0]``), issue code, one sentence, severity, and the key of the constraint
    or the canonical of the binding."""

    path: str
    code: str
    text: str
    severity: str = "error"
    key: str | None = None


def nothing(*_: object) -> None:
    """The answer of who does not know."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the rules may ask; each answers None for what it does not know.

    ``member(value_set, system, code)``: whether the code is in the value set. ``has_code(system, code)``: whether a
    loaded, complete code system has it; None where the system is not loaded or holds only a part. ``display_matches``:
    whether the display is one of the code's. ``knows_system(system)``: whether any of its content is loaded.
    ``profile_check(url)``: what checks a profile. ``resolve(url)``: a resource that was read before.
    ``extensions(resource, around)``: what is wrong with the extensions of a resource.
    """

    member: Callable[[str, str | None, str], bool | None] = nothing
    has_code: Callable[[str, str], bool | None] = nothing
    display_matches: Callable[[str, str, str], bool | None] = nothing
    knows_system: Callable[[str], bool | None] = nothing
    subsumes: Callable[[Any, Any], bool | None] | None = None
    profile_check: Callable[[str], Any] = nothing
    resolve: Callable[[str], dict[str, Any] | None] = nothing
    extensions: Callable[[dict[str, Any], Any], list[Finding] | None] = nothing


NO_KNOWLEDGE = Knowledge()


@dataclass(frozen=True, slots=True)
class Around:
    """Where a rule stands: the resource it is in, that one's container (itself unless contained), and what is known."""

    resource: dict[str, Any]
    root: dict[str, Any]
    knowledge: Knowledge = NO_KNOWLEDGE
    given: Given = field(default_factory=Given)


def knowledge_of(
    terminology: Terminology,
    profile_check: Callable[[str], Any] = nothing,
    resolve: Callable[[str], dict[str, Any] | None] = nothing,
    extensions: Callable[[dict[str, Any], Any], list[Finding] | None] = nothing,
) -> Knowledge:
    """What a terminology and a registry of profiles know."""

    def knows_system(system: str) -> bool:
        found = terminology.resolver.code_system(system)
        return found is not None and found.present

    def subsumes(one: Any, other: Any) -> bool | None:
        system, first, second = one.get("system"), one.get("code"), other.get("code")
        if system != other.get("system") or not (isinstance(first, str) and isinstance(second, str)):
            return False if isinstance(system, str) else None
        answer = terminology.subsumes(str(system), first, second)
        return None if answer is None else answer in ("equivalent", "subsumes")

    return Knowledge(
        terminology.member,
        terminology.knows_code,
        terminology.display_matches,
        knows_system,
        subsumes,
        profile_check,
        resolve,
        extensions,
    )


def below(step: str, findings: list[Finding]) -> list[Finding]:
    """The findings of a child, seen from its parent."""
    return [Finding(step + one.path, *one[1:]) for one in findings]
