"""``bench/notified``: servers and receivers are killed at random while resources are written; in the end every receiver
must have been told of all that was acknowledged, in order."""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.cluster import Cluster
from tests.faults.told import Told, judged
from tests.subscriptions.making import by_topic, report
from tests.subscriptions.receiving import Receiver, Request

SETTINGS = {"FIRST_RETRY_SECONDS": "0.1", "LONGEST_RETRY_SECONDS": "1", "TIMEOUT_SECONDS": "5"}
SETTLED_WITHIN = 300.0


class Fickle(Receiver):
    """A receiver that refuses, dawdles, or takes something and dies before it says so."""

    def __init__(self, seed: int) -> None:
        self.chance, self.good, self.kills = random.Random(seed), False, 0
        super().__init__(self.answer)

    def answer(self, request: Request) -> int | None:
        """Mostly 200."""
        if self.good or request.kind == "handshake":
            return None
        drawn = self.chance.random()
        if drawn < 0.02:
            time.sleep(0.3)
        return 503 if drawn > 0.95 else 0 if drawn > 0.92 else None

    def kill(self) -> None:
        """Away for a moment."""
        port = self.server.server_address[1]
        self.close()
        self.kills += 1
        time.sleep(self.chance.uniform(0.05, 0.5))
        self.start(port)

    def events_taken(self) -> list[tuple[int, str]]:
        """What it took, as number and resource."""
        found = []
        for request in list(self.taken):
            if request.kind == "event-notification":
                told = request.json["entry"][0]["resource"]["parameter"]
                parts = [one["part"] for one in told if one["name"] == "notification-event"]
                found += [(int(part[0]["valueString"]), _focus(part)) for part in parts]
        return found


def _focus(parts: Sequence[dict[str, Any]]) -> str:
    return str(parts[2]["valueReference"]["reference"]).rpartition("/")[2]


@dataclass
class Writers:
    """Threads that write reports to any server and note what was acknowledged."""

    cluster: Cluster
    acknowledged: list[str] = field(default_factory=list)
    refused: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def work(self, seed: int, pause: float) -> None:
        """Until it is over."""
        chance = random.Random(seed)
        while not self.over.is_set():
            body = {"resourceType": "DiagnosticReport", **report()}
            try:
                status, made = self.cluster.asked(
                    chance.choice(self.cluster.ports), "/fhir/DiagnosticReport", "POST", body
                )
            except (OSError, ValueError):
                status, made = 0, None
            if status == 201:
                self.acknowledged.append(made["id"])
            else:
                self.refused += 1
                time.sleep(0.05)
            time.sleep(pause * chance.random())


def run(
    cluster: Cluster, kills: int, receivers: int, writers: int, seed: int
) -> tuple[list[Told], Writers, list[Fickle]]:
    """The verdict for each receiver, after so many kills of servers or receivers."""
    chance = random.Random(seed)
    listening = [Fickle(seed + place) for place in range(receivers)]
    cluster.start()
    for one in listening:
        status, _ = cluster.asked(
            cluster.ports[0], "/fhir/Subscription", "POST", by_topic("report", one.url, max_count=4)
        )
        assert status == 201
    for one in listening:
        one.wait(1, within=60)
    writing = Writers(cluster)
    threads = [threading.Thread(target=writing.work, args=(seed + place, 0.05)) for place in range(writers)]
    for thread in threads:
        thread.start()
    done = 0
    while done < kills:
        time.sleep(chance.uniform(0.3, 1.2))
        if done % 2:
            chance.choice(listening).kill()
        else:
            cluster.kill(chance)
            cluster.start()
        done += 1
    writing.over.set()
    for thread in threads:
        thread.join()
    for one in listening:
        one.good = True
    until, wanted = time.monotonic() + SETTLED_WITHIN, set(writing.acknowledged)
    while time.monotonic() < until and any(wanted - {name for _, name in one.events_taken()} for one in listening):
        time.sleep(0.2)
    return [judged(writing.acknowledged, one.events_taken()) for one in listening], writing, listening


def main() -> int:
    """Kill, judge, say what was found; 1 when anything was lost or out of order."""
    asked = argparse.ArgumentParser(prog="bench/notified", description=__doc__)
    asked.add_argument("--store", choices=("sqlite", "mongodb"), action="append", help="[default: sqlite]")
    asked.add_argument("--kills", type=int, default=10, help="of servers, stores and receivers [default: 10]")
    asked.add_argument("--receivers", type=int, default=3)
    asked.add_argument("--writers", type=int, default=3)
    asked.add_argument("--servers", type=int, default=2, help="server processes on the store [default: 2]")
    asked.add_argument("--seed", type=int, default=1)
    options = asked.parse_args()
    os.environ |= {f"COUNTYFHIR_NOTIFICATION_{name}": value for name, value in SETTINGS.items()}
    os.environ["COUNTYFHIR_WORKFLOW"] = "off"
    wrong = 0
    for kind in options.store or ("sqlite",):
        with tempfile.TemporaryDirectory(prefix="notified-") as folder:
            cluster = Cluster(Path(folder), kind, options.servers)
            try:
                found, writing, listening = run(
                    cluster, options.kills, options.receivers, options.writers, options.seed
                )
            finally:
                cluster.stop()
        for one in listening:
            one.close()
        lost, disordered = sum(len(one.lost) for one in found), sum(len(one.disordered) for one in found)
        print(  # noqa: T201 - a command says what it found
            f"{kind}: {cluster.kills} kills of servers, {sum(one.kills for one in listening)} of receivers;"
            f" {len(writing.acknowledged):,} writes acknowledged ({writing.refused} not), {len(found)} Subscriptions:"
            f" {lost} notifications lost, {disordered} out of order, {sum(len(one.mixed) for one in found)} mixed up,"
            f" {sum(one.duplicates for one in found)} duplicates"
        )
        wrong += sum(one.wrong for one in found)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
