"""Numbers for names: resource types, parameters and token systems, as this database counts them.

They live in the database, so they never depend on the order of a program's definitions. A number once committed never
changes, so what was found may be kept for good; what a transaction adds is kept only after its commit.
"""

from __future__ import annotations

from collections.abc import Iterable

import apsw

from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.sizes import Sizes

LITERAL = 0
"""The parameter under which every literal reference of a resource stands, search parameter or not."""


REMEMBERED = 10_000
"""So many parameters without entries are remembered."""
NEWEST = "SELECT coalesce(max(parameter_id), 0) FROM parameter"


class Names:
    """What is known of the committed numbers; shared by all threads of a process."""

    def __init__(self) -> None:
        self.types: dict[str, int] = {}
        self.type_names: dict[int, str] = {}
        self.parameters: dict[tuple[int, str, int], int] = {}
        self.systems: dict[str, int] = {}
        self.parameter_systems: set[tuple[int, int]] = set()
        self.absent: dict[tuple[int, str, int], int] = {}
        self.sizes = Sizes()

    def type_id(self, connection: apsw.Connection, name: str) -> int | None:
        """The number of a resource type, None when no resource ever was of it."""
        known = self.types.get(name)
        if known is None:
            rows = fetch(connection, "SELECT type_id FROM resource_type WHERE name = ?", (name,))
            if not rows:
                return None
            known = self.types[name] = int(rows[0][0])
        return known

    def types_of(self, connection: apsw.Connection, names: Iterable[str]) -> list[tuple[str, int]]:
        """Those of the resource types that any resource ever was of, with their numbers."""
        listed = list(names)
        if any(name not in self.types for name in listed):
            self.types.update(fetch(connection, "SELECT name, type_id FROM resource_type"))
        return [(name, self.types[name]) for name in listed if name in self.types]

    def type_name(self, connection: apsw.Connection, type_id: int) -> str:
        """The resource type of a number."""
        known = self.type_names.get(type_id)
        if known is None:
            rows = fetch(connection, "SELECT name FROM resource_type WHERE type_id = ?", (type_id,))
            known = self.type_names[type_id] = str(rows[0][0])
        return known

    def parameter_id(self, connection: apsw.Connection, type_id: int, name: str, kind: int) -> int | None:
        """The number of a type's parameter with entries of ``kind``, None when there never was such an entry."""
        known = self.parameters.get((type_id, name, kind))
        if known is None:
            rows = fetch(
                connection,
                "SELECT parameter_id FROM parameter WHERE type_id = ? AND name = ? AND kind = ?",
                (type_id, name, kind),
            )
            if not rows:
                return None
            known = self.parameters[type_id, name, kind] = int(rows[0][0])
        return known

    def parameter_among(self, connection: apsw.Connection, key: tuple[int, str, int], newest: int) -> int | None:
        """The same on a committed snapshot whose newest parameter is ``newest``: while that is so, what is absent stays
        absent."""
        if self.absent.get(key) == newest:
            return None
        found = self.parameter_id(connection, *key)
        if found is None:
            if len(self.absent) >= REMEMBERED:
                self.absent.clear()
            self.absent[key] = newest
        return found

    def system_id(self, connection: apsw.Connection, url: str) -> int | None:
        """The number of a token system, None when it never occurred."""
        known = self.systems.get(url)
        if known is None:
            rows = fetch(connection, "SELECT system_id FROM token_system WHERE url = ?", (url,))
            if not rows:
                return None
            known = self.systems[url] = int(rows[0][0])
        return known


class NewNames:
    """Numbers inside one write transaction: the known ones, the database's, and those it adds."""

    def __init__(self, connection: apsw.Connection, names: Names) -> None:
        self._connection, self._names = connection, names
        self._added = Names()

    def type_id(self, name: str) -> int:
        """The number of a resource type."""
        known = self._names.types.get(name) or self._added.types.get(name)
        if known is None:
            known = self._added.types[name] = self._number(
                "INSERT OR IGNORE INTO resource_type(name) VALUES (?)",
                "SELECT type_id FROM resource_type WHERE name = ?",
                (name,),
            )
        return known

    def parameter_id(self, type_id: int, name: str, kind: int) -> int:
        """The number of a type's parameter for entries of ``kind``."""
        key = (type_id, name, kind)
        known = self._names.parameters.get(key) or self._added.parameters.get(key)
        if known is None:
            known = self._added.parameters[key] = self._number(
                "INSERT OR IGNORE INTO parameter(type_id, name, kind) VALUES (?, ?, ?)",
                "SELECT parameter_id FROM parameter WHERE type_id = ? AND name = ? AND kind = ?",
                key,
            )
        return known

    def system_id(self, parameter_id: int, url: str) -> int:
        """The number of a token system, noted as one of the parameter's."""
        known = self._names.systems.get(url) or self._added.systems.get(url)
        if known is None:
            known = self._added.systems[url] = self._number(
                "INSERT OR IGNORE INTO token_system(url) VALUES (?)",
                "SELECT system_id FROM token_system WHERE url = ?",
                (url,),
            )
        pair = (parameter_id, known)
        if pair not in self._names.parameter_systems and pair not in self._added.parameter_systems:
            self._connection.execute("INSERT OR IGNORE INTO parameter_system VALUES (?, ?)", pair)
            self._added.parameter_systems.add(pair)
        return known

    def committed(self) -> None:
        """The transaction is durable: everyone may know what it added."""
        self._names.types.update(self._added.types)
        self._names.parameters.update(self._added.parameters)
        self._names.systems.update(self._added.systems)
        self._names.parameter_systems |= self._added.parameter_systems

    def _number(self, insert: str, select: str, key: tuple[str | int, ...]) -> int:
        rows: list[tuple[int]] = fetch(self._connection, select, key)
        if not rows:
            self._connection.execute(insert, key)
            rows = fetch(self._connection, select, key)
        return rows[0][0]


def all_types(connection: apsw.Connection) -> Iterable[str]:
    """Every resource type the database ever held, by name."""
    return [str(name) for (name,) in fetch(connection, "SELECT name FROM resource_type ORDER BY name")]
