"""What is searched finds what was extracted, without a store between: text, query and entries fit together."""

from decimal import Decimal
from urllib.parse import parse_qsl

import pytest

from countyfhir.exchange import Write
from countyfhir.outcome import FhirError
from countyfhir.search import parse
from countyfhir.search.holds import holds

from .facts import BASE, CONTEXT

UCUM = "http://unitsofmeasure.org"

PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "meta": {
        "profile": ["http://county.example/StructureDefinition/resident|1.0"],
        "tag": [{"system": "t", "code": "demo"}],
    },
    "identifier": [
        {"type": {"coding": [{"system": "v2", "code": "NI"}]}, "system": "urn:id", "value": "11010519491231002X"},
    ],
    "active": True,
    "name": [{"family": "欧阳", "given": ["建国"]}, {"family": "Müller", "given": ["Hans", "Peter"]}],
    "telecom": [{"system": "phone", "value": "0854-8220001"}],
    "gender": "male",
    "birthDate": "1949-12-31",
    "address": [{"text": "贵州省都匀市", "city": "都匀市"}],
    "managingOrganization": {
        "reference": f"{BASE}/Organization/h1",
        "identifier": {"system": "urn:org", "value": "5227"},
    },
}
OBSERVATION = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9", "display": "Blood pressure panel"}]},
    "subject": {"reference": "Patient/p1"},
    "effectivePeriod": {"start": "2024-03-01T08:00:00+08:00"},
    "component": [
        {
            "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
            "valueQuantity": {"value": Decimal("121.5"), "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"},
        },
        {
            "code": {"coding": [{"system": "http://loinc.org", "code": "8462-4"}]},
            "valueQuantity": {"value": 80, "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"},
        },
    ],
}
RISK = {"resourceType": "RiskAssessment", "id": "r1", "prediction": [{"probabilityDecimal": Decimal("0.8")}]}
VALUE_SET = {"resourceType": "ValueSet", "id": "v1", "url": "http://county.example/vs/a/b"}


def finds(resource, text):
    """Whether the resource satisfies the search."""
    query = parse.search(resource["resourceType"], parse_qsl(text, keep_blank_values=True), CONTEXT).query
    write = Write(
        "PUT", resource["resourceType"], resource["id"], resource, entries=CONTEXT.indexer().entries(resource)
    )
    return holds(query.where, write)


FOUND = [
    (PATIENT, "gender=Male"),
    (PATIENT, "name=欧阳"),
    (PATIENT, "name=ouyang"),
    (PATIENT, "name=oyjg"),
    (PATIENT, "phonetic=ouyangjianguo"),
    (PATIENT, "family=oy"),
    (PATIENT, "given=jianguo"),
    (PATIENT, "name=muller"),
    (PATIENT, "name=MÜLLER hans"),
    (PATIENT, "name:contains=ete"),
    (PATIENT, "family:exact=Müller"),
    (PATIENT, "identifier=11010519491231002X"),
    (PATIENT, "identifier=urn:id|110105491231002"),
    (PATIENT, "identifier=urn:id|"),
    (PATIENT, "identifier:of-type=v2|NI|11010519491231002X"),
    (PATIENT, "gender=male,female&active=true"),
    (PATIENT, "gender=http://hl7.org/fhir/administrative-gender|male"),
    (PATIENT, "gender=|male"),
    (PATIENT, "gender:not=female"),
    (PATIENT, "deceased=false"),
    (PATIENT, "deceased:not=true"),
    (PATIENT, "death-date:missing=true"),
    (PATIENT, "birthdate=1949"),
    (PATIENT, "birthdate=lt1950&birthdate=ge1949-12"),
    (PATIENT, "birthdate=ne1950"),
    (PATIENT, "address=贵州&address-city=都匀市"),
    (PATIENT, "organization=h1"),
    (PATIENT, "organization:Organization=h1"),
    (PATIENT, f"organization={BASE}/Organization/h1"),
    (PATIENT, "organization:identifier=urn:org|5227"),
    (PATIENT, "_id=p1,p2"),
    (PATIENT, "_tag=t|demo"),
    (PATIENT, "_profile=http://county.example/StructureDefinition/resident"),
    (PATIENT, "_profile=http://county.example/StructureDefinition/resident|1.0"),
    (PATIENT, "_profile:below=http://county.example/StructureDefinition"),
    (OBSERVATION, "code:text=blood"),
    (OBSERVATION, "combo-code=8480-6"),
    (OBSERVATION, "patient=p1"),
    (OBSERVATION, "date=gt2025"),
    (OBSERVATION, "date=ge2024-03-01T08:00:00%2B08:00"),
    (OBSERVATION, "component-value-quantity=121.5"),
    (OBSERVATION, "component-value-quantity=122"),
    (OBSERVATION, f"component-value-quantity=16.1986|{UCUM}|kPa"),
    (OBSERVATION, "component-value-quantity=80||mmHg"),
    (OBSERVATION, "component-value-quantity=le80"),
    (OBSERVATION, "component-code-value-quantity=8480-6$gt120"),
    (OBSERVATION, f"combo-code-value-quantity=http://loinc.org|8462-4$80|{UCUM}|mm[Hg]"),
    (RISK, "probability=gt0.75"),
    (RISK, "probability=0.8"),
    (RISK, "probability=ap0.85"),
    (VALUE_SET, "url:below=http://county.example/vs"),
    (VALUE_SET, "url:above=http://county.example/vs/a/b/c"),
    (VALUE_SET, "url=http://county.example/vs/a/b"),
]

