"""Checks of the machine: Python, SQLite, the clock, disk, port, the folders that ship."""

from __future__ import annotations

import platform
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import apsw

from countyfhir import shipped
from countyfhir.cli.checks.finding import Finding, bad, good, note
from countyfhir.cli.serve import port_taken
from countyfhir.settings import Settings, contradictions
from countyfhir.store.ports import StoreUnusable
from countyfhir.store.sqlite.connecting import check_library

OLDEST_PYTHON = (3, 11)
BUILT = datetime(2026, 11, 1, tzinfo=UTC)
"""No right clock is before this version was made."""
LITTLE_SPACE = 2**30


def python(settings: Settings) -> Finding:
    """The interpreter is new enough."""
    version = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        return bad("Python", f"{version} is too old", "install Python 3.11 or newer, and CountyFHIR in it")
    return good("Python", version)


def sqlite(settings: Settings) -> Finding:
    """The SQLite in use is safe with several connections."""
    try:
        check_library()
    except StoreUnusable as error:
        return bad("SQLite", str(error), "install again: ./run, or pip install --upgrade apsw")
    return good("SQLite", apsw.sqlite_lib_version())


def clock(settings: Settings) -> Finding:
    """The clock is not before this version was made. (The store's own stamps are checked with the store.)"""
    now = datetime.now(UTC)
    if now < BUILT:
        return bad("clock", f"it says {now:%Y-%m-%d %H:%M} UTC, before this version was made", "set the clock (NTP)")
    return good("clock", f"{now:%Y-%m-%d %H:%M} UTC, dates without a zone in {settings.time_zone}")


def disk(settings: Settings) -> Finding:
    """There is room where the store lies, and its folder can be written to."""
    if settings.sqlite_path is None:
        return good("disk", "the store is not on this machine")
    folder = _first_existing(settings.sqlite_path.absolute().parent)
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return bad("disk", f"{folder}: {error.strerror}", "set store to a folder that can be used")
    if not _writable(folder):
        return bad("disk", f"{folder} cannot be written to", "run as its owner, or set store to another folder")
    room = f"{free / 2**30:.1f} GB free in {folder}"
    return (
        note("disk", room, "make room: writes are refused when the disk is full")
        if free < LITTLE_SPACE
        else good("disk", room)
    )


def _first_existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _writable(folder: Path) -> bool:
    import os

    return os.access(folder, os.W_OK | os.X_OK)


def port(settings: Settings) -> Finding:
    """The port is free."""
    if reason := port_taken(settings.host, settings.port):
        return note("port", reason, "nothing to do when that is this server, running")
    return good("port", f"{settings.host} port {settings.port} is free")


def folders(settings: Settings) -> Finding:
    """The folders that ship are there."""
    try:
        found = [str(shipped.folder(name)) for name in shipped.FOLDERS]
    except FileNotFoundError as error:
        return bad("shipped folders", str(error), "install again: ./run, or pip install --force-reinstall countyfhir")
    return good("shipped folders", ", ".join(found))


def terminology(settings: Settings) -> Finding:
    """Every file of the terminology folders can be used."""
    from countyfhir.terminology.files import folder
    from countyfhir.terminology.files.text import TerminologyFileError

    count = 0
    for path in folder.files(shipped.folders("terminology", settings.terminology)):
        try:
            count += len(folder.in_file(path))
        except TerminologyFileError as error:
            return bad("terminology", str(error), "mend the file (docs/add-a-code-system.md), then start again")
    return good("terminology", f"{count} code systems, value sets, maps and naming systems in files")


def settings_agree(settings: Settings) -> Finding:
    """No settings contradict each other."""
    if wrong := contradictions(settings):
        return bad("settings", "; ".join(wrong), "change them (countyfhir settings shows where each stands)")
    return good("settings", "no contradictions")


def security(settings: Settings) -> Finding:
    """Whether others can come in, and whether it is recorded."""
    if settings.auth == "none":
        return note("access", "everybody on this machine may do everything", "set auth to keys, jwt or both")
    if settings.audit == "off":
        return note("access", "nobody records who saw what", "set audit to grouped or strict")
    return good("access", f"authentication by {settings.auth}, audit {settings.audit}")
