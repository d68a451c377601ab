"""Search text becomes the Query that R4 means, or a refusal that helps."""

import datetime
from decimal import Decimal
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countyfhir.outcome import FhirError
from countyfhir.search import decimal_key, parse
from countyfhir.search.conditions import MODIFIERS, modifiers_of
from countyfhir.search.named_queries import NAMED
from countyfhir.search.parameters import of
from countyfhir.search.query import (
    FOREVER,
    Chain,
    CompositeIs,
    DateIs,
    Has,
    IdIs,
    InCompartment,
    LastUpdatedIs,
    Missing,
    Not,
    NumberIs,
    ReferenceIs,
    StringIs,
    TokenIs,
    UriIs,
)

from .facts import BASE, CONTEXT, TODAY, VITALS, WITH_CONCEPTS

DAY = 86_400_000_000


def searched(path, lenient=False):
    """``Patient?name=x`` parsed."""
    resource_type, _, text = path.partition("?")
    pairs = parse_qsl(text, keep_blank_values=True)
    return parse.search(resource_type or None, pairs, CONTEXT, lenient=lenient)


def where(path):
    """The clauses of a search."""
    return searched(path).query.where


def key(text):
    return decimal_key.encode(Decimal(text))


def micro(text):
    return int(datetime.datetime.fromisoformat(text).timestamp()) * 1_000_000


