"""Made-up code systems and value sets that the tests of the terminology share."""

from __future__ import annotations

from typing import Any

URL = "http://terminology.example"


def code_system(logical_id: str, concepts: list[dict[str, Any]], **other: Any) -> dict[str, Any]:
    """A complete, case-sensitive code system."""
    return {
        "resourceType": "CodeSystem",
        "id": logical_id,
        "url": f"{URL}/CodeSystem/{logical_id}",
        "status": "active",
        "content": "complete",
        "caseSensitive": True,
        "concept": concepts,
    } | other


def value_set(logical_id: str, *includes: dict[str, Any], **other: Any) -> dict[str, Any]:
    """A value set of includes; ``exclude`` and ``inactive`` go into its compose."""
    compose = {"include": list(includes)}
    compose |= {key: other.pop(key) for key in ("exclude", "inactive") if key in other}
    return {
        "resourceType": "ValueSet",
        "id": logical_id,
        "url": f"{URL}/ValueSet/{logical_id}",
        "status": "active",
        "compose": compose,
    } | other


def concept(code: str, *below: dict[str, Any], display: str | None = None, **properties: Any) -> dict[str, Any]:
    """A concept with concepts below it; properties by name, booleans and codes."""
    made: dict[str, Any] = {"code": code, "display": display or f"Display {code}"}
    if properties:
        made["property"] = [
            {"code": name, "valueBoolean" if isinstance(value, bool) else "valueCode": value}
            for name, value in properties.items()
        ]
    if below:
        made["concept"] = list(below)
    return made


SIMPLE = f"{URL}/CodeSystem/simple"
"""A tree: organ > heart > (valve, ventricle), organ > lung; then other. valve is retired, organ not selectable."""


def simple() -> dict[str, Any]:
    """``SIMPLE``, version 1.2.0."""
    heart = concept("heart", concept("valve", status="retired", side="left"), concept("ventricle", side="both"))
    organ = concept("organ", heart, concept("lung", side="both"), notSelectable=True)
    made = code_system("simple", [organ, concept("other", display="其他器官")], version="1.2.0", name="Simple")
    made["valueSet"] = f"{URL}/ValueSet/simple-all-codes"
    made["concept"][0]["concept"][1]["designation"] = [
        {"language": "zh-CN", "value": "肺"},
        {"language": "de", "value": "Lunge"},
    ]
    return made


def include(system: str = SIMPLE, **other: Any) -> dict[str, Any]:
    """An include of a code system."""
    return {"system": system} | other


def where(name: str, operator: str, value: str) -> dict[str, str]:
    """A filter."""
    return {"property": name, "op": operator, "value": value}
