"""What the driver reports, as the FhirError a client gets: never a raw error of the driver (R4 section 3.1.0.1.9)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import errors

from countyfhir.outcome import FhirError

AGAIN = {"Retry-After": "1"}
NARROW = (
    "The search took longer than the store allows. Narrow it: name a patient, an identifier, a code"
    " or a shorter period, "
    "ask for fewer rows (_count), or leave out _total and broad _include."
)
SLOW = "The store did not answer in time. Repeat in a moment."
_UNREACHABLE = "The store cannot be reached or is changing its primary. Repeat in a moment."
UNKNOWN = (
    "The store could not be reached while it committed: the change may or may not have been made. Read, then repeat."
)
BUSY = "The store is busy with other writers; nothing was written. Repeat in a moment."
LATE = "The store did not take the change in {limit}; nothing was written. {advice}"
TOO_LARGE = "What was to be written is larger than the store takes at once; nothing was written. Send it in parts."

MAX_TIME_EXPIRED = 50
_OF_CODE: dict[int, tuple[str, str, int]] = {
    13: ("no-store", "The store refuses this account. Check the user and the roles in the store's address.", 503),
    18: ("no-store", "The store refuses this account. Check the user and the roles in the store's address.", 503),
    112: ("lock-error", BUSY, 503),
    24: ("lock-error", BUSY, 503),
    246: ("transient", "The store no longer has the snapshot that was read. Repeat.", 503),
    239: ("transient", "The store no longer has the snapshot that was read. Repeat.", 503),
    10334: ("too-costly", TOO_LARGE, 413),
    17280: ("too-costly", TOO_LARGE, 413),
    14031: ("no-store", "The store's disk is full; nothing was written. Free space there, then repeat.", 507),
    146: ("too-costly", "The search needs more memory than the store allows. Narrow it or leave out _sort.", 413),
    292: ("too-costly", "The search needs more memory than the store allows. Narrow it or leave out _sort.", 413),
}


def fault(error: errors.PyMongoError, late: str = SLOW) -> FhirError:
    """The FhirError for a failure of the driver or the store. ``late``: what is said when time was up."""
    if isinstance(error, errors.NetworkTimeout) and error.timeout:
        return FhirError("timeout", late, headers=AGAIN)
    if isinstance(error, errors.ServerSelectionTimeoutError | errors.AutoReconnect | errors.ConnectionFailure):
        return FhirError("transient", _UNREACHABLE, headers=AGAIN)
    if isinstance(error, errors.DocumentTooLarge):
        return FhirError("too-costly", TOO_LARGE)
    if error.timeout or (isinstance(error, errors.OperationFailure) and error.code == MAX_TIME_EXPIRED):
        return FhirError("timeout", late, headers=AGAIN)
    if isinstance(error, errors.OperationFailure) and error.code in _OF_CODE:
        code, sentence, status = _OF_CODE[error.code]
        return FhirError(code, sentence, status=status, headers=AGAIN if status == 503 else None)
    if error.has_error_label("TransientTransactionError") or error.has_error_label("RetryableWriteError"):
        return FhirError("transient", _UNREACHABLE, headers=AGAIN)
    number = getattr(error, "code", None)
    told = f" (error {number})" if number is not None else ""
    return FhirError(
        "transient", f"The store reported a failure{told}. Repeat; if it stays, see its log.", headers=AGAIN
    )


@contextmanager
def translated(late: str = SLOW) -> Iterator[None]:
    """Raise the driver's failures as FhirError (``late``: what is said when time was up), and a cancellation that came
    meanwhile also where the driver lost it: ``asyncio.wait_for`` of Python 3.11, which it waits with, then answers as
    if nothing had come."""
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    except errors.PyMongoError as error:
        _heed(task, before)
        raise fault(error, late) from error
    _heed(task, before)


def heed_cancellation() -> None:
    """Raise the cancellation of this task that the driver lost. For what goes on until it is cancelled."""
    _heed(asyncio.current_task(), 0)


def _heed(task: asyncio.Task[Any] | None, before: int) -> None:
    if task is not None and task.cancelling() > before:
        raise asyncio.CancelledError
