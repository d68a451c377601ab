"""One version of a code system, asked concept by concept out of the index (R4 section 4.8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from countyfhir.model import json
from countyfhir.terminology import contents, schema, writer
from countyfhir.terminology.concepts import Meanings, entries_of
from countyfhir.terminology.contents import Content
from countyfhir.terminology.database import Database

SELECTED = "c.id, c.code, c.display, c.definition, c.flags, c.more"


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept that was found: its number in the index (0: a rule found it), code, display and the rest."""

    number: int
    code: str
    display: str | None = None
    definition: str | None = None
    flags: int = 0
    text: str | bytes | None = None

    @property
    def abstract(self) -> bool:
        """Whether it only groups others and is not to be chosen."""
        return bool(self.flags & schema.ABSTRACT)

    @property
    def inactive(self) -> bool:
        """Whether it is no longer to be used."""
        return bool(self.flags & schema.INACTIVE)

    @property
    def more(self) -> dict[str, Any]:
        """Its designations, properties and extensions, as CodeSystem.concept has them."""
        return json.parse(self.text.encode() if isinstance(self.text, str) else self.text) if self.text else {}

    def designations(self) -> list[dict[str, Any]]:
        """Its own designations."""
        found: list[dict[str, Any]] = self.more.get("designation", []) if self.text else []
        return found


class CodeSystem:
    """A code system of the index. ``supplements`` add designations and properties to its concepts."""

    is_rule = False

    def __init__(self, database: Database, content: Content, supplements: Sequence[CodeSystem] = ()) -> None:
        self.database, self.content = database, content
        self.header = _indexed(database, content)
        self.number, self.url, self.version = content.content_id, content.url, content.version
        self.case_sensitive: bool = self.header.get("caseSensitive", False)
        self.complete: bool = self.header.get("content", "complete") == "complete"
        self.supplements = tuple(supplements)
        self.meanings = Meanings(self.header)
        self.concept = lru_cache(maxsize=512)(self._concept)

    @property
    def canonical(self) -> str:
        """``url|version``."""
        return f"{self.url}|{self.version}" if self.version else self.url

    @property
    def language(self) -> str | None:
        """The language of its displays."""
        found = self.header.get("language")
        return str(found) if found else None

    @property
    def present(self) -> bool:
        """Whether it has concepts here at all."""
        return self.header.get("content") not in ("not-present", "supplement")

    def _concept(self, code: str) -> Concept | None:
        found = self.select("c.system=? AND c.code=?", (self.number, code))
        if not found and not self.case_sensitive:
            found = self.select("c.system=? AND c.folded=?", (self.number, code.casefold()))
        return found[0] if found else None

    def select(self, where: str, bindings: Sequence[Any], tail: str = "") -> list[Concept]:
        """The concepts that meet a condition of SQL (``c`` is the concept)."""
        rows = self.database.rows(f"SELECT {SELECTED} FROM concept c WHERE {where} {tail}", bindings)
        return [Concept(*row) for row in rows]

    def is_below(self, number: int, ancestor: int) -> bool:
        """Whether a concept stands anywhere below another."""
        return (
            self.database.first("SELECT 1 FROM closure WHERE ancestor=? AND descendant=?", (ancestor, number))
            is not None
        )

    def related(self, concept: Concept, direction: str) -> list[Concept]:
        """``parents``, ``children``, ``ancestors`` or ``descendants`` of a concept, in order of definition."""
        return self.select(f"c.id IN ({_RELATED[direction]})", (concept.number,), "ORDER BY c.id")

    def designations(self, concept: Concept) -> list[dict[str, Any]]:
        """The designations of a concept, its own and those of supplements."""
        found = concept.designations()
        for supplement in self.supplements:
            added = supplement.concept(concept.code)
            if added is not None:
                found = found + _of_supplement(added, supplement)
        return found

    def properties(self, concept: Concept) -> list[dict[str, Any]]:
        """The properties of a concept, its own and those of supplements."""
        found: list[dict[str, Any]] = list(concept.more.get("property", ()))
        for supplement in self.supplements:
            added = supplement.concept(concept.code)
            found += added.more.get("property", []) if added is not None else []
        return found


_RELATED = {
    "parents": "SELECT parent FROM edge WHERE child=?",
    "children": "SELECT child FROM edge WHERE parent=?",
    "ancestors": "SELECT ancestor FROM closure WHERE descendant=?",
    "descendants": "SELECT descendant FROM closure WHERE ancestor=?",
}


def _of_supplement(added: Concept, supplement: CodeSystem) -> list[dict[str, Any]]:
    """What a supplement says of a concept; its display is a designation in the language of the supplement."""
    found = added.designations()
    if added.display and supplement.language:
        found = [{"language": supplement.language, "value": added.display}, *found]
    return found


def _indexed(database: Database, content: Content) -> dict[str, Any]:
    """What stands before the concepts of a code system, after bringing these to the index where they are not."""
    parsed = contents.body(database, content.content_id)
    if "concept" not in parsed:
        return parsed
    with database.writing() as connection:
        state = connection.execute("SELECT state FROM content WHERE id=?", (content.content_id,)).fetchall()
        concepts = parsed.pop("concept")
        parsed.pop("text", None)
        if state and state[0][0] == schema.REGISTERED:
            folds = not parsed.get("caseSensitive", False)
            writer.insert(connection, content.content_id, entries_of(parsed, concepts), folds)
            writer.close(database, content.content_id)
            connection.execute(
                "UPDATE content SET state=?, body=? WHERE id=?",
                (schema.INDEXED, json.dumps(parsed), content.content_id),
            )
    return parsed


def canonicals(systems: Iterable[CodeSystem]) -> list[str]:
    """The canonicals of code systems, each once."""
    return list(dict.fromkeys(one.canonical for one in systems))
