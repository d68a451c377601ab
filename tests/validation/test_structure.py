"""Structural validation finds every kind of fault, all of them, each with its code and FHIRPath, and nothing else."""

import copy
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countyfhir.model.definitions import definitions
from countyfhir.validation.structure import check, check_value

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">张三</div>'


def patient(**elements):
    """A small valid Patient with more elements."""
    return {"resourceType": "Patient", "name": [{"family": "张", "given": ["三"]}], **elements}


def observation(**elements):
    """A small valid Observation with more elements."""
    return {"resourceType": "Observation", "status": "final", "code": {"text": "血压"}, **elements}


def extended(**extension):
    """A Patient with one extension."""
    return patient(extension=[extension])


CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
URL = "http://example.org/fhir/StructureDefinition/x"
SEARCH = {"url": URL, "name": "x", "status": "draft", "description": "x", "code": "x", "type": "token"}
SUBJECT = {"subject": {"reference": "Patient/1"}}
BIRTH_ORDER = {"multipleBirthBoolean": True, "multipleBirthInteger": 2}

INVALID = {
    # names
    "unknown element": (patient(colour="red"), [("structure", "Patient.colour")]),
    "unknown element deep inside": (
        patient(contact=[{"name": {"family": "李"}}, {"name": {"famly": "李"}}]),
        [("structure", "Patient.contact[1].name.famly")],
    ),
    "wrong case": (patient(birthdate="2000"), [("structure", "Patient.birthdate")]),
    "choice without type": (observation(value="x"), [("structure", "Observation.value")]),
    "choice of a type it has not": (observation(valueDecimal=1), [("structure", "Observation.valueDecimal")]),
    "resourceType in a data type": (
        patient(name=[{"resourceType": "HumanName", "family": "张"}]),
        [("structure", "Patient.name[0].resourceType")],
    ),
    "name that is no name": (patient(**{"张三 13800000000": 1}), [("structure", "Patient")]),
    # JSON types
    "text where an object belongs": (observation(subject="Patient/1"), [("structure", "Observation.subject")]),
    "object where a list belongs": (patient(name={"family": "张"}), [("structure", "Patient.name")]),
    "text where a list belongs": (patient(name=[{"given": "三"}]), [("structure", "Patient.name[0].given")]),
    "list where one value belongs": (patient(birthDate=["2000"]), [("structure", "Patient.birthDate")]),
    "list where one object belongs": (observation(subject=[{"display": "x"}]), [("structure", "Observation.subject")]),
    "text in a list of objects": (patient(name=["张三"]), [("structure", "Patient.name[0]")]),
    "object in a list of texts": (patient(name=[{"given": [{"a": 1}]}]), [("structure", "Patient.name[0].given[0]")]),
    "object where a text belongs": (patient(gender={"code": "male"}), [("structure", "Patient.gender")]),
    "text for boolean": (patient(active="true"), [("value", "Patient.active")]),
    "number for boolean": (patient(active=1), [("value", "Patient.active")]),
    "text for decimal": (observation(valueQuantity={"value": "185"}), [("value", "Observation.value.value")]),
    "text for integer": (patient(multipleBirthInteger="2"), [("value", "Patient.multipleBirth")]),
    "fraction for integer": (patient(multipleBirthInteger=Decimal("2.0")), [("value", "Patient.multipleBirth")]),
    "number for text": (patient(name=[{"family": 5}]), [("value", "Patient.name[0].family")]),
    "boolean for number": (observation(valueQuantity={"value": True}), [("value", "Observation.value.value")]),
    "null": (patient(gender=None), [("structure", "Patient.gender")]),
    "null for a list": (patient(name=None), [("structure", "Patient.name")]),
    "null in a list of objects": (patient(name=[None]), [("structure", "Patient.name[0]")]),
    "empty object": (patient(maritalStatus={}), [("structure", "Patient.maritalStatus")]),
    "empty object in a list": (patient(name=[{}]), [("structure", "Patient.name[0]")]),
    "empty list": (patient(name=[]), [("structure", "Patient.name")]),
    "empty list of values": (patient(name=[{"given": []}]), [("structure", "Patient.name[0].given")]),
    "empty text": (patient(name=[{"family": ""}]), [("value", "Patient.name[0].family")]),
    # cardinality and choice
    "required primitive missing": (
        {"resourceType": "Observation", "code": {"text": "x"}},
        [("required", "Observation.status")],
    ),
    "required object missing": ({"resourceType": "Observation", "status": "final"}, [("required", "Observation.code")]),
    "required in a backbone": (
        {"resourceType": "Questionnaire", "status": "draft", "item": [{"linkId": "1", "type": "group", "item": [{}]}]},
        [("structure", "Questionnaire.item[0].item[0]")],
    ),
    "required list missing": (
        {"resourceType": "OperationOutcome"},
        [("required", "OperationOutcome.issue")],
    ),
    "required in a recursive element": (
        {
            "resourceType": "Questionnaire",
            "status": "draft",
            "item": [{"linkId": "1", "type": "group", "item": [{"linkId": "2"}]}],
        },
        [("required", "Questionnaire.item[0].item[0].type")],
    ),
    "required choice missing": (
        {"resourceType": "MedicationAdministration", "status": "completed", "effectiveDateTime": "2024", **SUBJECT},
        [("required", "MedicationAdministration.medication")],
    ),
    "two of a choice": (patient(**BIRTH_ORDER), [("structure", "Patient.multipleBirth")]),
    "a choice and the sibling of another": (
        observation(valueString="x", _valueBoolean={"id": "a"}),
        [("structure", "Observation.value")],
    ),
    # primitive formats and ranges
    "30 February": (patient(birthDate="2024-02-30"), [("value", "Patient.birthDate")]),
    "date with time": (patient(birthDate="2024-02-01T00:00:00Z"), [("value", "Patient.birthDate")]),
    "dateTime without zone": (
        observation(effectiveDateTime="2024-02-01T08:00:00"),
        [("value", "Observation.effective")],
    ),
    "instant without time": (observation(issued="2024-02-01"), [("value", "Observation.issued")]),
    "positiveInt 0": (patient(telecom=[{"rank": 0}]), [("value", "Patient.telecom[0].rank")]),
    "integer beyond 32 bit": (patient(multipleBirthInteger=2**31), [("value", "Patient.multipleBirth")]),
    "base64 broken": (patient(photo=[{"data": "YQ="}]), [("value", "Patient.photo[0].data")]),
    "id too long": (patient(id="x" * 65), [("value", "Patient.id")]),
    "id with underscore": (patient(id="a_b"), [("value", "Patient.id")]),
    "uri with space": (patient(identifier=[{"system": "http://a b"}]), [("value", "Patient.identifier[0].system")]),
    "code with two spaces": (patient(language="zh  CN"), [("value", "Patient.language")]),
    "uuid without urn": (
        {
            "resourceType": "Parameters",
            "parameter": [{"name": "a", "valueUuid": "c757873d-ec9a-4326-a141-556f43239520"}],
        },
        [("value", "Parameters.parameter[0].value")],
    ),
    "oid without urn": (
        {"resourceType": "Parameters", "parameter": [{"name": "a", "valueOid": "1.2.3"}]},
        [("value", "Parameters.parameter[0].value")],
    ),
    "control character": (patient(name=[{"family": "张\x07"}]), [("value", "Patient.name[0].family")]),
    # _element siblings
    "sibling that is no object": (patient(_birthDate="x"), [("structure", "Patient.birthDate")]),
    "sibling with an unknown name": (patient(_birthDate={"value": 1}), [("structure", "Patient.birthDate.value")]),
    "sibling of a complex element": (patient(_name=[{"id": "a"}]), [("structure", "Patient._name")]),
    "sibling of nothing": (patient(_colour={"id": "a"}), [("structure", "Patient._colour")]),
    "sibling list for a single value": (patient(_birthDate=[{"id": "a"}]), [("structure", "Patient.birthDate")]),
    "sibling object for a list": (
        patient(name=[{"given": ["三"], "_given": {"id": "a"}}]),
        [("structure", "Patient.name[0].given")],
    ),
    "unequal padding": (
        patient(name=[{"given": ["三", "四"], "_given": [{"id": "a"}]}]),
        [("structure", "Patient.name[0].given")],
    ),
    "null without sibling": (patient(name=[{"given": ["三", None]}]), [("structure", "Patient.name[0].given[1]")]),
    "null beside null": (
        patient(name=[{"given": ["三", None], "_given": [{"id": "a"}, None]}]),
        [("structure", "Patient.name[0].given[1]")],
    ),
    "extension of a primitive": (
        patient(_birthDate={"extension": [{"valueString": "x"}]}),
        [("required", "Patient.birthDate.extension[0].url")],
    ),
    "wrong value and wrong sibling": (
        patient(name=[{"given": ["", "四"], "_given": [{"id": "a"}, {}]}]),
        [("value", "Patient.name[0].given[0]"), ("structure", "Patient.name[0].given[1]")],
    ),
    # required bindings
    "code outside": (patient(gender="M"), [("code-invalid", "Patient.gender")]),
    "code in the wrong case": (observation(status="Final"), [("code-invalid", "Observation.status")]),
    "code in a list": (
        {"resourceType": "SearchParameter", "base": ["Patients"]} | SEARCH,
        [("code-invalid", "SearchParameter.base[0]")],
    ),
    "concept outside": (
        {"resourceType": "Condition", **SUBJECT, "clinicalStatus": {"coding": [{"system": CLINICAL, "code": "x"}]}},
        [("code-invalid", "Condition.clinicalStatus")],
    ),
    "concept from another system": (
        {"resourceType": "Condition", **SUBJECT, "clinicalStatus": {"coding": [{"system": URL, "code": "active"}]}},
        [("code-invalid", "Condition.clinicalStatus")],
    ),
    "concept with text only": (
        {"resourceType": "Condition", **SUBJECT, "clinicalStatus": {"text": "active"}},
        [("code-invalid", "Condition.clinicalStatus")],
    ),
    "media type": ({"resourceType": "Binary", "contentType": "pdf file"}, [("code-invalid", "Binary.contentType")]),
    "currency": (
        {"resourceType": "Invoice", "status": "draft", "totalNet": {"value": 1, "currency": "RMB"}},
        [("code-invalid", "Invoice.totalNet.currency")],
    ),
    # Extension
    "extension without url": (extended(valueString="x"), [("required", "Patient.extension[0].url")]),
    "extension with value and extension": (
        extended(url=URL, valueString="x", extension=[{"url": "a", "valueString": "x"}]),
        [("structure", "Patient.extension[0]")],
    ),
    "extension with neither": (extended(url=URL), [("structure", "Patient.extension[0]")]),
    "extension with two values": (
        extended(url=URL, valueString="x", valueCode="x"),
        [("structure", "Patient.extension[0].value")],
    ),
    # contained
    "contained without id": (
        patient(contained=[{"resourceType": "Organization", "name": "县医院"}]),
        [("required", "Patient.contained[0]")],
    ),
    "contained in contained": (
        patient(contained=[patient(id="a", contained=[patient(id="b")])]),
        [("structure", "Patient.contained[0].contained")],
    ),
    "contained with version, time and label": (
        patient(
            contained=[
                patient(
                    id="a",
                    meta={"versionId": "1", "lastUpdated": "2024-01-01T00:00:00Z", "security": [{"code": "R"}]},
                )
            ]
        ),
        [("structure", f"Patient.contained[0].meta.{name}") for name in ("versionId", "lastUpdated", "security")],
    ),
    "contained that is wrong itself": (
        patient(contained=[patient(id="a", gender="M")]),
        [("code-invalid", "Patient.contained[0].gender")],
    ),
    # references
    "reference to a type not allowed": (
        patient(managingOrganization={"reference": "Patient/1"}),
        [("business-rule", "Patient.managingOrganization.reference")],
    ),
    "absolute reference to a type not allowed": (
        patient(managingOrganization={"reference": "http://example.org/fhir/Patient/1/_history/2"}),
        [("business-rule", "Patient.managingOrganization.reference")],
    ),
    "conditional reference to a type not allowed": (
        observation(subject={"reference": "Practitioner?identifier=1"}),
        [("business-rule", "Observation.subject.reference")],
    ),
    "reference in a list": (
        patient(generalPractitioner=[{"display": "x"}, {"reference": "Patient/1"}]),
        [("business-rule", "Patient.generalPractitioner[1].reference")],
    ),
    # resources in resources
    "no resourceType": ({"id": "1"}, [("required", "")]),
    "unknown resourceType": ({"resourceType": "Patientt"}, [("structure", "")]),
    "abstract resourceType": ({"resourceType": "DomainResource"}, [("structure", "")]),
    "resourceType that is no text": ({"resourceType": ["Patient"]}, [("structure", "")]),
    "wrong entry of a bundle": (
        {
            "resourceType": "Bundle",
            "type": "batch",
            "entry": [{"resource": patient()}, {"resource": patient(gender=1)}],
        },
        [("value", "Bundle.entry[1].resource.gender")],
    ),
    "entry without resourceType": (
        {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": {"id": "1"}}]},
        [("required", "Bundle.entry[0].resource")],
    ),
    "entry that is no resource": (
        {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": "Patient"}]},
        [("structure", "Bundle.entry[0].resource")],
    ),
    "parameter with a wrong resource": (
        {"resourceType": "Parameters", "parameter": [{"name": "a", "part": [{"name": "b", "resource": patient(a=1)}]}]},
        [("structure", "Parameters.parameter[0].part[0].resource.a")],
    ),
    # others
    "narrative without div": (patient(text={"status": "generated"}), [("required", "Patient.text.div")]),
    "narrative without markup": (patient(text={"status": "generated", "div": "张三"}), [("value", "Patient.text.div")]),
    "simple quantity with comparator": (
        observation(referenceRange=[{"low": {"value": 1, "comparator": "<"}}]),
        [("structure", "Observation.referenceRange[0].low.comparator")],
    ),
    "everything at once": (
        patient(gender="M", birthDate="2024-02-30", active="true", colour=1, name=[{"given": ["三", 4]}, {}]),
        [
            ("structure", "Patient.name[1]"),
            ("value", "Patient.name[0].given[1]"),
            ("code-invalid", "Patient.gender"),
            ("value", "Patient.birthDate"),
            ("value", "Patient.active"),
            ("structure", "Patient.colour"),
        ],
    ),
}

VALID = {
    "ideographic and no-break space": patient(name=[{"text": "张\u3000三", "family": "张\u00a0"}]),
    "value only as extension": patient(_birthDate={"extension": [{"url": URL, "valueCode": "unknown"}]}),
    "required value only as extension": {
        "resourceType": "Observation",
        "_status": {"extension": [{"url": URL, "valueCode": "unknown"}]},
        "code": {"text": "x"},
    },
    "padding on both sides": patient(name=[{"given": ["三", None], "_given": [None, {"id": "a"}]}]),
    "extensions without any value": patient(name=[{"_given": [{"id": "a"}, {"id": "b"}]}]),
    "choice with its own sibling": observation(valueString="x", _valueString={"id": "a"}),
    "required choice only as sibling": {
        "resourceType": "AuditEvent",
        "type": {"code": "rest"},
        "recorded": "2024-01-01T00:00:00Z",
        "agent": [{"requestor": False}],
        "source": {"observer": {"display": "x"}},
        "entity": [{"detail": [{"type": "a", "_valueString": {"id": "a"}}]}],
    },
    "extension of an extension": extended(
        url=URL, extension=[{"url": "a", "extension": [{"url": "b", "valueDate": "2024"}]}]
    ),
    "extension whose value is only extended": extended(
        url=URL, _valueString={"extension": [{"url": URL, "valueCode": "x"}]}
    ),
    "codes by rule": {
        "resourceType": "Invoice",
        "status": "draft",
        "totalNet": {"value": Decimal("12.50"), "currency": "CNY"},
    },
    "media type with parameter": {"resourceType": "Binary", "contentType": "text/plain; charset=gb18030"},
    "concept with one coding of the value set": {
        "resourceType": "Condition",
        **SUBJECT,
        "clinicalStatus": {"coding": [{"system": URL, "code": "x"}, {"system": CLINICAL, "code": "active"}]},
    },
    "contained and a reference to it": patient(
        contained=[{"resourceType": "Organization", "id": "o", "meta": {"profile": [URL]}, "name": "县医院"}],
        managingOrganization={"reference": "#o"},
    ),
    "references that say no type": observation(
        subject={"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"},
        performer=[{"reference": "http://example.org/doctors/7"}, {"identifier": {"value": "7"}}],
    ),
    "R4's own version": {
        "resourceType": "CapabilityStatement",
        "status": "draft",
        "date": "2024",
        "kind": "instance",
        "fhirVersion": "4.0.1",
        "format": ["json", "application/fhir+xml"],
    },
    "narrative": patient(text={"status": "generated", "div": DIV}),
    "comparator in a Quantity": observation(valueQuantity={"value": 5, "comparator": "<", "unit": "mg"}),
}


def found(resource):
    """Code and expression of each issue, in order of expression."""
    return sorted((i.code, "".join(i.expression)) for i in check(resource))


@pytest.mark.parametrize("case", INVALID)
def test_fault_is_found(case):
    """Each fault gives exactly its issues: code and FHIRPath; the resource itself stays as it was."""
    resource, expected = INVALID[case]
    before = copy.deepcopy(resource)
    assert found(resource) == sorted(expected)
    assert resource == before


@pytest.mark.parametrize("case", VALID)
def test_valid_resource_passes(case):
    """What R4 allows gives no issue."""
    assert check(VALID[case]) == []


def test_issues_help_and_hide():
    """Each issue is an error with one short sentence; it never shows the value it is about."""
    secret = "李四 13812345678"
    resource = patient(gender=secret, birthDate=secret, active=secret, id=secret, **{secret: 1})
    issues = check(resource)
    assert len(issues) == 5
    for issue in issues:
        assert issue.severity == "error"
        assert issue.diagnostics.endswith(".")
        assert len(issue.diagnostics) < 300
        assert secret not in issue.diagnostics + "".join(issue.expression)
    assert "female, male, other, unknown" in next(i.diagnostics for i in issues if i.code == "code-invalid")


def test_misspelled_name_is_explained():
    """A name in the wrong case, or a choice without its type, is answered with the right one."""
    assert "'birthDate'" in check(patient(birthdate="2000"))[0].diagnostics
    assert "value" in check(observation(value="x"))[0].diagnostics


def test_expected_type():
    """A resource of another type than expected is one issue."""
    assert [i.code for i in check(patient(), "Observation")] == ["invalid"]
    assert check(patient(), "Patient") == []


@pytest.mark.parametrize("body", [None, [], "Patient", 5, [patient()]])
def test_what_is_no_object_is_no_resource(body):
    """Any other JSON value is refused, not a crash."""
    assert [i.code for i in check(body)] == ["structure"]


def test_value_of_a_data_type():
    """A data type can be checked by itself."""
    assert check_value({"family": "张"}, "HumanName") == []
    assert [i.expression for i in check_value({"use": "x"}, "HumanName")] == [("HumanName.use",)]


def test_deep_nesting_is_checked_in_linear_time():
    """A fault under 60 levels of items is found at once: each level checks its children once, not twice."""
    item = {"linkId": "0"}
    for level in range(60):
        item = {"linkId": str(level + 1), "type": "group", "item": [item]}
    resource = {"resourceType": "Questionnaire", "status": "draft", "item": [item]}
    assert found(resource) == [("required", "Questionnaire.item[0]" + ".item[0]" * 60 + ".type")]


def test_nesting_without_end_is_refused():
    """A resource deeper than the interpreter's stack is an issue, not a crash."""
    extension = {"url": URL, "valueString": "x"}
    for _ in range(2000):
        extension = {"url": URL, "extension": [extension]}
    assert [i.diagnostics for i in check(extended(**extension))] == ["The resource is nested too deeply."]


def test_very_many_faults_are_counted():
    """Beyond 1,000 issues the rest is a number; 30,000 wrong entries take no quadratic time."""
    issues = check(patient(name=[{"use": "x"}] * 30_000))
    assert len(issues) == 1001
    assert issues[-1].severity == "information"
    assert issues[-1].diagnostics.startswith("29000 ")


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.decimals(allow_nan=False)
NAMES = st.sampled_from(
    ["resourceType", "id", "name", "_given", "given", "extension", "url", "valueString", "contained", "x"]
)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4))


@given(st.dictionaries(st.sampled_from(list(definitions().types["Patient"].elements)), JSON, max_size=4))
def test_no_json_breaks_the_check(elements):
    """Whatever JSON a Patient is made of, the answer is a list of issues inside it."""
    issues = check({**elements, "resourceType": "Patient"})
    assert all(issue.expression[0].startswith("Patient") for issue in issues)


@given(st.sampled_from(sorted(definitions().resource_types)), JSON)
def test_wrong_value_is_never_silent(resource_type, value):
    """In any type, an element that does not exist is always reported, whatever else is wrong."""
    issues = check({"resourceType": resource_type, "countyElement": value})
    assert (f"{resource_type}.countyElement",) in [issue.expression for issue in issues]
