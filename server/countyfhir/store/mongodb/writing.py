"""Commits of one process: what waits is committed as a group, in one transaction, tried again while that can help.

A group holds plans of bounded weight; what may wait is bounded, too (503 and Retry-After beyond it). Failures that say
"try again" begin the group anew; a commit whose outcome is unknown is asked again until it is known (MongoDB driver
specification, transactions).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pymongo
from pymongo import errors
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from countyfhir.outcome import FhirError
from countyfhir.store.mongodb.faults import AGAIN, BUSY, LATE, UNKNOWN, fault
from countyfhir.store.mongodb.options import Options
from countyfhir.store.mongodb.reading import Document, Reading
from countyfhir.store.mongodb.sessions import Sessions
from countyfhir.store.mongodb.transaction import Transaction, begun

T = TypeVar("T")

Step = Callable[[Transaction], Awaitable[T]]
"""Checks first, then leaves what is to be written pending: what it raises leaves nothing behind."""

SHORTEST, LONGEST = 0.002, 0.25
"""Seconds between two tries; they double, and vary so that processes do not meet again."""


@dataclass(slots=True, eq=False)
class _Waiting:
    step: Step[Any]
    weight: int
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class _Unknown(Exception):
    """The outcome of a commit could not be learned in time."""


class Writer:
    """Takes steps, commits them in groups one after the other, answers when they are durable."""

    def __init__(self, database: AsyncDatabase[Document], options: Options) -> None:
        self._database, self._options = database, options
        self._sessions = Sessions(database, options.orphan_limit)
        self._queue: deque[_Waiting] = deque()
        self._weight = 0
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.commits = 0
        self.retries = 0

    async def run(self, step: Step[T], weight: int = 0) -> T:
        """The step's result, durable. FhirError: 413 when it is too heavy, 503 when too much waits or time is up."""
        if self._closed:
            raise FhirError("transient", "The store is closing: repeat when the server is back.", headers=AGAIN)
        if weight > self._options.transaction_bytes:
            raise FhirError(
                "too-costly",
                f"The transaction would write about {weight // 2**20} MiB; at most"
                f" {self._options.transaction_bytes // 2**20} MiB are written at once. Send it in several bundles.",
            )
        if self._queue and self._weight + weight > self._options.waiting_bytes:
            raise FhirError("transient", "Too much waits to be written. Repeat in a moment.", headers=AGAIN)
        waiting = _Waiting(step, weight, asyncio.get_running_loop().create_future())
        waiting.future.add_done_callback(lambda future: future.cancelled() or future.exception())
        self._queue.append(waiting)
        self._weight += weight
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="countyfhir-writer")
        answered: T = await asyncio.shield(waiting.future)
        return answered

    def waiting(self) -> dict[str, int]:
        """How many steps, and how many bytes, wait for their turn or are on their way."""
        return {"commits": len(self._queue), "commit_bytes": self._weight}

    async def close(self) -> None:
        """Finish what is queued."""
        self._closed = True
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while self._queue:
            group = self._group()
            try:
                await self._commit(group)
            except BaseException as error:
                _fail(group, error)
                if isinstance(error, asyncio.CancelledError):
                    raise
            finally:
                self._weight -= sum(waiting.weight for waiting in group)
                _answer(group)

    def _group(self) -> list[_Waiting]:
        group = [self._queue.popleft()]
        weight = group[0].weight
        while self._queue and len(group) < self._options.group_plans:
            weight += self._queue[0].weight
            if weight > self._options.group_bytes:
                break
            group.append(self._queue.popleft())
        return group

    async def _commit(self, group: list[_Waiting]) -> None:
        """The group in one transaction; each for itself when one of them breaks it."""
        try:
            await self._repeatedly(group)
        except _Unknown as error:
            _fail(group, FhirError("transient", UNKNOWN, headers=AGAIN))
            raise FhirError("transient", UNKNOWN, headers=AGAIN) from error
        except errors.PyMongoError as error:
            if len(group) == 1 or _is_connection(error):
                raise fault(error) from error
            for waiting in group:
                await self._alone(waiting)

    async def _alone(self, waiting: _Waiting) -> None:
        try:
            await self._repeatedly([waiting])
        except _Unknown:
            waiting.error = FhirError("transient", UNKNOWN, headers=AGAIN)
        except errors.PyMongoError as error:
            waiting.error = fault(error)

    async def _repeatedly(self, group: list[_Waiting]) -> None:
        until = time.monotonic() + self._options.busy_limit
        pause, patient = SHORTEST, time.monotonic() + self._options.orphan_limit
        while True:
            try:
                with pymongo.timeout(max(0.1, until - time.monotonic())):
                    await self._once(group, until)
                self.commits += 1
                return
            except errors.PyMongoError as error:
                over = time.monotonic() + pause > until
                if _took_too_long(error) and (over or not _is_worth_repeating(error)):
                    raise self._late(group) from error
                if not _is_worth_repeating(error):
                    raise
                if over:
                    if _is_connection(error):
                        raise
                    raise FhirError("lock-error", BUSY, headers=AGAIN) from error
            self.retries += 1
            if time.monotonic() > patient:
                await self._sessions.end_orphans()
                patient = time.monotonic() + self._options.orphan_limit
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(LONGEST, pause * 2)

    def _late(self, group: list[_Waiting]) -> FhirError:
        """What was not written in time; a heavy plan would not be the next time either. A server of MongoDB itself
        ends a transaction after 60 seconds."""
        limit = f"{self._options.busy_limit:g} seconds"
        if len(group) == 1 and group[0].weight > self._options.group_bytes:
            return FhirError("too-costly", LATE.format(limit=limit, advice="Send it in several bundles."))
        return FhirError("timeout", LATE.format(limit=limit, advice="Repeat in a moment."), headers=AGAIN)

    async def _once(self, group: list[_Waiting], until: float) -> None:
        async with self._database.client.start_session() as session, self._sessions.alive(session):
            await session.start_transaction(
                read_concern=ReadConcern("snapshot"),
                write_concern=self._database.write_concern,
                read_preference=ReadPreference.PRIMARY,
            )
            try:
                transaction = await begun(Reading(self._database, session))
                for waiting in group:
                    await _step(transaction, waiting)
                await transaction.finish()
            except BaseException:
                await _aborted(session)
                raise
            await _committed(session, until)


