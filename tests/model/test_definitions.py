"""The compiled definitions say what the R4 specification says."""

from collections import Counter

import pytest

from countyfhir.model.compile.parameters import split_union
from countyfhir.model.definitions import definitions
from countyfhir.model.library import base_resources

DEFINITIONS = definitions()


def test_all_types_are_there():
    """146 resource types, 145 with an endpoint, 20 primitive types, and no type that an element names is missing."""
    kinds = Counter((t.kind, t.abstract) for t in DEFINITIONS.types.values())
    assert len(DEFINITIONS.resource_types) == kinds["resource", False] == 146
    assert len(DEFINITIONS.endpoint_types) == 145
    assert "Parameters" not in DEFINITIONS.endpoint_types
    assert kinds["primitive-type", False] == 20
    named = {e.type_name for t in DEFINITIONS.types.values() for e in t.elements.values()}
    assert named <= DEFINITIONS.types.keys()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Patient.gender", {"type_name": "code", "is_primitive": True, "in_summary": True, "is_array": False}),
        ("Patient.contact", {"type_name": "Patient.contact", "is_array": True, "maximum": None}),
        ("Patient.contact.name.family", {"path": "HumanName.family", "type_name": "string"}),
        ("Patient.id", {"type_name": "id", "xml_attribute": False}),
        ("HumanName.id", {"type_name": "string", "xml_attribute": True}),
        ("Extension.url", {"type_name": "uri", "xml_attribute": True, "minimum": 1}),
        ("Observation.valueQuantity", {"choice": "value", "path": "Observation.value[x]", "type_name": "Quantity"}),
        ("Observation.component.referenceRange", {"type_name": "Observation.referenceRange", "is_array": True}),
        ("Bundle.entry.link", {"type_name": "Bundle.link"}),
        ("Observation.status", {"minimum": 1, "is_modifier": True, "binding_strength": "required"}),
        ("Patient.managingOrganization", {"target_types": ("Organization",)}),
        ("Observation.focus", {"target_types": ()}),
        ("MedicationRequest.medicationReference", {"minimum": 1, "choice": "medication"}),
        ("Narrative.div", {"type_name": "xhtml", "minimum": 1}),
        ("Questionnaire.item.item.item", {"type_name": "Questionnaire.item"}),
    ],
)
def test_element(path, expected):
    """Elements carry type, cardinality, choice, binding and flags as the StructureDefinition states them."""
    element = DEFINITIONS.element_at(path)
    assert {name: getattr(element, name) for name in expected} == expected


def test_unknown_paths_lead_nowhere():
    """A path that does not exist is None, not an error."""
    assert DEFINITIONS.element_at("Patient.colour") is None
    assert DEFINITIONS.element_at("Nothing.id") is None
    assert DEFINITIONS.element_at("Patient.gender.id.x") is None


def test_elements_agree_with_the_published_snapshots():
    """For every resource type the properties, their order and cardinality are those of its StructureDefinition."""
    compared = 0
    for structure in base_resources(["StructureDefinition"]):
        if structure["id"] not in DEFINITIONS.resource_types:
            continue
        stated = [e for e in structure["snapshot"]["element"] if e["path"].count(".") == 1]
        elements = DEFINITIONS.types[structure["id"]].elements.values()
        assert list(dict.fromkeys(e.path for e in elements)) == [e["path"] for e in stated]
        cardinality = {e.path: (e.minimum, "*" if e.maximum is None else str(e.maximum)) for e in elements}
        assert cardinality == {e["path"]: (e["min"], e["max"]) for e in stated}
        compared += 1
    assert compared == 146


def test_subtypes():
    """Types know what they derive from."""
    assert DEFINITIONS.is_subtype("Patient", "DomainResource")
    assert DEFINITIONS.is_subtype("code", "Element")
    assert DEFINITIONS.is_subtype("Age", "Quantity")
    assert not DEFINITIONS.is_subtype("Bundle", "DomainResource")


def test_invariants_are_stated_once():
    """All 238 rule keys of R4's types are kept; ele-1 and ext-1 stand on types, not on each of 8,000 elements."""
    rules = [i for t in DEFINITIONS.types.values() for i in t.invariants]
    rules += [i for t in DEFINITIONS.types.values() for e in t.elements.values() for i in e.invariants]
    stated = {
        (constraint["key"], constraint.get("expression", ""))
        for structure in base_resources(["StructureDefinition"])
        if structure["kind"] != "logical" and structure.get("derivation") != "constraint"
        for element in structure["snapshot"]["element"]
        for constraint in element.get("constraint", ())
    }
    assert {(i.key, i.expression) for i in rules} == stated
    assert len(rules) < 2000
    assert "pat-1" in {i.key for i in DEFINITIONS.types["Patient.contact"].invariants}
    assert not any(i.key == "ele-1" for e in DEFINITIONS.types["Patient"].elements.values() for i in e.invariants)


