"""A listener on a port of its own, over a real store, and a sender that speaks MLLP as an engine does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from countyfhir.app import open_world
from countyfhir.exchange import SYSTEM, Answer, AuditRecord, Interaction
from countyfhir.intake import Desk
from countyfhir.mapping import load
from countyfhir.mllp.answering import Office
from countyfhir.mllp.connection import Limits
from countyfhir.mllp.counters import Counters
from countyfhir.mllp.listener import Listener
from countyfhir.mllp.peers import Peer, loopback_peer
from countyfhir.mllp.taking import lanes
from countyfhir.model import json
from countyfhir.settings import Settings

SOURCE = "title: 检验中心\ninstitution: 中心\ninstitutions: [{name: 中心, code: L1}]\n"
PERSON = """title: 病人
version: 1
order: 1
source:
  format: hl7v2
  file: "*.hl7"
  encoding: gb18030
  only: MSH.f9.c1 = 'ADT'
  columns: {MSH-10: MSH.f10.c1, MRN: PID.f3.c1, PID-5: PID.f5.c1, PID-7: PID.f7.c1, EVN-2: EVN.f2.c1}
record: {key: [MSH-10], of: [MRN], reused: [EVN-2], version: "`EVN-2` | date_time", main: [MRN]}
values: {name: "`PID-5` | name", birth: "`PID-7` | birth_date"}
resources:
  - {type: Patient, key: "{MRN}", shared: true, content: {name: [{text: "{name}"}], birthDate: "{birth.date}"}}
"""
RESULT = """title: 结果
version: 1
order: 2
source:
  format: hl7v2
  file: "*.hl7"
  encoding: gb18030
  only: MSH.f9.c1 = 'ORU'
  columns: {MSH-10: MSH.f10.c1, MSH-7: MSH.f7.c1, MRN: PID.f3.c1, OBR-2: OBR.f2.c1, OBX: OBR.OBX}
record: {key: [MSH-10], of: [OBR-2], reused: [OBR-2], version: "`MSH-7` | date_time", main: [MRN]}
resources:
  - type: Observation
    each: one in OBX
    key: "{`OBR-2`}/{item}"
    values: {item: one | path('f3.c1'), measured: one.f5 | message_value(one.f2) | result(one | path('f6.c1'))}
    content:
      status: final
      code: {text: "{item}"}
      subject: {ref: Patient, key: "{MRN}"}
      valueQuantity: "{measured.quantity}"
      valueString: "{measured.written}"
"""


def adt(
    control_id: str = "1",
    name: str = "张三",
    *,
    mrn: str = "9",
    at: str = "20250101080000",
    version: str = "2.4",
    birth: str = "19680715",
    processing: str = "P",
    accept: str = "",
    application: str = "",
    charset: str = "UNICODE UTF-8",
    event: str = "A08",
) -> bytes:
    """A registration."""
    wanted = f"{control_id}|{processing}|{version}|||{accept}|{application}||{charset}"
    head = f"MSH|^~\\&|LIS|检验科|COUNTY|平台|{at}||ADT^{event}|{wanted}"
    text = f"{head}\rEVN|{event}|{at}\rPID|1||{mrn}^^^LIS^PI||{name}||{birth}|F\r"
    return text.encode("utf-8" if "UTF" in charset else "gb18030")


@dataclass
class Line:
    """A listener, its world, and what was audited."""

    listener: Listener
    world: Any
    port: int
    broken: list[Exception] = field(default_factory=list)  # the door raises the first, once
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        return reader, writer

    async def hang_up(self) -> None:
        """Ends every connection of the test."""
        for writer in self.writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def send(self, *messages: bytes) -> list[list[list[str]]]:
        """Sends messages over one connection, one after another; each answer as segments of fields."""
        reader, writer = await self.connect()
        answers = []
        for message in messages:
            writer.write(b"\x0b" + message + b"\x1c\r")
            answers.append(await answer(reader))
        writer.close()
        await writer.wait_closed()
        return answers

    async def read(self, resource_type: str) -> list[dict[str, Any]]:
        """Every resource of the type."""
        found = await self.world.perform(
            Interaction("search-type", resource_type, query=(("_count", "100"),), principal=SYSTEM)
        )
        bundle = json.parse(found.body) if isinstance(found.body, bytes) else found.body
        return [entry["resource"] for entry in bundle.get("entry", [])]

    async def quarantine(self) -> list[Any]:
        """What lies in quarantine."""
        return [record async for _, record in self.world.store.intake.quarantined()]

    async def audited(self) -> list[AuditRecord]:
        """The records about messages."""
        await self.world.audit.flush()
        page, _ = await self.world.store.audit.find({}, count=1000, cursor=None)
        return [record for _, record in page if record.principal.startswith("mllp:")]


async def answer(reader: asyncio.StreamReader) -> list[list[str]]:
    """The next answer of the connection."""
    framed = await asyncio.wait_for(reader.readuntil(b"\x1c\r"), 20)
    assert framed[:1] == b"\x0b"
    return segments(framed[1:-2])


def segments(message: bytes, charset: str = "utf-8") -> list[list[str]]:
    """A message as lists of fields; MSH-n of the header is [n - 1]."""
    return [line.split("|") for line in message.decode(charset).split("\r") if line]


Work = Callable[[Line], Awaitable[None]]


@dataclass
class Bench:
    """Runs work against a listener."""

    folder: Path
    limits: Limits = field(default_factory=lambda: Limits(idle=20, frame=20, message=200_000))
    peers: tuple[Peer, ...] = (replace(loopback_peer("s"), name="lis"),)
    loaded: Any = None

    def __call__(self, work: Work) -> None:
        asyncio.run(self.run(work))

    def sources(self) -> Any:
        if self.loaded is not None:
            return self.loaded
        folder = self.folder / "mappings" / "s"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (("source", SOURCE), ("person", PERSON), ("result", RESULT)):
            (folder / f"{name}.yaml").write_text(text, "utf-8")
        return load(folder.parent)

    async def run(self, work: Work) -> None:
        async with open_world(Settings(store=f"sqlite:{self.folder / 'store.sqlite'}")) as world:
            broken: list[Exception] = []

            async def write(interactions: Sequence[Interaction]) -> list[Answer]:
                if broken:
                    raise broken.pop()
                return [await world.perform(interaction) for interaction in interactions]

            async def audit(records: Sequence[AuditRecord]) -> None:
                await world.audit.put(records)

            office = Office(audit, Counters(), ZoneInfo("Asia/Shanghai"))
            found = lanes(self.sources(), Desk(world.store.intake, write))
            listener = Listener(self.peers, found, office, self.limits)
            port = await listener.start("127.0.0.1", 0)
            line = Line(listener, world, port, broken)
            try:
                await work(line)
            finally:
                await line.hang_up()
                await listener.stop(5)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A bench over an empty store."""
    return Bench(tmp_path)
