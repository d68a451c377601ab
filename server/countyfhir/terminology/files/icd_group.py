"""``icd-group:`` -> ValueSets of a disease group by categories of ICD-10 (R4 section 4.9). Codes are compared by
category (``I10``), never one by one: ``I10``, ``I10.x00`` and ``I10.x00x002`` are all met in the field, and dual codes
belong by either part."""

from __future__ import annotations

from typing import Any

from countyfhir.terminology.files import value_set
from countyfhir.terminology.files.text import HEAD, known

KEYS = HEAD | {"icd-group", "categories", "except", "except-categories"}
NATIONAL = "icd10-nhsa"
EDITIONS = (NATIONAL, "icd10-clinical", "http://hl7.org/fhir/sid/icd-10")


def resources(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The group in the edition of the National Healthcare Security Administration, and as ``…-any-icd10`` in every
    edition, which can be asked about but is listed only where all of them are imported."""
    known(document, KEYS, "a disease group")
    name = document["icd-group"]
    head = {key: document[key] for key in HEAD & set(document)}
    any_edition = {**head, "title": f"{document['title']} (各版ICD-10)", "english": f"{document['english']} any ICD-10"}
    return [
        *value_set.resources({**head, "value-set": name, **_parts(document, (NATIONAL,))}),
        *value_set.resources({**any_edition, "value-set": f"{name}-any-icd10", **_parts(document, EDITIONS)}),
    ]


def _parts(document: dict[str, Any], systems: tuple[str, ...]) -> dict[str, Any]:
    """``include`` and ``exclude`` over some editions."""
    made: dict[str, Any] = {"include": [{"systems": systems, "icd-categories": document["categories"]}]}
    out = []
    if "except" in document:
        out.append({"systems": systems, "codes": document["except"]})
    if "except-categories" in document:
        out.append({"systems": systems, "icd-categories": document["except-categories"]})
    return {**made, "exclude": out} if out else made
