"""Random bytes and broken messages against a listener on a port of this machine: it must go on answering.

``PYTHONPATH=server:. python -m tests.mllp.fuzz 100000`` runs as many inputs as asked for (a test runs some) and prints
what was answered and how the memory grew.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import random
import re
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from countyfhir import shipped
from countyfhir.app import open_world
from countyfhir.exchange import Answer, AuditRecord, Interaction
from countyfhir.intake import Desk
from countyfhir.mapping import load
from countyfhir.mllp.answering import Office
from countyfhir.mllp.connection import Limits
from countyfhir.mllp.counters import Counters
from countyfhir.mllp.listener import Listener
from countyfhir.mllp.peers import loopback_peer
from countyfhir.mllp.taking import lanes
from countyfhir.settings import Settings

MESSAGES = re.split(
    rb"(?=MSH\|)", (Path(__file__).parents[1] / "golden" / "hl7-standard" / "messages.hl7").read_bytes()
)[1:]
TOKENS = (
    b"|",
    b"^",
    b"~",
    b"\\",
    b"&",
    b"\r",
    b"\n",
    b"\x00",
    b"\xff\xfe",
    b'""',
    b"\\X0\\",
    b"\\.br\\",
    b"\\F",
    b"MSH|",
)
CHARSETS = (b"UNICODE UTF-16", b"ASCII", b"GB 18030-2000", b"rot13", b"\xff", b"8859/1", b"BIG-5", b"~^~")
PROBE = MESSAGES[0]
PATIENCE = 60
EVERY = 10_000


def inputs(count: int, seed: int) -> Iterator[bytes]:
    """What is sent, frame marks included where there are any."""
    dice = random.Random(seed)
    for _ in range(count):
        way = dice.choice(WAYS)
        yield way(dice)


def noise(dice: random.Random) -> bytes:
    """Bytes that mean nothing, in a frame, half a frame or none."""
    content = dice.randbytes(dice.choice((0, 1, 7, 200, 5000)))
    return dice.choice((b"", b"\x0b")) + content + dice.choice((b"", b"\x1c", b"\x1c\r"))


def broken(dice: random.Random) -> bytes:
    """A message with bytes changed, taken out, doubled or put in."""
    message = bytearray(dice.choice(MESSAGES))
    for _ in range(dice.choice((1, 2, 5, 40))):
        at, length = dice.randrange(len(message) + 1), dice.choice((1, 3, 30))
        dice.choice(CHANGES)(message, at, length, dice)
    return b"\x0b" + bytes(message).replace(b"\x0b", b"").replace(b"\x1c", b"") + b"\x1c\r"


def strange(dice: random.Random) -> bytes:
    """A message with a field of its header changed, or one very long or repeated field."""
    fields = dice.choice(MESSAGES).split(b"|")
    place = dice.choice((2, 3, 8, 9, 10, 11, 14, 15, 17, *range(len(fields))))
    value = dice.choice(
        (b"", b"x" * 70_000, b"~" * 3000, b"^" * 3000, b"&" * 500, dice.choice(TOKENS), dice.choice(CHARSETS))
    )
    fields[place % len(fields)] = value
    return b"\x0b" + b"|".join(fields) + b"\x1c\r"


def cut(dice: random.Random) -> bytes:
    """A message whose end does not come."""
    message = dice.choice(MESSAGES)
    return b"\x0b" + message[: dice.randrange(len(message))]


def doubled(dice: random.Random) -> bytes:
    """Segments out of order, some of them twice."""
    head, *rest = dice.choice(MESSAGES).split(b"\r")
    segments = dice.choices(rest, k=dice.choice((0, 3, 30)))
    control = b"%d" % dice.randrange(10**9)
    return b"\x0b" + b"\r".join([head.replace(b"STD", control), *segments]) + b"\x1c\r"


WAYS = (noise, broken, broken, broken, strange, strange, cut, doubled)
CHANGES: tuple[Callable[[bytearray, int, int, random.Random], None], ...] = (
    lambda message, at, length, dice: message.__setitem__(slice(at, at + length), dice.randbytes(length)),
    lambda message, at, length, dice: message.__delitem__(slice(at, at + length)),
    lambda message, at, length, dice: message.__setitem__(slice(at, at), message[at : at + length * 5]),
    lambda message, at, length, dice: message.__setitem__(slice(at, at), dice.choice(TOKENS)),
)


async def attack(port: int, parts: Sequence[bytes], found: Counter[str], told: Callable[[int], None]) -> None:
    """Sends the inputs, and after some of them a sound message that must be answered unless the listener has hung
    up; ``told`` hears how many were sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for start in range(0, len(parts), 8):
        probe = f"PROBE{random.randrange(10**12)}".encode()
        sound = b"\x0b" + PROBE.replace(b"STD00001", probe) + b"\x1c\r"
        try:
            writer.write(b"".join(parts[start : start + 8]) + sound)
            await asyncio.wait_for(writer.drain(), PATIENCE)
            await asyncio.wait_for(until(reader, probe, found), PATIENCE)
        except (ConnectionError, asyncio.IncompleteReadError):
            found["hung up"] += 1
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        told(len(parts[start : start + 8]))
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def until(reader: asyncio.StreamReader, probe: bytes, found: Counter[str]) -> None:
    """Reads answers until the one to the sound message; every one of them is a frame with an acknowledgement."""
    while True:
        frame = await reader.readuntil(b"\x1c\r")
        assert frame.startswith(b"\x0bMSH"), frame[:40]
        code = re.search(rb"\rMSA.([A-Z]{2})", frame)
        assert code is not None, frame[:200]
        found[code[1].decode()] += 1
        if b"|" + probe in frame:
            return