ONE_CLAUSE = [
    ("Patient?identifier=v", TokenIs("identifier", None, "v")),
    ("Patient?identifier=s|v", TokenIs("identifier", "s", "v")),
    ("Patient?identifier=|v", TokenIs("identifier", "", "v")),
    ("Patient?identifier=s|", TokenIs("identifier", "s", None)),
    (r"Patient?identifier=s|a\|b\,c", TokenIs("identifier", "s", "a|b,c")),
    ("Patient?identifier:of-type=t|MR|v", TokenIs("identifier:of-type", "t", "mr|v")),
    ("Observation?code:text=Ｂody", StringIs("code:text", "starts", "body")),
    ("Patient?gender:not=male", Not((TokenIs("gender", None, "male"),))),
    ("Patient?gender:not=male,female", Not((TokenIs("gender", None, "male"), TokenIs("gender", None, "female")))),
    ("Patient?gender=http://hl7.org/fhir/administrative-gender|male", TokenIs("gender", "", "male")),
    ("Patient?gender=http://other|male", TokenIs("gender", "http://other", "male")),
    ("Patient?active=http://terminology.hl7.org/CodeSystem/special-values|true", TokenIs("active", "", "true")),
    ("Observation?code=http://loinc.org|1-8", TokenIs("code", "http://loinc.org", "1-8")),
    ("Patient?_tag=s|c", TokenIs("_tag", "s", "c")),
    ("Patient?name=Ｅve", StringIs("name", "starts", "eve")),
    ("Patient?address=王 五", StringIs("address", "starts", "王 五")),
    ("Patient?name:contains=Éve", StringIs("name", "contains", "eve")),
    ("Patient?name:exact=Éve", StringIs("name", "exact", "Éve")),
    ("Patient?organization=1", ReferenceIs("organization", None, "1")),
    ("Patient?organization=Organization/1", ReferenceIs("organization", "Organization", "1")),
    (f"Patient?organization={BASE}/Organization/1", ReferenceIs("organization", "Organization", "1")),
    (
        "Patient?organization=http://x/Organization/1",
        ReferenceIs("organization", None, None, "http://x/Organization/1"),
    ),
    ("Patient?organization=urn:uuid:1-2", ReferenceIs("organization", None, None, "urn:uuid:1-2")),
    ("Observation?subject:Patient=1", ReferenceIs("subject", "Patient", "1")),
    ("Observation?subject:Patient=Patient/1", ReferenceIs("subject", "Patient", "1")),
    ("Observation?subject:Patient=http://x/Patient/1", ReferenceIs("subject", None, None, "http://x/Patient/1")),
    ("Observation?subject:identifier=s|v", TokenIs("subject:identifier", "s", "v")),
    ("CarePlan?instantiates-canonical=http://x/a|1", ReferenceIs("instantiates-canonical", None, None, "http://x/a|1")),
    (
        "Patient?birthdate=2024-01-02",
        DateIs("birthdate", "eq", micro("2024-01-02T00:00+08:00"), micro("2024-01-03T00:00+08:00")),
    ),
    (
        "Patient?birthdate=ge2024",
        DateIs("birthdate", "ge", micro("2024-01-01T00:00+08:00"), micro("2025-01-01T00:00+08:00")),
    ),
    (
        "Observation?date=sa2024-01-02T10:00",
        DateIs("date", "sa", micro("2024-01-02T10:00+08:00"), micro("2024-01-02T10:01+08:00")),
    ),
    (
        "Observation?date=lt2024-01-02T10:00:00Z",
        DateIs("date", "lt", micro("2024-01-02T10:00+00:00"), micro("2024-01-02T10:00:01+00:00")),
    ),
    (
        "Observation?date=2024-01-02T10:00:00+05:30",
        DateIs("date", "eq", micro("2024-01-02T10:00+05:30"), micro("2024-01-02T10:00:01+05:30")),
    ),
    ("Observation?date=ap2026-03-01T00:00:00Z", DateIs("date", "ap", TODAY, TODAY + 1_000_000)),
    (
        "Observation?date=ap2026-02-19T00:00:00Z",
        DateIs(
            "date",
            "ap",
            TODAY - 10 * DAY - (10 * DAY - 1_000_000) // 10,
            TODAY - 10 * DAY + 1_000_000 + (10 * DAY - 1_000_000) // 10,
        ),
    ),
    ("RiskAssessment?probability=gt0.8", NumberIs("probability", "gt", key("0.75"), key("0.8"), key("0.85"))),
    ("Observation?value-quantity=5.4", NumberIs("value-quantity", "eq", key("5.35"), key("5.4"), key("5.45"), "")),
    (
        "Observation?value-quantity=5.4||mg",
        NumberIs("value-quantity", "eq", key("5.35"), key("5.4"), key("5.45"), "|mg"),
    ),
    (
        "Observation?value-quantity=le5.4|http://unitsofmeasure.org|mg",
        NumberIs("value-quantity", "le", key("0.00535"), key("0.0054"), key("0.00545"), "=g"),
    ),
    (
        "Observation?value-quantity=5|http://x|mg",
        NumberIs("value-quantity", "eq", key("4.5"), key("5"), key("5.5"), "http://x|mg"),
    ),
    (
        "Observation?value-quantity=7|http://unitsofmeasure.org|[pH]",
        NumberIs("value-quantity", "eq", key("6.5"), key("7"), key("7.5"), "http://unitsofmeasure.org|[pH]"),
    ),
    ("ValueSet?url=http://x/a", UriIs("url", "exact", "http://x/a")),
    ("ValueSet?url:below=http://x/", UriIs("url", "below", "http://x/")),
    ("ValueSet?url:above=http://x/a/b", UriIs("url", "above", "http://x/a/b")),
    ("Patient?_profile=http://x/p", UriIs("_profile", "exact", "http://x/p")),
    ("Patient?_id=a,b,a", IdIs(("a", "b"))),
    (
        "Patient?_lastUpdated=gt2024-01-02",
        LastUpdatedIs("gt", micro("2024-01-02T00:00+08:00"), micro("2024-01-03T00:00+08:00")),
    ),
    ("Patient?family:missing=true", Missing("family", True)),
    ("Observation?code-value-quantity:missing=false", Missing("code-value-quantity$1", False)),
    (
        r"Observation?code-value-quantity=s|a\$b$lt5",
        CompositeIs(
            "code-value-quantity",
            (
                TokenIs("code-value-quantity$1", "s", "a$b"),
                NumberIs("code-value-quantity$2", "lt", key("4.5"), key("5"), key("5.5"), ""),
            ),
        ),
    ),
    ("Observation?subject:Patient.name=x", Chain("subject", "Patient", ((StringIs("name", "starts", "x"),),))),
    ("Observation?patient.name:exact=x", Chain("patient", "Patient", ((StringIs("name", "exact", "x"),),))),
    (
        "Observation?subject:Patient.organization.name=x",
        Chain("subject", "Patient", ((Chain("organization", "Organization", ((StringIs("name", "starts", "x"),),)),),)),
    ),
    ("Patient?_has:Observation:patient:code=c", Has("Observation", "patient", ((TokenIs("code", None, "c"),),))),
    (
        "Patient?_has:Observation:patient:_has:DiagnosticReport:result:code=c",
        Has("Observation", "patient", ((Has("DiagnosticReport", "result", ((TokenIs("code", None, "c"),),)),),)),
    ),
    (
        "Encounter?subject:Patient._has:Group:member:_id=g",
        Chain("subject", "Patient", ((Has("Group", "member", ((IdIs(("g",)),),)),),)),
    ),
    (
        "Patient?_has:Observation:patient:performer:Practitioner.family=x",
        Has(
            "Observation", "patient", ((Chain("performer", "Practitioner", ((StringIs("family", "starts", "x"),),)),),)
        ),
    ),
]


