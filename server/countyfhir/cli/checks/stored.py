"""Checks of the store: whether it opens, its schema, its stamps, the keys that let callers in."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import apsw

from countyfhir.access import jwks
from countyfhir.cli.checks.finding import Finding, bad, good, note
from countyfhir.outcome import FhirError
from countyfhir.settings import Settings
from countyfhir.store.ports import HistoryQuery, Store, StoreUnusable
from countyfhir.store.sqlite import problems, schema
from countyfhir.store.sqlite.connecting import network_file_system

MINUTE = 60_000_000  # microseconds
NO_KEY = bad("API keys", "there is none that can be used", "make one: countyfhir key create --help")


def store(settings: Settings, *, deep: bool = False) -> list[Finding]:
    """Everything that can be said about the store without changing it; ``deep`` reads all of it."""
    path = settings.sqlite_path
    if path is None:
        return _mongodb(settings)
    if kind := network_file_system(str(path.absolute())):
        text = f"{path} lies on a network file system ({kind}), whose locks cannot be relied on"
        return [bad("store", text, "move it to a local disk")]
    if not path.exists():
        fresh = good("store", f"{path} is not there yet; it is made at the first start")
        return [fresh, NO_KEY] if settings.auth in ("keys", "both") else [fresh]
    try:
        version = schema_version(path)
    except (StoreUnusable, apsw.Error, OSError) as error:
        return [bad("store", f"{path}: {error}", "see docs/operate.md, When the store does not open")]
    if version < schema.SCHEMA_VERSION:
        text = f"{path} has schema version {version}; it is brought to {schema.SCHEMA_VERSION} at the next start"
        return [note("store", text, "make a backup first: countyfhir backup")]
    if deep and (found := problems(path)):
        return [bad("store", f"{path} is damaged: {found[0]}", "restore a backup: countyfhir restore")]
    return asyncio.run(_opened(settings, path))


def _mongodb(settings: Settings) -> list[Finding]:
    from countyfhir.store.mongodb import inspecting, layout

    try:
        seen = inspecting.inspected(settings.store)
    except StoreUnusable as error:
        return [bad("store", str(error), "see docs/mongodb.md")]
    if seen.problems:
        return [bad("store", problem, "see docs/mongodb.md") for problem in seen.problems]
    kind = "sharded cluster" if seen.sharded else f"replica set of {seen.members}"
    findings = [good("MongoDB", f"{'.'.join(map(str, seen.version))}, {kind}")]
    if seen.version < inspecting.SUPPORTED:
        findings.append(note("MongoDB", "its maker no longer mends this version", "go to 6.0 or newer"))
    if not seen.sharded and seen.members < 3:
        findings.append(note("MongoDB", "one lost disk loses the record", "three members, on three machines"))
    if abs(seen.ahead) > MINUTE / 1e6:
        findings.append(note("clock", f"{seen.ahead:.0f} seconds from the clock of the store", "set both (NTP)"))
    if seen.schema < layout.SCHEMA_VERSION:
        text = f"{settings.store_name} has schema version {seen.schema}; it is brought to {layout.SCHEMA_VERSION}"
        return [*findings, good("store", f"{text} at the next start")]
    findings += [bad("store", f"an index is missing: {one}", "start the server: it makes it") for one in seen.missing]
    return [*findings, *asyncio.run(_opened(settings, None))]


def schema_version(path: Path) -> int:
    """The schema version of the file; StoreUnusable or an SQLite error when it is none of ours."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return schema.check_version(connection)
    finally:
        connection.close()


async def _opened(settings: Settings, path: Path | None) -> list[Finding]:
    from countyfhir.app import open_store

    try:
        opened = await open_store(settings)
    except StoreUnusable as error:
        return [bad("store", str(error), "see docs/operate.md, When the store does not open")]
    try:
        return [*await _contents(opened, path, settings.store_name), *await _keys(opened, settings)]
    finally:
        await opened.close()


async def _contents(opened: Store, path: Path | None, name: str) -> list[Finding]:
    page = await opened.resources.history(HistoryQuery(count=1))
    size = f" ({path.stat().st_size / 2**20:.1f} MB)" if path is not None else ""
    place = path or name
    if not page.versions:
        return [good("store", f"{place} opens, is empty{size}")]
    ahead = page.versions[0].last_updated - time.time_ns() // 1000
    if ahead > MINUTE:
        text = f"the newest version is stamped {ahead // MINUTE} minutes in the future"
        return [note("clock", text, "set the clock (NTP); stamps go on from there until the clock has come up")]
    return [good("store", f"{place} opens, {page.total} versions{size}")]


async def _keys(opened: Store, settings: Settings) -> list[Finding]:
    findings = []
    if settings.auth in ("keys", "both"):
        now = time.time_ns() // 1000
        usable = [
            key for key in await opened.keys.all() if not key.revoked and not (key.expires and key.expires <= now)
        ]
        if usable:
            findings.append(good("API keys", f"{len(usable)} that can be used"))
        else:
            findings.append(NO_KEY)
    if settings.auth in ("jwt", "both") and settings.jwks:
        findings.append(await _signing_keys(settings.jwks))
    return findings


async def _signing_keys(location: str) -> Finding:
    try:
        keys = jwks.parse(await jwks.source(location).fetch())
    except (OSError, FhirError) as error:
        reason = getattr(error, "strerror", None) or error
        return bad("JWKS", f"{location}: {reason}", "set jwks to an https address or a file that can be read")
    if not keys:
        return bad("JWKS", f"{location} holds no key that can sign tokens", "RS, ES and PS algorithms are taken")
    return good("JWKS", f"{len(keys)} signing keys")
