"""Under concurrent clients, with servers and stores killed at random, every answer can be explained: registers are
linearizable, bundles serializable, what was acknowledged is there. The short form; ``bench/faults --kills 500`` is the
long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import mongodb_server, stores
from tests.faults.cluster import Cluster
from tests.faults.running import Tally, rounds


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "servers", "kills"), [("sqlite", 2, 2), ("mongodb", 1, 2)])
def test_histories_under_kills_can_be_explained(tmp_path: Path, kind: str, servers: int, kills: int) -> None:
    """One round on each store; on MongoDB with ``--store mongodb``, for SecantusDB is slow to start again."""
    if kind == "mongodb":
        if stores.chosen != "mongodb":
            pytest.skip("runs with --store mongodb, and as bench/faults --store mongodb")
        mongodb_server.server()  # skips where there is none
    tally, cluster = Tally(), Cluster(tmp_path, kind, servers)
    try:
        rounds(cluster, kills, 6, 7, (0.3, 0.8), tally)
    finally:
        cluster.stop()
    assert tally.wrong == 0
    assert tally.events > 20
    assert tally.kills >= kills
