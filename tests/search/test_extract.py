"""Extraction is one compiled walk: composites, compartments of one call, and FHIRPath as an independent witness."""

import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countyfhir import fhirpath
from countyfhir.model import json
from countyfhir.model.library import BASE_TYPES, TERMINOLOGY_TYPES, base_resources, examples
from countyfhir.outcome import FhirError
from countyfhir.search import decimal_key, extract
from countyfhir.search.contained import LINK
from countyfhir.search.elements import LOGICAL, SORT, readers
from countyfhir.search.unions import entry_names

from .facts import BASE, CONTEXT, entries

ARCHIVE = Path(__file__).parents[1] / "data" / "r4-examples.tar.xz"


def key(number):
    return decimal_key.encode(Decimal(number))


BLOOD_PRESSURE = {
    "resourceType": "Observation",
    "code": {"coding": [{"system": "l", "code": "bp"}]},
    "component": [
        {"code": {"coding": [{"system": "l", "code": "sys"}]}, "valueQuantity": {"value": 120}},
        {"code": {"coding": [{"system": "l", "code": "dia"}]}, "valueQuantity": {"value": 80}},
        {"code": {"coding": [{"system": "l", "code": "note"}]}, "valueString": "sitting"},
    ],
}


def test_components_of_one_element_share_their_part():
    """Systolic goes with 120, diastolic with 80, and a component without a quantity is not in the composite."""
    parts = defaultdict(list)
    for _, parameter, part, *values in entries(BLOOD_PRESSURE):
        if parameter.startswith("component-code-value-quantity$"):
            parts[part].append(values[-1])
    assert sorted(parts.values()) == sorted([["sys", key(120)], ["dia", key(80)]])


def test_a_composite_needs_every_component():
    """The panel's own code has no value beside it, so only the components are combined."""
    assert not entries(BLOOD_PRESSURE, "code-value-quantity$1")
    assert len(entries(BLOOD_PRESSURE, "combo-code-value-quantity$1")) == 2


def test_a_component_may_start_from_the_resource():
    """chromosome-variant-coordinate joins %resource.referenceSeq.chromosome with each variant."""
    resource = {
        "resourceType": "MolecularSequence",
        "referenceSeq": {"chromosome": {"coding": [{"code": "1"}]}},
        "variant": [{"start": 10, "end": 12}],
    }
    found = {entry[1]: entry[3:] for entry in entries(resource) if entry[1].startswith("chromosome-variant-coordinate")}
    assert found == {
        "chromosome-variant-coordinate$1": ("", "1"),
        "chromosome-variant-coordinate$2": (key(10),),
        "chromosome-variant-coordinate$3": (key(12),),
    }


SHAPES = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just({}) | st.just([]) | st.just([[]])


@given(
    st.sampled_from(["code", "subject", "effectivePeriod", "component", "valueQuantity", "meta", "identifier"]), SHAPES
)
def test_a_wrong_shape_is_a_refusal(name, shape):
    """Where structural validation is switched off, an element of another type is a 400 or is passed over."""
    status = 400
    try:
        extract.index({**BLOOD_PRESSURE, "id": "o", name: shape}, CONTEXT, BASE)
    except FhirError as refused:
        status = refused.status
    assert status == 400


def test_every_entry_stands_once():
    """Two equal codings give one entry."""
    resource = {"resourceType": "Observation", "code": {"coding": [{"code": "c"}, {"code": "c"}]}}
    found = entries(resource)
    assert len(found) == len(set(found))


def test_entries_do_not_depend_on_what_was_read_before():
    """The same resource gives the same entries in the same order again."""
    assert entries(BLOOD_PRESSURE) == entries(BLOOD_PRESSURE)


def everything():
    """All official examples and definitions, parsed."""
    for _, content in examples(ARCHIVE):
        yield json.parse(content)
    yield from base_resources((*BASE_TYPES, *TERMINOLOGY_TYPES))


def by_fhirpath(resource, parameter, table):
    """What the parameter's expression gives when FHIRPath evaluates it plainly: (suffix, kind, values)."""
    found = set()
    for item in fhirpath.compile(parameter.expression, resource["resourceType"])(resource):
        reader = table.get((parameter.type, item.type_name))
        if reader is not None and item.value is not None:
            found |= {(suffix, kind, values) for kind, suffix, values in reader(item.value)}
    return found


def of_parameter(found, resource_type, code):
    """The entries of one parameter in the same form; those of its parts where it is made of others."""
    names = entry_names(resource_type, code)
    named = ((re.fullmatch(r"([^:$]*)(.*)", entry[1]), entry) for entry in found)
    return {(name[2], entry[0], entry[3:]) for name, entry in named if name[1] in names}


def without_names(facts):
    """Pinyin and sort keys depend on where a string stands in a HumanName, which FHIRPath does not say, the names of
    contained resources on what else is contained, and where an identifier alone leads is for the chain to find out."""
    return {fact for fact in facts if fact[0] not in (SORT, LINK, LOGICAL) and not (fact[2][-1] == "" and fact[1] == 1)}


@pytest.mark.slow
def test_official_resources_give_what_fhirpath_gives():
    """The compiled walk agrees with the FHIRPath engine on every simple parameter of every official resource."""
    indexer, table = CONTEXT.indexer(), readers(CONTEXT.zone, (BASE,))
    compared = 0
    for number, resource in enumerate(everything()):
        resource_type = resource["resourceType"]
        found = indexer.entries(resource)
        if resource_type in (*BASE_TYPES, *TERMINOLOGY_TYPES, "Bundle") and number % 20:
            continue
        for code, parameter in CONTEXT.parameters.of(resource_type).items():
            if parameter.type == "composite" or not parameter.expression or code in ("_id", "_lastUpdated"):
                continue
            if "resource" in parameter.expression and resource_type == "Bundle":
                continue
            expected = by_fhirpath(resource, parameter, table)
            assert without_names(of_parameter(found, resource_type, code)) == without_names(expected), (
                resource_type,
                code,
            )
            compared += 1
    assert compared > 10_000


def test_index_tells_entries_references_and_patient():
    """What is written beside a resource comes in one call, for the base URL of the request."""
    resource = {"resourceType": "Observation", "id": "o", "subject": {"reference": "https://alias/fhir/Patient/p"}}
    indexed = extract.index(resource, CONTEXT, "https://alias/fhir/")
    assert indexed.references == (("Patient", "p"),)
    assert indexed.patient == "p"
    assert (2, "subject", 0, "Patient", "p") in indexed.entries
    assert extract.index(resource, CONTEXT, BASE).patient is None
