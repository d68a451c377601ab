"""Whether answers are right: every page of a search against plain Python over the resources that were generated."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Any
from urllib.parse import quote, urlsplit

from bench.county.coded import Resource
from bench.county.making import FULL, Scale, county
from bench.searches.drawn import Drawn, drawn
from bench.searches.shape import TOTAL, Shape, coded, is_a, points
from bench.serving import Server

LARGE_PAGE = 500
UNQUOTED = "/?&=|:,*$"


class Truth:
    """All resources of a small county, by what a search may ask of them."""

    def __init__(self, count: int, scale: Scale = FULL) -> None:
        self.count = count
        self.resources = list(county(count, scale))
        self.by_key = {key(resource): resource for resource in self.resources}
        self.diabetics = frozenset(
            resource["subject"]["reference"].partition("/")[2]
            for resource in self.resources
            if is_a(resource, "Condition") and coded(resource, "E11.9")
        )

    def drawn(self, chance: Random) -> Drawn:
        """Values of this county."""
        return replace(drawn(chance, self.count), diabetics=self.diabetics)

    def matches(self, shape: Shape, values: Drawn) -> set[str]:
        """What must be found."""
        return {key(resource) for resource in self.resources if shape.holds(resource, values)}

    def included(self, shape: Shape, matches: set[str]) -> set[str]:
        """What must come along with these matches."""
        ahead = {target for match in matches for name in shape.also for target in points(self.by_key[match], name)}
        back = {
            key(resource)
            for kind, name in shape.back
            for resource in self.resources
            if is_a(resource, kind) and points(resource, name) & matches
        }
        return (ahead | back) - matches


def key(resource: Resource) -> str:
    """``Type/id``."""
    return f"{resource['resourceType']}/{resource['id']}"


def wrong(server: Server, shape: Shape, truth: Truth, times: int, seed: int = 5) -> list[str]:
    """What is wrong with the answers to a shape for so many draws, in words."""
    problems = []
    for number in range(times):
        values = truth.drawn(Random(f"{seed} {number} {shape.path}"))
        problems += [f"{shape.asked(values)}: {problem}" for problem in _compared(server, shape, values, truth)]
    return problems


def _compared(server: Server, shape: Shape, values: Drawn, truth: Truth) -> list[str]:
    path, expected = shape.asked(values), truth.matches(shape, values)
    total, pages = _pages(server, path if shape.pages else _in_large_pages(path))
    found = [each for page in pages for each in page["match"]]
    problems = []
    if {key(each) for each in found} != expected or len(found) != len(expected):
        problems.append(f"{len(found)} found, {len(expected)} in truth")
    if shape.kind == TOTAL and total != len(expected):
        problems.append(f"total {total}, {len(expected)} in truth")
    if shape.order:
        keys = [shape.order(each) for each in found]
        problems += [] if keys == sorted(keys, reverse=shape.descending) else ["not in order"]
    for page in pages if shape.also or shape.back else ():
        included = [key(each) for each in page["include"]]
        if sorted(included) != sorted(truth.included(shape, {key(each) for each in page["match"]})):
            problems.append("other resources included than the matches lead to")
    return problems


def _pages(server: Server, path: str) -> tuple[int | None, list[dict[str, list[Resource]]]]:
    total, pages = None, list[dict[str, list[Resource]]]()
    while path:
        bundle = answered(server, path)
        if bundle["resourceType"] != "Bundle":
            return None, [{"match": [bundle]}]
        total = bundle.get("total") if total is None else total
        pages.append(_by_mode(bundle.get("entry", ())))
        path = next_path(server, bundle)
    return total, pages


def _by_mode(entries: Iterable[dict[str, Any]]) -> dict[str, list[Resource]]:
    modes = defaultdict[str, list[Resource]](list)
    for entry in entries:
        modes[entry.get("search", {}).get("mode", "match")].append(entry["resource"])
    return modes


def _in_large_pages(path: str) -> str:
    """The same search with fewer pages to follow."""
    if "?" not in path:
        return path
    place, _, query = path.partition("?")
    kept = [pair for pair in query.split("&") if not pair.startswith("_count=")]
    return f"{place}?{'&'.join([*kept, f'_count={LARGE_PAGE}'])}"


def answered(server: Server, path: str) -> dict[str, Any]:
    """The Bundle. RuntimeError when it is refused."""
    status, answer = server.request("GET", quote(path, safe=UNQUOTED + "%"))
    if status != 200:
        raise RuntimeError(f"{path}: {status} {answer[:400].decode(errors='replace')}")
    bundle: dict[str, Any] = json.loads(answer)
    return bundle


def next_path(server: Server, bundle: dict[str, Any]) -> str:
    """Where the next page is, "" after the last one."""
    url = next((link["url"] for link in bundle.get("link", ()) if link["relation"] == "next"), "")
    parts = urlsplit(url)
    return parts.path.removeprefix(server.prefix) + (f"?{parts.query}" if parts.query else "")
