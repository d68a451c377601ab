"""SMART scope syntax, v2 and v1: text -> Scope (SMART App Launch 2.2, "Scopes for requesting FHIR Resources")."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from countyfhir.outcome import FhirError

if TYPE_CHECKING:
    from collections.abc import Iterable

LETTERS = "cruds"
"""Create, read (read, vread, history of an instance), update (update, patch), delete, search (and the other
histories)."""

VERSION_1: dict[str, str] = {"read": "rs", "write": "cud", "*": "cruds"}
"""What the access words of SMART v1 mean in v2 (SMART App Launch 2.2, "Backwards compatibility")."""

CLINICAL = re.compile(r"(patient|user|system)/([^./?]*)\.([^?]*)(?:\?(.*))?", re.DOTALL)
IN_ORDER = re.compile(r"(?=.)c?r?u?d?s?")
TYPE_NAME = re.compile(r"\*|[A-Z][A-Za-z]{2,63}")
REFUSED_PARAMETERS = (
    "_count",
    "_sort",
    "_include",
    "_revinclude",
    "_summary",
    "_elements",
    "_total",
    "_format",
    "_has",
)


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope for FHIR resources. ``letters`` are of c r u d s; ``query`` holds the decoded search parameters."""

    context: str  # patient | user | system
    resource_type: str  # or *
    letters: frozenset[str]
    query: tuple[tuple[str, str], ...] = ()


def parse(text: str, resource_types: frozenset[str] | None = None) -> Scope:
    """One scope. FhirError ``value`` (400) that says what is wrong; ``resource_types`` checks the type's name."""
    matched = CLINICAL.fullmatch(text)
    if matched is None:
        raise refused(text, "expected context/Type.letters, for example system/Patient.rs")
    context, resource_type, access, query = matched.groups()
    if TYPE_NAME.fullmatch(resource_type) is None:
        raise refused(text, "after the '/' stands a resource type or '*'")
    if resource_types is not None and resource_type != "*" and resource_type not in resource_types:
        raise refused(text, f"{resource_type[:64]} is not a resource type of FHIR R4")
    return Scope(context, resource_type, letters_of(text, access), query_of(text, query))


def letters_of(text: str, access: str) -> frozenset[str]:
    """The letters of ``rs``, or of a v1 word."""
    access = VERSION_1.get(access, access)
    if IN_ORDER.fullmatch(access) is None:
        raise refused(text, "after the '.' stand letters of 'cruds' in this order, or read, write or *")
    return frozenset(access)


def query_of(text: str, query: str | None) -> tuple[tuple[str, str], ...]:
    """The search parameters of a scope; those that do not select resources, chains and ``_has`` are refused."""
    if query is None:
        return ()
    pairs = []
    for part in query.split("&"):
        name, equals, value = (unquote_plus(piece) for piece in part.partition("="))
        if not name or not equals or not value:
            raise refused(text, "after the '?' stand search parameters name=value, joined by '&'")
        if name.partition(":")[0] in REFUSED_PARAMETERS or "." in name:
            raise refused(text, f"the parameter {name[:64]} cannot narrow a scope")
        pairs.append((name, value))
    return tuple(pairs)


def refused(text: str, reason: str) -> FhirError:
    """The error for a scope that is not understood."""
    return FhirError("value", f"The scope '{text[:120]}' is not understood: {reason}.")


def is_clinical(text: str) -> bool:
    """Whether the scope is about FHIR resources (others, such as openid or launch/patient, grant nothing here)."""
    return text.startswith(("patient/", "user/", "system/"))


def split(claim: str | Iterable[str]) -> tuple[str, ...]:
    """The scopes of a ``scope`` claim: a text separated by spaces, or a list."""
    return tuple(claim.split()) if isinstance(claim, str) else tuple(claim)
