"""How a command comes to the store and the one door without a server in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from countyfhir.cli.unswept import seldom_swept, unswept
from countyfhir.settings import Settings

Result = TypeVar("Result")


def in_world(settings: Settings, work: Callable[[Any], Awaitable[Result]]) -> Result:
    """Open what the settings describe, do the work, close it."""
    with unswept():
        from countyfhir.app import open_world

    async def opened() -> Result:
        async with open_world(settings) as world:
            return await work(world)

    with seldom_swept():
        return asyncio.run(opened())
