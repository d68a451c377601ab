"""The table of active parameters: complete, told truthfully, and replaceable."""

from datetime import UTC

import msgspec

from countyfhir.model.definitions import SearchParameter
from countyfhir.search import parse
from countyfhir.search.context import Context
from countyfhir.search.extractor import NOT_EXTRACTED
from countyfhir.search.leaves import implicit_systems, is_canonical
from countyfhir.search.parameters import active, common, includes, of, revincludes, table, targets
from countyfhir.search.paths import branches
from countyfhir.search.query import StringIs
from countyfhir.search.walk import leaves

TABLE = active()
COMMON = ["_content", "_filter", "_id", "_lastUpdated", "_list", "_profile", "_security", "_source", "_tag"]

ETHNICITY = SearchParameter(
    "ethnic-group",
    "string",
    "Patient.extension('http://county.example/ethnic-group').value.ofType(CodeableConcept).text",
    "http://county.example/SearchParameter/ethnic-group",
)


def test_everything_with_an_expression_is_offered():
    """A parameter is left out only when R4 gives it no expression and no other meaning: none is."""
    for resource_type, parameters in TABLE.parameters.items():
        offered = {each.code for each in of(resource_type, TABLE)}
        missing = {code for code, each in parameters.items() if code not in offered}
        assert missing == set(), resource_type


def test_every_expression_reads_an_element_it_can_index():
    """Each parameter's paths end at an element type that has a reader (one expression goes through FHIRPath)."""
    known = TABLE.definitions
    beyond = set()
    for resource_type, parameters in TABLE.parameters.items():
        for code, parameter in parameters.items():
            if not parameter.expression or code in NOT_EXTRACTED or parameter.type == "composite":
                continue
            if not leaves(resource_type, branches(parameter.expression), known):
                beyond.add((resource_type, code))
    assert beyond == {("Patient", "deceased")}


def test_what_the_capability_statement_tells():
    """Common parameters, forward and reverse includes."""
    assert [each.code for each in common(TABLE)] == COMMON
    assert includes("Patient", TABLE) == ["*", "Patient:general-practitioner", "Patient:link", "Patient:organization"]
    assert {"Observation:subject", "Observation:patient", "Provenance:target"} <= set(revincludes("Patient", TABLE))
    assert "Observation:encounter" not in revincludes("Patient", TABLE)


def test_every_offered_include_parses():
    """What is offered works: each _include and _revinclude of each type."""
    context = Context(TABLE)
    for resource_type in TABLE.endpoint_types:
        for name, offered in (
            ("_include", includes(resource_type, TABLE)),
            ("_revinclude", revincludes(resource_type, TABLE)),
        ):
            for value in offered:
                assert parse.search(resource_type, [(name, value)], context).query.includes


def test_resolve_narrows_targets():
    """patient leads to Patient only, although the shared definition of the parameter names Group, too."""
    assert targets(TABLE.of("Observation")["patient"]) == ("Patient",)
    assert set(targets(TABLE.of("Observation")["subject"])) == {"Group", "Device", "Patient", "Location"}


def test_plain_codes_imply_their_system():
    """gender and active have a system of their own; a CodeableConcept carries its own."""
    gender, code = TABLE.of("Patient")["gender"], TABLE.of("Observation")["code"]
    assert implicit_systems("Patient", gender, TABLE.definitions) == {"http://hl7.org/fhir/administrative-gender"}
    assert implicit_systems("Observation", code, TABLE.definitions) == frozenset()


def test_canonicals_are_told_from_references():
    """Both kinds are reference parameters."""
    plan = TABLE.of("CarePlan")
    assert is_canonical("CarePlan", plan["instantiates-canonical"], TABLE.definitions)
    assert not is_canonical("CarePlan", plan["subject"], TABLE.definitions)


def test_a_parameter_of_our_own():
    """A table with one more parameter extracts and parses it, and has another version; R4's table is untouched."""
    changed = table({"Patient": {"ethnic-group": ETHNICITY}})
    context = Context(changed)
    patient = {
        "resourceType": "Patient",
        "extension": [
            {"url": "http://county.example/ethnic-group", "valueCodeableConcept": {"text": "布依族"}},
            {"url": "http://county.example/other", "valueCodeableConcept": {"text": "x"}},
        ],
    }
    found = [entry for entry in context.indexer().entries(patient) if entry[1] == "ethnic-group"]
    assert found == [(1, "ethnic-group", 0, "布依族", "布依族")]
    query = parse.search("Patient", [("ethnic-group", "布依")], context).query
    assert query.where == ((StringIs("ethnic-group", "starts", "布依"),),)
    assert changed.version != TABLE.version
    assert "ethnic-group" not in TABLE.of("Patient")


def test_the_version_follows_what_entries_depend_on():
    """The same parameters have the same version in every process; another expression another one."""
    assert table().version == TABLE.version
    gender = TABLE.of("Patient")["gender"]
    same = table({"Patient": {"gender": gender}})
    other = table({"Patient": {"gender": msgspec.structs.replace(gender, expression="Patient.contact.gender")}})
    assert same.version == TABLE.version != other.version


def test_the_zone_of_dates_is_the_callers():
    """The same table indexes for another zone."""
    patient = {"resourceType": "Patient", "birthDate": "1970-01-01"}
    found = [entry[3] for entry in Context(TABLE, zone=UTC).indexer().entries(patient) if entry[1] == "birthdate"]
    assert found == [0]
