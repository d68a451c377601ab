"""Next links under concurrent writes: what matched throughout and kept its sort keys appears exactly once (R4 section
3.1.1.5.6)."""

from __future__ import annotations

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from countyfhir.app import Opened
from countyfhir.exchange import Interaction
from countyfhir.outcome import FhirError

from . import asking

SORTS = (
    ("Patient", ""),
    ("Patient", "family"),
    ("Patient", "-family"),
    ("Patient", "birthdate,-name"),
    ("Patient", "-birthdate,_id"),
    ("Patient", "gender,-_lastUpdated"),
    ("Patient", "-general-practitioner"),
    ("Patient", "_id"),
    ("Patient", "-_lastUpdated"),
    ("Observation", "value-quantity"),
    ("Observation", "-value-quantity,date"),
    ("Observation", "code,-value-string,subject"),
    ("RiskAssessment", "-probability"),
    ("ValueSet", "url,-date,title"),
)
"""Every kind of sort key: string, pinyin, date, token, reference, quantity, number, uri, columns, several."""
STEADY = 24


def patient(number: int, random: Random) -> dict[str, Any]:
    """A Patient whose sort keys repeat often and are often missing."""
    made: dict[str, Any] = {"resourceType": "Patient", "id": f"s{number:03}", "active": True}
    if random.random() < 0.7:
        made["name"] = [{"family": random.choice(("Zhou", "张", "Li")), "given": [random.choice("ab")]}]
    if random.random() < 0.7:
        made["birthDate"] = random.choice(("1980", "1980-01-01", "1999-12"))
    if random.random() < 0.5:
        made["gender"] = random.choice(("male", "female"))
    if random.random() < 0.5:
        made["generalPractitioner"] = [
            {"reference": random.choice(("Practitioner/a", "https://else.org/Practitioner/b"))}
        ]
    return made


def observation(number: int, random: Random) -> dict[str, Any]:
    """An Observation likewise."""
    made: dict[str, Any] = {"resourceType": "Observation", "id": f"s{number:03}", "status": "final"}
    made["code"] = {"coding": [{"code": random.choice(("a", "B", "c"))}]} if random.random() < 0.7 else {"text": "x"}
    if random.random() < 0.6:
        made["valueQuantity"] = {"value": random.choice((1, 1.5, -3)), "unit": random.choice(("mg", "g"))}
    elif random.random() < 0.7:
        made["valueString"] = random.choice(("肺", "a", "A"))
    if random.random() < 0.6:
        made["effectiveDateTime"] = random.choice(("2024", "2024-02-29", "2024-02-29T08:00:00+08:00"))
    if random.random() < 0.6:
        made["subject"] = {"reference": random.choice(("Patient/a", "Patient/b", "https://else.org/Patient/b"))}
    return made


def risk_assessment(number: int, random: Random) -> dict[str, Any]:
    """A RiskAssessment with or without numbers."""
    predicted = [{"probabilityDecimal": random.choice((0, 0.5, 99))} for _ in range(random.randrange(3))]
    made: dict[str, Any] = {"resourceType": "RiskAssessment", "id": f"s{number:03}", "status": "final"}
    return made | {"subject": {"reference": "Patient/a"}} | ({"prediction": predicted} if predicted else {})


def value_set(number: int, random: Random) -> dict[str, Any]:
    """A ValueSet, often with the url of another."""
    made: dict[str, Any] = {"resourceType": "ValueSet", "id": f"s{number:03}", "status": "active"}
    if random.random() < 0.7:
        made["url"] = random.choice(("urn:a", "http://b.org/", "http://B.org/"))
    if random.random() < 0.6:
        made["date"] = random.choice(("2023", "2024-01"))
    return made | ({"title": random.choice(("甲", "b"))} if random.random() < 0.5 else {})


MADE = {
    "Patient": ("active=true", patient),
    "Observation": ("status=final", observation),
    "RiskAssessment": ("_tag:missing=true", risk_assessment),
    "ValueSet": ("status=active", value_set),
}
"""How rows of a type are made, and what all steady ones fulfil."""


