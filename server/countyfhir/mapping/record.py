"""The plain data of a mapping: what a mapping file compiles to, a record, and what a record becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from countyfhir.exchange import Carried, Ready
from countyfhir.mapping.event import Event, EventTemplate
from countyfhir.mapping.expression import Environment, Evaluate, Expression, Scope
from countyfhir.mapping.finding import Finding
from countyfhir.mapping.keep import Keeps, Kept
from countyfhir.mapping.merge import Merge
from countyfhir.mapping.template import Loop
from countyfhir.mapping.tree_path import TreePath

Row = dict[str, Any]
"""A record as a reader gives it: columns by name; a blank is None, everything else text (or a JSON value)."""


@dataclass(frozen=True, slots=True)
class Institution:
    """An institution of the county: its code (统一社会信用代码) or, without one, its name identifies it."""

    name: str
    code: str | None = None
    aliases: tuple[str, ...] = ()
    part_of: str | None = None
    kind: str | None = None

    @property
    def key(self) -> str:
        return self.code or self.name


@dataclass(frozen=True, slots=True)
class Format:
    """How the file of a record type is read."""

    format: str  # a key of intake.readers.formats.READERS
    file: str  # pattern of the file name
    columns: tuple[str, ...]
    encoding: str = "utf-8"
    delimiter: str = ","
    sheet: str | None = None
    header_row: int = 1
    header_rows: int = 1  # a header of several rows ends at header_row; merged cells count for all they span
    skip: int = 0  # lines before the first record, where there is no header
    positions: tuple[tuple[str, int, int], ...] = ()  # fixed width: name, 1-based first place, length
    counted: str = "bytes"  # what those places count: bytes | characters
    record: str | None = None  # JSON: path to the list (data.rows); XML: name of the record's element
    embedded: str | None = None  # XML: name of the element whose text is the XML that holds the records
    only: TreePath | None = None  # which records of the file are for this mapping
    sent: TreePath | None = None  # which of the messages that are sent, without a file, are for this mapping
    view: str | None = None  # SQL: the view or table, perhaps SCHEMA.VIEW
    query: str | None = None  # SQL: instead of a view
    watermark: str | None = None  # SQL: the column that says what is new
    forced: bool = False  # XML: the declared encoding wins over the one the file states
    pixels: bool = False  # DICOM: the pixels are read too, as PixelData in base64
    charsets: tuple[tuple[str, str], ...] = ()  # DICOM: character sets that are named wrongly, and what they are
    blanks: frozenset[str] = frozenset({"", "NULL", "null", "—", "——"})
    needed: frozenset[str] | None = None  # columns without which the file is another one; None: all


@dataclass(frozen=True, slots=True)
class Lookup:
    """A row of another table of the source: found by ``key`` there, ``by`` here; ``columns`` are kept."""

    name: str
    file: str
    key: str
    columns: tuple[str, ...]
    by: Expression
    needed: bool
    format: Format


@dataclass(frozen=True, slots=True)
class Check:
    """A rule over the values of a record: when it holds, the issue stands and perhaps the record's outcome changes."""

    when: Expression
    issue: str
    columns: tuple[str, ...]
    severity: str
    outcome: str | None  # quarantined | rejected
    held_back: bool = False
    message: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """A resource that a record becomes, or several of them in a loop. ``shared``: other records state it too; ``stub``:
    they state it better. ``values`` and ``checks`` are its own, of each turn."""

    resource_type: str
    key: Evaluate
    render: Evaluate
    when: Evaluate | None
    loop: Loop | None
    shared: bool
    stub: bool = False
    values: tuple[tuple[str, Expression], ...] = ()
    checks: tuple[Check, ...] = ()
    source: str | None = None  # the source whose resource it is, where that is another one
    event: EventTemplate | None = None  # the real event it states, which other channels may state too
    content: Any = None  # the template as it was written, and what it may name: for explanations
    scope: Scope = field(default_factory=lambda: Scope({}))
    merge: Merge | None = None  # the record states only a part of it
    keeps: Keeps | None = None  # what the record leaves out stays as it is stored


@dataclass(frozen=True, slots=True)
class RecordMapping:
    """One mapping file, compiled."""

    name: str  # "county-hospital/ms-brda"
    source: str
    version: str
    title: str
    path: Path
    institution: Institution
    format: Format
    key: tuple[str, ...]
    version_key: Expression | None
    main: tuple[str, ...]
    values: tuple[tuple[str, Expression], ...]
    lookups: tuple[Lookup, ...]
    checks: tuple[Check, ...]
    targets: tuple[Target, ...]
    order: int = 100
    of: tuple[str, ...] = ()  # what a record is a version of, where that is not the record itself
    reused: tuple[str, ...] = ()  # columns that join a key which stands over several records
    part: tuple[str, ...] = ()  # columns that tell apart the records that one key is spread over
    keeps: bool = False  # what a later version does not state any more stays
    paths: tuple[tuple[str, TreePath], ...] = ()  # columns that are found in the tree of a record
    institution_of: Expression | None = None  # where the records of one file come from several institutions
    deleted: Expression | None = None  # when the source says that the record is no longer valid


@dataclass(frozen=True, slots=True)
class Source:
    """A source system: its mapping files, the folder name its files lie in, and the institutions they name."""

    name: str
    title: str
    folder: str
    mappings: tuple[RecordMapping, ...]
    institutions: tuple[Institution, ...]
    ignore: tuple[str, ...] = ()  # patterns of files that hold no records (dictionaries)


@dataclass(frozen=True, slots=True)
class Context:
    """What a record needs beside itself: the rows of other tables, by lookup name and key."""

    lookups: Mapping[str, Callable[[str], Row | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MappedRecord(Carried):
    """What a record became. ``outcome``: mapped, quarantined, rejected, or deleted (its source marks it
    so). ``shared`` names the resources other records
    state too ("Patient/…"), ``stubs`` those that others state better; ``subject`` is what the record is a version of.
    ``environment`` is kept for the explanation of a record, never for a report."""

    key: str
    version_key: str
    resources: tuple[dict[str, Any], ...]
    issues: tuple[Finding, ...]
    outcome: str
    shared: frozenset[str] = frozenset()
    stubs: frozenset[str] = frozenset()
    subject: str = ""
    events: tuple[Event, ...] = ()
    institution: str | None = None  # reference of the record's own institution, where it names one
    environment: Environment = field(default_factory=dict, repr=False)
    merges: Mapping[str, Merge] = field(default_factory=dict)  # reference -> how its parts come together
    kept: Mapping[str, Kept] = field(default_factory=dict)  # reference -> how it completes what is stored
    changes: tuple[dict[str, Any], ...] = ()  # what it states of resources only where they are stored
    digest: str = ""  # of the resources, where it was computed
    source_digest: str = ""  # of the record as it was read, where it was computed
    mentions: tuple[str, ...] = ()  # references that may lead to resources which stand for events of several records
    persons: Mapping[str, frozenset[str]] = field(default_factory=dict)  # Patient/… -> what tells the person apart
    ready: Mapping[str, Ready] = field(default_factory=dict, repr=False)  # those that were prepared with it
    told: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # reference -> member -> version that said it
