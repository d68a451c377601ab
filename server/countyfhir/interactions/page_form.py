"""``_summary`` and ``_elements`` on the rows of a page or on one resource (R4 section 3.1.1.5.8 and 9)."""

from __future__ import annotations

from dataclasses import dataclass

from countyfhir.model import json, summary
from countyfhir.outcome import FhirError

SUMMARIES = ("true", "text", "data", "count", "false")


@dataclass(frozen=True, slots=True)
class PageForm:
    """What of each resource is shown: a summary kind, or elements (``Patient.name`` or ``name``), or all."""

    summary: str = "false"
    elements: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether resources are shown as they are stored."""
        return self.summary in ("false", "count") and not self.elements


WHOLE = PageForm()


def page_form(query: tuple[tuple[str, str], ...]) -> PageForm:
    """The form that the parameters ask for; 400 for an unknown summary kind, or for both at once."""
    said = [(name, value) for name, value in query if name in ("_summary", "_elements")]
    if not said:
        return WHOLE
    kind = next((value for name, value in said if name == "_summary"), "false")
    if kind not in SUMMARIES:
        raise FhirError("value", f"_summary is one of {', '.join(SUMMARIES)}.", expression="_summary")
    elements = tuple(
        one.strip() for name, value in said if name == "_elements" for one in value.split(",") if one.strip()
    )
    if elements and kind not in ("false", "count"):
        raise FhirError("invalid", "_summary and _elements exclude each other.", expression=("_summary", "_elements"))
    return PageForm(kind, elements)


def body_of_row(body: bytes, form: PageForm) -> bytes:
    """The text of one resource in the wanted form; the stored text itself where it is wanted whole."""
    if form.whole:
        return body
    resource = json.parse(body)
    if form.elements:
        return json.dumps(summary.with_elements(resource, form.elements))
    return json.dumps(summary.summarised(resource, form.summary))
