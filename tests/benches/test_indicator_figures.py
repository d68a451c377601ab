"""The indicators of the export of Qinghe County, where it is there: every figure of its truth, and the source records
behind numerator and denominator."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bench.indicator_figures.__main__ import line
from bench.indicator_figures.comparing import Compared, compare, told_by
from bench.indicator_figures.expected import MEASURES, expected, period
from countyfhir.app import open_world
from countyfhir.exchange import Plan, Stored, Write
from countyfhir.interactions.persons import index
from countyfhir.interactions.prepare import indexed
from countyfhir.interactions.world import World
from countyfhir.operations.measures.finding import shipped_measures
from countyfhir.settings import load
from tests import legacy_county

TOGETHER = 1_000
COUNTED = (
    *("Contract", "DiagnosticReport", "Encounter", "Linkage", "Organization", "Patient", "ServiceRequest", "Task"),
    *("Condition personal-form-disease", "Observation 85354-9", "Observation 14771-0"),
)
"""What these figures are computed from: types, with a word of the code where that is all that is looked at."""


def is_counted(resource: dict[str, Any]) -> bool:
    """Whether a figure may rest on it; the rest is left out to save time."""
    kind = resource["resourceType"]
    return kind in COUNTED or any(
        word in str(resource["code"]) for each, _, word in (one.partition(" ") for one in COUNTED) if each == kind
    )


async def stored(resources: list[dict[str, Any]], world: World) -> list[Stored]:
    """Write them as they are."""
    found: list[Stored] = []
    for start in range(0, len(resources), TOGETHER):
        chunk = resources[start : start + TOGETHER]
        writes = [Write("PUT", one["resourceType"], one["id"], one) for one in chunk]
        plan = Plan(tuple(indexed(one, world.search.base, world) for one in writes))
        found += await world.store.resources.commit(plan)
    return found


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> list[Compared]:
    """What the record of the export says, its persons linked."""
    _, _, resources, _ = legacy_county.taken_once(tmp_path_factory)
    store = f"sqlite:{tmp_path_factory.mktemp('county') / 'county.sqlite'}"

    async def computed() -> list[Compared]:
        async with open_world(load({"store": store, "load_definitions": "off", "workflow": "off"})) as opened:
            made = await stored([one for one in resources.values() if is_counted(one)], opened.world)
            await index.take([one for one in made if one.resource_type == "Patient"], opened.world)
            await index.follow((), [one for one in made if one.resource_type == "Linkage"], opened.world)
            origins = told_by(one for one in resources.values() if one["resourceType"] == "Provenance")
            return await compare(legacy_county.truth(), opened.world, origins)

    return asyncio.run(computed())


@legacy_county.needs_export
@pytest.mark.slow
def test_every_figure_of_the_truth_is_reproduced(figures: list[Compared]) -> None:
    """Numerator, denominator, and the records behind each."""
    assert [line(one) for one in figures if not one.agrees or one.records] == []
    assert {one.expected.measure for one in figures} == set(MEASURES.values())


def test_a_period_is_read_as_it_is_written() -> None:
    """Two dates, all years, or the year of the numerator."""
    assert period("2025-01-01..2025-12-31") == ("2025-01-01", "2025-12-31")
    assert period("denominator 2024, numerator 2025") == ("2025", "2025")
    assert period("all years") == ("1900", "2999")


def test_every_form_of_a_figure_is_understood() -> None:
    """A rate of persons, one of records with counts beside it; one that no Measure states is refused."""
    rate = {"figure": [1, 2], "counts": "persons", "period": "2025-01-01..2025-12-31"}
    rate |= {"numerator_records": {"P1": ["a"]}, "denominator_records": {"P1": ["a"], "P2": ["b"]}}
    clock = {"figure": [1, 1], "counts": "records", "period": "all years", "late": {"count": 0, "records": {}}}
    observable = {"rules": ["…"], "hypertension": {"control_rate": rate}, "ecg_within_30_minutes": clock}
    found = list(expected({"indicators": {"observable": observable}}))
    assert [(one.name, one.above, one.below, one.of_persons) for one in found] == [
        ("hypertension.control_rate", 1, 2, True),
        ("ecg_within_30_minutes", 1, 1, False),
        ("ecg_within_30_minutes.late", 0, None, False),
    ]
    assert found[0].records["denominator"] == {"P1": ["a"], "P2": ["b"]}
    with pytest.raises(KeyError, match="moon"):
        list(expected({"indicators": {"observable": {"moon": rate}}}))


def test_every_measure_that_the_truth_names_ships() -> None:
    """The table leads nowhere else."""
    assert set(MEASURES.values()) <= {one["id"] for one in shipped_measures()}
