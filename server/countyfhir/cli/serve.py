"""``countyfhir serve``: the FHIR REST API on uvicorn."""

from __future__ import annotations

import asyncio
import socket

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.options import stop, told_to_workers, with_settings
from countyfhir.settings import Settings

FACTORY = "countyfhir.app:from_environment"


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
    import uvicorn

    from countyfhir.app import open_store

    asyncio.run(open_store(settings).close())  # says what is wrong in one line, and migrates before workers start
    access = "authentication: " + settings.auth if settings.auth != "none" else "no authentication, this machine only"
    typer.echo(f"CountyFHIR at {settings.public_base} ({access}; store {settings.store_name})", err=True)
    with told_to_workers(settings):
        uvicorn.run(
            FACTORY,
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            log_level=settings.log_level,
            access_log=False,  # requests are logged by our own edge, without query strings
            proxy_headers=False,  # trusted_proxies is our own edge's
            server_header=False,
            timeout_graceful_shutdown=settings.shutdown_grace_seconds,
            lifespan="on",
        )


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
