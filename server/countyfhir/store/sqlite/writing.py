"""The one thread of a process that writes: what waits is committed as a group, one fsync for all (DESIGN decision
7)."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import apsw

from countyfhir.outcome import FhirError
from countyfhir.store.ports import ConditionFailed
from countyfhir.store.sqlite.checkpoint import Checkpoint
from countyfhir.store.sqlite.clock import Clock
from countyfhir.store.sqlite.connecting import connect, fetch
from countyfhir.store.sqlite.faults import closing, fault
from countyfhir.store.sqlite.names import Names, NewNames
from countyfhir.store.sqlite.options import Options
from countyfhir.store.sqlite.pending import Pending
from countyfhir.store.sqlite.turns import Turns

T = TypeVar("T")

PENDING_VERSIONS = 100
"""More of them are not left pending, so that the clock which ends a turn sees what they cost."""


@dataclass(slots=True)
class Transaction:
    """What a step sees inside the write transaction. ``definitions`` is the version the database is at; ``seen`` are
    names read inside it: uncommitted ones among them, so they are forgotten afterwards. ``pending`` is what plans
    leave to be written together, ``rids`` are rows of resources known so far, by (type number, id)."""

    connection: apsw.Connection
    names: NewNames
    clock: Clock
    seen: Names
    definitions: int
    pending: Pending
    rids: dict[tuple[int, str], int] = field(default_factory=dict)
    last_rid: int | None = None

    def new_rid(self) -> int:
        """A number for a new row of the table of resources."""
        if self.last_rid is None:
            self.last_rid = int(fetch(self.connection, "SELECT coalesce(max(rid), 0) FROM resource")[0][0])
        self.last_rid += 1
        return self.last_rid


Step = Callable[[Transaction], T]
Prepare = Callable[[], Callable[[Transaction], Step[T]]]
"""Three stages: CPU work before the turn; numbering names (kept even if the step fails); the step in its savepoint."""


@dataclass(slots=True, eq=False)
class _Waiting:
    prepare: Prepare[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    checked_first: bool = False
    begun: bool = False
    withdrawn: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)
    number: Callable[[Transaction], Step[Any]] | None = None
    result: Any = None
    error: BaseException | None = None

    def begin(self) -> bool:
        """Whether it may run: false once the caller gave up."""
        with self.lock:
            self.begun = not self.withdrawn
            return self.begun

    def withdraw(self) -> bool:
        """Give up waiting; false when it has begun and its outcome must be awaited."""
        with self.lock:
            self.withdrawn = not self.begun
            return self.withdrawn


class _Spoilt(Exception):
    """A step failed after it or others left something half written: the group has to be written apart."""


class Writer:
    """Takes steps from any event loop, runs them in groups on its own thread, answers when they are durable."""

    def __init__(self, path: str, options: Options, names: Names) -> None:
        self._path, self._options, self._names = path, options, names
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="countyfhir-writer", daemon=True)
        self._connection = connect(path, options, write=True)
        self._turns: Turns | None = None
        self._checkpoint = Checkpoint(options, self._connection)
        self._closed = False
        self._thread.start()

    async def run(self, prepare: Prepare[T], *, checked_first: bool = False) -> T:
        """The step's result, durable. FhirError lock-error (503) when the turn did not come within the limit.

        ``checked_first``: a failed condition shows before the step writes anything, so nothing has to be undone for it.
        """
        if self._closed:
            raise closing()
        loop = asyncio.get_running_loop()
        waiting = _Waiting(prepare, loop, loop.create_future(), checked_first)
        waiting.future.add_done_callback(
            lambda future: future.cancelled() or future.exception()
        )  # seen, even if not awaited
        self._queue.put(waiting)
        watch = loop.call_later(self._options.busy_limit, _give_up, waiting)
        try:
            return await asyncio.shield(waiting.future)
        except asyncio.CancelledError:
            waiting.withdraw()
            raise
        finally:
            watch.cancel()

    def waiting(self) -> int:
        """How many steps wait for their turn."""
        return self._queue.qsize()

    def close(self) -> None:
        """Finish what is queued, then let go of the file."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        going, left = True, list[_Waiting]()
        while going or left:
            going = self._gather(left, block=going and not left) and going
            if left:
                left = self._turn(left)
            self._checkpoint.when_due(idle=not left and self._queue.empty())
        self._connection.close(True)
        if self._turns:
            self._turns.close()

    def _gather(self, into: list[_Waiting], *, block: bool) -> bool:
        """Take all that waits; false once the end of work was queued."""
        try:
            item = self._queue.get(block)
            while item is not None:
                into.append(item)
                item = self._queue.get_nowait()
        except queue.Empty:
            return True
        return False

    def _turn(self, group: list[_Waiting]) -> list[_Waiting]:
        """Write as many of the group as fit in one turn; returns the rest."""
        ready = [waiting for waiting in group if _prepared(waiting)]
        done: list[_Waiting] = []
        try:
            if any(not waiting.error for waiting in ready):
                self._turns = self._turns or Turns(self._path)
                with self._turns.held():
                    self._write(ready, done)
                    self._checkpoint.when_huge()
            else:
                done = ready
        except BaseException as error:  # noqa: BLE001 - whatever it is goes to those who wait; the thread lives on
            self._abort()
            done = done or ready
            _fail(done, fault(error) or error)
        _answer(done)
        finished = set(map(id, done))
        return [waiting for waiting in ready if id(waiting) not in finished]

    def _write(self, ready: list[_Waiting], done: list[_Waiting]) -> None:
        """As a group; each for itself when one of them spoils what the others wrote."""
        try:
            self._write_group(ready, done, apart=False)
        except _Spoilt:
            self._connection.execute("ROLLBACK")
            done.clear()
            self._write_group(ready, done, apart=True)

    def _write_group(self, ready: list[_Waiting], done: list[_Waiting], *, apart: bool) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        transaction = self._open_transaction()
        until = time.monotonic() + self._options.turn_limit
        for waiting in ready:
            if done and time.monotonic() > until:
                break
            done.append(waiting)
            if waiting.number and waiting.begin():
                waiting.error = None
                run = _run_step if apart or not waiting.checked_first else _run_with_others
                run(transaction, waiting)
            if len(transaction.pending.versions) > PENDING_VERSIONS:
                _write_pending(transaction)
        _write_pending(transaction)
        self._connection.execute("COMMIT")
        transaction.names.committed()

    def _open_transaction(self) -> Transaction:
        connection = self._connection
        definitions = fetch(connection, "SELECT value FROM setting WHERE name = 'definitions'")[0][0]
        names, clock = NewNames(connection, self._names), Clock(connection)
        return Transaction(connection, names, clock, Names(), definitions, Pending(connection))

    def _abort(self) -> None:
        """Undo what is open; a connection that cannot even do that is replaced."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except apsw.Error:
            self._connection.close(True)
            self._connection = connect(self._path, self._options, write=True)
            self._checkpoint = Checkpoint(self._options, self._connection)


def _prepared(waiting: _Waiting) -> bool:
    """Do the CPU work that needs no turn; false when the caller gave up before."""
    if waiting.withdrawn:
        return False
    if waiting.number is None and waiting.error is None:
        try:
            waiting.number = waiting.prepare()
        except Exception as error:  # noqa: BLE001 - it goes to the one who waits
            waiting.error = error
    return True


def _run_with_others(transaction: Transaction, waiting: _Waiting) -> None:
    """A step that checks first: what it writes stays pending. Any failure but a condition spoils the transaction."""
    assert waiting.number is not None
    try:
        waiting.result = waiting.number(transaction)(transaction)
    except ConditionFailed as error:
        waiting.error = error
    except Exception as error:
        if fault(error) is not None:
            raise
        raise _Spoilt from error


def _write_pending(transaction: Transaction) -> None:
    try:
        transaction.pending.write()
    except Exception as error:
        if fault(error) is not None:
            raise
        raise _Spoilt from error


def _run_step(transaction: Transaction, waiting: _Waiting) -> None:
    """A step in its savepoint: what fails undoes only what it wrote itself."""
    connection = transaction.connection
    assert waiting.number is not None
    _write_pending(transaction)
    try:
        step = waiting.number(transaction)
        connection.execute("SAVEPOINT step")
        try:
            waiting.result = step(transaction)
            transaction.pending.write()
        except BaseException:
            transaction.pending.forget()
            transaction.rids.clear()
            if connection.in_transaction:
                connection.execute("ROLLBACK TO step")
            raise
        finally:
            if connection.in_transaction:
                connection.execute("RELEASE step")
    except Exception as error:
        if fault(error) is not None or not connection.in_transaction:
            raise
        waiting.error = error


def _fail(group: list[_Waiting], error: BaseException) -> None:
    for waiting in group:
        if not isinstance(waiting.error, ConditionFailed | FhirError):
            waiting.error = error


def _answer(group: list[_Waiting]) -> None:
    """Resolve the futures, one wake-up for each event loop."""
    loops: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
    for waiting in group:
        loops.setdefault(waiting.loop, []).append(waiting)
    for loop, its in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, its)


def _resolve(group: list[_Waiting]) -> None:
    for waiting in group:
        if waiting.future.done():
            continue
        if waiting.error is not None:
            waiting.future.set_exception(waiting.error)
        else:
            waiting.future.set_result(waiting.result)


def _give_up(waiting: _Waiting) -> None:
    if not waiting.future.done() and waiting.withdraw():
        waiting.future.set_exception(
            FhirError("lock-error", "The store was busy with other writers for too long; nothing was written. Repeat.")
        )
