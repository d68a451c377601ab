"""What the index knows of: code systems, value sets and concept maps with their versions and where they came from (R4
section 4.1, canonical resources)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import apsw
import msgspec

from countyfhir.model import json, library
from countyfhir.terminology import schema
from countyfhir.terminology.database import Database

KINDS = ("CodeSystem", "ValueSet", "ConceptMap")
ORIGINS = ("r4", "folder", "package", "import", "store", "request")
"""Where a content came from; of two with the same url and version the later of these counts."""


class Content(NamedTuple):
    """One code system, value set or concept map of the index, without its text."""

    content_id: int
    kind: str
    url: str
    version: str
    status: str
    origin: str
    supplements: str | None
    mode: str
    state: int


_COLUMNS = "id, kind, url, version, status, origin, supplements, mode, state"


def register(database: Database, resource: dict[str, Any], origin: str, key: str, stamp: str | None = None) -> int:
    """Keep a resource in the place of what ``origin`` had under ``key``; returns its number. Its concepts come to the
    index when they are first needed. What is there with the same ``stamp`` stays as it is."""
    with database.writing() as connection:
        if stamp is not None:
            at = (origin, resource["resourceType"], key, stamp)
            same = database.first("SELECT id FROM content WHERE origin=? AND kind=? AND key=? AND stamp=?", at)
            if same is not None:
                return int(same[0])
        remove(connection, origin, resource["resourceType"], key)
        row = _row(resource, origin, key, json.dumps(resource))
        connection.execute(_INSERT, row)
        number = connection.last_insert_rowid()
        connection.execute("UPDATE content SET stamp=? WHERE id=?", (stamp, number))
        for source, target in _map_parts(resource):
            connection.execute("INSERT OR IGNORE INTO map_part VALUES(?, ?, ?)", (number, source, target))
        return number


_INSERT = (
    "INSERT INTO content(kind, url, version, status, origin, key, supplements, mode, whole, state, body)"
    " VALUES(?,?,?,?,?,?,?,?,?,?,?)"
)


def _row(resource: dict[str, Any], origin: str, key: str, text: bytes) -> tuple[Any, ...]:
    mode = resource.get("content") or ""
    supplements = resource.get("supplements") if mode == "supplement" else None
    found = (resource["resourceType"], resource.get("url", ""), str(resource.get("version", "")))
    return (
        *found,
        resource.get("status", ""),
        origin,
        key,
        supplements,
        mode,
        _whole(resource),
        schema.REGISTERED,
        text,
    )


def _whole(resource: dict[str, Any]) -> str | None:
    """The value set of all codes, as a code system names it."""
    if resource["resourceType"] != "CodeSystem":
        return None
    return str(resource.get("valueSet") or "").partition("|")[0] or None


def _map_parts(resource: dict[str, Any]) -> list[tuple[str, str]]:
    if resource["resourceType"] != "ConceptMap":
        return []
    return [(group.get("source", ""), group.get("target", "")) for group in resource.get("group", ())]


def remove(connection: apsw.Connection, origin: str, kind: str, key: str) -> bool:
    """Forget what ``origin`` has under ``key``; whether there was anything."""
    found: list[Any] = connection.execute(
        "SELECT id FROM content WHERE origin=? AND kind=? AND key=? AND state<>?", (origin, kind, key, schema.COMING)
    ).fetchall()
    for (number,) in found:
        drop(connection, number)
    return bool(found)


def drop(connection: apsw.Connection, number: int) -> None:
    """Remove a content with all its concepts."""
    drop_concepts(connection, number)
    connection.execute("DELETE FROM map_part WHERE content=?", (number,))
    connection.execute("DELETE FROM content WHERE id=?", (number,))


def drop_concepts(connection: apsw.Connection, number: int) -> None:
    """Remove the concepts of a code system from the index."""
    own = "(SELECT id FROM concept WHERE system=?)"
    for table, column in (("words", "rowid"), ("closure", "descendant"), ("edge", "child")):
        connection.execute(f"DELETE FROM {table} WHERE {column} IN {own}", (number,))
    connection.execute("DELETE FROM property WHERE system=?", (number,))
    connection.execute("DELETE FROM pending WHERE system=?", (number,))
    connection.execute("DELETE FROM concept WHERE system=?", (number,))


def of_url(database: Database, kind: str, url: str) -> list[Content]:
    """Every version that is there to be used."""
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM content WHERE kind=? AND url=? AND state<>?", (kind, url, schema.COMING)
    )
    return [Content(*row) for row in rows]


def supplements_of(database: Database, url: str) -> list[Content]:
    """The supplements to a code system, of any version of it."""
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM content WHERE supplements=? OR (supplements>? AND supplements<?)",
        (url, url + "|", url + "}"),
    )
    return [Content(*row) for row in rows]


def all_of(database: Database, kind: str) -> list[Content]:
    """Every content of a kind, by url."""
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM content WHERE kind=? AND state<>? ORDER BY url, version", (kind, schema.COMING)
    )
    return [Content(*row) for row in rows]


def naming_value_set(database: Database, url: str) -> list[Content]:
    """The code systems that name ``url`` as the value set of all their codes."""
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM content WHERE kind='CodeSystem' AND whole=? AND state<>? ORDER BY id DESC",
        (url, schema.COMING),
    )
    return [Content(*row) for row in rows]


def body(database: Database, number: int) -> dict[str, Any]:
    """The resource; of a code system whose concepts are in the index, what stands before them."""
    found = database.first("SELECT body FROM content WHERE id=?", (number,))
    if found is None:
        raise LookupError(number)
    parsed: dict[str, Any] = json.parse(found[0])
    return parsed


def with_r4(database: Database) -> None:
    """Register R4's own content, once for each index."""
    if database.first("SELECT 1 FROM note WHERE name='r4'"):
        return
    with database.writing() as connection:
        if connection.execute("SELECT 1 FROM note WHERE name='r4'").fetchall():
            return
        for row, parts in r4_rows():
            connection.execute(_INSERT, row)
            number = connection.last_insert_rowid()
            connection.executemany("INSERT OR IGNORE INTO map_part VALUES(?, ?, ?)", ((number, *one) for one in parts))
        connection.execute("INSERT INTO note VALUES('r4', '4.0.1')")


