"""The official R4 resources are at hand, all of them and with every digit."""

from collections import Counter

from countyfhir.model.library import BASE_TYPES, TERMINOLOGY_TYPES, base_lines, base_resources


def test_all_base_resources_are_there():
    """Counts of the published package hl7.fhir.r4.core 4.0.1."""
    counts = Counter(resource["resourceType"] for resource in base_resources((*BASE_TYPES, *TERMINOLOGY_TYPES)))
    assert counts == {
        "StructureDefinition": 655,
        "SearchParameter": 1400,
        "OperationDefinition": 47,
        "CompartmentDefinition": 6,
        "CodeSystem": 1062,
        "ValueSet": 1316,
        "ConceptMap": 80,
        "NamingSystem": 2,
    }


def test_ids_are_unique_and_lines_are_compact():
    """Each line is one resource with an id of its own."""
    ids = [(r["resourceType"], r["id"]) for r in base_resources()]
    assert len(ids) == len(set(ids)) == 2108
    assert all(line.startswith(b'{"resourceType":"') for line in base_lines(["CompartmentDefinition"]))