@pytest.mark.parametrize(("path", "predicate"), ONE_CLAUSE, ids=[path for path, _ in ONE_CLAUSE])
def test_one_parameter(path, predicate):
    """Each form of each search type, modifier and chain gives one predicate."""
    path = path.replace("+", "%2B")
    assert where(path) == ((predicate,),)


@pytest.mark.parametrize("text", ["王 五", "wang wu"])
def test_names_with_spaces_are_looked_up_in_one_word_too(text):
    """Both stand side by side; texts that are no names are taken as they are."""
    joined = text.replace(" ", "")
    assert where(f"Patient?name={text}") == ((StringIs("name", "starts", text), StringIs("name", "starts", joined)),)
    assert where(f"Patient?name:exact={text}") == ((StringIs("name", "exact", text),),)
    assert where(f"Patient?address={text}") == ((StringIs("address", "starts", text),),)


def test_ids_and_times_are_never_missing():
    """``:missing`` of what every resource has finds all of them, or none."""
    everything, nothing = LastUpdatedIs("ge", -FOREVER, -FOREVER), LastUpdatedIs("lt", -FOREVER, -FOREVER)
    for code in ("_id", "_lastUpdated"):
        assert where(f"Patient?{code}:missing=false") == ((everything,),)
        assert where(f"Patient?{code}:missing=true") == ((nothing,),)


def test_commas_are_or_and_repetition_is_and():
    """name=a,b&name=c asks for (a or b) and c."""
    assert where("Patient?name=a,b&name=c") == (
        (StringIs("name", "starts", "a"), StringIs("name", "starts", "b")),
        (StringIs("name", "starts", "c"),),
    )


def test_a_plus_that_became_a_space_still_is_a_zone():
    """An unescaped + arrives as a space before the zone."""
    assert where("Observation?date=2024-01-02T10:00:00 08:00") == where("Observation?date=2024-01-02T10:00:00%2B08:00")


def test_an_untyped_chain_tries_each_type_that_knows_the_rest():
    """subject.name on Observation: Device has device-name only, Location and Patient have name."""
    (clause,) = where("Observation?subject.name=x")
    assert {(each.parameter, each.target_type) for each in clause} == {("subject", "Location"), ("subject", "Patient")}


REFUSED = [
    ("Patient?foo=1", "foo is no search parameter of Patient; supported are _content, _filter, "),
    ("Patient?name:foo=1", "supported: contains, exact, missing"),
    ("Patient?name:=1", "colon"),
    ("Patient?_id:exact=1", "supported: not"),
    ("Patient?gender:in=http://x", "without terminology"),
    ("Observation?code:below=s|x", "without terminology"),
    ("Patient?_filter=gender in http://x", "without terminology"),
    ("Patient?gender:of-type=a|b|c", "has no modifier"),
    ("Patient?identifier:in=http://x", "has no modifier"),
    ("Patient?active:text=x", "has no modifier"),
    ("Observation?device:below=Device/1", "has no modifier"),
    ("CarePlan?instantiates-canonical:identifier=x", "supported: below, missing"),
    ("Patient?_filter=gender co x", "without co; it has eq, in, ne, ni, pr, sb, ss"),
    ("Patient?_filter=foo eq x", "foo is no search parameter"),
    ("Patient?_text:exact=x", "has no modifier"),
    ("Patient?_content:missing=true", "has no modifier"),
    ("Patient?_sort=_text", "not possible"),
    ("Observation?_query=x", "_query is no search parameter of Observation"),
    ("Patient?_type=Patient", "_type is no search parameter"),
    ("Patient?name.given=x", "is a string parameter"),
    ("Observation?subject:Encounter.status=x", "does not lead to Encounter"),
    ("Observation?subject.nothing=x", "no search parameter"),
    ("Patient?_score=true", "not supported yet"),
    ("Patient?_has:Observation:patient=x", "written _has:"),
    ("Patient?_has:Nothing:patient:code=x", "no resource type"),
    ("Patient?_has:Observation:encounter:code=x", "does not lead to Patient"),
    ("Patient?_sort=foo", "no search parameter"),
    ("Observation?_sort=code-value-quantity", "composite"),
    ("Patient?_sort:desc=name", "no modifier"),
    ("?name=x", "a search on several types; supported are _content, _filter, "),
]


