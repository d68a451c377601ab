"""The clock on real-sized input: the worklists of the ECG and imaging centres in the export of Qinghe County, where it
is there, give the figures of its truth.json order by order."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from countyfhir import shipped
from countyfhir.workflow.reading.clock import Timeliness, timeliness
from countyfhir.workflow.reading.reading import literal
from countyfhir.workflow.tables import FolderTables
from tests import legacy_county

pytestmark = [legacy_county.needs_export, pytest.mark.slow]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Timeliness]:
    """Order number -> how it stands by the stored resources."""
    _, _, resources, _ = legacy_county.taken_once(tmp_path_factory)
    table = FolderTables([shipped.folder("profiles")]).table("reading")
    reports: dict[str, list[Any]] = defaultdict(list)
    for one in resources.values():
        if one["resourceType"] == "DiagnosticReport":
            for based in one.get("basedOn", ()):
                reports[str(literal(based))].append(one)
    made = {}
    for name, one in resources.items():
        if one["resourceType"] == "ServiceRequest":
            stands = timeliness(one, reports[name], table)
            for identifier in one.get("identifier", ()):
                if stands is not None and identifier.get("system") in table["bound"]["order_systems"]:
                    made[identifier["value"]] = stands
    return made


def test_every_order_is_on_time_or_late_as_it_was(found: dict[str, Timeliness]) -> None:
    """Reported within 30 min 0 s, later, or not at all."""
    exams = {one["number"]: one for one in legacy_county.truth()["exams"] if one["tele"]}
    assert exams.keys() == found.keys()
    for number, exam in exams.items():
        minutes = exam["observed_minutes"]
        expected = None if minutes is None else minutes <= 30
        assert found[number].within is expected, number


def test_the_sums_are_those_of_the_county(found: dict[str, Timeliness]) -> None:
    """On time of all reported; unreported ones counted apart."""
    observable = legacy_county.truth()["indicators"]["observable"]
    for kind, figure in (("ecg", "ecg_within_30_minutes"), ("imaging", "imaging_within_30_minutes")):
        mine = [one for one in found.values() if one.kind == kind]
        reported = [one for one in mine if one.within is not None]
        assert [sum(bool(one.within) for one in reported), len(reported)] == observable[figure]["figure"]
        assert len(mine) - len(reported) == 1
