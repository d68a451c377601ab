"""A synthetic hospital of someone else's making (PyPI ``carebundle``) through ``countyfhir load``: loads, counts by
search, loads again, and says whether everything is there once.

The generator is installed into a temporary environment: it is no dependency of ours.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.loading import run_command
from bench.serving import Server, process_of

GENERATOR = "carebundle==0.5.0"
RESOURCES_EACH = 40
"""At least so many resources come out for a patient."""
SCALE = ("--profile", "mixed", "--sex", "mixed", "--age-range", "18-90")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One load: what the command said, how long it took, what the server then counts."""

    said: str
    seconds: float
    counts: dict[str, int]


def main() -> int:
    """Generate, load, count, load again; 1 when a count is not what the files hold."""
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        files = options.files or generate(folder, options.resources, options.seed)
        expected = counted(files)
        total = sum(expected.values())
        print(f"{total:,} resources of {len(expected)} types: {dict(expected)}")
        store = folder / "hospital.sqlite"
        first = loaded(store, files, folder)
        print(f"loaded in {first.seconds:.1f} s ({total / first.seconds:,.0f} resources/s): {first.said}")
        resumed = loaded(store, files, folder)
        print(f"the same command again, {resumed.seconds:.1f} s: {resumed.said}")
        again = loaded(store, files, folder, "--again")
        print(f"with --again, {again.seconds:.1f} s ({total / again.seconds:,.0f} resources/s): {again.said}")
    wrong = [problem for one in (first, resumed, again) for problem in differences(expected, one)]
    print("\n".join(wrong) or "every type counts what the files hold, each time")
    return 1 if wrong else 0


def _options() -> argparse.Namespace:
    asked = argparse.ArgumentParser(prog="bench/synthetic-hospital", description=__doc__)
    asked.add_argument("--resources", type=int, default=20_000, help="at least so many [default: 20000]")
    asked.add_argument("--seed", type=int, default=42, help="the same seed makes the same hospital")
    asked.add_argument("--folder", type=Path, help="where the temporary store goes [default: the system's]")
    asked.add_argument("--files", type=Path, help="a folder of NDJSON that is there already, instead of generating")
    return asked.parse_args()


def generate(folder: Path, resources: int, seed: int) -> Path:
    """NDJSON files, one a type, with at least so many resources."""
    environment, files = folder / "generator", folder / "hospital"
    venv.create(environment, with_pip=True)
    install = [environment / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", GENERATOR]
    subprocess.run(install, check=True)
    patients = -(-resources // RESOURCES_EACH)
    call = [environment / "bin" / "carebundle", "generate", *SCALE, "--count", str(patients), "--seed", str(seed)]
    begun = time.monotonic()
    subprocess.run([*call, "--format", "ndjson", "--out", files], check=True, stdout=subprocess.DEVNULL)
    print(f"{patients} patients generated in {time.monotonic() - begun:.0f} s")
    return files


def counted(files: Path) -> Counter[str]:
    """Resources of each type in the files."""
    counts = Counter[str]()
    for file in sorted(files.glob("*.ndjson")):
        with file.open(encoding="utf-8") as lines:
            counts.update(json.loads(line)["resourceType"] for line in lines)
    return counts


def loaded(store: Path, files: Path, folder: Path, *more: str) -> Outcome:
    """``countyfhir load``, then the totals that a server on the store finds."""
    begun = time.monotonic()
    ledger = ("--ledger", str(folder / "load.ledger"))
    printed = run_command("load", str(files), "--store", f"sqlite:{store}", *ledger, *more, folder=folder, good=(0, 1))
    seconds = time.monotonic() - begun
    said = next(line for line in printed.splitlines() if re.search(r"resources? loaded", line))
    with process_of(store) as (port, process):
        server = Server(port, process, store)
        counts = {kind: total(server, kind) for kind in counted(files)}
    return Outcome(said, seconds, counts)


def total(server: Server, kind: str) -> int:
    """How many resources of a type the server says there are."""
    status, answer = server.request("GET", f"/{kind}?_summary=count")
    assert status == 200, answer
    return int(json.loads(answer)["total"])


def differences(expected: Counter[str], outcome: Outcome) -> list[str]:
    """What does not add up: totals, refusals."""
    wrong = [f"{kind}: {count} in the files, {outcome.counts[kind]} on the server"
             for kind, count in expected.items() if outcome.counts[kind] != count]  # fmt: skip
    return wrong if " 0 refused" in f" {outcome.said}" else [*wrong, outcome.said]


if __name__ == "__main__":
    sys.exit(main())
