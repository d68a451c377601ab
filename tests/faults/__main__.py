"""``bench/faults``: the fault suite over one or both stores, as long as wanted."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.faults.cluster import Cluster
from tests.faults.running import Tally, rounds


def main() -> int:
    """Kill, judge, say what was found; 1 when anything was."""
    asked = argparse.ArgumentParser(prog="bench/faults", description=__doc__)
    asked.add_argument("--store", choices=("sqlite", "mongodb"), action="append", help="[default: both]")
    asked.add_argument("--kills", type=int, default=8, help="of processes, on each store [default: 8]")
    asked.add_argument("--clients", type=int, default=6)
    asked.add_argument("--servers", type=int, default=2, help="server processes on the store [default: 2]")
    asked.add_argument("--seconds", type=float, nargs=2, default=(0.4, 1.5), help="between kills [default: 0.4 1.5]")
    asked.add_argument("--spawned", action="store_true", help="start servers as a user does, not by forking one")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--folder", type=Path, help="where the stores lie [default: the system's]")
    options = asked.parse_args()
    wrong = 0
    for kind in options.store or ("sqlite", "mongodb"):
        tally = Tally()
        with tempfile.TemporaryDirectory(prefix="faults-", dir=options.folder) as folder:
            cluster = Cluster(Path(folder), kind, options.servers, spawned=options.spawned)
            try:
                rounds(cluster, options.kills, options.clients, options.seed, tuple(options.seconds), tally)
            finally:
                cluster.stop()
        print(  # noqa: T201 - a command says what it found
            f"{kind}: {tally.kills} kills, {tally.events:,} events ({tally.unknown} of unknown outcome,"
            f" {tally.refused} refused): {tally.wrong} problems"
        )
        wrong += tally.wrong
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
