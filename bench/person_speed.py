"""How long it takes to find who is one person: synthetic residents with one to four records each, entered in batches
into an index on disk, compared and grouped; without the writes of links. ``python -m bench.person_speed RESIDENTS``."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from countyfhir.identity.blocking import keys_of
from countyfhir.identity.features import features_of
from countyfhir.identity.grouping import grouped
from countyfhir.identity.rules import shipped_rules
from countyfhir.interactions.persons.neighbourhood import around, encode
from countyfhir.search.resident_id import check_character
from countyfhir.store import sqlite
from countyfhir.store.ports import PersonRecord

SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林郑谢罗梁宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢"
GIVEN = (
    "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂华建国志永红文玉春梅海燕晓东雪林"
    "云飞鹏浩宇欣怡子轩梓涵家豪凤金宝山德福"
)
BATCH = 500
MILLION = 1_000_000


def main() -> int:
    """Run and print the CPU time of each part."""
    parser = argparse.ArgumentParser(prog="python -m bench.person_speed", description=__doc__)
    parser.add_argument("residents", type=int, nargs="?", default=20_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measured(asked.residents, Path(folder)))
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
    name = own.choice(SURNAMES) + "".join(own.choices(GIVEN, k=own.choice((1, 2, 2))))
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


async def measured(residents: int, folder: Path) -> None:
    """Enter, compare and group all records, batch by batch."""
    store, rules = sqlite.open(folder / "persons.sqlite"), shipped_rules()
    spent = dict.fromkeys(("features", "entering", "looking", "grouping", "settling"), 0.0)
    source, person_of, counted = records(residents), dict[str, int](), 0
    while batch := list(islice(source, BATCH)):
        started = time.process_time()
        entered = []
        for name, number, resource in batch:
            features = features_of(resource, rules)
            entered.append(PersonRecord(name, 1, encode(features), keys_of(features)))
            person_of[name] = number
        started = _spent(spent, "features", started)
        await store.persons.enter(entered)
        started = _spent(spent, "entering", started)
        near = await around([one.patient for one in entered], (), store.persons, rules)
        started = _spent(spent, "looking", started)
        groups = [group for part in near.parts() for group in grouped(part, near.decided(), rules).groups]
        started = _spent(spent, "grouping", started)
        found = {one: (f"person of {min(group)}", 1) for group in groups if len(group) > 1 for one in group}
        await store.persons.settle({one: kept for one, kept in found.items() if near.persons.get(one) != kept[0]})
        _spent(spent, "settling", started)
        counted += len(batch)
    wrong = await _wrong(store, person_of)
    await store.close()
    _told(residents, counted, spent, wrong)


def _spent(spent: dict[str, float], part: str, since: float) -> float:
    now = time.process_time()
    spent[part] += now - since
    return now


async def _wrong(store: Any, person_of: dict[str, int]) -> int:
    """Records that stand in a group with somebody else."""
    linked = await store.persons.linked(list(person_of))
    return sum(
        any(person_of.get(one, person_of[name]) != person_of[name] for one in ids) for name, ids in linked.items()
    )


def _told(residents: int, counted: int, spent: dict[str, float], wrong: int) -> None:
    print(f"{residents} residents, {counted} records, {wrong} of them with somebody else's")
    for part, seconds in spent.items():
        print(f"  {part:10} {seconds / counted * 1e6:8.0f} µs a record (CPU)")
    whole = sum(spent.values()) / counted
    print(f"  {'all':10} {whole * 1e6:8.0f} µs; a million records: {whole * MILLION / 60:.0f} min of one core")


if __name__ == "__main__":
    sys.exit(main())
