"""``countyfhir serve``: the FHIR REST API on uvicorn."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.options import stop, told_to_workers, with_settings
from countyfhir.cli.unswept import unswept
from countyfhir.metrics import FOLDER_VARIABLE
from countyfhir.settings import Settings

FACTORY = "countyfhir.app:from_environment"
HANGING = 60
"""Seconds of silence after which a worker is replaced; a large bundle on a busy machine is no reason to."""


def add(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command("serve", help=COMMANDS["serve"])(serve)


@with_settings()
def serve(settings: Settings) -> None:
    """Serve the FHIR REST API until it is told to stop.

    Without authentication it listens on the loopback address only. On Ctrl-C or SIGTERM it takes no new request,
    lets those in flight finish and closes the store.
    """
    run_server(settings)


def run_server(settings: Settings) -> None:
    """Serve with these settings; returns when the server has stopped."""
    if reason := port_taken(settings.host, settings.port):
        stop(reason)
    with unswept():
        import uvicorn

        from countyfhir.app import open_store
        from countyfhir.http.log_lines import configuration

    async def tried() -> None:
        await (await open_store(settings)).close()

    asyncio.run(tried())  # says what is wrong in one line, and migrates before workers start
    access = "authentication: " + settings.auth if settings.auth != "none" else "no authentication, this machine only"
    typer.echo(f"CountyFHIR at {settings.public_base} ({access}; store {settings.store_name})", err=True)
    signal.signal(signal.SIGTERM, _told_to_stop)
    with told_to_workers(settings), shared_figures(settings.workers):
        uvicorn.run(
            FACTORY,
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            log_config=dict(configuration(settings.log_level, settings.log_format)),
            access_log=False,  # it would show query strings; our own edge logs requests without them, at level debug
            proxy_headers=False,  # trusted_proxies is our own edge's
            server_header=False,
            timeout_graceful_shutdown=settings.shutdown_grace_seconds,
            timeout_worker_healthcheck=HANGING,
            lifespan="on",
        )


@contextmanager
def shared_figures(workers: int) -> Iterator[None]:
    """While it lasts several workers have a folder in which they tell each other what they count."""
    if workers == 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="countyfhir-") as folder:
        os.environ[FOLDER_VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER_VARIABLE]


def _told_to_stop(_signal: int, _frame: object) -> None:
    """uvicorn passes the signal on when everything in flight is answered: that is the end of a work well done."""
    raise SystemExit(0)


def port_taken(host: str, port: int) -> str | None:
    """Why nothing can listen on the address, or None when it is free."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        reason = error.strerror or str(error)
        return f"Cannot listen on {host} port {port}: {reason}. Choose others with --host and --port."
    return None
