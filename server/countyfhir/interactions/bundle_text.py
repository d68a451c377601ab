"""Bundles as text: stored bytes joined, never parsed (DESIGN decision 2; R4 Bundle)."""

from __future__ import annotations

from collections.abc import Iterable

from countyfhir.exchange import Stored
from countyfhir.model import json
from countyfhir.store.instant import text as instant


def quoted(text: str) -> bytes:
    """A JSON string."""
    return json.dumps(text)


def bundle(
    bundle_type: str,
    entries: Iterable[bytes],
    *,
    links: Iterable[tuple[str, str]] = (),
    total: int | None = None,
    head: Iterable[tuple[str, bytes]] = (),
) -> bytes:
    """A Bundle resource of finished entries. ``links`` are (relation, url); ``head`` more leading members (name,
    JSON)."""
    parts = [b'{"resourceType":"Bundle"']
    parts += [b"," + quoted(name) + b":" + value for name, value in head]
    parts.append(b',"type":' + quoted(bundle_type))
    if total is not None:
        parts.append(b',"total":%d' % total)
    rows = [b'{"relation":' + quoted(relation) + b',"url":' + quoted(url) + b"}" for relation, url in links]
    if rows:
        parts.append(b',"link":[' + b",".join(rows) + b"]")
    body = b",".join(entries)
    if body:
        parts.append(b',"entry":[' + body + b"]")
    parts.append(b"}")
    return b"".join(parts)


def match_entry(base: str, stored: Stored, body: bytes, mode: bytes = b"match") -> bytes:
    """One row of a searchset."""
    return search_entry(f"{base}/{stored.resource_type}/{stored.logical_id}", body, mode)


def search_entry(full_url: str, body: bytes, mode: bytes = b"match") -> bytes:
    """One row of a searchset by its full URL."""
    return b'{"fullUrl":"' + full_url.encode() + b'","resource":' + body + b',"search":{"mode":"' + mode + b'"}}'


def outcome_entry(outcome: bytes) -> bytes:
    """The row of a searchset that tells about the search itself."""
    return b'{"resource":' + outcome + b',"search":{"mode":"outcome"}}'


_STATUS = {"POST": b"201 Created", "DELETE": b"204 No Content"}


def history_entry(base: str, stored: Stored, body: bytes | None, *, created: bool = False) -> bytes:
    """One version in a history bundle; a deletion has no resource (R4 section 3.1.0.10). ``created``: it brought back
    what was deleted."""
    where = f"{stored.resource_type}/{stored.logical_id}"
    url = stored.resource_type if stored.method == "POST" else where
    status = b"201 Created" if created or stored.version_id == 1 else _STATUS.get(stored.method, b"200 OK")
    parts = [b'{"fullUrl":"', f"{base}/{where}".encode(), b'"']
    if body is not None:
        parts += [b',"resource":', body]
    parts += [
        b',"request":{"method":"' + stored.method.encode() + b'","url":"' + url.encode() + b'"}',
        b',"response":{"status":"' + status + b'"',
        f',"etag":"W/\\"{stored.version_id}\\"","lastModified":"{instant(stored.last_updated)}"}}}}'.encode(),
    ]
    return b"".join(parts)


def response_entry(
    base: str,
    status: str,
    stored: Stored | None,
    *,
    located: bool,
    body: bytes | None = None,
    outcome: bytes | None = None,
) -> bytes:
    """One row of a batch or transaction response; ``located`` tells where the version is."""
    parts = [b"{"]
    if stored is not None:
        parts.append(f'"fullUrl":"{base}/{stored.resource_type}/{stored.logical_id}",'.encode())
    if body is not None:
        parts += [b'"resource":', body, b","]
    parts.append(b'"response":{"status":' + quoted(status))
    if stored is not None and located:
        place = f"{stored.resource_type}/{stored.logical_id}/_history/{stored.version_id}"
        parts.append(f',"location":"{base}/{place}"'.encode())
    if stored is not None:
        parts.append(f',"etag":"W/\\"{stored.version_id}\\"","lastModified":"{instant(stored.last_updated)}"'.encode())
    if outcome is not None:
        parts += [b',"outcome":', outcome]
    parts.append(b"}}")
    return b"".join(parts)
