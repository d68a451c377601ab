"""The benches run, their figures add up, and the load and crash scripts find nothing wrong: in their smallest size, so
that they still work on the day they are needed. No time is asserted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import bodies
from bench.figures import Ceiling, Figure, Run, of_run, table
from bench.loading import write_ndjson

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def script(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A script of ``bench/`` as its launcher starts it."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'server'}:{ROOT}", "COLUMNS": "200"}
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=300)


def test_a_figure_is_shown_beside_its_ceiling() -> None:
    """Wrong answers do not count as speed; ratios are of rates and of computing."""
    run = Run(requests=220, seconds=2.0, errors=20, p50=1.0, p99=2.0, cpu=0.0440)
    figure = of_run("write", "create", run, ceiling=Ceiling(400.0, 50.0))
    assert (figure.value, figure.ratio, figure.cpu_ratio) == pytest.approx((100.0, 0.25, 0.25))
    assert "20" in table([figure]).splitlines()[1].split()
    assert Figure("start", "cold", 1.5, "s").ratio is None


def test_a_bench_runs_and_keeps_its_figures(tmp_path: Path) -> None:
    """Updates are measured with a key and with audit, beside the bare store; the JSON has what the table has."""
    kept = tmp_path / "figures.json"
    done = script("bench", "--only", "update", "--seconds", "0.5", "--folder", tmp_path, "--json", kept)
    assert done.returncode == 0, done.stderr
    (figure,) = json.loads(kept.read_text(encoding="utf-8"))["figures"]
    assert figure["name"] in done.stdout
    assert figure["value"] > 0
    assert figure["ceiling"] > 0
    assert figure["errors"] == 0


def test_a_killed_server_loses_nothing_it_acknowledged() -> None:
    """Two rounds of SIGKILL under concurrent HTTP creates, updates and transactions; ``bench/kill-server --rounds 100``
    runs a hundred."""
    done = script("bench.kill_server", "--rounds", 2, "--seed", 3)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing lost, nothing by half" in done.stdout


def test_a_hospital_is_loaded_once(tmp_path: Path) -> None:
    """Every type counts what the files hold, after the load, after the same command again, and after ``--again``."""
    files = tmp_path / "hospital"
    files.mkdir()
    resources = [resource for number in range(20) for resource in bodies.record(number)]
    for kind in {resource["resourceType"] for resource in resources}:
        write_ndjson(files / f"{kind}.ndjson", (one for one in resources if one["resourceType"] == kind))
    done = script("bench.synthetic_hospital", "--files", files, "--folder", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every type counts what the files hold" in done.stdout