NOT_FOUND = [
    (PATIENT, "name=阳"),
    (PATIENT, "name:exact=müller"),
    (PATIENT, "name:exact=ouyang"),
    (PATIENT, "identifier=other|11010519491231002X"),
    (PATIENT, "identifier=|11010519491231002X"),
    (PATIENT, "identifier:of-type=v2|MR|11010519491231002X"),
    (PATIENT, "identifier=URN:ID|11010519491231002X"),
    (PATIENT, "gender=http://other|male"),
    (PATIENT, "gender:not=male"),
    (PATIENT, "birthdate=gt1949"),
    (PATIENT, "birthdate:missing=true"),
    (PATIENT, "organization=Group/h1"),
    (PATIENT, "_tag=demo2"),
    (PATIENT, "_profile:below=http://county.example/StructureDef"),
    (PATIENT, "_profile=http://county.example/StructureDefinition/resident|2.0"),
    (OBSERVATION, "date=2024-03-01"),
    (OBSERVATION, "date=lt2024-03-01T08:00:00%2B08:00"),
    (OBSERVATION, "date=eb2030"),
    (OBSERVATION, "component-value-quantity=121"),
    (OBSERVATION, "component-value-quantity=80||kPa"),
    (OBSERVATION, "component-code-value-quantity=8480-6$80"),
    (OBSERVATION, "code-value-quantity=8480-6$gt1"),
    (RISK, "probability=gt0.8"),
    (VALUE_SET, "url:above=http://county.example/vs/a"),
    (VALUE_SET, "url=http://county.example/vs/a"),
]


@pytest.mark.parametrize(("resource", "text"), FOUND, ids=[text for _, text in FOUND])
def test_is_found(resource, text):
    """Searches that the specification says match."""
    assert finds(resource, text)


@pytest.mark.parametrize(("resource", "text"), NOT_FOUND, ids=[text for _, text in NOT_FOUND])
def test_is_not_found(resource, text):
    """Searches that the specification says do not match."""
    assert not finds(resource, text)


@pytest.mark.parametrize("text", ["organization.name=x", "_has:Observation:patient:code=x", "_lastUpdated=gt2020"])
def test_what_only_a_store_knows_is_refused(text):
    """A resource that is just being written cannot be asked about others, or about when it was stored."""
    with pytest.raises(FhirError) as refused:
        finds(PATIENT, text)
    assert refused.value.status == 400


def test_compartments_hold_for_new_resources():
    """A compartment search finds its own resource and its members."""
    query = parse.search("Observation", [], CONTEXT, compartment=("Patient", "p1")).query
    written = Write("PUT", "Observation", "o1", OBSERVATION, entries=CONTEXT.indexer().entries(OBSERVATION))
    assert holds(query.where, written)
    assert not holds(parse.search("Observation", [], CONTEXT, compartment=("Patient", "p2")).query.where, written)
