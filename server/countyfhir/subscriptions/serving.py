"""What a server process does for notifications beside answering: follow the changes, deliver what is due."""

from __future__ import annotations

import asyncio

from countyfhir.subscriptions.doors import Doors


async def serve_forever(doors: Doors, owner: str) -> None:
    """Until cancelled; what was begun is given back then, so that another process goes on at once."""
    from countyfhir.subscriptions.delivering import deliver_forever  # a server starts without the FHIRPath engine
    from countyfhir.subscriptions.following import follow_forever

    try:
        await asyncio.gather(follow_forever(doors, owner), deliver_forever(doors, owner))
    finally:
        await doors.send.close()