def r4_rows() -> Iterable[tuple[tuple[Any, ...], list[tuple[str, str]]]]:
    """R4's own content as rows, read without a parse where the text tells: 2,458 resources in 0.2 s."""
    for line in library.base_lines(KINDS):
        head = msgspec.structs.asdict(_outlined(line))
        parts = _map_parts(json.parse(line)) if head["resourceType"] == "ConceptMap" else []
        yield _row(head, "r4", head["id"], line), parts


class _Outline(msgspec.Struct):
    resourceType: str  # noqa: N815 - as in the text
    id: str = ""
    url: str = ""
    version: str = ""
    status: str = ""
    content: str = ""
    supplements: str = ""
    valueSet: str = ""  # noqa: N815


_outlined = msgspec.json.Decoder(_Outline).decode


def maps_of(database: Database, system: str, target: str | None, reverse: bool) -> list[str]:
    """The urls of concept maps with a group from (in reverse: to) a code system, to (from) another where it is said."""
    near, far = ("target", "source") if reverse else ("source", "target")
    bare = f"(CASE instr({near}, '|') WHEN 0 THEN {near} ELSE substr({near}, 1, instr({near}, '|') - 1) END)"
    parts = "map_part p JOIN content k ON k.id=p.content"
    sql = f"SELECT DISTINCT k.url FROM {parts} WHERE {bare}=? AND (? IS NULL OR {far}=?)"
    return [url for (url,) in database.rows(sql, (system, target, target))]


def own_of_r4(database: Database, kind: str, logical_id: str) -> dict[str, Any] | None:
    """R4's own resource of an id, without its concepts when these are in the index; None when it has none."""
    rows = database.rows("SELECT id FROM content WHERE origin='r4' AND kind=? AND key=?", (kind, logical_id))
    return body(database, rows[0][0]) if rows else None
