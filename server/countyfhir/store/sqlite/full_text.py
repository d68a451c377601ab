"""Full text in SQLite: an FTS5 index without content, and beside it the few rows that wait to be added together.

FTS5 adds five hundred resources for the price of thirty added one by one. So a commit only appends the words to
``full_text_waiting``, in its own transaction; every ``TOGETHER`` versions, what waits moves into the index. A search
asks both. Words begin with the number of their resource type, so that no search reads the words of another type.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import apsw

from countyfhir.search.full_text import BEGINNING, NARRATIVE
from countyfhir.search.query import FullText
from countyfhir.store.sqlite.sql import Scope, Sql, Term, joined

TOGETHER = 256

Row = tuple[Any, ...]

SCHEMA = """
CREATE VIRTUAL TABLE full_text USING fts5(
  narrative, rest, content='', contentless_delete=1, detail=full, tokenize="ascii");
CREATE TABLE full_text_waiting(rid INTEGER PRIMARY KEY, narrative TEXT NOT NULL, rest TEXT NOT NULL);
CREATE TABLE full_text_digest(rid INTEGER PRIMARY KEY, digest INTEGER NOT NULL);
"""

INSERT = "INSERT INTO full_text_waiting VALUES (?, ?, ?)"
DELETE = "DELETE FROM full_text_waiting WHERE rid = ?; DELETE FROM full_text WHERE rowid = ?"

_MOVE = """
INSERT INTO full_text(rowid, narrative, rest) SELECT rid, narrative, rest FROM full_text_waiting;
DELETE FROM full_text_waiting;
"""


def rows(rid: int, type_id: int, texts: Iterable[str]) -> tuple[Row, Row]:
    """The words of a resource as a row of the index, and the row of its digest, which tells whether they changed."""
    narrative, rest = texts
    digest = blake2b(f"{type_id} {narrative}\n{rest}".encode(), digest_size=8).digest()
    return (rid, _typed(type_id, narrative), _typed(type_id, rest)), (rid, int.from_bytes(digest, signed=True))


def _typed(type_id: int, words: str) -> str:
    """The words with the number of the type before each ("5tflu")."""
    return f"{type_id}t" + words.replace(" ", f" {type_id}t") if words else ""


def is_due(first: int, last: int) -> bool:
    """Whether what waits moves into the index with the versions ``first`` to ``last``."""
    return first // TOGETHER != (last + 1) // TOGETHER


def move(connection: apsw.Connection) -> None:
    """Add what waits to the index."""
    connection.execute(_MOVE)


def full_text(scope: Scope, predicate: FullText) -> Term:
    """Resources in whose words every phrase occurs: those in the index, and those that wait."""
    narrative_only = predicate.parameter == NARRATIVE
    phrases = [_typed(scope.type_id, each) for each in predicate.phrases]
    match = (_matching(phrases, narrative_only),)
    waits = joined(" AND ", [_waits(each, narrative_only) for each in phrases])
    found = Sql(
        "SELECT rowid AS rid FROM full_text WHERE full_text MATCH ?"
        f" UNION ALL SELECT rid FROM full_text_waiting WHERE {waits.text}",
        (*match, *waits.bindings),
    )

    def probe(rid: str) -> Sql:
        text = (
            f"(EXISTS (SELECT 1 FROM full_text WHERE rowid = {rid} AND full_text MATCH ?)"
            f" OR EXISTS (SELECT 1 FROM full_text_waiting WHERE rid = {rid} AND {waits.text}))"
        )
        return Sql(text, (*match, *waits.bindings))

    return Term(probe, (found,), (found,), once=True)


def _matching(phrases: list[str], narrative_only: bool) -> str:
    """The expression of FTS5: words hold letters and digits only, so quotes are enough."""
    quoted = [f'"{each[:-1]}" *' if each.endswith(BEGINNING) else f'"{each}"' for each in phrases]
    return ("narrative : (%s)" if narrative_only else "(%s)") % " AND ".join(quoted)


def _waits(phrase: str, narrative_only: bool) -> Sql:
    """The same over the text of a row that waits."""
    sought = f" {phrase[:-1]}" if phrase.endswith(BEGINNING) else f" {phrase} "
    if narrative_only:
        return Sql("instr(' ' || narrative || ' ', ?)", (sought,))
    return Sql("(instr(' ' || narrative || ' ', ?) OR instr(' ' || rest || ' ', ?))", (sought, sought))
