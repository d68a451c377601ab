"""Files of FHIR R4 JSON (2.6): a Bundle, one resource, or NDJSON; each resource is a record."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import ijson

from countyfhir.intake.readers.json_file import opened, what_is_wrong, whole
from countyfhir.intake.reading import FileFacts, Record, Unreadable, file_digest
from countyfhir.mapping.record import Format

Entry = Mapping[str, Any]
Bundle = Callable[[], Iterator[Entry]]
"""The entries of a Bundle, from the beginning as often as they are asked for."""
ADDRESS = re.compile(r"^(?P<base>https?://.+)/(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.-]{1,64})$")
DELETED = re.compile(r"^(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.-]{1,64})$")
UNREADABLE = (ijson.JSONError, UnicodeDecodeError)


def inspect(path: Path, declared: Format) -> FileFacts:
    """Digest and number of resources; ``problem`` when the file is not JSON, or holds no resource."""
    digest, count = file_digest(path), 0
    try:
        for bundle in bundles(path, declared):
            count += sum(1 for _ in bundle())
    except Unreadable as error:
        return FileFacts(digest, count, str(error))
    return FileFacts(digest, count, None if count else "no FHIR resource is in the file")


def records(path: Path, declared: Format) -> Iterator[Record]:
    """The resources: ``type``, ``id``, the ``resource`` itself, its ``fullUrl`` in a Bundle, and ``updated``, its
    meta.lastUpdated in UTC. What a Bundle says by fullUrl is said by type and id, in references, too. A line or entry
    without a resource has the problem ``not-fhir``; an entry that deletes is a deleted record."""
    number = 0
    for bundle in bundles(path, declared):
        named = addresses(bundle)
        for entry in bundle():
            number += 1
            yield record_of(number, entry, named)


def bundles(path: Path, declared: Format) -> Iterator[Bundle]:
    """The Bundles of a file; a resource alone counts as one of a single entry."""
    if not by_lines(path, declared):
        yield lambda: in_file(path, declared)
        return
    for line in lines(path, declared):
        parsed = parsed_line(line)
        if isinstance(parsed, dict) and parsed.get("resourceType") == "Bundle":
            entries = [one if isinstance(one, dict) else {} for one in parsed.get("entry") or ()]
        else:
            entries = [{"resource": parsed, "line": line}]
        yield partial(iter, entries)


def by_lines(path: Path, declared: Format) -> bool:
    """Whether the file is NDJSON: its first line is an object, and another line follows."""
    found = lines(path, declared)
    first, second = next(found, ""), next(found, None)
    return second is not None and isinstance(parsed_line(first), dict)


def lines(path: Path, declared: Format) -> Iterator[str]:
    with opened(path, declared) as stream:
        rest = b""
        try:
            while chunk := stream.read(1 << 20):
                *found, rest = (rest + chunk).split(b"\n")
                yield from (line.decode() for line in found if line.strip())
            if rest.strip():
                yield rest.decode()
        except UnicodeDecodeError as error:
            raise Unreadable(f"the file is not NDJSON: {what_is_wrong(error)}") from error


def parsed_line(line: str) -> Any:
    try:
        return json.loads(line, parse_float=Decimal)
    except ValueError:
        return None


def in_file(path: Path, declared: Format) -> Iterator[Entry]:
    """The entries of the one Bundle of a file, however large; another resource as an entry."""
    with opened(path, declared) as stream:
        try:
            kind = next((value for place, _, value in ijson.parse(stream) if place == "resourceType"), None)
        except UNREADABLE as error:
            raise Unreadable(f"the file is not JSON: {what_is_wrong(error)}") from error
    with opened(path, declared) as stream:
        try:
            for item in ijson.items(stream, "entry.item" if kind == "Bundle" else ""):
                entry = whole(item)
                yield (entry if isinstance(entry, dict) else {}) if kind == "Bundle" else {"resource": entry}
        except UNREADABLE as error:
            raise Unreadable(f"the file is not JSON: {what_is_wrong(error)}") from error


def addresses(bundle: Bundle) -> dict[str, str]:
    """What the entries are called -> type and id: by their fullUrl, and by the addresses beside it (2.36.4.1)."""
    named: dict[str, str] = {}
    for entry in bundle():
        full, resource = entry.get("fullUrl"), entry.get("resource")
        if isinstance(full, str) and isinstance(resource, dict):
            named[full] = f"{resource.get('resourceType')}/{id_of(full, resource)}"
            if match := ADDRESS.match(full):
                named[f"{match['base']}/"] = ""
    return named


def id_of(full: str | None, resource: Mapping[str, Any]) -> Any:
    """The id of the resource, else what its fullUrl ends in."""
    return resource.get("id") or (re.split(r"[:/]", full)[-1] if full else None)


def record_of(number: int, entry: Entry, named: Mapping[str, str]) -> Record:
    resource, full = entry.get("resource"), entry.get("fullUrl")
    request = entry.get("request") or {}
    gone = DELETED.match(str(request.get("url"))) if request.get("method") == "DELETE" else None
    if gone:
        named_one = {"resourceType": gone["type"], "id": gone["id"]}
        return Record(number, {"type": gone["type"], "id": gone["id"], "resource": named_one}, deleted=True)
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        return Record(number, {"entry": entry.get("line", dict(entry))}, "not-fhir")
    logical_id = id_of(full, resource)
    updated = instant((resource.get("meta") or {}).get("lastUpdated"))
    row = {"type": resource["resourceType"], "id": logical_id, "updated": updated, "fullUrl": full}
    return Record(number, {**row, "resource": referring(resource, named)})


def referring(node: Any, named: Mapping[str, str]) -> Any:
    """The same with references by type and id where they lead to this institution's server, or into this Bundle."""
    if isinstance(node, list):
        return [referring(one, named) for one in node]
    if not isinstance(node, dict):
        return node
    made = {name: referring(part, named) for name, part in node.items()}
    for name in ("reference", "url"):
        if isinstance(made.get(name), str):
            made[name] = local(made[name], named)
    return made


def local(reference: str, named: Mapping[str, str]) -> str:
    if reference in named:
        return named[reference]
    match = ADDRESS.match(reference)
    return f"{match['type']}/{match['id']}" if match and f"{match['base']}/" in named else reference


def instant(text: Any) -> str | None:
    """The instant in UTC, so that versions sort as text."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC).isoformat(timespec="microseconds")
    except ValueError:
        return None
