"""The synthetic county is the same for a seed, grows by its end, is right by the rules that the server checks, and has
the shape it says it has."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from bench.county.filling import fill
from bench.county.making import Scale, county, record
from bench.searches.__main__ import ALL
from bench.searches.drawn import Drawn, drawn
from bench.searches.shape import Shape
from bench.searches.truth import Truth, key
from countyfhir.app import Opened
from countyfhir.search.resident_id import check_character
from countyfhir.validation import structure
from tests.search_oracle import asking

SOME = 12


def test_the_same_seed_makes_the_same_county() -> None:
    """Twice the same; another seed is another county."""
    assert list(county(SOME)) == list(county(SOME))
    assert list(record(3)) != list(record(3, Scale(seed=2)))


def test_a_larger_county_continues_a_smaller_one() -> None:
    """What is loaded up to a resident and from there on is what is loaded at once."""
    parts = [*county(5), *county(SOME, first=5)]
    assert sorted(map(str, parts)) == sorted(map(str, county(SOME)))


def test_every_resource_is_right() -> None:
    """The structural check has nothing to say."""
    assert [(each["id"], issue) for each in county(SOME) for issue in structure.check(each)] == []


def test_the_door_takes_what_is_made(tmp_path: Path) -> None:
    """A resident's record and what it refers to, with every check of a write."""

    async def story(opened: Opened) -> int:
        await asking.put_all(opened, list(county(1)))
        bundle = await asking.page(opened, "Patient/p0/*?_summary=count")
        return int(bundle["total"])

    assert asking.with_server(tmp_path / "county.sqlite", story) > 80


def test_ids_are_unique_and_references_lead_somewhere() -> None:
    """Each Type/id once; every literal reference is to a resource of the county."""
    resources = list(county(SOME))
    keys = Counter(f"{each['resourceType']}/{each['id']}" for each in resources)
    assert max(keys.values()) == 1
    assert {target for each in resources for target in _references(each)} <= set(keys)


def _references(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["reference"]} if "reference" in value else set()
        return own.union(*map(_references, value.values()))
    return set().union(*map(_references, value)) if isinstance(value, list) else set()


def test_a_resident_has_about_a_hundred_resources() -> None:
    """Of the types that a shared record holds, most of them Observations."""
    kinds = Counter(each["resourceType"] for number in range(60) for each in record(number))
    assert 90 <= kinds.total() / 60 <= 110
    assert {"Encounter", "Condition", "MedicationRequest", "DiagnosticReport", "Task", "Consent"} <= set(kinds)
    assert kinds.most_common(1)[0][0] == "Observation"


def test_a_part_of_the_visits_makes_a_part_of_the_resources() -> None:
    """For a store that would not fit otherwise."""
    whole, part = (sum(1 for number in range(30) for _ in record(number, Scale(part=each))) for each in (1.0, 0.3))
    assert 0.2 < part / whole < 0.45


def test_identity_numbers_are_of_nobody_and_have_a_right_check_character() -> None:
    """The district 999999 does not exist."""
    for patient in islice((each for each in county(SOME) if each["resourceType"] == "Patient"), SOME):
        number = patient["identifier"][0]["value"]
        assert number.startswith("999999")
        assert number[17] == check_character(number[:17])


@pytest.mark.parametrize("shape", ALL, ids=lambda shape: f"{shape.workload} {shape.path}{' pages' * shape.pages}")
def test_requests_of_a_shape_are_the_same_for_the_same_draw(shape: Shape) -> None:
    """Every name in braces is one that is drawn."""
    asked = [each.asked(drawn(Random("draw"), SOME)) for each in (shape, shape)]
    assert asked[0] == asked[1]
    assert "{" not in asked[0]


def test_a_filled_store_answers_as_the_generator_says(tmp_path: Path) -> None:
    """Every shape of bench/search, on a county that was filled in, against plain evaluation."""
    truth = Truth(SOME)
    path = tmp_path / "county.sqlite"
    assert fill(path, 0, SOME).resources == len(truth.resources)

    async def story(opened: Opened) -> list[str]:
        return [
            shape.path
            for shape in ALL
            if "?" in shape.path and "$everything" not in shape.path and not shape.pages
            if await _found(opened, shape, values := truth.drawn(Random(shape.path))) != truth.matches(shape, values)
        ]

    assert asking.with_server(path, story) == []


async def _found(opened: Opened, shape: Shape, values: Drawn) -> set[str]:
    """The matches on the first, large page."""
    asked = [pair for pair in shape.asked(values)[1:].split("&") if not pair.startswith("_count=")]
    url = re.sub(r"\?_count=\d+", "?", "&".join([*asked, "_count=1000"]))
    bundle = await asking.page(opened, url)
    return {key(entry["resource"]) for entry in bundle.get("entry", ()) if entry["search"]["mode"] == "match"}
