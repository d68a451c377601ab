"""``value-set:`` -> ValueSet (R4 section 4.9): codes, filters, other value sets, and ICD categories."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from countyfhir.terminology.files.text import HEAD, TerminologyFileError, address, canonical, known, texts

KEYS = HEAD | {"value-set", "include", "exclude"}
FILTERS = {
    "is-a": "is-a",
    "descendent-of": "descendent-of",
    "is-not-a": "is-not-a",
    "generalizes": "generalizes",
    "regex": "regex",
}
PART_KEYS = frozenset({"system", "systems", "version", "codes", "value-sets", "filters", "icd-categories", *FILTERS})


def resources(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The ValueSet."""
    known(document, KEYS, "a value set")
    made = canonical(document, "ValueSet", document["value-set"], "vs")
    compose = {"include": [part for said in document.get("include", ()) for part in parts(said)]}
    if excluded := [part for said in document.get("exclude", ()) for part in parts(said)]:
        compose["exclude"] = excluded
    if not compose["include"]:
        raise TerminologyFileError("a value set includes something")
    made["compose"] = compose
    return [made]


def parts(said: dict[str, Any]) -> list[dict[str, Any]]:
    """What one entry of ``include`` or ``exclude`` stands for: one part for each system that it names."""
    known(said, PART_KEYS, "a part of a value set")
    systems = [said["system"]] if "system" in said else said.get("systems", [])
    contents = list(_contents(said))
    if not systems:
        return [_part(None, said, {})]
    return [_part(system, said, content) for system in systems for content in contents]


def _part(system: str | None, said: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if system is not None:
        made["system"] = address(system, "cs")
        if "version" in said:
            made["version"] = said["version"]
    made |= content
    if "value-sets" in said:
        made["valueSet"] = [address(url, "vs") for url in said["value-sets"]]
    return made


def _contents(said: dict[str, Any]) -> Iterable[dict[str, Any]]:
    filters = [{"property": "concept", "op": op, "value": said[key]} for key, op in FILTERS.items() if key in said]
    for one in filters:
        if one["op"] == "regex":
            one["property"] = "code"
    filters += [dict(one) for one in said.get("filters", ())]
    if "codes" in said:
        yield {"concept": [_listed(code, text) for code, text in _pairs(said["codes"])]}
    elif "icd-categories" in said:
        yield {"filter": [{"property": "code", "op": "regex", "value": icd_pattern(said["icd-categories"])}]}
    elif filters:
        yield {"filter": filters}
    else:
        yield {}


def _pairs(codes: Any) -> Iterable[tuple[str, Any]]:
    return codes.items() if isinstance(codes, dict) else ((code, None) for code in codes)


def _listed(code: str, text: Any) -> dict[str, Any]:
    chinese, english = texts(text)
    made: dict[str, Any] = {"code": code}
    if chinese or english:
        made["display"] = chinese or english
    return made


def icd_pattern(categories: Iterable[str]) -> str:
    """The regular expression that an ICD-10 code of any edition fits when it lies in one of the categories (``I10``,
    ``H36.0``, ``E78``): the code itself, everything below it with a fourth character, extension (``.x00x002``), dagger
    or asterisk, and dual codes by either part (``E11.300x011+H36.0*``)."""
    return rf"([^+]*\+)?({'|'.join(category.replace('.', chr(92) + '.') for category in categories)})([.xX0-9+*].*)?"