class Progress:
    """Tells, every ten thousand inputs, how many were sent, and keeps how much memory was in use then."""

    def __init__(self) -> None:
        self.sent, self.resident = 0, list[int]()

    def __call__(self, more: int) -> None:
        """So many more were sent."""
        self.sent += more
        if self.sent // EVERY > len(self.resident):
            self.resident.append(resident())
            print(f"{self.sent:,} inputs, {self.resident[-1]} MB", file=sys.stderr, flush=True)  # noqa: T201 - progress


async def run(count: int, seed: int, folder: Path, connections: int = 4) -> dict[str, Any]:
    """Sends ``count`` inputs over several connections at once to a listener over a store in the folder."""
    settings = Settings(store=f"sqlite:{folder / 'store.sqlite'}", synchronous="normal", mllp_max_bytes=100_000)
    found: Counter[str] = Counter()
    async with open_world(settings) as world:

        async def write(interactions: Sequence[Interaction]) -> list[Answer]:
            return [await world.perform(interaction) for interaction in interactions]

        async def audit(records: Sequence[AuditRecord]) -> None:
            await world.audit.put(records)

        office = Office(audit, Counters(), ZoneInfo("UTC"))
        own = lanes(load(shipped.folder("mappings") / "hl7-standard"), Desk(world.store.intake, write))
        limits = Limits(idle=PATIENCE, frame=PATIENCE, message=settings.mllp_max_bytes)
        listener = Listener((loopback_peer("hl7-standard"),), own, office, limits)
        port = await listener.start("127.0.0.1", 0)
        every, before, progress = list(inputs(count, seed)), memory(), Progress()
        senders = (attack(port, every[start::connections], found, progress) for start in range(connections))
        await asyncio.gather(*senders)
        await listener.stop(PATIENCE)
        gc.collect()
        left = len(listener.tasks) + len(listener.connections)
        return {
            **office.counters.as_dict(),
            "answers": dict(found),
            "left": left,
            "grown_mb": memory() - before,
            "resident_mb": progress.resident,
        }


def memory() -> int:
    """Most memory the process has had so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def resident() -> int:
    """Memory that the process has now, in megabytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 2**20


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for key, value in asyncio.run(run(given.count, given.seed, Path(name))).items():
            print(f"{key}: {value}")  # noqa: T201 - a script's answer