@pytest.mark.parametrize(("path", "said"), REFUSED, ids=[path for path, _ in REFUSED])
def test_what_is_not_supported_is_refused_or_leniently_ignored(path, said):
    """Strictly a 400 that names what is supported; leniently a warning, and the parameter is not in the self link."""
    with pytest.raises(FhirError) as refused:
        searched(path)
    assert refused.value.status == 400
    assert refused.value.issues[0].code == "not-supported"
    assert said in str(refused.value)
    parsed = searched(path, lenient=True)
    assert [issue.severity for issue in parsed.issues] == ["warning"]
    assert (parsed.applied, parsed.query.where, parsed.query.sort) == ((), (), ())


MALFORMED = [
    "Patient?name=",
    "Patient?name=a,,b",
    "Patient?name=%CC%81",
    "Patient?birthdate=yesterday",
    "Patient?birthdate=2024-02-30",
    "Patient?birthdate=xx2024",
    "Observation?date=2024-01-02T24:00:00Z",
    "Observation?date=2024-01-02T",
    "RiskAssessment?probability=high",
    "RiskAssessment?probability=1e9999",
    "RiskAssessment?probability=NaN",
    "RiskAssessment?probability=٣",
    "Observation?value-quantity=5|mg",
    "Observation?value-quantity=5|http://x|",
    "Observation?value-quantity=|s|c",
    "Observation?code-value-quantity=a",
    "Observation?code-value-quantity=a$1$2",
    "Patient?identifier=|",
    "Patient?identifier=a|b|c",
    "Patient?identifier:of-type=a|b",
    "Patient?organization=Organization/",
    "Patient?organization=Organization/1/_history/2",
    "Patient?organization=not a reference",
    "Patient?organization=Organisation/1",
    "Observation?subject:Patient=Group/1",
    "Patient?family:missing=maybe",
    "Patient?_id=a/b",
    "Patient?_count=-1",
    "Patient?_count=many",
    "Patient?_count=1&_count=2",
    "Patient?_total=some",
    "Patient?_total=none&_total=none",
    "Patient?_summary=short",
    "Patient?_summary=text&_include=Patient:organization",
    "Patient?_summary=true&_elements=name",
    "Patient?_elements=colour",
    "Patient?_pretty=yes",
    "Patient?_sort=name,name",
    "Patient?_sort=name,,_id",
    "Patient?_sort=",
    "Patient?_include=organization",
    "Patient?_include=Patient:name",
    "Patient?_include=Nothing:x",
    "Patient?_include=Patient:organization:Group",
    "Patient?_revinclude=Observation:encounter",
    "?_type=Nothing",
    "?_type=Patient,",
    "Nothing?_id=1",
]


@pytest.mark.parametrize("path", MALFORMED)
def test_malformed_values_are_refused_even_leniently(path):
    """A known parameter with a value that cannot be meant is a 400 in both modes: ignoring it would widen a search."""
    for lenient in (False, True):
        with pytest.raises(FhirError) as refused:
            searched(path, lenient)
        assert refused.value.status == 400
        assert refused.value.issues[0].diagnostics.endswith((".", "…"))


def test_values_are_not_repeated_in_messages():
    """A refused value may be a patient's data: the message names the parameter only."""
    with pytest.raises(FhirError) as refused:
        searched("Patient?birthdate=Zhang San 1980")
    assert "Zhang" not in str(refused.value)


def test_searching_several_types():
    """_type narrows the whole server; common parameters only; several _type intersect."""
    assert searched("?_type=Patient,Observation&_id=1").query.resource_types == ("Observation", "Patient")
    assert searched("?_type=Patient,Observation&_type=Patient").query.resource_types == ("Patient",)
    assert len(searched("?_id=1").query.resource_types) == 145
    assert searched("?_type=Patient,Observation").applied == (("_type", "Patient,Observation"),)
    assert where("?_type=Patient,Practitioner&name=x") == ((StringIs("name", "starts", "x"),),)


def test_compartment_searches():
    """Patient/123/Observation and Patient/123/* stay inside the compartment."""
    inside = (InCompartment("Patient", "123", ("_compartment",)),)
    one = parse.search("Observation", [("code", "x")], CONTEXT, compartment=("Patient", "123"))
    assert one.query.where == (inside, (TokenIs("code", None, "x"),))
    all_types = parse.search(None, [], CONTEXT, compartment=("Patient", "123")).query
    assert all_types.where == (inside,)
    assert len(all_types.resource_types) == 66
    narrowed = parse.search(None, [("_type", "Observation,Medication")], CONTEXT, compartment=("Patient", "123")).query
    assert narrowed.resource_types == ("Observation",)
    with pytest.raises(FhirError):
        parse.search("Observation", [], CONTEXT, compartment=("Organization", "1"))
    with pytest.raises(FhirError):
        parse.search("Observation", [], CONTEXT, compartment=("Patient", "a b"))


