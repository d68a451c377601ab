"""What ships under terminology/ holds together: every code that is named exists, nothing stands twice, all is valid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from countyfhir.shipped import folder
from countyfhir.terminology.knowledge import Terminology
from countyfhir.validation.check import check

Shipped = list[tuple[Path, dict[str, Any]]]
NOT_HERE = frozenset({"http://snomed.info/sct", "http://unitsofmeasure.org"})
"""Systems that are imported or known by rule."""


def of_kind(shipped: Shipped, kind: str) -> list[dict[str, Any]]:
    """The resources of a type."""
    return [resource for _, resource in shipped if resource["resourceType"] == kind]


def known(terminology: Terminology, system: str, code: str, version: str | None = None) -> bool:
    """Whether a code is there; of fragments only what is written down counts."""
    return terminology.knows_code(system, code, version) is True


def test_every_resource_is_valid(shipped_resources: Shipped) -> None:
    """Structure and invariants of R4 have nothing against any of them."""
    found = [
        (path.name, resource["id"], issue.diagnostics)
        for path, resource in shipped_resources
        for issue in check(resource)
        if issue.severity in ("error", "fatal")
    ]
    assert found == []


def test_nothing_stands_twice(shipped_resources: Shipped) -> None:
    """Neither an id nor a canonical with its version."""
    ids = Counter((one["resourceType"], one["id"]) for _, one in shipped_resources)
    urls = Counter((one["url"], one.get("version")) for _, one in shipped_resources if "url" in one)
    assert [name for name, count in (*ids.items(), *urls.items()) if count > 1] == []


def test_every_concept_has_a_chinese_name(shipped_resources: Shipped) -> None:
    """As its display, or beside an English one."""

    def below(concepts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for concept in concepts:
            yield concept
            yield from below(concept.get("concept", []))

    def named(concept: dict[str, Any]) -> str:
        return concept.get("display", "") + "".join(one["value"] for one in concept.get("designation", ()))

    symbols = ("mmol/L", "mg/dL")
    assert [
        (system["url"], concept["code"])
        for system in of_kind(shipped_resources, "CodeSystem")
        for concept in below(system.get("concept", []))
        if named(concept).isascii() and concept.get("display") not in symbols
    ] == []


def test_every_code_of_a_map_exists(shipped_resources: Shipped, shipped_terminology: Terminology) -> None:
    """On both sides, in the version that the map names."""
    wrong = []
    for mapped in of_kind(shipped_resources, "ConceptMap"):
        for group in mapped["group"]:
            for element in group["element"]:
                if not known(shipped_terminology, group["source"], element["code"], group.get("sourceVersion")):
                    wrong.append((mapped["url"], group["source"], element["code"]))
                wrong += [
                    (mapped["url"], group["target"], target["code"])
                    for target in element["target"]
                    if "code" in target
                    and not known(shipped_terminology, group["target"], target["code"], group.get("targetVersion"))
                ]
    assert wrong == []


def test_every_map_says_what_it_does_with_every_code(
    shipped_resources: Shipped, shipped_terminology: Terminology
) -> None:
    """A code of the source that a map leaves out would be a guess: each is mapped, or said to be unmatched."""
    complete = {one["url"]: one for one in of_kind(shipped_resources, "CodeSystem") if one["content"] == "complete"}
    wrong = []
    for mapped in of_kind(shipped_resources, "ConceptMap"):
        whole = [group for group in mapped["group"] if group["source"] in complete]
        said = {element["code"] for group in whole for element in group["element"]}
        for url in {group["source"] for group in whole}:
            codes = shipped_terminology.resolver.code_system(url)
            assert codes is not None
            all_codes = {one.code for one in codes.select("c.system=?", (codes.number,))}  # type: ignore[union-attr]
            wrong += [(mapped["url"], code) for code in sorted(all_codes - said)]
    assert wrong == []


def test_every_code_of_a_value_set_exists(shipped_resources: Shipped, shipped_terminology: Terminology) -> None:
    """Listed codes, concepts of filters, value sets that are imported."""
    wrong = []
    for value_set in of_kind(shipped_resources, "ValueSet"):
        for part in (*value_set["compose"]["include"], *value_set["compose"].get("exclude", ())):
            wrong += [
                (value_set["url"], url)
                for url in part.get("valueSet", ())
                if shipped_terminology.resolver.value_set(url) is None
            ]
            system = part.get("system")
            if system is None or system in NOT_HERE or "icd" in system:
                continue
            codes = [one["code"] for one in part.get("concept", ())]
            codes += [one["value"] for one in part.get("filter", ()) if one["property"] == "concept"]
            wrong += [(value_set["url"], code) for code in codes if not known(shipped_terminology, system, code)]
            if shipped_terminology.resolver.code_system(system) is None:
                wrong.append((value_set["url"], system))
    assert wrong == []


def test_loinc_codes_of_mappings_are_those_that_ship(shipped_terminology: Terminology) -> None:
    """A mapping that writes another LOINC code names it in code-systems/loinc.yaml, too."""

    def codes(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            if part.get("system") == "http://loinc.org":
                yield from (one for one in (part.get("code"),) if one)
                for entry in (part.get("table") or {}).values():
                    yield from (entry["code"] for _ in [0] if isinstance(entry, dict) and "code" in entry)
            for value in part.values():
                yield from codes(value)
        elif isinstance(part, list):
            for value in part:
                yield from codes(value)

    used = set()
    for path in folder("mappings").rglob("*.yaml"):
        used |= {str(code) for code in codes(yaml.load(path.read_text("utf-8"), yaml.CBaseLoader))}
    plain = {code for code in used if not code.startswith(("{", "$"))}
    assert len(plain) > 10
    assert [code for code in sorted(plain) if not known(shipped_terminology, "http://loinc.org", code)] == []


def test_published_maps_say_what_mapping_files_do(shipped_resources: Shipped) -> None:
    """Where a mapping file turns a code of a column into a FHIR code, the dictionary of that column says the same."""
    described = {
        one["url"]: one["description"] for one in of_kind(shipped_resources, "CodeSystem") if "description" in one
    }
    published: dict[tuple[str, str], set[str]] = {}
    for mapped in of_kind(shipped_resources, "ConceptMap"):
        for group in mapped["group"]:
            for element in group["element"]:
                where = (described.get(group["source"], ""), element["code"])
                published.setdefault(where, set()).update(
                    target["code"] for target in element["target"] if "code" in target
                )
    compared, wrong = 0, []
    for path in sorted(folder("mappings").glob("*/*.yaml")):
        mapping = yaml.load(path.read_text("utf-8"), yaml.CBaseLoader)
        for said in (mapping.get("codes") or {}).values():
            start = (
                f"Source system {path.parent.name}, table {mapping['source'].get('file')}, column {said['column']}, "
                f"dictionary of {said['dictionary']}."
            )
            for code, target in (said.get("table") or {}).items():
                named = set.union(
                    *(codes for (text, one), codes in published.items() if one == code and text.startswith(start)),
                    set(),
                )
                codes = written(target)
                compared += bool(named and codes)
                wrong += [(path.name, said["column"], code)] if named and not codes <= named else []
    assert compared > 60
    assert wrong == []


def written(target: Any) -> set[str]:
    """The codes that a mapping file writes for a legacy code; none for texts."""
    if isinstance(target, dict):
        codes = {target["code"]} if "code" in target else {one["code"] for one in target.get("coding", ())}
        return codes | {target[name] for name in ("task", "business") if name in target}
    plain = str(target)
    return {plain} if plain.isascii() and plain.islower() and plain != "null" else set()