async def disturb(opened: Opened, kind: str, random: Random) -> None:
    """Create, change and delete rows that come and go, and some that leave and join the matches."""
    for _ in range(4):
        passing = MADE[kind][1](random.randrange(20), random)
        passing["id"] = f"x{passing['id']}"
        if random.random() < 0.4:
            await opened.perform(Interaction("delete", kind, passing["id"]))
            continue
        if kind == "Patient":
            passing["active"] = random.random() < 0.8
        elif random.random() < 0.2:
            passing["meta"] = {"tag": [{"code": "x"}]}
        await asking.put(opened, passing)


@pytest.mark.parametrize(("kind", "sort"), SORTS)
@pytest.mark.parametrize("count", [2, 5])
def test_a_steady_row_appears_exactly_once(kind: str, sort: str, count: int) -> None:
    """Writes and deletes between the pages neither lose nor repeat a row that was not touched; nor does a restart."""
    random = Random(f"{sort}/{count}")
    url: str | None = f"{kind}?{MADE[kind][0]}&_count={count}" + (f"&_sort={sort}" if sort else "")
    steady = [MADE[kind][1](number, random) for number in range(STEADY)]
    seen: list[str] = []

    async def prepare(opened: Opened) -> None:
        for each in steady:
            await asking.put(opened, each)
            if random.random() < 0.3:
                await disturb(opened, kind, random)

    async def follow(opened: Opened, most: int) -> str | None:
        following = url
        for _ in range(most):
            if following is None:
                break
            bundle = await asking.page(opened, following)
            seen.extend(logical_id for _, logical_id in asking.keys_of(bundle))
            following = asking.next_of(bundle)
            await disturb(opened, kind, random)
        return following

    with TemporaryDirectory() as folder:
        path = Path(folder) / "county.sqlite"
        asking.with_server(path, prepare)
        for _ in range(4):
            if url is not None:
                url = asking.with_server(path, lambda opened: follow(opened, STEADY // count // 4 + 1))
        if url is not None:
            asking.with_server(path, lambda opened: follow(opened, 200))
    assert sorted(each for each in seen if each.startswith("s")) == [each["id"] for each in steady]


def test_a_next_link_is_good_for_its_own_caller_and_search_only() -> None:
    """With another grant, another search or a changed cursor it is refused, not answered from somewhere."""
    random = Random(7)

    async def story(opened: Opened) -> None:
        await asking.put_all(opened, [patient(number, random) for number in range(STEADY)])
        mine = asking.grant(opened, ("Patient",), {})
        theirs = asking.grant(opened, ("Patient",), {"Patient": "active=true"})
        following = asking.next_of(await asking.page(opened, "Patient?_sort=name&_count=4", mine))
        assert following is not None
        assert len(asking.keys_of(await asking.page(opened, following, mine))) == 4
        wrong = (following.replace("_sort=name", "_sort=-name"), following.replace("_count=4", "_count=4&gender=male"))
        for url, grant in ((following, theirs), *((each, mine) for each in (*wrong, following[:-2] + "xx"))):
            with pytest.raises(FhirError) as refused:
                await asking.page(opened, url, grant)
            assert refused.value.status in (400, 403)

    with TemporaryDirectory() as folder:
        asking.with_server(Path(folder) / "county.sqlite", story)


def test_pages_keep_their_order_across_workers() -> None:
    """A cursor made by one server process goes on in another on the same store, in one order."""
    random = Random(5)
    url = "Patient?_sort=-name,birthdate&_count=4"

    async def story(first: Opened, second: Opened) -> None:
        await asking.put_all(first, [patient(number, random) for number in range(STEADY)])
        whole = asking.keys_of(await asking.page(first, f"{url}00"))
        found, following, servers = [], url, [first, second]
        while following:
            bundle = await asking.page(servers[0], following)
            servers.reverse()
            found += asking.keys_of(bundle)
            following = asking.next_of(bundle)
        assert found == whole
        assert len(whole) == STEADY

    with TemporaryDirectory() as folder:
        asking.with_servers(Path(folder) / "county.sqlite", story)
