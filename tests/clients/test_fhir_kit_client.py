"""fhir-kit-client, as it comes from npm, does its whole round against the server."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Endpoint

PACKAGE = "fhir-kit-client@2.0.3"
SCRIPT = Path(__file__).with_name("round.mjs")


@pytest.fixture(scope="module")
def seen(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the client saw; skipped where node, npm or the registry is not there."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("fhir-kit-client")
    got = subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), PACKAGE],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    if got.returncode:
        pytest.skip(f"npm cannot install {PACKAGE}")
    shutil.copy(SCRIPT, folder)
    done = subprocess.run(
        ["node", SCRIPT.name, endpoint.base, endpoint.key],
        cwd=folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("capabilities", ["CapabilityStatement", "4.0.1"]),
        ("created", "1"),
        ("read", "欧阳"),
        ("updated", ["female", "2"]),
        ("patched", ["male", "3"]),
        ("transaction", ["201", "201"]),
        ("search", [True]),
        ("posted", 1),
        ("compartment", [True]),
        ("resolved", "Encounter"),
        ("pages", [2, 2, 1]),
        ("history", ["3", "2", "1"]),
        ("vread", False),
        ("everything", ["Encounter", "Observation", "Patient"]),
        ("gone", [410, "OperationOutcome"]),
    ],
)
def test_the_client_sees(seen: dict[str, Any], what: str, expected: object) -> None:
    """Each step of the round comes out as FHIR says."""
    assert seen[what] == expected
