"""A server to compare with: resources go in through the door of the interactions, searches follow their next links."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from countyfhir.app import Opened, open_world
from countyfhir.exchange import Grant, Interaction, Principal
from countyfhir.model import json
from countyfhir.settings import Settings, load
from tests.stores import store_at

from .answering import County, Key
from .drawn_resources import BASE


def _settings(path: Path) -> Settings:
    quick = {
        "load_definitions": "off",
        "synchronous": "normal",
        "reader_threads": 1,
        "audit": "off",
        "validation": "off",
        "person_index": "off",
    }
    return load({"store": store_at(path)} | quick)


def with_server(path: Path, story: Callable[[Opened], Awaitable[Any]]) -> Any:
    """The story on a server whose store is the file ``path``."""

    async def told() -> Any:
        async with open_world(_settings(path)) as opened:
            return await story(opened)

    return asyncio.run(told())


def with_servers(path: Path, story: Callable[[Opened, Opened], Awaitable[Any]]) -> Any:
    """The story on two servers that share the store."""

    async def told() -> Any:
        async with open_world(_settings(path)) as first, open_world(_settings(path)) as second:
            return await story(first, second)

    return asyncio.run(told())


async def put(opened: Opened, resource: dict[str, Any]) -> None:
    """Write one resource under its id."""
    await opened.perform(Interaction("update", resource["resourceType"], resource["id"], body=resource))


async def put_all(opened: Opened, resources: list[dict[str, Any]]) -> None:
    """Write resources in one transaction, in their order."""
    entries = [
        {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
        for each in resources
    ]
    body = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    await opened.perform(Interaction("transaction", body=body))


def grant(opened: Opened, types: tuple[str, ...], narrowed: dict[str, str]) -> Grant:
    """What a caller with a scope for each type may see, of some only what fulfils criteria."""
    asked = [f"system/{kind}.rs" + (f"?{narrowed[kind]}" if kind in narrowed else "") for kind in types]
    return opened.world.grant_of(Principal("tester", "key", scopes=tuple(asked)))


async def page(opened: Opened, url: str, grant: Grant | None = None) -> dict[str, Any]:
    """One page: ``url`` begins behind the base, ``Patient?name=x``."""
    place, _, query = url.partition("?")
    pairs = tuple(parse_qsl(query, keep_blank_values=True))
    steps = place.split("/") if place else []
    if len(steps) == 3:
        kind = None if steps[2] == "*" else steps[2]
        asked = Interaction("search-compartment", kind, query=pairs, compartment=(steps[0], steps[1]))
    else:
        asked = Interaction("search-type" if steps else "search-system", steps[0] if steps else None, query=pairs)
    answer = await opened.perform(asked, grant)
    assert isinstance(answer.body, bytes)
    bundle: dict[str, Any] = json.parse(answer.body)
    return bundle


def next_of(bundle: dict[str, Any]) -> str | None:
    """The next link, from behind the base."""
    found = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
    if not found:
        return None
    parts = urlsplit(found[0])
    return f"{parts.path.removeprefix('/fhir/')}?{parts.query}"


def keys_of(bundle: dict[str, Any], mode: str = "match") -> list[Key]:
    """The (type, id) of the entries of a mode; of what is contained, the id is ``Type/id#id``."""
    return [_key(entry) for entry in bundle.get("entry", ()) if entry["search"]["mode"] == mode]


def _key(entry: dict[str, Any]) -> Key:
    place, inside, local = entry["fullUrl"].partition("#")
    logical_id = "/".join(place.split("/")[-2:]) + f"#{local}" if inside else entry["resource"]["id"]
    return entry["resource"]["resourceType"], logical_id


async def pages(opened: Opened, url: str, grant: Grant | None = None) -> list[dict[str, Any]]:
    """All pages, by their next links."""
    found = [await page(opened, url, grant)]
    while (following := next_of(found[-1])) is not None:
        assert len(found) < 100, "the pages do not end"
        found.append(await page(opened, following, grant))
    return found


async def county(opened: Opened, types: tuple[str, ...], now: int) -> County:
    """What the server holds, oldest first: an unsorted search answers the latest first."""
    bundle = await page(opened, f"?_type={','.join(types)}&_count=1000")
    newest_first = [entry["resource"] for entry in bundle.get("entry", ())]
    return County({(each["resourceType"], each["id"]): each for each in reversed(newest_first)}, BASE, now)
