"""The tables of the concept index (docs/decisions/0008-concept-index.md)."""

from __future__ import annotations

VERSION = 2
"""Raised when tables are added: an index that is older gets them, and keeps what was imported."""

REGISTERED, INDEXED, COMING = 0, 1, 2
"""States of a content: its text is there; its concepts are in the index, too; an import is writing it."""

ABSTRACT, INACTIVE = 1, 2
"""Bits of ``concept.flags``."""

TABLES = """
CREATE TABLE IF NOT EXISTS note(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS content(
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, url TEXT NOT NULL, version TEXT NOT NULL, status TEXT NOT NULL,
    origin TEXT NOT NULL, key TEXT NOT NULL, supplements TEXT, mode TEXT NOT NULL, whole TEXT, stamp TEXT,
    state INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS content_key ON content(origin, kind, key);
CREATE INDEX IF NOT EXISTS content_url ON content(kind, url);
CREATE INDEX IF NOT EXISTS content_whole ON content(whole) WHERE whole IS NOT NULL;
CREATE INDEX IF NOT EXISTS content_supplements ON content(supplements) WHERE supplements IS NOT NULL;
CREATE TABLE IF NOT EXISTS map_part(
    content INTEGER NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL,
    PRIMARY KEY(content, source, target)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS concept(
    id INTEGER PRIMARY KEY, system INTEGER NOT NULL, code TEXT NOT NULL, folded TEXT, display TEXT, definition TEXT,
    flags INTEGER NOT NULL, more BLOB);
CREATE UNIQUE INDEX IF NOT EXISTS concept_code ON concept(system, code);
CREATE INDEX IF NOT EXISTS concept_folded ON concept(system, folded) WHERE folded IS NOT NULL;
CREATE TABLE IF NOT EXISTS edge(
    child INTEGER NOT NULL, parent INTEGER NOT NULL, PRIMARY KEY(child, parent)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS edge_parent ON edge(parent, child);
CREATE TABLE IF NOT EXISTS pending(system INTEGER NOT NULL, child TEXT NOT NULL, parent TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS closure(
    ancestor INTEGER NOT NULL, descendant INTEGER NOT NULL, PRIMARY KEY(ancestor, descendant)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS closure_up ON closure(descendant, ancestor);
CREATE TABLE IF NOT EXISTS property(
    system INTEGER NOT NULL, code TEXT NOT NULL, value TEXT NOT NULL, concept INTEGER NOT NULL,
    PRIMARY KEY(system, code, value, concept)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS property_concept ON property(concept, code, value);
CREATE TABLE IF NOT EXISTS client_table(name TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS client_code(
    name TEXT NOT NULL, system TEXT NOT NULL, code TEXT NOT NULL, version INTEGER NOT NULL,
    PRIMARY KEY(name, system, code)) WITHOUT ROWID;
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(text, content='', contentless_delete=1, tokenize="unicode61");
"""
