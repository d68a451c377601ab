"""The outbox in SQLite: a row for each Subscription, a row for each notification (docs/decisions/0014)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from countyfhir.exchange import Stored, Subscriber
from countyfhir.store.places import FIRST, place_of, settled_states, subscription_of
from countyfhir.store.ports import Attempt, Event, Notification, Registration
from countyfhir.store.sqlite.connecting import ThreadConnections, fetch
from countyfhir.store.sqlite.faults import translated
from countyfhir.store.sqlite.writing import Transaction, Writer

REGISTRATION = "subscription, owner, phase, since, number, stamp, due, failures, sent, error, lease_until"
DUE = f"SELECT {REGISTRATION} FROM subscription WHERE due <= ? AND lease_until <= ? ORDER BY due LIMIT ?"
NOTIFICATION = "place, event, state, changed, reason"
ENTER = "INSERT INTO notification(place, state, changed, reason, event) VALUES (?, 'waiting', ?, '', ?)"
FOLLOWED = "SELECT value FROM setting WHERE name = 'followed'"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Event).decode


class SqliteOutbox:
    """``OutboxStore`` on one SQLite file."""

    def __init__(self, connections: ThreadConnections, writer: Writer) -> None:
        self._connections, self._writer = connections, writer

    def _fetch(self, sql: str, *bindings: Any) -> list[tuple[Any, ...]]:
        with translated():
            return fetch(self._connections.mine(), sql, bindings)

    async def registrations(self) -> list[Registration]:
        """All of them."""
        return [Registration(*row) for row in self._fetch(f"SELECT {REGISTRATION} FROM subscription")]

    async def registration(self, subscription: str) -> Registration | None:
        """That of one Subscription."""
        rows = self._fetch(f"SELECT {REGISTRATION} FROM subscription WHERE subscription = ?", subscription)
        return Registration(*rows[0]) if rows else None

    async def followed(self) -> int:
        """The sequence up to which changes have been looked at."""
        return int(self._fetch(FOLLOWED)[0][0])

    async def enter(self, after: int, upto: int, events: Sequence[tuple[str, Event]]) -> bool:
        """Number the events on and advance, or do nothing when others have."""

        def enter(transaction: Transaction) -> bool:
            connection = transaction.connection
            if fetch(connection, FOLLOWED)[0][0] != after:
                return False
            connection.execute("UPDATE setting SET value = ? WHERE name = 'followed'", (upto,))
            _enter(connection, events)
            return True

        return await self._writer.run(lambda: lambda _: enter)

    async def lease(self, owner: str, now: int, until: int, count: int) -> list[Registration]:
        """Some that are due and free. Nothing is written when there is none."""
        if not self._fetch(DUE, now, now, 1):
            return []

        def lease(transaction: Transaction) -> list[Registration]:
            found = [Registration(*row) for row in fetch(transaction.connection, DUE, (now, now, count))]
            held = [(owner, until, one.subscription) for one in found]
            sql = "UPDATE subscription SET lease_owner = ?, lease_until = ? WHERE subscription = ?"
            transaction.connection.executemany(sql, held)
            return found

        return await self._writer.run(lambda: lambda _: lease)

    async def renew(self, subscription: str, owner: str, until: int) -> bool:
        """Hold it longer."""
        sql = "UPDATE subscription SET lease_until = ? WHERE subscription = ? AND lease_owner = ?"

        def renew(transaction: Transaction) -> bool:
            transaction.connection.execute(sql, (until, subscription, owner))
            return transaction.connection.changes() > 0

        return await self._writer.run(lambda: lambda _: renew)

    async def report(self, subscription: str, owner: str, now: int, attempt: Attempt) -> bool:
        """Keep how an attempt ended, if it is still ours."""

        def report(transaction: Transaction) -> bool:
            connection = transaction.connection
            connection.execute(
                "UPDATE subscription SET failures = ?, error = ?, sent = coalesce(?, sent),"
                " due = CASE WHEN stamp <> ? OR (? = 0 AND number > ?) THEN ? ELSE ? END"
                + (", lease_owner = NULL, lease_until = 0" if attempt.release else "")
                + " WHERE subscription = ? AND lease_owner = ?",
                (
                    *(attempt.failures, attempt.error, attempt.sent, attempt.stamp, attempt.failures, attempt.seen),
                    *(now, attempt.due, subscription, owner),
                ),
            )
            ours = connection.changes() > 0
            if ours and attempt.settled:
                rows = [(state, now, attempt.error, place_of(subscription, n)) for n, state in attempt.settled.items()]
                sql = "UPDATE notification SET state = ?, changed = ?, reason = ? WHERE place = ? AND state = 'waiting'"
                connection.executemany(sql, rows)
            return ours

        return await self._writer.run(lambda: lambda _: report)

    async def notifications(
        self, subscription: str, first: int, last: int | None, count: int, state: str | None = None
    ) -> list[Notification]:
        """Those with these numbers, in order."""
        ends = (place_of(subscription, first), place_of(subscription, last))
        narrowed = "AND state = ?" if state is not None else ""
        narrowed += " AND state IN ('waiting', 'dead')" if state in ("waiting", "dead") else ""  # for their index
        sql = f"SELECT {NOTIFICATION} FROM notification WHERE place BETWEEN ? AND ? {narrowed} ORDER BY place LIMIT ?"
        return [_notification(row) for row in self._fetch(sql, *ends, *([state] if state else []), count)]

    async def in_state(self, state: str, after: tuple[str, int] | None, count: int) -> list[Notification]:
        """Waiting or dead ones of all Subscriptions."""
        if state in settled_states():
            raise ValueError(f"{state} ones are not listed")
        place = place_of(*after) if after is not None else FIRST
        sql = (
            f"SELECT {NOTIFICATION} FROM notification WHERE state = ? AND state IN ('waiting', 'dead') AND place > ?"
            " ORDER BY place LIMIT ?"
        )
        return [_notification(row) for row in self._fetch(sql, state, place, count)]

    async def settle(
        self, subscription: str, numbers: Sequence[int], states: Sequence[str], state: str, now: int, reason: str = ""
    ) -> int:
        """Move those that are in one of ``states`` to ``state``."""

        def settle(transaction: Transaction) -> int:
            connection, moved = transaction.connection, 0
            marks = ", ".join("?" * len(states))
            sql = f"UPDATE notification SET state = ?, changed = ?, reason = ? WHERE place = ? AND state IN ({marks})"
            for number in numbers:
                connection.execute(sql, (state, now, reason, place_of(subscription, number), *states))
                moved += connection.changes()
            if moved and state == "waiting":
                sql = "UPDATE subscription SET due = ?, failures = 0, stamp = stamp + 1 WHERE subscription = ?"
                connection.execute(sql, (now, subscription))
            return moved

        return await self._writer.run(lambda: lambda _: settle) if numbers else 0

    async def counts(self) -> dict[str, int]:
        """How many wait, and how many are dead."""
        sql = "SELECT state, count(*) FROM notification WHERE state IN ('waiting', 'dead') GROUP BY state"
        return {"waiting": 0, "dead": 0} | {state: int(count) for state, count in self._fetch(sql)}

    async def forget(self, before: int, count: int) -> int:
        """Remove what ended before the instant."""
        ended = "SELECT place FROM notification WHERE state NOT IN ('waiting', 'dead') AND changed < ? LIMIT ?"
        if not self._fetch(ended, before, 1):
            return 0

        def forget(transaction: Transaction) -> int:
            transaction.connection.execute(f"DELETE FROM notification WHERE place IN ({ended})", (before, count))
            return transaction.connection.changes()

        return await self._writer.run(lambda: lambda _: forget)


def _enter(connection: apsw.Connection, events: Sequence[tuple[str, Event]]) -> None:
    by_subscription: dict[str, list[Event]] = defaultdict(list)
    for subscription, event in events:
        by_subscription[subscription].append(event)
    for subscription, its in by_subscription.items():
        last = its[-1].recorded
        rows = fetch(
            connection,
            "UPDATE subscription SET number = number + ?, due = CASE WHEN failures = 0 THEN min(coalesce(due, ?), ?)"
            " ELSE due END WHERE subscription = ? AND phase <> 'stopped' RETURNING number",
            (len(its), last, last, subscription),
        )
        if rows:
            first = int(rows[0][0]) - len(its) + 1
            numbered = [(place_of(subscription, n), one.recorded, _encode(one)) for n, one in enumerate(its, first)]
            connection.executemany(ENTER, numbered)


def register(connection: apsw.Connection, subscriber: Subscriber, stored: Stored) -> None:
    """Keep what a write of a Subscription says of it, inside the transaction of the write."""
    subscription, now = stored.logical_id, stored.last_updated
    if subscriber.phase == "gone":
        connection.execute("DELETE FROM subscription WHERE subscription = ?", (subscription,))
        ends = (place_of(subscription, 0), place_of(subscription, None))
        connection.execute("DELETE FROM notification WHERE place BETWEEN ? AND ?", ends)
        return
    due = None if subscriber.phase == "stopped" else now
    connection.execute(
        "UPDATE subscription SET owner = coalesce(?1, owner), stamp = stamp + 1, due = ?3, failures = 0, error = '',"
        " since = CASE WHEN phase = 'stopped' AND ?2 <> 'stopped' THEN ?4 ELSE since END, phase = ?2"
        " WHERE subscription = ?5",
        (subscriber.owner, subscriber.phase, due, stored.sequence, subscription),
    )
    if connection.changes() == 0 and subscriber.owner is not None:
        row = (subscription, subscriber.owner, subscriber.phase, stored.sequence, due)
        connection.execute(
            "INSERT INTO subscription(subscription, owner, phase, since, due) VALUES (?, ?, ?, ?, ?)", row
        )


def _notification(row: tuple[Any, ...]) -> Notification:
    place, event, state, changed, reason = row
    return Notification(*subscription_of(place), _decode(event), state, changed, reason)
