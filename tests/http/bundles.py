"""Bundles to post, and what comes back, in few words."""

from __future__ import annotations

from typing import Any

SYSTEM = "http://example.org/ids"


def entry(method: str, url: str, resource: Any = None, full_url: str | None = None, **request: str) -> dict[str, Any]:
    """A bundle entry."""
    made: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    if resource is not None:
        made["resource"] = resource
    if full_url is not None:
        made["fullUrl"] = full_url
    return made


def bundle(*entries: dict[str, Any], kind: str = "transaction") -> dict[str, Any]:
    """A bundle to post."""
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def patient(number: str, **more: Any) -> dict[str, Any]:
    """A Patient with an identifier."""
    return {"resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": number}], **more}


def observation(subject: str, **more: Any) -> dict[str, Any]:
    """An Observation of a subject."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": subject},
        **more,
    }


def statuses(answer: Any) -> list[str]:
    """The first words of the response statuses."""
    return [row["response"]["status"][:3] for row in answer.json()["entry"]]


def issue(answer: Any) -> dict[str, Any]:
    """The first issue of a refused bundle."""
    first: dict[str, Any] = answer.json()["issue"][0]
    return first


def located(row: dict[str, Any]) -> str:
    """Type/id of a response entry."""
    return "/".join(row["response"]["location"].split("/fhir/")[1].split("/")[:2])
