"""Searches of each kind on stores of growing size: answers a second, latencies, and how p50 grows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

from bench.asked import Asked
from bench.driving import Request, drive
from bench.figures import Figure, of_run
from bench.loading import load_county
from bench.serving import Server, ours

CLIENTS = 4
SPREAD = 50
"""Different values of each kind of search."""

KINDS: dict[str, str] = {
    "by id": "/Patient?_id=p{n}",
    "token": "/Patient?identifier=urn:bench:resident|R{n:08d}",
    "token, many match": "/Observation?code=http://loinc.org|85354-9&_count=20",
    "reference": "/Observation?subject=Patient/p{n}",
    "string": "/Patient?family=欧阳&_count=20",
    "string, pinyin": "/Patient?name=ou&_count=20",
    "date": "/Patient?birthdate=ge1990-{m:02d}-01&birthdate=lt1990-{m:02d}-28",
    "date, sorted": "/Observation?date=ge2020-01-01&_sort=-date&_count=20",
    "two parameters": "/Observation?subject=Patient/p{n}&code=29463-7",
    "include": "/Observation?subject=Patient/p{n}&_include=Observation:subject",
    "revinclude": "/Patient?_id=p{n}&_revinclude=Observation:subject&_revinclude=Condition:subject",
    "sort": "/Patient?_sort=family,-birthdate&_count=20",
    "first page": "/Patient?_count=20",
}


def search(asked: Asked) -> Iterator[Figure]:
    """Every kind at every size; the larger store continues the smaller one."""
    store, first = asked.folder / "search.sqlite", 0
    smallest: dict[str, float] = {}
    for size in asked.patients:
        loaded = load_county(store, first, size)
        yield Figure(
            "load", f"into {first:,} residents", loaded.rate, "resources/s", note=f"{loaded.resources:,} loaded"
        )
        first = size
        with ours(asked.folder, store=store) as server:
            for figure in at_size(asked, server, size):
                yield grown(figure, smallest)


def grown(figure: Figure, smallest: dict[str, float]) -> Figure:
    """The figure, noting how its p50 compares with the one at the smallest size."""
    kind = figure.name.partition(" at ")[0]
    if kind not in smallest:
        smallest[kind] = figure.p50 or 0.0
        return figure
    note = f"p50 x{(figure.p50 or 0) / smallest[kind]:.2f}" if smallest[kind] else ""
    return replace(figure, note=note)


def at_size(asked: Asked, server: Server, size: int) -> Iterator[Figure]:
    """Each kind of search, and pages followed to the end of 200 matches."""
    for name, path in KINDS.items():
        requests = [_request(path, number, size) for number in range(SPREAD)]
        run = drive(server, requests, clients=CLIENTS, seconds=asked.seconds)
        yield of_run("search", f"{name} at {size}", run)
    run = drive(server, _pages(server), clients=CLIENTS, seconds=asked.seconds)
    yield of_run("search", f"pages 2 to 10 at {size}", run)


def _request(path: str, number: int, size: int) -> Request:
    filled = path.format(n=number * size // SPREAD, m=number % 12 + 1)
    return "GET", quote(filled, safe="/?&=|:,"), None


def _pages(server: Server) -> list[Request]:
    """Requests for the following pages of a sorted search, as the server's own links name them."""
    requests: list[Request] = []
    path = "/Patient?_sort=birthdate&_count=20"
    while path and len(requests) < 10:
        requests.append(("GET", path, None))
        bundle = json.loads(server.request("GET", path)[1])
        following = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
        path = following.partition(server.prefix)[2]
    return requests[1:]
