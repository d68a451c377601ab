"""What is served beside FHIR: health, readiness and metrics (FastAPI, with its OpenAPI page)."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Request, Response

from countyfhir import __version__
from countyfhir.access.listen import is_loopback
from countyfhir.http.watching import Watched
from countyfhir.outcome import FhirError

FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-real-ip")


def pages(watched: Callable[[], Watched | None]) -> FastAPI:
    """The FastAPI application; ``watched`` gives None before start-up."""
    api = FastAPI(
        title="CountyFHIR", version=__version__, docs_url="/docs", openapi_url="/openapi.json", redoc_url=None
    )

    async def health() -> dict[str, str]:
        return {"status": "up", "version": __version__}

    async def ready(response: Response) -> dict[str, str]:
        server = watched()
        said = await server.store() if server is not None else "starting"
        response.status_code = 200 if said == "ready" else 503
        return {"status": said}

    async def ready_checks(response: Response) -> dict[str, str]:
        server = watched()
        checks = dict(await server.checks()) if server is not None else {"server": "starting"}
        good = all(said == "ok" for said in checks.values())
        response.status_code = 200 if good else 503
        return {"status": "ready" if good else "not ready", **checks}

    async def metrics(request: Request) -> Response:
        server = watched()
        if server is None or server.audience == "off":
            return Response("not found\n", 404, media_type="text/plain")
        refused = await _refused(request, server)
        if refused is not None:
            return Response(f"{refused}\n", refused.status, refused.headers, "text/plain")
        return Response(await server.metrics(), media_type="text/plain; version=0.0.4")

    for path in ("/health", "/healthz"):
        api.get(path, summary="Whether the process answers")(health)
    api.get("/ready", summary="Whether the store answers")(ready)
    api.get("/readyz", summary="Whether store, definitions and disk are as they must be")(ready_checks)
    api.get("/metrics", summary="Figures for Prometheus", response_class=Response)(metrics)
    return api


async def _refused(request: Request, server: Watched) -> FhirError | None:
    """Why the caller may not read the metrics. What a proxy on this machine passes on is not of this machine."""
    headers = {name.lower(): value for name, value in request.scope["headers"]}
    local = request.client is not None and is_loopback(request.client.host)
    try:
        if server.audience == "local":
            if not local or any(name in headers for name in FORWARDED):
                return FhirError("forbidden", "The metrics are for this machine only; set metrics to key for others.")
        else:
            await server.authenticator.authenticate(headers)
    except FhirError as error:
        return error
    return None