async def _step(transaction: Transaction, waiting: _Waiting) -> None:
    waiting.error = None
    try:
        waiting.result = await waiting.step(transaction)
    except errors.PyMongoError:
        raise
    except Exception as error:  # noqa: BLE001 - the others of the group go on
        waiting.error = error


async def _aborted(session: AsyncClientSession) -> None:
    try:
        await session.abort_transaction()
    except errors.PyMongoError:
        return  # the server ends it by itself


async def _committed(session: AsyncClientSession, until: float) -> None:
    """Commit, and ask again while the outcome is unknown: asking again never commits twice."""
    pause = SHORTEST
    while True:
        try:
            await session.commit_transaction()
            return
        except errors.PyMongoError as error:
            if not (error.has_error_label("UnknownTransactionCommitResult") or error.timeout):
                raise
            if time.monotonic() + pause > until:
                raise _Unknown from error
        await asyncio.sleep(pause)
        pause = min(LONGEST, pause * 2)


def _is_worth_repeating(error: errors.PyMongoError) -> bool:
    return error.has_error_label("TransientTransactionError") or _is_connection(error)


def _took_too_long(error: errors.PyMongoError) -> bool:
    return error.timeout and not isinstance(error, errors.ServerSelectionTimeoutError)


def _is_connection(error: errors.PyMongoError) -> bool:
    return isinstance(error, errors.ConnectionFailure | errors.ServerSelectionTimeoutError)


def _fail(group: list[_Waiting], error: BaseException) -> None:
    for waiting in group:
        waiting.error = (
            error if not isinstance(error, asyncio.CancelledError) else FhirError("transient", UNKNOWN, headers=AGAIN)
        )


def _answer(group: list[_Waiting]) -> None:
    for waiting in group:
        if waiting.future.done():
            continue
        if waiting.error is not None:
            waiting.future.set_exception(waiting.error)
        else:
            waiting.future.set_result(waiting.result)
