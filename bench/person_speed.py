"""How long it takes to find who is one person: synthetic residents with one to four records each, entered in batches
into an index on disk, compared and grouped; without the writes of links (``--links`` has those, on fewer residents).
Each line tells of the records since the line before, so that growth shows. ``python -m bench.person_speed RESIDENTS``.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from countyfhir.app import open_world
from countyfhir.exchange import SYSTEM, Interaction
from countyfhir.identity.blocking import keys_of
from countyfhir.identity.features import features_of
from countyfhir.identity.grouping import grouped
from countyfhir.identity.rules import shipped_rules
from countyfhir.interactions.persons.neighbourhood import around, encode
from countyfhir.search.resident_id import check_character
from countyfhir.settings import load
from countyfhir.store import sqlite
from countyfhir.store.ports import PersonRecord

SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林郑谢罗梁宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢"
OFTEN = [7.2, 7.1, 6.8, 5.4, 4.5, 3.1, 2.2, 2.3, 2.0, 2.1, 1.7, *(1.5 - 0.02 * place for place in range(41))]
"""Per cent of the people, about as in China; given names follow their rank (the first twice as often as the second)."""
GIVEN = (
    "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂华建国志永红文玉春梅海燕晓东雪林"
    "云飞鹏浩宇欣怡子轩梓涵家豪凤金宝山德福"
)
BATCH = 500
RECORDS_EACH = 2.4
PARTS = ("features", "entering", "looking", "grouping", "settling")


def main() -> int:
    """Run and print the CPU time of each part."""
    parser = argparse.ArgumentParser(prog="python -m bench.person_speed", description=__doc__)
    parser.add_argument("residents", type=int, nargs="?", default=20_000)
    parser.add_argument("--lines", type=int, default=8, help="into so many lines the work is divided")
    parser.add_argument("--links", action="store_true", help="through the one door, with links and golden records")
    parser.add_argument("--folder", type=Path, help="where the index is kept [default: a temporary one]")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        if asked.links:
            asyncio.run(linked(asked.residents, Path(folder)))
        else:
            asyncio.run(measured(asked.residents, asked.lines, Path(folder)))
    return 0


def records(residents: int) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """(id, number of the resident, Patient), in no order that helps."""
    chance = random.Random(7)
    waiting = [(number, place) for number in range(residents) for place in range(chance.choice((1, 2, 2, 3, 4)))]
    chance.shuffle(waiting)
    for number, place in waiting:
        yield f"r{number}-{place}", number, patient(number, random.Random(number * 10 + place))


def patient(number: int, chance: random.Random) -> dict[str, Any]:
    """One institution's record of a resident; one in eight has no identity number, one in ten no telephone."""
    own = random.Random(number)
    day = f"{own.randint(1930, 2023)}-{own.randint(1, 12):02}-{own.randint(1, 28):02}"
    ranks = [1 / place for place in range(1, len(GIVEN) + 1)]
    name = own.choices(SURNAMES, OFTEN)[0] + "".join(own.choices(GIVEN, ranks, k=own.choice((1, 2, 2))))
    body = f"370523{day.replace('-', '')}{own.randint(0, 999):03}"
    made: dict[str, Any] = {"resourceType": "Patient", "name": [{"text": name}], "birthDate": day}
    made["gender"] = "male" if int(body[16]) % 2 else "female"
    made["address"] = [{"text": f"青禾县{own.randint(1, 12)}镇{own.randint(1, 40)}村{own.randint(1, 400)}号"}]
    made["identifier"] = [{"system": f"https://h{chance.randint(1, 9)}.example/mrn", "value": str(chance.random())}]
    if chance.random() > 1 / 8:
        made["identifier"].append({"system": "urn:oid:2.16.156.10011.1.3", "value": body + check_character(body)})
    if chance.random() > 1 / 10:
        made["telecom"] = [{"system": "phone", "value": f"13{own.randint(0, residents_phones(number)):09}"}]
    return made


def residents_phones(number: int) -> int:
    """Telephones are shared within a family now and then."""
    return 999_999_999 if number % 5 else 99_999


