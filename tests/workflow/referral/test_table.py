"""The rules of referral as data agree with the code system of states, with the profile of the Task, and with
themselves."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from countyfhir.workflow.referral.guards import GUARDS
from countyfhir.workflow.referral.table import NAMES, table_of
from countyfhir.workflow.tables import FolderTables

ROOT = Path(__file__).resolve().parents[3]
TABLES = FolderTables([ROOT / "profiles"])


def test_every_state_is_known_everywhere() -> None:
    """The code system, its Chinese names, the states, their steps and the pairs of statuses of the profile are one."""
    table = table_of(TABLES)
    systems = yaml.safe_load_all((ROOT / "terminology" / "code-systems" / "referral.yaml").read_text("utf-8"))
    concepts = next(one["concepts"] for one in systems if one["code-system"] == "referral-state")
    assert set(concepts) == set(table.data["transitions"])
    assert set(concepts) == set(table.data["states"]) == set(NAMES)
    assert [code for code, told in concepts.items() if not told.startswith(NAMES[code])] == []
    profile = (ROOT / "profiles" / "county-referral-task.json").read_text("utf-8")
    told = json.dumps(json.loads(profile)["differential"]["element"][0]["constraint"][0]["expression"])
    pairs = set(re.findall(r"'([a-z-]+)/([a-z-]+)'", told))
    assert pairs == {(table.step(one, "up").task, one) for one in concepts}


def test_the_table_keeps_its_own_rules() -> None:
    """Guards and parts are known; reasons are asked for where a referral ends badly; every state that can wait has a
    limit; nothing follows an end; a step is looked up in one place only."""
    table = table_of(TABLES)
    assert table_of(TABLES) is table
    for (state, _), step in table.steps.items():
        assert set(step.guards) <= set(GUARDS)
        assert set(step.parts) <= set(table.data["roles"])
        assert step.reason == (state in ("rejected", "cancelled", "closed"))
        assert table.ended(state) == (not table.legal(state, None, True))
    ended = {one for one in NAMES if table.ended(one)}
    assert ended == {"completed", "cancelled", "rejected", "closed", "error"}
    assert set(table.data["limits"]) | ended | {"draft", "awaiting-consent"} == set(NAMES)
    assert table.hours("sent", "stat") == (1.5, 2, 168)
    assert table.hours("returning", "routine") == (48, 168, None)
