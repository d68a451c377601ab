"""Tables of the embedded store and how an older file is brought up to date (docs/decisions/0003-sqlite-layout.md).

Every index table holds entries of current, undeleted resources only. It is clustered by resource (so that a probe, a
sort
key, an include and an update find one resource's rows on one page) and has one index a way of searching by value.
``flag`` marks the smallest (1) and the largest (2) entry of a resource and parameter, for walking an index in sort
order. ``given`` tells the units, as they were given, of a number in any unit (``unit`` "").
``literal`` marks a row that stands for a literal reference of the resource.
``resource_type`` counts what there is of each type: all versions, and the current, undeleted resources.
"""

from __future__ import annotations

import secrets

import apsw

from countyfhir.store import instant
from countyfhir.store.ports import StoreUnusable
from countyfhir.store.sqlite import full_text
from countyfhir.store.sqlite.connecting import fetch

APPLICATION_ID = 0x46484952  # "FHIR"

FIRST = """
CREATE TABLE setting(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE migration(version INTEGER PRIMARY KEY, applied INTEGER NOT NULL);
CREATE TABLE resource_type(
  type_id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, versions INTEGER NOT NULL DEFAULT 0,
  current INTEGER NOT NULL DEFAULT 0);
CREATE TABLE parameter(
  parameter_id INTEGER PRIMARY KEY, type_id INTEGER NOT NULL, name TEXT NOT NULL, kind INTEGER NOT NULL,
  UNIQUE(type_id, name, kind));
INSERT INTO parameter VALUES (0, 0, '#literal', 2);
CREATE TABLE token_system(system_id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE);
CREATE TABLE parameter_system(parameter_id INTEGER, system_id INTEGER, PRIMARY KEY(parameter_id, system_id)) WITHOUT
ROWID;

CREATE TABLE resource(
  rid INTEGER PRIMARY KEY, type_id INTEGER NOT NULL, logical_id TEXT NOT NULL, version_id INTEGER NOT NULL,
  seq INTEGER, last_updated INTEGER, deleted INTEGER NOT NULL, patient TEXT, UNIQUE(type_id, logical_id));
CREATE INDEX resource_of_type ON resource(type_id) WHERE deleted = 0;
CREATE INDEX resource_updated ON resource(type_id, last_updated) WHERE deleted = 0;
CREATE TABLE version(
  seq INTEGER PRIMARY KEY, rid INTEGER NOT NULL, version_id INTEGER NOT NULL, type_id INTEGER NOT NULL,
  last_updated INTEGER NOT NULL, method TEXT NOT NULL, body BLOB);
CREATE UNIQUE INDEX version_of_resource ON version(rid, version_id);
CREATE INDEX version_of_type ON version(type_id, seq);

CREATE TABLE token(
  rid INTEGER, parameter_id INTEGER, system_id INTEGER, code TEXT, part INTEGER, flag INTEGER NOT NULL,
  PRIMARY KEY(rid, parameter_id, system_id, code, part)) WITHOUT ROWID;
CREATE INDEX token_value ON token(parameter_id, system_id, code, rid, flag);
CREATE TABLE reference(
  rid INTEGER, parameter_id INTEGER, target_rid INTEGER, part INTEGER, literal INTEGER NOT NULL,
  PRIMARY KEY(rid, parameter_id, target_rid, part)) WITHOUT ROWID;
CREATE INDEX reference_target ON reference(target_rid, parameter_id, rid);
CREATE TABLE date(
  rid INTEGER, parameter_id INTEGER, low INTEGER, high INTEGER, part INTEGER, flag INTEGER NOT NULL,
  PRIMARY KEY(rid, parameter_id, low, high, part)) WITHOUT ROWID;
CREATE INDEX date_low ON date(parameter_id, low, rid, flag);
CREATE INDEX date_high ON date(parameter_id, high, rid, flag);
CREATE TABLE string(
  rid INTEGER, parameter_id INTEGER, norm TEXT, original TEXT, part INTEGER, flag INTEGER NOT NULL,
  PRIMARY KEY(rid, parameter_id, norm, original, part)) WITHOUT ROWID;
CREATE INDEX string_value ON string(parameter_id, norm, rid, flag);
CREATE TABLE number(
  rid INTEGER, parameter_id INTEGER, unit TEXT, key BLOB, part INTEGER, flag INTEGER NOT NULL,
  PRIMARY KEY(rid, parameter_id, unit, key, part)) WITHOUT ROWID;
CREATE INDEX number_value ON number(parameter_id, unit, key, rid, flag);
CREATE TABLE uri(
  rid INTEGER, parameter_id INTEGER, value TEXT, part INTEGER, flag INTEGER NOT NULL,
  PRIMARY KEY(rid, parameter_id, value, part)) WITHOUT ROWID;
CREATE INDEX uri_value ON uri(parameter_id, value, rid, flag);

CREATE TABLE audit(
  seq INTEGER PRIMARY KEY, count INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL, records BLOB NOT NULL);
CREATE INDEX audit_low ON audit(low);
CREATE TABLE audit_key(key TEXT, seq INTEGER, PRIMARY KEY(key, seq)) WITHOUT ROWID;

CREATE TABLE api_key(
  key_id TEXT PRIMARY KEY, digest BLOB NOT NULL UNIQUE, revoked INTEGER NOT NULL, created INTEGER NOT NULL,
  record BLOB NOT NULL);

CREATE TABLE intake(
  seq INTEGER PRIMARY KEY, source TEXT NOT NULL, key TEXT NOT NULL, outcome TEXT NOT NULL, held INTEGER NOT NULL,
  recorded INTEGER NOT NULL, record BLOB NOT NULL);
CREATE INDEX intake_key ON intake(source, key, seq) WHERE outcome IN ('stored', 'unchanged');
CREATE INDEX intake_held ON intake(source, seq) WHERE held = 1;

CREATE TABLE job(
  job_id TEXT PRIMARY KEY, kind TEXT NOT NULL, state TEXT NOT NULL, owner TEXT, lease_until INTEGER NOT NULL DEFAULT 0,
  created INTEGER NOT NULL, progress BLOB NOT NULL) WITHOUT ROWID;
"""