def test_every_base_search_parameter_applies_somewhere():
    """All 1,375 search parameters of R4 are in the tables, under each type of their base list."""
    urls = {p["url"] for p in base_resources(["SearchParameter"]) if "base" in p and "extension" in p}
    assert len(urls) == 1375
    assert DEFINITIONS.search_parameter_urls.keys() == urls
    for resource_type, parameters in DEFINITIONS.search_parameters.items():
        assert parameters.keys() >= {"_id", "_lastUpdated", "_tag", "_profile", "_security", "_source"}
        assert ("_text" in parameters) == DEFINITIONS.is_subtype(resource_type, "DomainResource")


def test_shared_parameter_is_narrowed_to_its_type():
    """A code that many types share has, for each, only the alternatives of that type, and only the targets it can
    have.
    """
    patient = DEFINITIONS.search_parameters["Condition"]["patient"]
    assert patient.expression == "Condition.subject.where(resolve() is Patient)"
    assert patient.targets == ("Patient",)
    assert len(patient.resource_types) > 30
    assert DEFINITIONS.search_parameters["Patient"]["email"].expression == "Patient.telecom.where(system='email')"


def test_every_expression_starts_at_its_type():
    """After the one correction (InsurancePlan name) every alternative starts at the type or one it derives from."""
    for resource_type, parameters in DEFINITIONS.search_parameters.items():
        for parameter in parameters.values():
            for part in filter(None, map(str.strip, split_union(parameter.expression))):
                start = part.lstrip("(").split(".")[0]
                assert DEFINITIONS.is_subtype(resource_type, start), (parameter.url, part)
    corrected = {p.url for ps in DEFINITIONS.search_parameters.values() for p in ps.values() if p.corrected}
    assert corrected == {"http://hl7.org/fhir/SearchParameter/InsurancePlan-name"}


def test_the_composite_with_swapped_components_is_corrected():
    """DocumentReference relationship: relatesto reads the target, relation the code."""
    relationship = DEFINITIONS.search_parameters["DocumentReference"]["relationship"]
    assert [expression for _, expression in relationship.components] == ["target", "code"]


def test_composites_name_parameters_that_exist():
    """Each component of a composite points to a known parameter and has an expression."""
    composites = [p for ps in DEFINITIONS.search_parameters.values() for p in ps.values() if p.type == "composite"]
    assert len(composites) > 46
    for parameter in composites:
        assert len(parameter.components) >= 2
        for definition, expression in parameter.components:
            assert definition in DEFINITIONS.search_parameter_urls
            assert expression


def test_compartments():
    """Five compartments; each parameter named exists for its type; a resource is in its own compartment."""
    assert set(DEFINITIONS.compartments) == {"Patient", "Encounter", "RelatedPerson", "Practitioner", "Device"}
    assert DEFINITIONS.compartments["Patient"]["Observation"] == ("subject", "performer")
    assert DEFINITIONS.compartments["Patient"]["Patient"] == ("{def}", "link")
    for types in DEFINITIONS.compartments.values():
        for resource_type, codes in types.items():
            assert set(codes) - {"{def}"} <= DEFINITIONS.search_parameters[resource_type].keys()


def test_operations():
    """46 base OperationDefinitions by code, those that share a code together."""
    operations = DEFINITIONS.operations
    assert sum(len(entry["definitions"]) for entry in operations.values()) == 46
    assert [d["resource"] for d in operations["everything"]["definitions"]] == [
        ["Encounter"],
        ["Group"],
        ["MedicinalProduct"],
        ["Patient"],
    ]


def test_value_sets():
    """Required value sets are lists of codes; R4's own version is among the versions of FHIR; four cannot be listed."""
    gender = DEFINITIONS.value_set_codes("http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1")
    assert gender == {"male", "female", "other", "unknown"}
    assert "4.0.1" in DEFINITIONS.value_set_codes("http://hl7.org/fhir/ValueSet/FHIR-version")
    bound = {
        e.binding_value_set
        for t in DEFINITIONS.types.values()
        for e in t.elements.values()
        if e.binding_strength == "required"
    }
    assert {url for url in bound if DEFINITIONS.value_set_codes(url) is None} == {
        "http://hl7.org/fhir/ValueSet/mimetypes",
        "http://hl7.org/fhir/ValueSet/currencies",
        "http://hl7.org/fhir/ValueSet/ucum-units",
        "http://loinc.org/vs/LL379-9",
    }
    assert len(DEFINITIONS.value_set_urls) == 220
    clinical = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    assert (clinical, "active") in DEFINITIONS.value_set_codings("http://hl7.org/fhir/ValueSet/condition-clinical")
