"""The outbox in MongoDB: a document for each Subscription, a document for each notification (docs/decisions/0014)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
from bson.binary import Binary
from pymongo import ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase

from countyfhir.exchange import Stored, Subscriber
from countyfhir.store.mongodb.faults import translated
from countyfhir.store.mongodb.reading import Document
from countyfhir.store.mongodb.transaction import Transaction
from countyfhir.store.mongodb.writing import Writer
from countyfhir.store.places import FIRST, place_of, settled_states, subscription_of
from countyfhir.store.ports import Attempt, Event, Notification, Registration

OPEN = ("waiting", "dead")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Event).decode


class MongoOutbox:
    """``OutboxStore`` on a MongoDB database."""

    def __init__(self, database: AsyncDatabase[Document], writer: Writer) -> None:
        self._database, self._writer = database, writer
        self._subscriptions, self._notifications = database["subscription"], database["notification"]

    async def registrations(self) -> list[Registration]:
        """All of them."""
        with translated():
            return [_registration(each) async for each in self._subscriptions.find({}, sort=[("_id", 1)])]

    async def registration(self, subscription: str) -> Registration | None:
        """That of one Subscription."""
        with translated():
            found = await self._subscriptions.find_one({"_id": subscription})
        return _registration(found) if found else None

    async def followed(self) -> int:
        """The sequence up to which changes have been looked at."""
        with translated():
            found = await self._database["setting"].find_one({"_id": "followed"})
        return int(found["value"]) if found else 0

    async def enter(self, after: int, upto: int, events: Sequence[tuple[str, Event]]) -> bool:
        """Number the events on and advance, or do nothing when others have."""

        async def enter(transaction: Transaction) -> bool:
            settings, session = transaction.reading.database["setting"], transaction.reading.session
            found = await settings.find_one({"_id": "followed"}, session=session)
            if (int(found["value"]) if found else 0) != after:
                return False
            change = {"$set": {"value": upto}}
            await settings.update_one({"_id": "followed"}, change, upsert=True, session=session)
            await _enter(transaction, events)
            return True

        return await self._writer.run(enter)

    async def lease(self, owner: str, now: int, until: int, count: int) -> list[Registration]:
        """Some that are due and free."""
        free = {"due": {"$lte": now}, "lease_until": {"$lte": now}}
        held = {"$set": {"lease_owner": owner, "lease_until": until}}
        found: list[Registration] = []
        with translated():
            while len(found) < count:
                one = await self._subscriptions.find_one_and_update(
                    free, held, sort=[("due", 1)], return_document=ReturnDocument.BEFORE
                )
                if one is None:
                    break
                found.append(_registration(one))
        return found

    async def renew(self, subscription: str, owner: str, until: int) -> bool:
        """Hold it longer."""
        with translated():
            done = await self._subscriptions.update_one(
                {"_id": subscription, "lease_owner": owner}, {"$set": {"lease_until": until}}
            )
        return done.matched_count > 0

    async def report(self, subscription: str, owner: str, now: int, attempt: Attempt) -> bool:
        """Keep how an attempt ended, if it is still ours."""

        async def report(transaction: Transaction) -> bool:
            session, where = transaction.reading.session, {"_id": subscription, "lease_owner": owner}
            found = await self._subscriptions.find_one(where, session=session)
            if found is None:
                return False
            newer = attempt.failures == 0 and found["number"] > attempt.seen
            due = now if newer or found["stamp"] != attempt.stamp else attempt.due
            kept: Document = {"failures": attempt.failures, "error": attempt.error, "due": due}
            kept |= {} if attempt.sent is None else {"sent": attempt.sent}
            kept |= {"lease_owner": None, "lease_until": 0} if attempt.release else {}
            await self._subscriptions.update_one(where, {"$set": kept}, session=session)
            by_state: dict[str, list[str]] = defaultdict(list)
            for number, state in attempt.settled.items():
                by_state[state].append(place_of(subscription, number))
            for state, places in by_state.items():
                change = {"$set": {"state": state, "changed": now, "reason": attempt.error}}
                waiting = {"_id": {"$in": places}, "state": "waiting"}
                await self._notifications.update_many(waiting, change, session=session)
            return True

        return await self._writer.run(report)

    async def notifications(
        self, subscription: str, first: int, last: int | None, count: int, state: str | None = None
    ) -> list[Notification]:
        """Those with these numbers, in order."""
        where: Document = {"_id": {"$gte": place_of(subscription, first), "$lte": place_of(subscription, last)}}
        if state is not None:
            where["state"] = state
        return await self._found(where, count)

    async def in_state(self, state: str, after: tuple[str, int] | None, count: int) -> list[Notification]:
        """Waiting or dead ones of all Subscriptions."""
        if state in settled_states():
            raise ValueError(f"{state} ones are not listed")
        place = place_of(*after) if after is not None else FIRST
        return await self._found({"state": state, "_id": {"$gt": place}}, count)

    async def _found(self, where: Document, count: int) -> list[Notification]:
        with translated():
            return [_notification(one) async for one in self._notifications.find(where, sort=[("_id", 1)], limit=count)]

    async def settle(
        self, subscription: str, numbers: Sequence[int], states: Sequence[str], state: str, now: int, reason: str = ""
    ) -> int:
        """Move those that are in one of ``states`` to ``state``."""

        async def settle(transaction: Transaction) -> int:
            session = transaction.reading.session
            where = {"_id": {"$in": [place_of(subscription, n) for n in numbers]}, "state": {"$in": list(states)}}
            change = {"$set": {"state": state, "changed": now, "reason": reason}}
            moved = (await self._notifications.update_many(where, change, session=session)).modified_count
            if moved and state == "waiting":
                again = {"$set": {"due": now, "failures": 0}, "$inc": {"stamp": 1}}
                await self._subscriptions.update_one({"_id": subscription}, again, session=session)
            return int(moved)

        return await self._writer.run(settle) if numbers else 0

    async def counts(self) -> dict[str, int]:
        """How many wait, and how many are dead."""
        with translated():
            return {state: await self._notifications.count_documents({"state": state}) for state in OPEN}

    async def forget(self, before: int, count: int) -> int:
        """Remove what ended before the instant."""
        with translated():
            where = {"state": {"$in": list(settled_states())}, "changed": {"$lt": before}}
            found = [one["_id"] async for one in self._notifications.find(where, {"_id": 1}, limit=count)]
            return (await self._notifications.delete_many({"_id": {"$in": found}})).deleted_count if found else 0


async def _enter(transaction: Transaction, events: Sequence[tuple[str, Event]]) -> None:
    database, session = transaction.reading.database, transaction.reading.session
    by_subscription: dict[str, list[Event]] = defaultdict(list)
    for subscription, event in events:
        by_subscription[subscription].append(event)
    made: list[Document] = []
    for subscription, its in by_subscription.items():
        going = {"_id": subscription, "phase": {"$ne": "stopped"}}
        found = await database["subscription"].find_one(going, session=session)
        if found is None:
            continue
        last = its[-1].recorded
        due = found["due"] if found["failures"] else last if found["due"] is None else min(found["due"], last)
        change = {"$set": {"number": found["number"] + len(its), "due": due}}
        await database["subscription"].update_one({"_id": subscription}, change, session=session)
        made += [_document(subscription, n, one) for n, one in enumerate(its, found["number"] + 1)]
    if made:
        await database["notification"].insert_many(made, session=session)


def _document(subscription: str, number: int, event: Event) -> Document:
    named = {"state": "waiting", "changed": event.recorded, "reason": ""}
    return {"_id": place_of(subscription, number), **named, "event": Binary(_encode(event))}


async def register(transaction: Transaction, subscriber: Subscriber, stored: Stored) -> None:
    """Keep what a write of a Subscription says of it, inside the transaction of the write."""
    database, session = transaction.reading.database, transaction.reading.session
    subscription, now = stored.logical_id, stored.last_updated
    if subscriber.phase == "gone":
        await database["subscription"].delete_one({"_id": subscription}, session=session)
        ends = {"$gte": place_of(subscription, 0), "$lte": place_of(subscription, None)}
        await database["notification"].delete_many({"_id": ends}, session=session)
        return
    before = await database["subscription"].find_one({"_id": subscription}, session=session)
    due = None if subscriber.phase == "stopped" else now
    kept: Document = {"phase": subscriber.phase, "due": due, "failures": 0, "error": ""}
    if subscriber.owner is not None:
        kept["owner"] = Binary(subscriber.owner)
    if before is not None:
        if before["phase"] == "stopped" and subscriber.phase != "stopped":
            kept["since"] = stored.sequence
        change = {"$set": kept, "$inc": {"stamp": 1}}
        await database["subscription"].update_one({"_id": subscription}, change, session=session)
    elif subscriber.owner is not None:
        new = {"_id": subscription, "since": stored.sequence, "number": 0, "stamp": 1, "sent": 0, **kept}
        await database["subscription"].insert_one({**new, "lease_owner": None, "lease_until": 0}, session=session)


def _registration(kept: Document) -> Registration:
    named: dict[str, Any] = {name: kept[name] for name in FIELDS if name != "owner"}
    return Registration(subscription=kept["_id"], owner=bytes(kept["owner"]), **named)


FIELDS = ("owner", "phase", "since", "number", "stamp", "due", "failures", "sent", "error", "lease_until")


def _notification(kept: Document) -> Notification:
    place = subscription_of(kept["_id"])
    return Notification(*place, _decode(bytes(kept["event"])), kept["state"], kept["changed"], kept["reason"])