PERSONS = """
CREATE TABLE person_record(
  number INTEGER PRIMARY KEY, patient TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, person TEXT,
  keys BLOB NOT NULL, features BLOB NOT NULL);
CREATE INDEX person_record_person ON person_record(person) WHERE person IS NOT NULL;
CREATE TABLE person_key(key INTEGER, number INTEGER, PRIMARY KEY(key, number)) WITHOUT ROWID;
CREATE TABLE person_decision(
  pair TEXT PRIMARY KEY, a TEXT NOT NULL, b TEXT NOT NULL, decision BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX person_decision_a ON person_decision(a);
CREATE INDEX person_decision_b ON person_decision(b);
INSERT OR IGNORE INTO setting VALUES ('persons', 0);
"""

UNITS_BESIDE = """
ALTER TABLE number ADD COLUMN given TEXT NOT NULL DEFAULT '';
UPDATE number SET given = coalesce((
  SELECT char(10) || group_concat(o.unit, char(10)) || char(10) FROM number o
  WHERE o.rid = number.rid AND o.parameter_id = number.parameter_id AND o.key = number.key AND o.part = number.part
  AND o.unit <> '' AND substr(o.unit, 1, 1) <> '='), '') WHERE unit = '';
DELETE FROM number WHERE unit <> '' AND substr(unit, 1, 1) <> '=';
"""
"""Units as they were given stand beside the number in any unit; before, each had a row of its own."""

OUTBOX = """
CREATE TABLE subscription(
  subscription TEXT PRIMARY KEY, owner BLOB NOT NULL, phase TEXT NOT NULL, since INTEGER NOT NULL,
  number INTEGER NOT NULL DEFAULT 0, stamp INTEGER NOT NULL DEFAULT 1, due INTEGER, failures INTEGER NOT NULL DEFAULT 0,
  sent INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '', lease_owner TEXT,
  lease_until INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX subscription_due ON subscription(due) WHERE due IS NOT NULL;
CREATE TABLE notification(
  place TEXT PRIMARY KEY, state TEXT NOT NULL, changed INTEGER NOT NULL, reason TEXT NOT NULL, event BLOB NOT NULL)
  WITHOUT ROWID;
CREATE INDEX notification_open ON notification(state, place) WHERE state IN ('waiting', 'dead');
CREATE INDEX notification_ended ON notification(changed) WHERE state NOT IN ('waiting', 'dead');
INSERT OR IGNORE INTO setting VALUES ('followed', 0);
"""

RELATIONS = """
CREATE TABLE relation(
  rid INTEGER, rule TEXT, subject_rid INTEGER, actor_rid INTEGER, indirect INTEGER, effect INTEGER, reach INTEGER,
  low INTEGER, high INTEGER, types TEXT, instance_rid INTEGER,
  PRIMARY KEY(rid, subject_rid, actor_rid, rule, effect, reach, low, high, types, instance_rid)) WITHOUT ROWID;
CREATE INDEX relation_subject ON relation(subject_rid, reach, effect, actor_rid) WHERE reach > 0;
CREATE INDEX relation_actor ON relation(actor_rid, reach, subject_rid);
CREATE INDEX relation_refused ON relation(subject_rid) WHERE effect = 2;
"""
"""Who may see whose record (``search.relations``): ``rid`` is the resource that says so, ``actor_rid`` 0 everybody,
``indirect`` 1 an actor that belongs to an institution, ``instance_rid`` 0 no one resource."""

MIGRATIONS: tuple[str, ...] = (FIRST + full_text.SCHEMA, PERSONS, UNITS_BESIDE, OUTBOX, RELATIONS)
"""The n-th brings a file from version n to n+1; a released one never changes."""

SCHEMA_VERSION = len(MIGRATIONS)


def check_version(connection: apsw.Connection) -> int:
    """The file's schema version; StoreUnusable when this program is older than the file or the file is not ours."""
    found = int(connection.pragma("user_version"))
    if found > SCHEMA_VERSION:
        raise StoreUnusable(
            f"the database has schema version {found}, this program knows versions up to {SCHEMA_VERSION}: "
            "use the newer program, or restore a backup made before the upgrade"
        )
    if found and connection.pragma("application_id") != APPLICATION_ID:
        raise StoreUnusable("the file is an SQLite database of another program: name a different file")
    return found


def migrate(connection: apsw.Connection) -> None:
    """Bring the file to ``SCHEMA_VERSION`` in one transaction; the caller holds the turn to write."""
    if check_version(connection) == SCHEMA_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _apply_missing(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _apply_missing(connection: apsw.Connection) -> None:
    found = check_version(connection)
    if found == 0 and fetch(connection, "SELECT 1 FROM sqlite_schema LIMIT 1"):
        raise StoreUnusable("the file is an SQLite database of another program: name a different file")
    for version in range(found, SCHEMA_VERSION):
        connection.execute(MIGRATIONS[version])
        connection.execute("INSERT INTO migration VALUES (?, ?)", (version + 1, instant.now()))
    connection.execute("INSERT OR IGNORE INTO setting VALUES ('secret', ?)", (secrets.token_bytes(32),))
    connection.execute("INSERT OR IGNORE INTO setting VALUES ('definitions', 0)")
    connection.pragma("application_id", APPLICATION_ID)
    connection.pragma("user_version", SCHEMA_VERSION)
