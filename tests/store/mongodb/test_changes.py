"""Who follows the changes sees every resource that is written, in order, with a change stream and without."""

from __future__ import annotations

import asyncio

import pytest

from countyfhir.store.mongodb import MongoStore
from tests.contract.samples import commit, delete, write

from .opened import told


@pytest.mark.parametrize("streams", [True, False])
def test_changes_come_in_order_from_a_number_on(streams: bool) -> None:
    """Also those of before, and deletions; a follower that begins again goes on where it was."""

    async def story(store: MongoStore) -> None:
        await commit(store, *(write("Basic", f"b{place}") for place in range(3)))
        seen: list[tuple[str, bool]] = []
        reached = 0

        async def follow(wanted: int, after: int) -> int:
            async for versions in store.changes(after, streams=streams):
                seen.extend((version.logical_id, version.deleted) for version in versions)
                if len(seen) >= wanted:
                    return versions[-1].sequence
            return 0

        reached = await follow(3, 0)
        following = asyncio.create_task(follow(5, reached))
        await asyncio.sleep(0.3)
        await commit(store, write("Basic", "b1"), delete("Basic", "b2"))
        assert await asyncio.wait_for(following, 10) == 5
        assert seen == [("b0", False), ("b1", False), ("b2", False), ("b1", False), ("b2", True)]

    told(story)
