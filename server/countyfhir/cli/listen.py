"""``countyfhir listen``: HL7 v2 messages over MLLP, through the mapping files of their source, into the store."""

from __future__ import annotations

import asyncio
import logging.config
import signal
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.options import stop, with_settings
from countyfhir.cli.serve import port_taken
from countyfhir.cli.unswept import unswept
from countyfhir.settings import Settings

if TYPE_CHECKING:
    from countyfhir.mapping import Source
    from countyfhir.mllp.counters import Counters
    from countyfhir.mllp.listener import Listener
    from countyfhir.mllp.peers import Peer

OWN_SETTINGS = tuple(name for name in Settings.model_fields if name.startswith("mllp_"))


def add(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command("listen", help=COMMANDS["listen"])(listen)


@with_settings("store", "mappings", *OWN_SETTINGS)
def listen(
    settings: Settings,
    source: Annotated[
        str | None,
        typer.Option("--source", help="Without mllp_peers: the source that callers on this machine send for."),
    ] = None,
) -> None:
    """Take in HL7 v2 messages that systems send over MLLP, and acknowledge them.

    Messages of versions 2.3 to 2.5.1 go through the mappings of the sender's source, as files do. AA is sent when what
    became of a message is durable: stored, known already, or kept in quarantine, then with an ERR segment as a warning.
    AE asks for the same message again later; AR says that it will never be taken. Without mllp_peers only callers on
    this machine are heard, and --source says whose messages they send. The server may run meanwhile. On Ctrl-C or
    SIGTERM messages on their way are finished and answered.
    """
    from countyfhir.cli.taking_in import sources
    from countyfhir.mllp.peers import FORMAT

    known = [one for one in sources(settings) if any(each.format.format == FORMAT for each in one.mappings)]
    peers = senders(settings, known, source)
    if reason := port_taken(settings.mllp_host, settings.mllp_port):
        stop(reason.replace("--host and --port", "--mllp-host and --mllp-port"))
    if settings.mllp_metrics_port and (reason := port_taken(settings.mllp_metrics_host, settings.mllp_metrics_port)):
        stop(reason.replace("--host and --port", "--mllp-metrics-host and --mllp-metrics-port"))
    try:
        asyncio.run(run(settings, known, peers))
    except OSError as error:  # TLS files that cannot be used, an address that is taken meanwhile
        stop(f"Cannot listen: {error.strerror or error}")


def senders(settings: Settings, known: Sequence[Source], source: str | None) -> tuple[Peer, ...]:
    """The peers of the settings, or this machine for one source; one line and the end when that is not clear."""
    from countyfhir.mllp.peers import PeersError, institutions, loopback_peer, read_peers

    names = ", ".join(sorted(one.name for one in known))
    if settings.mllp_peers is None:
        if source is None:
            stop(f"Whose messages are they? Set mllp_peers, or name a source with --source: {names}")
        if source not in {one.name for one in known}:
            stop(f"--source {source}: the sources with mappings of HL7 v2 messages are {names}")
        return (loopback_peer(source),)
    if source is not None:
        stop("--source is for callers on this machine without mllp_peers; the file of peers names their sources")
    try:
        return read_peers(settings.mllp_peers, institutions(known))
    except PeersError as error:
        stop(str(error))


async def run(settings: Settings, known: Sequence[Source], peers: Sequence[Peer]) -> None:
    """Listen until a signal comes."""
    with unswept():
        from countyfhir.app import in_background, open_world
        from countyfhir.http.log_lines import configuration
        from countyfhir.mllp.listener import server_context

    logging.config.dictConfig(dict(configuration(settings.log_level, settings.log_format)))
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    tls = None
    if settings.mllp_certificate and settings.mllp_key:
        tls = server_context(settings.mllp_certificate, settings.mllp_key, settings.mllp_client_ca)
    async with open_world(settings) as opened, in_background(opened):
        told_of = told_by(settings, opened)
        listener = listener_of(settings, opened, known, peers)
        await listener.start(settings.mllp_host, settings.mllp_port, tls)
        line = "TLS" if tls else "no TLS, this machine only"
        names = ", ".join(peer.name for peer in peers)
        typer.echo(f"HL7 v2 at {settings.mllp_host}:{settings.mllp_port} ({line}; senders: {names})", err=True)
        async with told_of(listener.office.counters):
            await told.wait()
            await listener.stop(settings.shutdown_grace_seconds)
        shown = ", ".join(f"{name} {count}" for name, count in listener.office.counters.as_dict().items() if count)
        typer.echo(f"HL7 v2: {shown or 'nothing came'}", err=True)


def told_by(settings: Settings, opened: Any) -> Callable[[Counters], AbstractAsyncContextManager[None]]:
    """What serves the figures of the listener that counts, where a port is set for them. Asked for before the listener
    is made, so that its calls of the store are counted."""
    if not settings.mllp_metrics_port:
        return lambda counters: nullcontext()
    from countyfhir.app import authenticator_of, watch_of
    from countyfhir.cli import listener_pages

    watched = watch_of(opened, None).watched(settings.metrics, authenticator_of(settings, opened.world))
    address = (settings.mllp_metrics_host, settings.mllp_metrics_port)
    return lambda counters: listener_pages.served(listener_pages.told(watched, counters), *address)


def listener_of(settings: Settings, opened: Any, known: Sequence[Source], peers: Sequence[Peer]) -> Listener:
    """A listener over an opened world."""
    from zoneinfo import ZoneInfo

    from countyfhir.exchange import Answer, AuditRecord, Interaction
    from countyfhir.intake.desk import Desk
    from countyfhir.mllp.answering import Office
    from countyfhir.mllp.connection import Limits
    from countyfhir.mllp.counters import Counters
    from countyfhir.mllp.listener import Listener
    from countyfhir.mllp.taking import lanes, unreachable

    async def write(interactions: Sequence[Interaction]) -> list[Answer]:
        return [await opened.perform(interaction) for interaction in interactions]

    async def audit(records: Sequence[AuditRecord]) -> None:
        await opened.world.audit(records)

    wanted = {peer.source for peer in peers}
    found = lanes([one for one in known if one.name in wanted], Desk(opened.store.intake, write))
    for lane in found.values():
        for name in unreachable(lane):
            typer.echo(f"{name}: no message comes to this mapping; say with 'sent' which ones are its own", err=True)
    limits = Limits(
        settings.mllp_idle_seconds, settings.mllp_frame_seconds, settings.mllp_max_bytes, settings.mllp_connections
    )
    return Listener(tuple(peers), found, Office(audit, Counters(), ZoneInfo(settings.time_zone)), limits)