class Counted:
    """An index that counts the records it finds under keys."""

    def __init__(self, persons: Any) -> None:
        self._persons, self.mates_found = persons, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._persons, name)

    async def mates(self, keys: Sequence[int], most: int) -> dict[str, PersonRecord]:
        """Those that share a key."""
        found: dict[str, PersonRecord] = await self._persons.mates(keys, most)
        self.mates_found += len(found)
        return found


@dataclass
class Spent:
    """CPU seconds of each part, and what was done, since the last line."""

    since: float
    records: int = 0
    found: int = 0
    parts: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))

    def on(self, part: str) -> None:
        """What was spent since the last call went into ``part``."""
        now = time.process_time()
        self.parts[part] += now - self.since
        self.since = now

    def told(self, counted: int) -> float:
        """Print the line; seconds in all."""
        whole = sum(self.parts.values())
        each = ", ".join(f"{part} {spent / self.records * 1e6:.0f}" for part, spent in self.parts.items())
        print(
            f"{counted:>9,} records: {whole / self.records * 1e3:.2f} s per 1,000 (µs each: {each});"
            f" {self.found / self.records:.1f} others looked at each",
            flush=True,
        )
        return whole


async def measured(residents: int, lines: int, folder: Path) -> None:
    """Enter, compare and group all records, batch by batch."""
    store, rules = sqlite.open(folder / "persons.sqlite"), shipped_rules()
    persons = Counted(store.persons)
    source, person_of, whole = records(residents), dict[str, int](), 0.0
    spent = Spent(time.process_time())
    step = -(-round(residents * RECORDS_EACH) // lines)
    while batch := list(islice(source, BATCH)):
        entered = []
        for name, number, resource in batch:
            features = features_of(resource, rules)
            entered.append(PersonRecord(name, 1, encode(features), keys_of(features)))
            person_of[name] = number
        spent.on("features")
        await persons.enter(entered)
        spent.on("entering")
        near = await around([one.patient for one in entered], (), persons, rules)  # type: ignore[arg-type]
        spent.on("looking")
        parts, decided = near.parts(), near.decided()
        groups = [group for part in parts for group in grouped(part, decided, rules, known=near.candidates).groups]
        spent.on("grouping")
        found = {one: (f"person of {min(group)}", 1) for group in groups if len(group) > 1 for one in group}
        await persons.settle({one: kept for one, kept in found.items() if near.persons.get(one) != kept[0]})
        spent.on("settling")
        spent.records += len(batch)
        if spent.records >= step or len(batch) < BATCH:
            spent.found, persons.mates_found = persons.mates_found, 0
            whole += spent.told(len(person_of))
            spent = Spent(time.process_time())
    wrong = await _wrong(store, person_of)
    await store.close()
    print(f"{residents:,} residents, {len(person_of):,} records in {whole:.0f} s of CPU; {wrong} with somebody else's")


async def linked(residents: int, folder: Path) -> None:
    """The same records through the one door, in transactions of the size of an intake's, with and without the index of
    persons: what links and golden records cost on top."""
    for index in ("off", "on"):
        settings = load({"store": f"sqlite:{folder / index}.sqlite", "person_index": index, "load_definitions": "off"})
        async with open_world(settings) as opened:
            source, counted, spent = records(residents), 0, 0.0
            while batch := list(islice(source, BATCH)):
                listed = [
                    {"resource": {**one, "id": name}, "request": {"method": "PUT", "url": f"Patient/{name}"}}
                    for name, _, one in batch
                ]
                bundle = {"resourceType": "Bundle", "type": "transaction", "entry": listed}
                since = time.process_time()
                await opened.perform(Interaction("transaction", body=bundle, principal=SYSTEM, http_method="POST"))
                spent, counted = spent + time.process_time() - since, counted + len(batch)
        print(
            f"index of persons {index}: {counted:,} records, {spent / counted * 1e3:.2f} s of CPU per 1,000", flush=True
        )


async def _wrong(store: Any, person_of: dict[str, int]) -> int:
    """Records that stand in a group with somebody else."""
    linked = await store.persons.linked(list(person_of))
    return sum(
        any(person_of.get(one, person_of[name]) != person_of[name] for one in ids) for name, ids in linked.items()
    )


if __name__ == "__main__":
    sys.exit(main())
