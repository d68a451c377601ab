"""Preconditions of a request: ETags, conditional criteria, and what their failure means (R4 sections 3.1.0.5,
3.1.0.8.3)."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

from countyfhir.exchange import Preconditions, Stored
from countyfhir.model.primitives import interval
from countyfhir.outcome import FhirError

_ETAG = re.compile(r'^\s*(?:W/)?"([^"]*)"\s*$')


def version_of_etag(etag: str) -> str:
    """``W/"3"`` (or ``"3"``, or a bare ``3``) as version id."""
    found = _ETAG.match(etag)
    return found.group(1) if found else etag.strip()


def check_if_match(preconditions: Preconditions, current: Stored | None, subject: str) -> None:
    """``If-Match``: the current version must be the named one (version-aware update); 412 otherwise."""
    wanted = preconditions.if_match
    if wanted is None:
        return
    exists = current is not None and not current.deleted
    if wanted.strip() == "*" and exists:
        return
    if exists and current is not None and str(current.version_id) in map(version_of_etag, wanted.split(",")):
        return
    held = f"its version is {current.version_id}" if exists and current is not None else "it does not exist"
    raise FhirError(
        "conflict",
        f"If-Match names version {version_of_etag(wanted)} of {subject}, but {held}; read it again.",
        status=412,
    )


def check_if_none_match(preconditions: Preconditions, current: Stored | None, subject: str) -> None:
    """``If-None-Match`` on a write: ``*`` asks that nothing is there, an ETag that it is not that version; 412
    otherwise."""
    wanted = preconditions.if_none_match
    if wanted is None or current is None or current.deleted:
        return
    if wanted.strip() == "*" or str(current.version_id) in map(version_of_etag, wanted.split(",")):
        raise FhirError(
            "conflict",
            f"If-None-Match refuses the write: {subject} exists with version {current.version_id}.",
            status=412,
        )


def not_modified(preconditions: Preconditions, current: Stored) -> bool:
    """Whether a conditional read may be answered 304 (R4 section 3.1.0.1.6); If-None-Match wins over the date."""
    if preconditions.if_none_match is not None:
        wanted = preconditions.if_none_match
        return wanted.strip() == "*" or str(current.version_id) in map(version_of_etag, wanted.split(","))
    if preconditions.if_modified_since is None:
        return False
    since = _moment(preconditions.if_modified_since)
    return since is not None and current.last_updated < since


def _moment(text: str) -> int | None:
    """The end of the second (of an HTTP date) or of the instant (``Bundle.entry.request.ifModifiedSince``), in
    microseconds; None for what is neither, which RFC 9110 section 13.1.3 has ignored."""
    try:
        return interval(text.strip(), UTC)[1]
    except ValueError:
        pass
    try:
        return (int(parsedate_to_datetime(text).timestamp()) + 1) * 1_000_000
    except (ValueError, OverflowError):
        return None


def several(resource_type: str) -> FhirError:
    """The answer to criteria that select more than one resource."""
    return FhirError(
        "multiple-matches",
        f"The criteria select more than one {resource_type}; nothing was done. Make them more selective.",
        status=412,
    )
