"""What is served beside FHIR: whether the server lives and is ready (FastAPI, with its OpenAPI page)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Response

from countyfhir import __version__
from countyfhir.outcome import FhirError


def pages(opened: Callable[[], Any]) -> FastAPI:
    """The FastAPI application; ``opened`` gives the opened world, or None before start-up."""
    api = FastAPI(
        title="CountyFHIR", version=__version__, docs_url="/docs", openapi_url="/openapi.json", redoc_url=None
    )

    @api.get("/health", summary="Whether the process answers")
    async def health() -> dict[str, str]:
        return {"status": "up", "version": __version__}

    @api.get("/ready", summary="Whether the store answers")
    async def ready(response: Response) -> dict[str, str]:
        world = opened()
        if world is None:
            response.status_code = 503
            return {"status": "starting"}
        try:
            await world.store.resources.read("Patient", "0")
        except FhirError as error:
            response.status_code = 503
            return {"status": str(error)}
        return {"status": "ready"}

    return api
