"""When capitals count in tokens: codes are found in any case, identifiers as they are written (R4 section 3.1.1.4.10
recommends folding in doubt).

Coded elements, booleans, plain strings and contact points are folded, in the index and in what is asked. UCUM is a code
system in which nothing but case tells units apart: beside the folded code stands a second entry with the code as it is
written, for whoever names the system. Identifiers, ids and addresses are kept: a conditional write must never take one
for another.
"""

from __future__ import annotations

CASE_SENSITIVE = frozenset({"http://unitsofmeasure.org"})
"""Code systems with codes that differ in nothing but case."""

KEPT = frozenset({"Identifier", "id", "uri", "url", "canonical", "oid", "uuid"})
"""The element types of tokens whose case counts."""


def fold(code: str) -> str:
    """The code as it is compared in any case."""
    return code.casefold()


def written(system: str, code: str) -> tuple[str, ...]:
    """What the index holds of a code of the system ("" for none)."""
    if system in CASE_SENSITIVE and code:
        return fold(code), _as_written(code)
    return (fold(code),)


def asked(system: str | None, code: str) -> str:
    """What finds the code in the index; ``system`` None: of any system."""
    return _as_written(code) if system in CASE_SENSITIVE else fold(code)


def _as_written(code: str) -> str:
    """The second entry: it sorts beside the first, and no UCUM code looks so."""
    return f"{fold(code)}={code}"


def forms(system: str | None, code: str, types: frozenset[str]) -> tuple[str, ...]:
    """What finds the code among elements of the types: both ways where some keep their case and some do not, or where
    the types are not known (empty, extensions)."""
    if types and types <= KEPT:
        return (code,)
    folded = asked(system, code)
    if system in CASE_SENSITIVE or (types and types.isdisjoint(KEPT | {"Extension"})):
        return (folded,)
    return (folded,) if folded == code else (folded, code)
