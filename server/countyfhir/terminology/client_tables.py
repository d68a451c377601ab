"""Closure tables that clients keep: which of the codes they use stand above which (R4 section 4.7.10, $closure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from countyfhir.outcome import FhirError
from countyfhir.terminology.code_systems import CodeSystem
from countyfhir.terminology.database import Database
from countyfhir.terminology.resolving import Resolver

Pair = tuple[str, str]


def begin(database: Database, name: str) -> int:
    """Begin a table anew, empty; returns its version."""
    with database.writing() as connection:
        connection.execute("DELETE FROM client_code WHERE name=?", (name,))
        connection.execute("INSERT OR REPLACE INTO client_table VALUES(?, 0)", (name,))
    return 0


def add(database: Database, name: str, codes: Iterable[Pair]) -> tuple[int, list[Pair]]:
    """Add codes; returns the version and those that are new. FhirError 404 for a table that was never begun."""
    with database.writing() as connection:
        rows: list[Any] = connection.execute("SELECT version FROM client_table WHERE name=?", (name,)).fetchall()
        if not rows:
            raise unknown_table(name)
        version = int(rows[0][0])
        kept = {(row[0], row[1]) for row in _codes(connection.execute(_ALL, (name,)).fetchall())}
        new = [pair for pair in dict.fromkeys(codes) if pair not in kept]
        if new:
            version += 1
            connection.execute("UPDATE client_table SET version=? WHERE name=?", (version, name))
            connection.executemany("INSERT INTO client_code VALUES(?,?,?,?)", [(name, *pair, version) for pair in new])
        return version, new


def since(database: Database, name: str, version: int) -> tuple[int, list[Pair]]:
    """The version, and the codes that were added after ``version``. FhirError 404 as for ``add``."""
    found = database.first("SELECT version FROM client_table WHERE name=?", (name,))
    if found is None:
        raise unknown_table(name)
    rows = _codes(database.rows(_ALL, (name,)))
    return int(found[0]), [(system, code) for system, code, added in rows if added > version]


_ALL = "SELECT system, code, version FROM client_code WHERE name=? ORDER BY version, system, code"


def _codes(rows: Sequence[Any]) -> list[tuple[str, str, int]]:
    return [(str(row[0]), str(row[1]), int(row[2])) for row in rows]


def steps(database: Database, name: str, new: Sequence[Pair], resolver: Resolver) -> list[tuple[str, str, str]]:
    """Every (system, code, code above it) among the codes of a table where one of the two is new."""
    pairs = [(row[0], row[1]) for row in _codes(database.rows(_ALL, (name,)))]
    fresh, found = set(new), []
    for system_url in dict.fromkeys(system for system, _ in pairs):
        system = resolver.code_system(system_url)
        if not isinstance(system, CodeSystem):
            continue
        codes = {code for owner, code in pairs if owner == system_url}
        for code in sorted(codes):
            concept = system.concept(code)
            above = system.related(concept, "ancestors") if concept is not None else []
            found += [
                (system_url, code, one.code)
                for one in above
                if one.code in codes and ((system_url, code) in fresh or (system_url, one.code) in fresh)
            ]
    return found


def unknown_table(name: str) -> FhirError:
    """404 for a table that was never begun."""
    return FhirError(
        "not-found", f"The closure table '{name[:100]}' is not known; call $closure with its name alone.", status=404
    )
