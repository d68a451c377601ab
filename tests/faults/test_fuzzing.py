"""Made-up requests to a real server are answered, none with a 5xx, and the server lives (the short form; ``bench/fuzz``
sends 100,000)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.serving import Server, process_of
from tests.faults.fuzzing import fuzzed, problems


@pytest.mark.slow
def test_made_up_requests_are_answered(tmp_path: Path) -> None:
    """A few hundred of every kind."""
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[2] / "server")
    with process_of(tmp_path / "fuzz.sqlite") as (port, process):
        server = Server(port, process, tmp_path / "fuzz.sqlite")
        found = fuzzed(server, 400, seed=3)
        assert list(problems(found, server)) == []
    assert found.statuses.total() > 300
    assert len(found.statuses) > 4
