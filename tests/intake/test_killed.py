"""An intake with several processes that is killed at any moment goes on in the next run: no record twice, none
missing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

if TYPE_CHECKING:
    from .conftest import Bench

ROWS = 800


def command(bench: Bench) -> list[str]:
    store, report = bench.folder / "store.sqlite", bench.folder / "report.ndjson"
    program = "from countyfhir.cli import main; main()"
    return [
        *(sys.executable, "-c", program, "intake", "--source", f"s={bench.folder / 's'}"),
        *(
            "--jobs",
            "2",
            "--store",
            f"sqlite:{store}",
            "--mappings",
            str(bench.folder / "mappings"),
            "--report",
            str(report),
        ),
    ]


def stored(path: Path) -> int:
    """Ledger rows of records that are stored."""
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        rows = list(connection.execute("SELECT count(*) FROM intake WHERE source = 's/patients'"))
        connection.close()
        return int(rows[0][0])
    except apsw.Error:
        return 0


def killed_after(bench: Bench, rows: int) -> int:
    """Starts an intake and kills it when the ledger has more than so many rows; returns how many it then has."""
    path = bench.folder / "store.sqlite"
    with subprocess.Popen(command(bench), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and stored(path) <= rows:
            time.sleep(0.002)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
    return stored(path)


def test_killed_again_and_again_it_loses_and_doubles_nothing(bench: Bench) -> None:
    """Killed at the first row and in the midst of it; the last run stores the rest, and every resource has one
    version."""
    rows = [f"{n},张三,青霉素过敏,13812345678,2025-01-01\n" for n in range(ROWS)]
    rows[7::100] = [row.replace("张三", "????") for row in rows[7::100]]
    bench.file("patients.csv", "ID,XM,GM,DH,T\n" + "".join(rows))
    before = [killed_after(bench, 0), killed_after(bench, 300)]
    done = subprocess.run(command(bench), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (bench.folder / "report.ndjson").read_text("utf-8").splitlines()]
    counted = Counter(line["outcome"] for line in lines)
    held = len(rows[7::100])
    assert counted["quarantined"] == held
    assert counted["stored"] + counted["unchanged"] == ROWS - held
    assert counted["stored"] < ROWS - held, before
    connection = apsw.Connection(str(bench.folder / "store.sqlite"))
    kinds = "SELECT t.name, count(*), max(r.version_id) FROM resource r JOIN resource_type t USING (type_id)"
    found = {name: (count, most) for name, count, most in connection.execute(f"{kinds} WHERE deleted = 0 GROUP BY 1")}
    expected = dict.fromkeys(("Patient", "AllergyIntolerance", "Provenance"), (ROWS - held, 1))
    assert {name: found[name] for name in expected} == expected
    ledger = "SELECT count(*), count(DISTINCT key) FROM intake WHERE source = 's/patients' AND outcome = 'stored'"
    assert list(connection.execute(ledger)) == [(ROWS - held, ROWS - held)]
