"""What SQLite reports, as the FhirError a client gets: full disk 507, read-only or busy 503 (R4 section 3.1.0.1.9)."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from countyfhir.outcome import FhirError

_SENTENCES: tuple[tuple[type[apsw.Error], str, str, int], ...] = (
    (apsw.FullError, "no-store", "The store's disk is full; nothing was written. Free space there, then repeat.", 507),
    (
        apsw.ReadOnlyError,
        "no-store",
        "The store is read-only; nothing was written. Make its file and folder writable.",
        503,
    ),
    (
        apsw.BusyError,
        "lock-error",
        "The store is busy with other writers; nothing was written. Repeat in a moment.",
        503,
    ),
    (
        apsw.LockedError,
        "lock-error",
        "The store is busy with other writers; nothing was written. Repeat in a moment.",
        503,
    ),
    (
        apsw.CantOpenError,
        "no-store",
        "The store's files cannot be opened. Check that they exist and are accessible.",
        503,
    ),
    (apsw.CorruptError, "no-store", "The store's file is damaged. Stop the server and restore a backup.", 503),
    (apsw.NotADBError, "no-store", "The store's file is not a database. Stop the server and restore a backup.", 503),
    (apsw.IOError, "no-store", "The store's disk reported an error; nothing was written. Check the disk.", 503),
    (apsw.PermissionsError, "no-store", "The store's file may not be accessed. Check the rights of its folder.", 503),
    (apsw.AuthError, "no-store", "The store's file may not be accessed. Check the rights of its folder.", 503),
    (apsw.NoMemError, "no-store", "The store ran out of memory; nothing was written. Repeat in a moment.", 503),
)

NARROW = (
    "The search took longer than the store allows. Narrow it: name a patient, an identifier, a code"
    " or a shorter period, "
    "ask for fewer rows (_count), or leave out _total and broad _include."
)


def closing() -> FhirError:
    """What is asked of a store that lets go of its file."""
    return FhirError("transient", "The store is closing: repeat when the server is back.", status=503)


def fault(error: BaseException) -> FhirError | None:
    """The FhirError for a failure of the store's files, or None when ``error`` is something else."""
    if isinstance(error, OSError):
        return _system_fault(error.errno)
    if isinstance(error, apsw.InterruptError):
        return FhirError("timeout", NARROW)
    for kind, code, sentence, status in _SENTENCES:
        if isinstance(error, kind):
            return FhirError(code, sentence, status=status)
    return None


def _system_fault(number: int | None) -> FhirError | None:
    if number in (errno.ENOSPC, errno.EDQUOT):
        return FhirError("no-store", _SENTENCES[0][2], status=507)
    if number in (errno.EROFS, errno.EACCES, errno.EPERM):
        return FhirError("no-store", _SENTENCES[1][2], status=503)
    return FhirError("no-store", "The store's disk reported an error; nothing was written. Check the disk.", status=503)


@contextmanager
def translated(*passed: type[Exception]) -> Iterator[None]:
    """Raise the store's failures as FhirError; those of the ``passed`` kinds as they are."""
    try:
        yield
    except passed:
        raise
    except (apsw.Error, OSError) as error:
        known = fault(error)
        if known is None:
            raise
        raise known from error
