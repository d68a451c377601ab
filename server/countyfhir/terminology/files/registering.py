"""What lies in folders, into the concept index: only what has changed since the last time is read again."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from countyfhir.terminology import contents
from countyfhir.terminology.database import Database
from countyfhir.terminology.files import folder
from countyfhir.terminology.files.text import TerminologyFileError

FORM = "1"
"""Raised when the short forms come to mean something else, so that every file is read again."""

log = logging.getLogger(__name__)


def with_folders(database: Database, folders: Iterable[Path]) -> None:
    """Register the code systems, value sets and concept maps of the folders, and forget those that are gone. A file
    that cannot be used is logged; what it held before stays."""
    known: dict[str, dict[str, tuple[str, str]]] = {}
    for key, kind, stamp in database.rows("SELECT key, kind, stamp FROM content WHERE origin='folder'"):
        known.setdefault(key.rpartition("#")[0], {})[key] = (kind, stamp)
    there = {str(path): path for path in folder.files(folders)}
    for name in known.keys() - there.keys():
        _forget(database, known[name])
    for name, path in there.items():
        stamp = f"{FORM}/{path.stat().st_mtime_ns}/{path.stat().st_size}"
        had = known.get(name, {})
        if not had or any(before != stamp for _, before in had.values()):
            _read(database, path, stamp, had)


def _read(database: Database, path: Path, stamp: str, had: dict[str, tuple[str, str]]) -> None:
    try:
        found = [one for one in folder.in_file(path) if one["resourceType"] in contents.KINDS]
    except TerminologyFileError as error:
        log.error("%s", error)
        return
    with database.writing():
        _forget(database, had)
        for number, resource in enumerate(found):
            contents.register(database, resource, "folder", f"{path}#{number}", stamp)


def _forget(database: Database, had: dict[str, tuple[str, str]]) -> None:
    with database.writing() as connection:
        for key, (kind, _) in had.items():
            contents.remove(connection, "folder", kind, key)