def test_criteria_are_always_strict():
    """Conditional criteria refuse emptiness (412), result parameters and what is unknown (400)."""
    query = parse.criteria("Patient", [("identifier", "s|v"), ("_format", "json")], CONTEXT)
    assert query.where == ((TokenIs("identifier", "s", "v"),),)
    for pairs, status in (([], 412), ([("_format", "json")], 412), ([("_count", "1")], 400), ([("foo", "1")], 400)):
        with pytest.raises(FhirError) as refused:
            parse.criteria("Patient", pairs, CONTEXT)
        assert refused.value.status == status


@pytest.mark.parametrize(
    "path",
    [
        "Patient?" + "link." * 30 + "name=x",
        "Observation?" + "focus." * 8 + "code=x",
        "Patient?" + "_has:Patient:link:" * 12 + "name=x",
        "Patient?_id=" + ",".join(map(str, range(2000))),
        "Patient?" + "&".join(["name=x"] * 500),
        "Patient?_sort=name,family,given,gender,birthdate,address,phone,email,active",
    ],
)
def test_boundless_queries_are_refused(path):
    """Depth, breadth and number are limited, each with a 400."""
    with pytest.raises(FhirError) as refused:
        searched(path)
    assert refused.value.status == 400


PIECES = st.sampled_from(
    [
        "name",
        "subject",
        "_has",
        "Observation",
        "patient",
        "code",
        "_sort",
        "_count",
        "_include",
        "exact",
        "missing",
        "not",
        ":",
        ".",
        "-",
        ",",
        "|",
        "$",
        "\\",
        "*",
        "_",
        "1",
        "2024",
        "ge",
        "e",
        "",
        " ",
        "\x00",
        "中",
        "Patient/1",
        "http://x",
        "#",
    ]
)
TEXT = st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=12)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=4), st.sampled_from(["Patient", "Observation", None]), st.booleans())
def test_no_text_is_more_than_a_400(pairs, resource_type, lenient):
    """Whatever is sent parses or raises a FhirError of status 400."""
    status = 400
    try:
        parse.search(resource_type, pairs, CONTEXT, lenient=lenient)
    except FhirError as refused:
        status = refused.status
    assert status == 400


VALUES = {
    "special": "1|2|3|km",
    "token": "s|c",
    "string": "x",
    "reference": "a",
    "date": "2024",
    "number": "1",
    "quantity": "1",
    "uri": "http://x",
    "_id": "a",
    "_lastUpdated": "2024",
    "_text": "x",
    "_content": "x",
    "_list": "a",
    "_filter": "_id eq a",
}
SPECIAL = {"of-type": "s|c|v", "missing": "true"} | dict.fromkeys(("in", "not-in"), VITALS)
CONCEPT = "http://terminology.hl7.org/CodeSystem/v3-ActCode|AMB"


def is_concept(parameter, modifier):
    return parameter.type == "token" and modifier in ("above", "below")


def test_every_parameter_of_every_type_parses_with_every_modifier():
    """All 3,000 parameters with all modifiers of their type give a clause; composites with all their components."""
    table, parsed = CONTEXT.parameters, 0
    for resource_type in table.endpoint_types:
        for parameter in of(resource_type, table):
            kind = parameter.code if parameter.code.startswith("_") and parameter.code in MODIFIERS else parameter.type
            value = VALUES.get(kind) or "$".join(VALUES[table.component_type(url)] for url, _ in parameter.components)
            value = next(iter(NAMED[resource_type])) if kind == "_query" else value
            assert set(modifiers_of(parameter, resource_type, table.definitions)) <= {
                *MODIFIERS[kind],
                "missing",
                "[type]",
            }
            for modifier in ("", *modifiers_of(parameter, resource_type, table.definitions)):
                name = parameter.code + (modifier and f":{modifier.replace('[type]', 'Patient')}")
                result = parse.search(
                    resource_type,
                    [(name, SPECIAL.get(modifier, CONCEPT if is_concept(parameter, modifier) else value))],
                    WITH_CONCEPTS,
                )
                assert len(result.query.where) == 1
                parsed += 1
    assert parsed > 5_000
