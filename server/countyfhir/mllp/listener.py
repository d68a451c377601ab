"""The server of the line: takes connections of known callers, up to a number, and ends them in order."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from countyfhir.exchange import AuditRecord
from countyfhir.mllp.answering import Office
from countyfhir.mllp.connection import Connection, Limits, hang_up
from countyfhir.mllp.peers import Peer, names_of, peer_of
from countyfhir.mllp.taking import Lane
from countyfhir.outcome import FhirError

log = logging.getLogger(__name__)

HANDSHAKE = 10.0
"""Seconds a TLS handshake may take."""


def server_context(certificate: Path, key: Path, client_authority: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or newer. With ``client_authority`` a caller may show a certificate it has signed; who must is said by
    its peer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if client_authority is not None:
        context.load_verify_locations(client_authority)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


@dataclass(slots=True)
class Listener:
    """Listens until ``stop``."""

    peers: Sequence[Peer]
    lanes: Mapping[str, Lane]
    office: Office
    limits: Limits = field(default_factory=Limits)
    server: asyncio.Server | None = None
    connections: dict[asyncio.Task[None], Connection] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Begins to listen; the port, also where 0 lets the system choose. OSError when the address is taken."""
        for name in dict.fromkeys(peer.source for peer in self.peers):
            await self.lanes[name].begin()
        handshake = HANDSHAKE if tls else None
        self.server = await asyncio.start_server(
            self.accept, host, port, ssl=tls, backlog=256, ssl_handshake_timeout=handshake
        )
        return int(self.server.sockets[0].getsockname()[1])

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A caller has come."""
        task = asyncio.get_running_loop().create_task(self.serve(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A connection from its first byte to its last; nothing that goes wrong in it reaches another."""
        counters, task = self.office.counters, asyncio.current_task()
        client = str((writer.get_extra_info("peername") or ("",))[0])
        peer = self.known(writer, client)
        if peer is None or len(self.connections) >= self.limits.connections or self.server is None or task is None:
            counters.count("refused")
            await hang_up(writer)
            if peer is None:
                await self.note_stranger(client)
            return
        connection = Connection(reader, writer, peer, self.lanes[peer.source], self.office, self.limits, client)
        self.connections[task] = connection
        counters.count("connections")
        counters.open += 1
        try:
            await connection.serve()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # the caller has gone, or does not read
        except asyncio.CancelledError:
            if not connection.stopping:
                raise
        except Exception:
            counters.count("failures")
            log.exception("a connection of %s was ended", peer.name)
        finally:
            counters.open -= 1
            del self.connections[task]
            await hang_up(writer)

    def known(self, writer: asyncio.StreamWriter, client: str) -> Peer | None:
        """The peer that a caller is, by its address and the certificate it showed."""
        tls = writer.get_extra_info("ssl_object")
        shown = names_of(tls.getpeercert(), tls.getpeercert(binary_form=True)) if tls else frozenset()
        return peer_of(self.peers, client, shown)

    async def note_stranger(self, client: str) -> None:
        """A caller that no peer is: logged and audited, without an answer."""
        log.warning("a caller that is no peer was refused")
        record = AuditRecord(
            recorded=int(self.office.clock() * 1_000_000),
            interaction="operation",
            action="E",
            outcome="4",
            principal="mllp:unknown",
            query="$process-message",
            client=client or None,
            status=403,
        )
        try:
            await self.office.audit((record,))
        except FhirError:
            log.warning("its refusal could not be recorded")

    async def stop(self, grace: float) -> None:
        """Takes no new connection; messages on their way are finished and answered within ``grace`` seconds, the other
        connections end at once."""
        if self.server is None:
            return
        server, self.server = self.server, None
        server.close()
        for task, connection in list(self.connections.items()):
            connection.stopping = True
            if not connection.busy:
                task.cancel()
        if self.tasks:
            _, late = await asyncio.wait(set(self.tasks), timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
