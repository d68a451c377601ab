"""A Provenance made after a pattern is what it would be by itself: text, entries, references, patient."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from countyfhir.app import open_world
from countyfhir.exchange import SYSTEM, Account, Interaction, Write
from countyfhir.interactions.prepare import checked, prepared
from countyfhir.settings import Settings
from tests.stores import store_at

ASKED = Interaction("transaction", principal=SYSTEM, http_method="POST", account=Account())


def provenance(logical_id: str, key: str, *targets: str, recorded: str = "2025-03-04T05:06:07.089Z") -> dict[str, Any]:
    """As the intake makes them."""
    namespace = "https://fhir.county-hc.example"
    return {
        "resourceType": "Provenance",
        "id": logical_id,
        "target": [{"reference": target} for target in targets],
        "recorded": recorded,
        "policy": [f"{namespace}/mapping/s/patients|1"],
        "activity": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-DataOperation", "code": "CREATE"}]
        },
        "agent": [{"who": {"reference": "Organization/o1"}}, {"who": {"display": "CountyFHIR intake"}}],
        "entity": [
            {
                "role": "source",
                "what": {
                    "identifier": {"system": f"{namespace}/id/source-record", "value": f"s/patients?{key}"},
                    "display": f"s/病人.csv, record 7, sha256:{key}",
                },
            },
            {"role": "source", "what": {"display": "s/病人.csv"}},
        ],
    }


@pytest.fixture
def both(tmp_path: Any) -> Any:
    """Prepared after a pattern and by itself, and how many patterns are then in use."""

    def made(*resources: dict[str, Any]) -> tuple[list[Write], list[Write], int]:
        async def work() -> Any:
            async with open_world(Settings(store=store_at(tmp_path / "store.sqlite"))) as opened:
                world, writes = opened.world, [Write("PUT", "Provenance", one["id"], one) for one in resources]
                after = [prepared(one, ASKED, world) for one in writes]
                used = [one for one in world.patterns.known.values() if one is not None]
                return after, [checked(ASKED, world, one) for one in writes], len(used)

        return asyncio.run(work())

    return made


def test_whatever_the_texts_are(both: Any) -> None:
    """Quotes, Chinese, full width, figures, several patients, and one that holds a mark of the pattern itself."""
    keys = ("ID=1", 'ID="2"\\', "姓名=王小明;ID=３", "ID=zq0display0zq", "ID=É-4", "ID=" + "9" * 200)
    resources = [provenance(f"p{place}", key, "Patient/a", f"Observation/o{place}") for place, key in enumerate(keys)]
    resources += [
        provenance("q1", "ID=1", "Patient/a", "Patient/b"),
        provenance("q2", "ID=2", "Patient/c", "Patient/d"),
    ]
    resources += [provenance("q3", "ID=3", "Encounter/e", recorded="2024-02-29T23:59:59.999Z")]
    after, alone, patterns = both(*resources)
    assert after == alone
    assert patterns == 3


def test_another_form_is_prepared_by_itself(both: Any) -> None:
    """Without a target, with one twice, with a control character: no pattern is used, and what is wrong is said."""
    twice = provenance("p1", "ID=1", "Patient/a", "Patient/a")
    foreign = provenance("p2", "ID=2", "https://elsewhere.example/fhir/Patient/a")
    after, alone, patterns = both(twice, foreign)
    assert after == alone
    assert patterns == 0
