"""What each search type indexes of each element type it may stand on: facts written by hand."""

import datetime
from decimal import Decimal

import pytest

from countyfhir.search import decimal_key
from countyfhir.search.query import FOREVER

from .facts import BASE, entries

UCUM = "http://unitsofmeasure.org"


def key(number):
    return decimal_key.encode(Decimal(number))


def instant(text):
    moment = datetime.datetime.fromisoformat(text)
    return int(moment.timestamp()) * 1_000_000


DAY = 86_400_000_000
JAN_1 = instant("2024-01-01T00:00:00+08:00")

SYSTEM = "http://codes.example"
CODING = {"system": SYSTEM, "code": "c1", "display": "Ｃ One"}
REFERENCE_ENTRY = {"reference": "Patient/p1"}

FACTS = [
    (
        "string phonetic of an organisation",
        {"resourceType": "Organization", "name": "都匀市人民医院"},
        "phonetic",
        [("都匀市人民医院", "都匀市人民医院"), ("duyunshirenminyiyuan", ""), ("dysrmyy", "")],
    ),
    (
        "string name of an organisation",
        {"resourceType": "Organization", "name": "县医院"},
        "name",
        [("县医院", "县医院")],
    ),
    (
        "token Coding, display",
        {"resourceType": "Observation", "code": {"coding": [CODING, {"code": "c2"}]}},
        "code",
        [(SYSTEM, "c1"), ("", "c2")],
    ),
    (
        "token :text",
        {"resourceType": "Observation", "code": {"coding": [CODING], "text": "Té"}},
        "code:text",
        [("c one", "Ｃ One"), ("te", "Té")],
    ),
    ("token text only is present", {"resourceType": "Observation", "code": {"text": "x"}}, "code", [("", "")]),
    ("token code", {"resourceType": "Observation", "status": "final"}, "status", [("", "final")]),
    ("token boolean", {"resourceType": "Patient", "active": False}, "active", [("", "false")]),
    ("token expression", {"resourceType": "Patient", "deceasedBoolean": False}, "deceased", [("", "false")]),
    ("token expression on a date", {"resourceType": "Patient", "deceasedDateTime": "2024"}, "deceased", [("", "true")]),
    (
        "token ContactPoint",
        {
            "resourceType": "Patient",
            "telecom": [{"system": "phone", "value": "0854-1"}, {"system": "email", "value": "a@b"}],
        },
        "phone",
        [("", "0854-1"), ("phone", "0854-1")],
    ),
    (
        "token ContactPoint of any system",
        {"resourceType": "Patient", "telecom": [{"system": "fax", "value": "1", "use": "work"}]},
        "telecom",
        [("", "1"), ("work", "1"), ("fax", "1")],
    ),
    (
        "token Identifier",
        {"resourceType": "Patient", "identifier": [{"system": "s", "value": "v"}, {"value": "w"}]},
        "identifier",
        [("s", "v"), ("", "w")],
    ),
    (
        "token :of-type",
        {
            "resourceType": "Patient",
            "identifier": [{"type": {"coding": [{"system": "t", "code": "MR"}]}, "value": "v"}],
        },
        "identifier:of-type",
        [("t", "mr|v")],
    ),
    (
        "token Identifier text",
        {"resourceType": "Patient", "identifier": [{"type": {"text": "Card"}, "value": "v"}]},
        "identifier:text",
        [("card", "Card")],
    ),
    (
        "token both forms of an identity number",
        {"resourceType": "Patient", "identifier": [{"system": "s", "value": "110105491231002"}]},
        "identifier",
        [("s", "110105491231002"), ("s", "11010519491231002X"), ("s", "11010519491231002x")],
    ),
    ("token where", {"resourceType": "Patient", "name": [{"use": "old"}]}, "name", []),
    ("token _tag", {"resourceType": "Patient", "meta": {"tag": [CODING]}}, "_tag", [(SYSTEM, "c1")]),
    ("token _security", {"resourceType": "Patient", "meta": {"security": [{"code": "R"}]}}, "_security", [("", "r")]),
    (
        "string",
        {"resourceType": "Organization", "name": "Ünited  Clinic", "alias": ["UC"]},
        "name",
        [("united clinic", "Ünited  Clinic"), ("uc", "UC")],
    ),
    (
        "string null in an array",
        {"resourceType": "Organization", "alias": [None, "UC"], "_alias": [{"id": "x"}, None]},
        "name",
        [("uc", "UC")],
    ),
    (
        "string Address",
        {
            "resourceType": "Patient",
            "address": [{"text": "T", "line": ["L1", "L2"], "city": "都匀", "postalCode": "558000"}],
        },
        "address",
        [("l1", "L1"), ("l2", "L2"), ("t", "T"), ("都匀", "都匀"), ("558000", "558000")],
    ),
    (
        "string part of an Address",
        {"resourceType": "Patient", "address": [{"city": "都匀"}]},
        "address-city",
        [("都匀", "都匀")],
    ),
    (
        "string HumanName",
        {"resourceType": "Patient", "name": [{"family": "Bach", "given": ["J", "S"], "prefix": ["Dr"]}]},
        "name",
        [("bach", "Bach"), ("j", "J"), ("s", "S"), ("bach j s", "Bach J S"), ("dr", "Dr")],
    ),
    (
        "string Chinese name",
        {"resourceType": "Patient", "name": [{"family": "单", "given": ["小明"]}]},
        "name",
        [
            ("单", "单"),
            ("shan", ""),
            ("小明", "小明"),
            ("xiaoming", ""),
            ("xm", ""),
            ("单小明", "单小明"),
            ("shanxiaoming", ""),
            ("sxm", ""),
        ],
    ),
    (
        "string Chinese name as text",
        {"resourceType": "Patient", "name": [{"text": "欧阳 修"}]},
        "phonetic",
        [("欧阳 修", "欧阳 修"), ("欧阳修", ""), ("ouyangxiu", ""), ("oyx", "")],
    ),
    ("string family", {"resourceType": "Patient", "name": [{"family": "曾"}]}, "family", [("曾", "曾"), ("zeng", "")]),
    ("string given", {"resourceType": "Patient", "name": [{"given": ["单"]}]}, "given", [("单", "单"), ("dan", "")]),
    (
        "string sort key of a name",
        {"resourceType": "Patient", "name": [{"family": "单", "given": ["小明"], "text": "x"}]},
        "name:sort",
        [("shan xiao ming\t单小明", "单小明")],
    ),
    ("reference", {"resourceType": "Observation", "subject": {"reference": "Group/g"}}, "subject", [("Group", "g")]),
    (
        "reference where resolve() is",
        {"resourceType": "Observation", "subject": {"reference": "Group/g"}},
        "patient",
        [],
    ),
    (
        "reference of a version",
        {"resourceType": "Observation", "subject": {"reference": "Patient/p/_history/2"}},
        "patient",
        [("Patient", "p")],
    ),
    (
        "reference to ourselves",
        {"resourceType": "Observation", "subject": {"reference": f"{BASE}/Patient/p/_history/2"}},
        "patient",
        [("Patient", "p")],
    ),
    (
        "reference elsewhere",
        {"resourceType": "Observation", "subject": {"reference": "https://other/fhir/Patient/p/_history/2"}},
        "patient",
        [("", "https://other/fhir/Patient/p")],
    ),
    (
        "reference urn",
        {"resourceType": "Observation", "subject": {"reference": "urn:uuid:1"}},
        "subject",
        [("", "urn:uuid:1")],
    ),
    (
        "reference contained is only present",
        {
            "resourceType": "Observation",
            "contained": [{"resourceType": "Patient", "id": "a"}],
            "subject": {"reference": "#a"},
        },
        "patient",
        [("", "")],
    ),
    (
        "reference by display is only present",
        {"resourceType": "Observation", "subject": {"display": "x"}},
        "subject",
        [("", "")],
    ),
    (
        "reference :identifier",
        {"resourceType": "Observation", "subject": {"type": "Patient", "identifier": {"system": "s", "value": "v"}}},
        "patient:identifier",
        [("s", "v")],
    ),
    (
        "reference canonical",
        {"resourceType": "CarePlan", "instantiatesCanonical": ["http://x/PlanDefinition/a|2"]},
        "instantiates-canonical",
        [("", "http://x/PlanDefinition/a"), ("", "http://x/PlanDefinition/a|2")],
    ),
    (
        "reference where type=",
        {
            "resourceType": "Library",
            "relatedArtifact": [
                {"type": "successor", "resource": "http://x/L1"},
                {"type": "depends-on", "resource": "http://x/L2"},
            ],
        },
        "depends-on",
        [("", "http://x/L2")],
    ),
    (
        "reference to the first entry",
        {
            "resourceType": "Bundle",
            "entry": [
                {"resource": {"resourceType": "Composition", "id": "c"}},
                {"resource": {"resourceType": "Composition", "id": "d"}},
            ],
        },
        "composition",
        [("Composition", "c")],
    ),
    (
        "reference to a first entry of another type",
        {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Composition", "id": "c"}}]},
        "message",
        [],
    ),
    (
        "date of a day is in the county's zone",
        {"resourceType": "Patient", "birthDate": "2024-01-01"},
        "birthdate",
        [(JAN_1, JAN_1 + DAY)],
    ),
    ("date of a year", {"resourceType": "Patient", "birthDate": "2023"}, "birthdate", [(JAN_1 - 365 * DAY, JAN_1)]),
    (
        "date with zone",
        {"resourceType": "Observation", "effectiveDateTime": "2024-01-01T00:00:00Z"},
        "date",
        [(JAN_1 + DAY // 3, JAN_1 + DAY // 3 + 1_000_000)],
    ),
    (
        "date instant with milliseconds",
        {"resourceType": "Observation", "effectiveInstant": "2024-01-01T00:00:00.500+08:00"},
        "date",
        [(JAN_1 + 500_000, JAN_1 + 501_000)],
    ),
    (
        "date Period",
        {"resourceType": "Encounter", "period": {"start": "2024-01-01", "end": "2024-01-01"}},
        "date",
        [(JAN_1, JAN_1 + DAY)],
    ),
    (
        "date Period without end",
        {"resourceType": "Encounter", "period": {"start": "2024-01-01"}},
        "date",
        [(JAN_1, FOREVER)],
    ),
    (
        "date Period without start",
        {"resourceType": "Encounter", "period": {"end": "2024-01-01"}},
        "date",
        [(-FOREVER, JAN_1 + DAY)],
    ),
    ("date Period without either", {"resourceType": "Encounter", "period": {"id": "x"}}, "date", []),
    (
        "date Timing events",
        {"resourceType": "Observation", "effectiveTiming": {"event": ["2024-01-02", "2024-01-01"]}},
        "date",
        [(JAN_1, JAN_1 + 2 * DAY)],
    ),
    (
        "date Timing bounds",
        {
            "resourceType": "Observation",
            "effectiveTiming": {"event": ["2024-01-02"], "repeat": {"boundsPeriod": {"start": "2024-01-01"}}},
        },
        "date",
        [(JAN_1, FOREVER)],
    ),
    (
        "date Timing without either",
        {"resourceType": "Observation", "effectiveTiming": {"code": {"text": "bid"}}},
        "date",
        [],
    ),
    (
        "date of a choice as",
        {"resourceType": "Condition", "onsetPeriod": {"start": "2024-01-01"}, "recordedDate": "2023"},
        "onset-date",
        [(JAN_1, FOREVER)],
    ),
    (
        "number",
        {"resourceType": "RiskAssessment", "prediction": [{"probabilityDecimal": Decimal("0.020")}]},
        "probability",
        [(key("0.02"),)],
    ),
    (
        "number integer",
        {"resourceType": "MolecularSequence", "variant": [{"start": 22125503}]},
        "variant-start",
        [(key(22125503),)],
    ),
    (
        "quantity",
        {
            "resourceType": "Observation",
            "valueQuantity": {"value": Decimal("5.40"), "unit": "milligram", "system": UCUM, "code": "mg"},
        },
        "value-quantity",
        [
            ("", key("5.4")),
            (f"{UCUM}|mg", key("5.4")),
            ("|mg", key("5.4")),
            ("|milligram", key("5.4")),
            ("=g", key("0.0054")),
        ],
    ),
    (
        "quantity of a unit in words",
        {"resourceType": "Observation", "valueQuantity": {"value": 3, "unit": "片"}},
        "value-quantity",
        [("", key(3)), ("|片", key(3))],
    ),
    (
        "quantity without a value",
        {"resourceType": "Observation", "valueQuantity": {"unit": "mg"}},
        "value-quantity",
        [],
    ),
    (
        "quantity Age",
        {"resourceType": "Condition", "onsetAge": {"value": 2, "system": UCUM, "code": "a"}},
        "onset-age",
        [("", key(2)), (f"{UCUM}|a", key(2)), ("|a", key(2)), ("=s", key(63115200))],
    ),
    (
        "quantity Range",
        {"resourceType": "Condition", "onsetRange": {"low": {"value": 1}, "high": {"value": 2}}},
        "onset-age",
        [("", key(1)), ("", key(2))],
    ),
    (
        "quantity Money",
        {"resourceType": "Invoice", "totalNet": {"value": Decimal("9.90"), "currency": "CNY"}},
        "totalnet",
        [("", key("9.9")), ("urn:iso:std:iso:4217|CNY", key("9.9")), ("|CNY", key("9.9"))],
    ),
    (
        "quantity SampledData is no quantity",
        {"resourceType": "Observation", "valueSampledData": {"origin": {"value": 1}}},
        "combo-value-quantity",
        [],
    ),
    ("uri", {"resourceType": "ValueSet", "url": "http://x/ValueSet/a"}, "url", [("http://x/ValueSet/a",)]),
    (
        "uri _profile",
        {"resourceType": "Patient", "meta": {"profile": ["http://x/p|1"]}},
        "_profile",
        [("http://x/p",), ("http://x/p|1",)],
    ),
    ("uri _source", {"resourceType": "Patient", "meta": {"source": "urn:his:1#row"}}, "_source", [("urn:his:1#row",)]),
    (
        "special near",
        {"resourceType": "Location", "position": {"longitude": Decimal("107.5"), "latitude": Decimal("26.2")}},
        "near$latitude",
        [(key("26.2"),)],
    ),
    (
        "string of an Extension",
        {"resourceType": "Patient", "extension": [{"url": "http://x", "valueString": "y"}]},
        "name",
        [],
    ),
]


@pytest.mark.parametrize(
    ("resource", "parameter", "expected"), [fact[1:] for fact in FACTS], ids=[fact[0] for fact in FACTS]
)
def test_facts_written_by_hand(resource, parameter, expected):
    """Each search type from each element type it may stand on."""
    assert sorted(entries(resource, parameter)) == sorted(expected)
