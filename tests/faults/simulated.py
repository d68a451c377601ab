"""Histories of a correct server, simulated: concurrent clients whose requests each happen at one moment between
question and answer. For the tests of the checker, which must find nothing in them, and must find what is put in."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field

from tests.faults.events import NEVER, Event, Version
from tests.faults.verdict import Run, balance

ACCOUNTS = ("a", "b", "c")
REGISTERS = ("x", "y")
FIRST = 100


@dataclass(slots=True)
class Server:
    """A correct server: everything happens at one moment."""

    versions: defaultdict[str, list[Version]] = field(default_factory=lambda: defaultdict(list))
    held: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    count: int = 0

    def present(self, key: str) -> Version:
        """The present version."""
        return self.versions[key][-1] if self.versions[key] else Version(0)

    def put(self, key: str, value: str | None) -> Version:
        """A new version."""
        self.count += 1
        version = Version(self.present(key).number + 1, value, f"{self.count:06}")
        self.versions[key].append(version)
        return version

    def value(self, start: int | str = "") -> str:
        """A value nobody else writes."""
        self.count += 1
        return f"{start} v{self.count}"


def correct(seed: int, length: int = 120) -> Run:
    """A history of five clients, some of whose answers never come."""
    chance, server = random.Random(seed), Server()
    events = [Event(f"open {key}", 0, 0, made={key: server.put(key, server.value(FIRST))}) for key in ACCOUNTS]
    free = [1.0] * 5
    for number in range(length):
        client = min(range(5), key=free.__getitem__)
        started = free[client] + chance.random() * 0.1
        moment, ended = started, started + chance.random()
        events.append(_event(f"{number}", server, chance, started, max(moment, ended)))
        free = [max(each, started) for each in free]  # what happens next, happens after this moment
        free[client] = ended
    truth = {key: tuple(server.versions[key]) for key in (*ACCOUNTS, *REGISTERS)}
    return Run(events, truth, frozenset(ACCOUNTS), FIRST * len(ACCOUNTS), (frozenset({"i", "j"}),))


def _event(number: str, server: Server, chance: random.Random, started: float, ended: float) -> Event:
    act = chance.choice(("read", "put", "put-if", "delete", "move", "audit", "create", "find", "skew", "late"))
    key = chance.choice(REGISTERS)
    name = f"{number} {act}"
    if act == "read":
        return Event(name, started, ended, seen={key: server.present(key)})
    if act in ("put", "put-if", "delete", "late"):
        expected = {key: server.present(key).number} if act == "put-if" else {}
        value = None if act == "delete" else server.value()
        if act == "delete" and server.present(key).value is None:
            return Event(name, started, ended, refused=True)
        made = {key: server.put(key, value)}
        if act == "late":
            return Event(name, started, NEVER, wrote={key: value})
        return Event(name, started, ended, made=made, expected=expected, wrote={key: value})
    if act == "audit":
        return Event(name, started, ended, seen={each: server.present(each) for each in ACCOUNTS})
    if act == "move":
        return _moved(name, server, chance, started, ended)
    looked, identifier = {"create": ("i", "i"), "find": ("i", "i"), "skew": ("i", "j")}[act]
    found = {looked: frozenset(server.held[looked])}
    if act == "find" or found[looked]:
        return Event(name, started, ended, found=found)
    server.held[identifier].add(name)
    return Event(name, started, ended, found=found, added={identifier: name})


def _moved(name: str, server: Server, chance: random.Random, started: float, ended: float) -> Event:
    giver, taker = chance.sample(ACCOUNTS, 2)
    seen = {key: server.present(key) for key in (giver, taker)}
    wrote = {
        giver: server.value(balance(seen[giver].value) - 1),
        taker: server.value(balance(seen[taker].value) + 1),
    }
    made = {key: server.put(key, value) for key, value in wrote.items()}
    return Event(name, started, ended, seen=seen, made=made, wrote=wrote)
