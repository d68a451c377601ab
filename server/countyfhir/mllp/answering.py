"""A message and what is answered to it: the verdict, its acknowledgements, its audit record."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from countyfhir.exchange import AuditRecord
from countyfhir.intake.hl7.message import NotHl7
from countyfhir.mllp import header as msh
from countyfhir.mllp.acknowledge import (
    ACCEPTED,
    IN_ERROR,
    MEANINGS,
    REJECTED,
    Notice,
    Verdict,
    answers,
    not_hl7,
    notices,
    refusal,
)
from countyfhir.mllp.counters import Counters
from countyfhir.mllp.frames import Frame
from countyfhir.mllp.header import Header, read_header
from countyfhir.mllp.peers import Peer
from countyfhir.mllp.taking import Lane, Unavailable
from countyfhir.outcome import FhirError

log = logging.getLogger(__name__)

Audit = Callable[[Sequence[AuditRecord]], Awaitable[None]]
NO_ANSWER_TO = frozenset(("ACK", "MCF"))
"""Message types that are acknowledgements themselves: answering them would never end."""
STATUS: dict[str, int] = {ACCEPTED: 200, IN_ERROR: 503, REJECTED: 400}
OUTCOME: dict[str, str] = {ACCEPTED: "0", IN_ERROR: "8", REJECTED: "4"}
WORDS: dict[str, str] = {
    "stored": "stored",
    "unchanged": "nothing new",
    "quarantined": "in quarantine",
    "rejected": "read and not taken in",
}


@dataclass(slots=True)
class Office:
    """What answering needs, once for all connections."""

    audit: Audit
    counters: Counters
    zone: tzinfo
    clock: Callable[[], float] = time.time
    number: int = 0
    mark: str = field(default_factory=lambda: f"{time.time_ns() // 1_000_000:X}")

    def control_id(self) -> str:
        """A control id of our own, at most 20 characters, not given twice."""
        self.number += 1
        return f"{self.mark}{self.number:X}"[-19:]

    def time(self) -> str:
        """MSH-7 of an answer, with the zone."""
        return datetime.fromtimestamp(self.clock(), self.zone).strftime("%Y%m%d%H%M%S%z")


async def answer(frame: Frame, peer: Peer, lane: Lane, office: Office, client: str) -> list[bytes]:
    """The acknowledgements of one message; what they say is durable. None of them for an acknowledgement."""
    office.counters.count("messages")
    content = frame.content.lstrip(b"\r\n\t \xef\xbb\xbf").rstrip(b"\0")
    try:
        header = read_header(content, lane.encoding)
    except NotHl7 as error:
        await noted(REJECTED, None, peer, lane, office, client)
        office.counters.answered(REJECTED, None)
        return [not_hl7(str(error), office.time(), office.control_id())]
    if header.component(msh.MESSAGE_TYPE) in NO_ANSWER_TO:
        return []
    verdict, outcome = await judged(content, header, frame, peer, lane)
    try:
        await noted(verdict.code, header, peer, lane, office, client)
    except FhirError:  # no access without its record; the repetition will find the message stored
        verdict, outcome = unavailable(), None
    office.counters.answered(verdict.code, outcome)
    return answers(header, verdict, office.time(), office.control_id())


async def judged(content: bytes, header: Header, frame: Frame, peer: Peer, lane: Lane) -> tuple[Verdict, str | None]:
    """The verdict on a message, and the outcome of its record where it was taken in."""
    if frame.too_long:
        text = "The message is longer than this server takes."
        return Verdict(REJECTED, "too long", (Notice("207", text, own="too-long"),)), None
    if refused := refusal(header, peer.processing):
        return refused, None
    try:
        taken = await lane.take(content, header.field(msh.CONTROL_ID).strip(), peer.name)
    except Unavailable as error:
        log.warning("a message waits for its repetition: %s", error)
        return unavailable(), None
    text = "repeated" if taken.repeated else WORDS[taken.outcome]
    return Verdict(ACCEPTED, text, notices(taken.outcome, taken.issues)), taken.outcome


def unavailable() -> Verdict:
    """AE: the same message, sent again later, may be taken."""
    text = "The store cannot take the message now; send it again."
    return Verdict(IN_ERROR, MEANINGS["207"], (Notice("207", text, own="unavailable"),))


async def noted(code: str, header: Header | None, peer: Peer, lane: Lane, office: Office, client: str) -> None:
    """The audit record of one message: who sent it, for which institution, its control id, how it ended."""
    event = "-".join((header.event if header else "").split("^"))
    record = AuditRecord(
        recorded=int(office.clock() * 1_000_000),
        interaction="operation",
        action="E",
        outcome=OUTCOME[code],
        principal=f"mllp:{peer.name}",
        organization=lane.mappings[0].institution.key,
        query=f"$process-message?event={event}"[:200],
        client=client or None,
        request_id=header.field(msh.CONTROL_ID)[:64] if header else "",
        status=STATUS[code],
    )
    await office.audit((record,))
