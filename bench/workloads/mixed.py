"""The published mixed workloads, with their clients scaled to two cores."""

from __future__ import annotations

import json
from collections.abc import Iterator

from bench import bodies
from bench.asked import Asked
from bench.driving import least, run_of, told
from bench.figures import Figure, of_run
from bench.loading import load_county
from bench.serving import Server, ours

W1_CLIENTS, W2_CLIENTS, W5_CLIENTS, W7_CLIENTS = 16, 4, 8, (8, 32)
"""The publishers' are 300, 20, 64 and 10 to 1,000."""


def w1(asked: Asked) -> Iterator[Figure]:
    """W1 on a fresh store."""
    with ours(asked.folder) as server:
        yield from played(asked, server, "W1", "HS-CRUD", W1_CLIENTS)


def w2(asked: Asked) -> Iterator[Figure]:
    """W2: the hospitals' and practitioners' bundles first, then patients'."""
    with ours(asked.folder) as server:
        for made in (bodies.organization, bodies.practitioner):
            entries = [
                {"resource": made(n), "request": {"method": "POST", "url": made(n)["resourceType"]}} for n in range(5)
            ]
            bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
            status, answer = server.request("POST", "/", json.dumps(bundle).encode())
            assert status == 200, answer
        yield from played(asked, server, "W2", "HS-import", W2_CLIENTS)


def w5(asked: Asked) -> Iterator[Figure]:
    """W5 on a fresh store."""
    with ours(asked.folder) as server:
        yield from played(asked, server, "W5", "MH-CRUD", W5_CLIENTS)


def w7(asked: Asked) -> Iterator[Figure]:
    """W7 on a county of residents."""
    store = asked.folder / "viewer.sqlite"
    load_county(store, 0, asked.patients[0])
    with ours(asked.folder, store=store) as server:
        for clients in W7_CLIENTS:
            yield from played(asked, server, "W7", "WSO2 mix", clients, str(asked.patients[0]))


def played(
    asked: Asked, server: Server, workload: str, name: str, clients: int, argument: str = ""
) -> Iterator[Figure]:
    """One workload by the Python driver, after a short warm-up."""
    told(server, workload, min(clients, 4), 0.5, argument)
    seen = told(server, workload, clients, max(asked.seconds, 3.0), argument, least=least())
    run = run_of(seen)
    counted = ", ".join(f"{count / run.seconds:,.1f} {what}/s" for what, count in seen["counted"].items())
    wrong = "; ".join(seen["wrong"])
    yield of_run(workload, f"{name}, {clients} clients", run, note=" ".join(filter(None, (counted, wrong))))
