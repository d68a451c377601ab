"""A run: rounds of clients and kills on one store, then the verdict over what they saw and what is there."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

from tests.faults.asking import Asking
from tests.faults.clients import ACCOUNTS, FIRST_BALANCE, Client, Notes, basic, version_of
from tests.faults.cluster import Cluster
from tests.faults.events import Event, Version
from tests.faults.verdict import Run, by_group, problems

REGISTERS = 3
KILLS_IN_ROUND = 4
"""After so many kills, of one process or of several, the history is judged, and new resources are used."""


OPENED_WITHIN = 120.0
PROGRESS, PATIENCE, LOOK = 25, 20.0, 0.02
"""So many answers come between kills, or so many seconds pass; looked at so often."""


@dataclass(slots=True)
class Tally:
    """What all rounds came to."""

    kills: int = 0
    events: int = 0
    unknown: int = 0
    refused: int = 0
    wrong: int = 0


def rounds(cluster: Cluster, kills: int, clients: int, seed: int, seconds: tuple[float, float], tally: Tally) -> None:
    """Rounds until so many processes were killed; what is wrong is printed at once. ``seconds``: least and most
    between a kill and the next."""
    chance, number = random.Random(seed), 0
    cluster.start()
    while tally.kills < kills:
        name = f"n{seed}r{number}"
        run, notes = asyncio.run(one_round(cluster, name, kills, clients, chance, seconds))
        begun = time.process_time()
        found = problems(run)
        tally.kills = cluster.kills
        tally.events += len(run.events)
        tally.unknown += sum(event.open for event in run.events)
        tally.refused += sum(event.refused for event in run.events)
        tally.wrong += len(found)
        print(  # noqa: T201 - a command says what it found
            f"{name}: {tally.kills} kills, {len(notes.events)} events, {len(found)} problems"
            f" (judged in {time.process_time() - begun:.2f} s)", *found, sep="\n  ", file=sys.stderr, flush=True,
        )  # fmt: skip
        number += 1


async def one_round(
    cluster: Cluster, name: str, kills: int, clients: int, chance: random.Random, seconds: tuple[float, float]
) -> tuple[Run, Notes]:
    """One history: fresh resources, clients at work, kills until the round or all ``kills`` are done, everything up
    again, and what is there in the end."""
    notes, before = Notes(), _opened_accounts(cluster, name)
    working = [
        asyncio.create_task(Client(number, Asking(cluster.ports, number), notes, REGISTERS, name).work())
        for number in range(clients)
    ]
    try:
        for _ in range(KILLS_IN_ROUND):
            if cluster.kills >= kills:
                break
            await _progress(notes)
            await asyncio.sleep(chance.uniform(*seconds))
            await asyncio.to_thread(cluster.kill, chance)
            await asyncio.sleep(chance.uniform(0, 0.4))
            await asyncio.to_thread(cluster.start)
        await _progress(notes)
    finally:
        notes.stop = True
        await asyncio.gather(*working)
    return judged(cluster, name, notes, before), notes


async def _progress(notes: Notes) -> None:
    """A server that has just started compiles what it needs; a kill before anything was answered tells nothing."""
    goal = notes.answered + PROGRESS
    for _ in range(int(PATIENCE / LOOK)):
        if notes.answered >= goal:
            return
        await asyncio.sleep(LOOK)


def _opened_accounts(cluster: Cluster, name: str) -> list[Event]:
    events, until = [], time.monotonic() + OPENED_WITHIN
    for account in ACCOUNTS:
        key, value = f"{name}-{account}", f"{FIRST_BALANCE} {name}"
        body = basic(key, f"{value} {account}")
        status, made = cluster.asked(cluster.ports[0], f"/fhir/Basic/{key}", "PUT", body)
        while status == 503 and time.monotonic() < until:  # what was killed may still hold up the store
            status, made = cluster.asked(cluster.ports[0], f"/fhir/Basic/{key}", "PUT", body)
        assert status in (200, 201), made
        events.append(Event(f"open {key}", 0, 0, made={key: version_of(made)}))
    return events


def judged(cluster: Cluster, name: str, notes: Notes, before: list[Event]) -> Run:
    """The run with the truth: the whole history of what it touched."""
    versions, lying = _truth(cluster, name)
    truth: dict[str, list[Version]] = {key: all_ for key, all_ in versions.items() if key.startswith(name)}
    for place in range(REGISTERS):
        truth.setdefault(f"{name}-register-{place}", [])
    events = [*before, *(_with_outcome(event, notes, lying) for event in notes.events)]
    names = {identifier for event in events for identifier in (*event.found, *event.added)}
    groups = by_group([*notes.groups, *((each, each) for each in names)])
    accounts = frozenset(f"{name}-{account}" for account in ACCOUNTS)
    return Run(events, truth, accounts, FIRST_BALANCE * len(ACCOUNTS), groups)


def _with_outcome(event: Event, notes: Notes, lying: dict[str, str]) -> Event:
    """A creation whose answer did not come, with what the store says became of it."""
    if not event.open or event.wrote:
        return event
    for value, (identifier, name) in notes.sent.items():
        if name == event.name and value in lying:
            return replace(event, added={identifier: lying[value]})
    return replace(event, found={})


def _truth(cluster: Cluster, name: str) -> tuple[dict[str, list[Version]], dict[str, str]]:
    """All versions of each resource, the first first; and the logical id of what was created with each value."""
    versions: defaultdict[str, list[Version]] = defaultdict(list)
    lying: dict[str, str] = {}
    path = "/fhir/Basic/_history?_count=1000"
    while path:
        status, page = cluster.asked(cluster.ports[-1], path)
        assert status == 200, page
        rows = page.get("entry", [])
        for row in rows:
            key, version = _version(row)
            versions[key].insert(0, version)
            if version.value and "identifier" in row["resource"]:
                lying[version.value] = key
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        older = bool(rows) and all(not _ours(row, name) for row in rows)
        path = "/fhir" + following[0].partition("/fhir")[2] if following and not older else ""
    return versions, lying


def _ours(row: dict[str, Any], name: str) -> bool:
    return f"{name}-" in row.get("fullUrl", "") or name in row.get("resource", {}).get("code", {}).get("text", "")


def _version(row: dict[str, Any]) -> tuple[str, Version]:
    if "resource" in row:
        return row["resource"]["id"], version_of(row["resource"])
    response = row["response"]
    number = int(response["etag"].partition('"')[2].rstrip('"'))
    key = row["request"]["url"].rpartition("/")[2]
    return key, Version(number, None, response["lastModified"])
