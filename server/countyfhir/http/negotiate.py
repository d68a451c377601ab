"""Which form the answer takes: JSON or XML, by ``_format`` or ``Accept`` (R4 section 3.1.0.1.11)."""

from __future__ import annotations

from functools import lru_cache

from countyfhir.outcome import FhirError

JSON, XML = "json", "xml"
CONTENT_TYPES = {JSON: "application/fhir+json; charset=utf-8", XML: "application/fhir+xml; charset=utf-8"}

_FORMS = {
    "application/fhir+json": JSON,
    "application/json": JSON,
    "application/json+fhir": JSON,
    "text/json": JSON,
    "json": JSON,
    "application/fhir+xml": XML,
    "application/xml": XML,
    "application/xml+fhir": XML,
    "text/xml": XML,
    "xml": XML,
}
_ANY = {"*/*": JSON, "application/*": JSON, "text/html": JSON, "text/*": JSON}
FHIR_TYPES = frozenset(name for name in _FORMS if "fhir" in name)
PRINTING = frozenset(("$referral-letter", "$return-slip"))
"""Operations whose answer may be wanted on paper."""
PRINTED = frozenset(("text/html", "html", "application/pdf", "pdf"))
_VERSIONS = ("4.0", "4.0.1", "4")


@lru_cache(maxsize=512)
def form_of_accept(accept: str) -> str:
    """JSON or XML for an ``Accept`` header, the best quality first; 406 when neither is acceptable."""
    best: tuple[float, int, str] | None = None
    for rank, (media_type, parameters) in enumerate(media_ranges(accept)):
        form = _FORMS.get(media_type) or _ANY.get(media_type)
        if form is None or not _version_fits(parameters):
            continue
        candidate = (-_quality(parameters), rank, form)
        if _quality(parameters) > 0 and (best is None or candidate < best):
            best = candidate
    if best is None:
        raise not_acceptable(accept)
    if best[2] == XML and any(media_type == "text/html" for media_type, _ in media_ranges(accept)):
        return JSON  # a browser; it lists application/xml for pages, not for data
    return best[2]


@lru_cache(maxsize=128)
def form_of_format(value: str) -> str:
    """JSON or XML for a ``_format`` value (which wins over Accept); a blank in it was a ``+``."""
    media_type = value.partition(";")[0].strip().lower().replace(" ", "+")
    form = _FORMS.get(media_type) or (JSON if media_type in ("text/html", "html", "*/*") else None)
    if form is None:
        raise not_acceptable(value)
    return form


def printed_form(accept: str) -> str | None:
    """``text/html`` or ``application/pdf`` where the caller likes that best of all, for what can be printed."""
    liked = [
        (-_quality(said), rank, name) for rank, (name, said) in enumerate(media_ranges(accept)) if _quality(said) > 0
    ]
    best = min(liked)[2] if liked else None
    return best if best in PRINTED else None


def media_ranges(header: str) -> list[tuple[str, dict[str, str]]]:
    """The media ranges of an Accept header with their parameters, names in lower case."""
    ranges = []
    for part in header.split(","):
        media_type, *pairs = [piece.strip() for piece in part.split(";")]
        if media_type:
            split = (pair.partition("=") for pair in pairs)
            parameters = {name.strip().lower(): value.strip().strip('"') for name, _, value in split}
            ranges.append((media_type.lower(), parameters))
    return ranges


def wants_resource(accept: str | None) -> bool:
    """Whether a Binary is wanted as a resource rather than raw: the type the caller likes best is FHIR's (R4
    Binary)."""
    if accept is None:
        return False
    ranges = enumerate(media_ranges(accept))
    liked = [(-_quality(said), "*" in name, rank, name) for rank, (name, said) in ranges if _quality(said) > 0]
    return bool(liked) and min(liked)[3] in FHIR_TYPES


def _quality(parameters: dict[str, str]) -> float:
    try:
        return float(parameters.get("q", "1"))
    except ValueError:
        return 1.0


def _version_fits(parameters: dict[str, str]) -> bool:
    version = parameters.get("fhirversion")
    return version is None or version in _VERSIONS


def not_acceptable(asked: str) -> FhirError:
    """406 with what is offered."""
    return FhirError(
        "not-supported",
        f"'{asked[:100]}' cannot be produced; application/fhir+json and application/fhir+xml of FHIR version 4.0 can.",
        status=406,
    )
