"""``code-system:`` -> CodeSystem and the ValueSet of all its codes (R4 section 4.8)."""

from __future__ import annotations

from typing import Any

from countyfhir.terminology.files.text import HEAD, TerminologyFileError, address, canonical, identity, known, texts

KEYS = HEAD | {"code-system", "content", "concepts", "properties", "case-sensitive", "with-value-set", "supplements"}
CONCEPT_KEYS = frozenset({"display", "definition", "children", "properties", "designations"})
TYPES = frozenset({"code", "string", "integer", "boolean", "dateTime", "decimal", "Coding"})


def resources(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The CodeSystem, and unless ``with-value-set: false`` the ValueSet of all its codes."""
    known(document, KEYS, "a code system")
    system = code_system(document)
    return [system, all_codes(document, system)] if "valueSet" in system else [system]


def code_system(document: dict[str, Any]) -> dict[str, Any]:
    """The CodeSystem alone."""
    url = document["code-system"]
    made = canonical(document, "CodeSystem", url, "cs")
    made["caseSensitive"] = bool(document.get("case-sensitive", True))
    content = document.get("content", "complete")
    if document.get("with-value-set", content in ("complete", "fragment")):
        made["valueSet"] = address(identity(document, url), "vs")
    concepts, count = _concepts(document.get("concepts") or {}, document.get("properties") or {}, set())
    if str(made["language"]).startswith("en"):
        _turn(concepts)
    if any("concept" in concept for concept in concepts):
        made["hierarchyMeaning"] = "is-a"
    made["content"] = content
    if "supplements" in document:
        made["supplements"] = address(document["supplements"], "cs")
    if concepts:
        made["count"] = count
    if document.get("properties"):
        made["property"] = [_property(code, kind) for code, kind in document["properties"].items()]
    if concepts:
        made["concept"] = concepts
    return made


def all_codes(document: dict[str, Any], system: dict[str, Any]) -> dict[str, Any]:
    """The value set of all codes of a code system."""
    made = canonical({**document, "id": system["id"]}, "ValueSet", system["valueSet"], "vs")
    made["compose"] = {"include": [{"system": system["url"]}]}
    return made


def _property(code: str, declared: Any) -> dict[str, Any]:
    kind, _, description = str(declared).partition(" | ")
    if kind not in TYPES:
        raise TerminologyFileError(f"property '{code}' has no type '{kind}': one of {', '.join(sorted(TYPES))}")
    return {"code": code, **({"description": description} if description else {}), "type": kind}


def _concepts(declared: dict[str, Any], types: dict[str, Any], seen: set[str]) -> tuple[list[dict[str, Any]], int]:
    made = []
    for code, said in declared.items():
        if code in seen:
            raise TerminologyFileError(f"the code '{code}' stands there a second time")
        seen.add(code)
        made.append(_concept(code, said, types, seen))
    return made, len(seen)


def _concept(code: str, said: Any, types: dict[str, Any], seen: set[str]) -> dict[str, Any]:
    full = said if isinstance(said, dict) else {"display": said}
    known(full, CONCEPT_KEYS, f"the concept '{code}'")
    chinese, english = texts(full.get("display"))
    made: dict[str, Any] = {"code": code}
    if chinese or english:
        made["display"] = chinese or english
    if "definition" in full:
        made["definition"] = full["definition"]
    designations = {"en": english if chinese else None, **full.get("designations", {})}
    named = [{"language": language, "value": text} for language, text in designations.items() if text]
    if named:
        made["designation"] = named
    if full.get("properties"):
        made["property"] = [_value(name, value, types) for name, value in full["properties"].items()]
    if full.get("children"):
        made["concept"] = _concepts(full["children"], types, seen)[0]
    return made


def _value(name: str, value: Any, types: dict[str, Any]) -> dict[str, Any]:
    if name not in types:
        raise TerminologyFileError(f"the property '{name}' is not declared under 'properties'")
    kind = str(types[name]).partition(" | ")[0]
    return {"code": name, f"value{kind[0].upper()}{kind[1:]}": int(value) if kind == "integer" else value}


def _turn(concepts: list[dict[str, Any]]) -> None:
    """Of a system in English the English text is the display and the Chinese one the designation."""
    for concept in concepts:
        english = next((one for one in concept.get("designation", ()) if one["language"] == "en"), None)
        if english is not None:
            concept["display"], chinese = english["value"], concept["display"]
            english |= {"language": "zh-CN", "value": chinese}
        _turn(concept.get("concept", []))
