"""Strategies for small counties: resources whose values are drawn from few, awkward ones, so that searches meet."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from . import drawing as st
from .moments import covered

BASE = "http://127.0.0.1:8080/fhir"
IDS = {
    "Patient": ("p1", "p2", "P1"),
    "Practitioner": ("d1", "d2"),
    "Organization": ("o1", "o2", "o3"),
    "Encounter": ("e1", "e2"),
    "Condition": ("c1", "c2"),
    "Observation": ("b1", "b2", "b3", "b4"),
    "MedicationRequest": ("m1", "m2"),
    "ValueSet": ("v1", "v2", "v3"),
    "RiskAssessment": ("r1", "r2"),
    "ChargeItem": ("i1",),
    "Location": ("w1", "w2", "w3"),
    "List": ("l1", "l2"),
    "Questionnaire": ("q1", "q2", "q3"),
    "QuestionnaireResponse": ("a1", "a2"),
}
TEXTS = (
    *("Zhou", "zhōu", "ＺＨＯＵ", "Zhou Li", "zhou  li", "Müller", "MULLER", "Straße", "strasse", "a,b", "a|b", "a$b"),
    *("a\\b", "张", "张三", "明", "Ångström", "１２", "12", "İz", "ﬁn", "100%", "a_b", "x"),
)
NOTES = ("kidney stone", "Stone Age", "Kidneys", "急性肾炎", "肾炎 stone", "炎症")
"""Texts of the words that are looked for; no other text has any of these."""
NAMES: tuple[dict[str, Any], ...] = (
    {"family": "欧阳", "given": ["明"]},
    {"family": "单", "given": ["三"], "text": "单三"},
    {"family": "张", "given": ["三", "明"]},
    {"text": "李四"},
    {"text": "张三"},
    {"given": ["明"]},
    {"family": "Müller", "given": ["Anna", "José"], "prefix": ["Dr."]},
    {"family": "Zhou", "suffix": ["Jr."]},
    {"family": "ZHOU", "given": ["li"]},
    {"text": "zhou li"},
    {"text": "张　三"},
    {"family": "欧阳", "given": ["明·四"]},
    {"use": "usual"},
)
SYSTEMS = (None, "http://loinc.org", "urn:s", "urn:s2", "urn:tree")
CODES = ("8480-6", "A", "a", "a|b", "a,b", "x y", "left", "Leaf", "right", None)
NUMBERS = tuple(
    Decimal(text)
    for text in (
        *("0", "1", "1.0", "1.00", "5.4", "5.40", "5.36", "0.0054", "-3", "-3.5", "99.5", "100", "95", "105", "1E+2"),
        *("1E-8", "0.3", "37", "98.6", "310.15", "60", "123456789012345678901234567890.123", "-0.000"),
    )
)
UNITS: tuple[dict[str, str], ...] = (
    *({"system": "http://unitsofmeasure.org", "code": code, "unit": code} for code in ("mg", "g", "kg", "ug", "Cel")),
    *({"system": "http://unitsofmeasure.org", "code": code} for code in ("K", "[degF]", "min", "h", "s", "a", "[pH]")),
    {"unit": "mg"},
    {"system": "urn:s", "code": "mg", "unit": "drops"},
    {"code": "g"},
    {},
)
DATES = ("0001", "0001-01-01", "1900-12-31", "1988", "1988-07", "1988-07-01", "2024", "2024-02", "2024-02-29")
DATES = (*DATES, "2024-03-01", "2023-12-31", "9999", "9999-12-31")
MOMENTS = (
    *("2024-02-29T10:00:00Z", "2024-02-29T18:00:00+08:00", "2024-02-29T10:00:00.5Z", "2024-02-29T10:00:00.500Z"),
    *("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z", "2024-03-01T00:00:00+14:00", "2024-02-29T00:00:00-12:00"),
    *("2024-02-29T23:59:59.999999+08:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "2024-02-28T16:00:00Z"),
)
URIS = (
    "http://a.org/f",
    "http://a.org/f/",
    "http://a.org/f/ValueSet/1",
    "http://a.org/fa",
    "urn:oid:1.2.3",
    "urn:oid:1.2",
)
FORMS = ("http://q.org/1", "http://q.org/2")
CANONICALS = tuple(f"{url}{version}" for url in FORMS for version in ("", "|1", "|1.2", "|1.10"))
"""Addresses of Questionnaires, and what names one of their versions."""
IDENTIFIERS: tuple[dict[str, Any], ...] = (
    {"system": "urn:s", "value": "1"},
    {"system": "urn:s", "value": "001"},
    {"value": "1"},
    {"system": "urn:s2"},
    {"system": "urn:id", "value": "11010519491231002X"},
    {"value": "110105491231002", "type": {"coding": [{"system": "urn:t", "code": "MR"}], "text": "Resident number"}},
    {"system": "urn:s", "value": "a,b", "type": {"coding": [{"code": "MR"}, {"system": "urn:t", "code": "X"}]}},
    {"system": "urn:s", "value": "a|b"},
)

maybe = st.booleans


def several(values: Any, most: int = 2) -> st.Strategy[list[Any]]:
    return st.lists(values if isinstance(values, st.Strategy) else st.sampled_from(values), max_size=most)


def some(values: Any) -> st.Strategy[Any]:
    return st.none() | (values if isinstance(values, st.Strategy) else st.sampled_from(values))


def present(**elements: Any) -> dict[str, Any]:
    """Without what is None or empty."""
    return {name: value for name, value in elements.items() if value is not None and value not in ([], {}, "")}


codings = st.builds(
    lambda system, code, display: present(system=system, code=code, display=display),
    st.sampled_from(SYSTEMS),
    st.sampled_from(CODES),
    st.none() | st.none() | st.sampled_from(TEXTS) | st.sampled_from(NOTES),
).filter(bool)
concepts = st.builds(
    lambda coding, text: present(coding=coding, text=text), several(codings), some((*TEXTS, *NOTES))
).filter(bool)
quantities = st.builds(lambda value, unit: {"value": value, **unit}, st.sampled_from(NUMBERS), st.sampled_from(UNITS))
moments = st.sampled_from(MOMENTS + DATES)
identifiers = several(IDENTIFIERS)


@st.composite
def periods(draw: st.DrawFn) -> dict[str, str]:
    start, end = draw(some(MOMENTS + DATES)), draw(some(MOMENTS + DATES))
    if start and end and covered(start) > covered(end):
        start, end = end, start  # invariant per-1
    return present(start=start, end=end) or {"start": "2024"}


@st.composite
def timings(draw: st.DrawFn) -> dict[str, Any]:
    events = draw(several(MOMENTS + DATES))
    repeat = draw(st.none() | st.builds(lambda bounds: {"boundsPeriod": bounds}, periods()) | st.just({"count": 3}))
    return present(event=events, repeat=repeat) or {"repeat": {"count": 2}}


@st.composite
def references(draw: st.DrawFn, *types: str) -> dict[str, Any]:
    """Relative, ours absolute, versioned, another server's, logical only, only a display."""
    kind = draw(st.sampled_from(types))
    local = f"{kind}/{draw(st.sampled_from((*IDS[kind], 'gone')))}"
    forms = (
        {"reference": local},
        {"reference": local},
        {"reference": local},
        {"reference": f"{BASE}/{local}"},
        {"reference": f"{local}/_history/1"},
        {"reference": f"https://elsewhere.org/fhir/{local}"},
        {"reference": f"https://elsewhere.org/fhir/{local}/_history/2"},
        {"type": kind, "identifier": {"system": "urn:s", "value": "1"}},
        {"identifier": {"value": "110105491231002"}},
        {"reference": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"},
        {"display": "somebody"},
        {"reference": local, "identifier": {"system": "urn:s", "value": "001"}},
    )
    return dict(draw(st.sampled_from(forms)))


addresses = st.builds(
    lambda line, city, use: present(line=line, city=city, use=use), several(TEXTS), some(TEXTS), some(("home", "work"))
).filter(bool)
contacts = st.builds(
    lambda system, value: {"system": system, "value": value},
    st.sampled_from(("phone", "email")),
    st.sampled_from(("1", "a@b.cn", "138 0000")),
)


def _patient(draw: st.DrawFn) -> dict[str, Any]:
    deceased = draw(
        st.sampled_from(
            ({}, {}, {"deceasedBoolean": True}, {"deceasedBoolean": False}, {"deceasedDateTime": "2024-02"})
        )
    )
    return present(
        identifier=draw(identifiers),
        active=draw(some((True, False))),
        name=draw(several(NAMES)),
        telecom=draw(several(contacts)),
        gender=draw(some(("male", "female"))),
        birthDate=draw(some(DATES)),
        address=draw(several(addresses, 1)),
        generalPractitioner=draw(several(references("Practitioner", "Organization"))),
        managingOrganization=draw(some(references("Organization"))),
        **deceased,
    )


def _practitioner(draw: st.DrawFn) -> dict[str, Any]:
    return present(identifier=draw(identifiers), name=draw(several(NAMES)), gender=draw(some(("male", "female"))))


def _organization(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "name": draw(st.sampled_from(TEXTS)),
        **present(
            alias=draw(several(TEXTS)),
            identifier=draw(identifiers),
            type=draw(several(concepts)),
            partOf=draw(some(references("Organization"))),
        ),
    }


def _encounter(draw: st.DrawFn) -> dict[str, Any]:
    subject = draw(some(references("Patient")))
    contained = draw(maybe())
    second = [{"resourceType": "Patient", "id": "also", **_patient(draw)}] if contained and draw(maybe()) else []
    first = {"resourceType": "Patient", "id": "inside", "name": [{"family": "Zhou"}]}
    return present(
        contained=[first, *second] if contained else None,
        status=draw(st.sampled_from(("planned", "finished"))),
        **{"class": draw(codings)},
        type=draw(several(concepts)),
        subject={"reference": "#inside"} if contained else subject,
        participant=[{"individual": each} for each in draw(several(references("Practitioner")))],
        serviceProvider=draw(some(references("Organization"))),
        period=draw(some(periods())),
        length=draw(some(quantities)),
        partOf=draw(some(references("Encounter"))),
    )


CLINICAL = ("active", "recurrence", "relapse", "inactive", "resolved")
VERIFIED = ("confirmed", "refuted", "entered-in-error")
CATEGORIES = ("problem-list-item", "encounter-diagnosis")


def _status(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": code}]}


def _condition(draw: st.DrawFn) -> dict[str, Any]:
    onset = draw(
        st.none()
        | st.builds(lambda value: ("onsetDateTime", value), moments)
        | st.builds(lambda value: ("onsetPeriod", value), periods())
        | st.builds(lambda value: ("onsetString", value), st.sampled_from(TEXTS))
        | st.builds(lambda low, high: ("onsetRange", present(low=low, high=high)), some(quantities), some(quantities))
    )
    return present(
        clinicalStatus=draw(some([_status("condition-clinical", each) for each in CLINICAL])),
        verificationStatus=draw(some([_status("condition-ver-status", each) for each in VERIFIED])),
        category=draw(several([_status("condition-category", each) for each in CATEGORIES])),
        code=draw(some(concepts)),
        subject=draw(references("Patient")),
        encounter=draw(some(references("Encounter"))),
        asserter=draw(some(references("Practitioner", "Patient"))),
        recordedDate=draw(some(moments)),
        **({onset[0]: onset[1]} if onset else {}),
    )


VALUES = (
    st.none()
    | st.builds(lambda value: ("valueQuantity", value), quantities)
    | st.builds(lambda value: ("valueQuantity", value), quantities)
    | st.builds(lambda value: ("valueCodeableConcept", value), concepts)
    | st.builds(lambda value: ("valueString", value), st.sampled_from(TEXTS))
    | st.builds(lambda value: ("valueDateTime", value), moments)
    | st.builds(lambda value: ("valuePeriod", value), periods())
)


def _observation(draw: st.DrawFn) -> dict[str, Any]:
    value = draw(VALUES)
    effective = draw(
        st.none()
        | st.builds(lambda value: ("effectiveDateTime", value), moments)
        | st.builds(lambda value: ("effectivePeriod", value), periods())
        | st.builds(lambda value: ("effectiveTiming", value), timings())
        | st.builds(lambda value: ("effectiveInstant", value), st.sampled_from(MOMENTS))
    )
    components = draw(several(st.builds(_component, concepts, VALUES)))
    return present(
        identifier=draw(identifiers),
        status=draw(st.sampled_from(("final", "amended"))),
        category=draw(several(concepts)),
        code=draw(concepts),
        subject=draw(some(references("Patient", "Patient", "Patient"))),
        encounter=draw(some(references("Encounter"))),
        performer=draw(several(references("Practitioner", "Organization", "Patient"))),
        hasMember=draw(several(references("Observation"))),
        component=components,
        **({value[0]: value[1]} if value and value[1] else {}),
        **({effective[0]: effective[1]} if effective else {}),
    )


def _component(code: dict[str, Any], value: tuple[str, Any] | None) -> dict[str, Any]:
    return {"code": code, **({value[0]: value[1]} if value and value[1] else {})}


def _medication_request(draw: st.DrawFn) -> dict[str, Any]:
    return present(
        status=draw(st.sampled_from(("active", "completed"))),
        intent=draw(st.sampled_from(("order", "order", "proposal"))),
        medicationCodeableConcept=draw(concepts),
        subject=draw(references("Patient")),
        encounter=draw(some(references("Encounter"))),
        authoredOn=draw(some(moments)),
        requester=draw(some(references("Practitioner", "Organization", "Patient"))),
        dosageInstruction=[{"timing": each} for each in draw(several(timings(), 1))],
    )


def _value_set(draw: st.DrawFn) -> dict[str, Any]:
    return present(
        url=draw(some(URIS)),
        identifier=draw(identifiers),
        version=draw(some(("1", "1.0"))),
        title=draw(some(TEXTS)),
        status=draw(st.sampled_from(("draft", "active"))),
        date=draw(some(MOMENTS + DATES)),
        compose=present(include=[{"system": each} for each in draw(several(URIS))]),
        useContext=draw(
            several(
                st.builds(lambda code, quantity: {"code": code, "valueQuantity": quantity}, codings, quantities)
                | st.builds(lambda code, concept: {"code": code, "valueCodeableConcept": concept}, codings, concepts)
            )
        ),
    )


def _risk_assessment(draw: st.DrawFn) -> dict[str, Any]:
    return present(
        status="final",
        subject=draw(references("Patient")),
        occurrenceDateTime=draw(some(moments)),
        prediction=[{"probabilityDecimal": each} for each in draw(several(NUMBERS))],
    )


def _charge_item(draw: st.DrawFn) -> dict[str, Any]:
    price = draw(some(NUMBERS))
    return present(
        status="billable",
        code={"text": "x"},
        subject=draw(references("Patient")),
        factorOverride=draw(some(NUMBERS)),
        priceOverride={"value": price, "currency": draw(st.sampled_from(("CNY", "EUR")))}
        if price is not None
        else None,
        quantity=draw(some(quantities)),
    )


def _questionnaire(draw: st.DrawFn) -> dict[str, Any]:
    return present(
        url=draw(some(FORMS)),
        version=draw(some(("1", "1.2", "1.10"))),
        status="active",
        title=draw(some(TEXTS)),
        code=draw(several(codings)),
        date=draw(some(DATES)),
    )


def _questionnaire_response(draw: st.DrawFn) -> dict[str, Any]:
    return present(
        questionnaire=draw(some(CANONICALS)),
        status=draw(st.sampled_from(("completed", "in-progress"))),
        subject=draw(some(references("Patient"))),
        encounter=draw(some(references("Encounter"))),
        authored=draw(some(moments)),
        author=draw(some(references("Practitioner", "Patient"))),
        partOf=draw(several(references("Observation"), 1)),
    )


POSITIONS = (("36.07", "120.38"), ("36.10", "120.40"), ("36.5", "120.4"), ("0", "-179.99"), ("89.99", "-170"))


def _location(draw: st.DrawFn) -> dict[str, Any]:
    position = draw(some(POSITIONS))
    return present(
        status="active",
        name=draw(st.sampled_from(TEXTS)),
        partOf=draw(some(references("Location"))),
        position={"latitude": Decimal(position[0]), "longitude": Decimal(position[1])} if position else None,
    )


def _list(draw: st.DrawFn) -> dict[str, Any]:
    items = draw(several(references("Patient", "Observation", "Condition", "Encounter", "Organization"), 6))
    return {
        "status": "current",
        "mode": "working",
        **present(entry=[{"item": {"reference": each["reference"]}} for each in items if "reference" in each]),
    }


KEYS = tuple((kind, logical_id) for kind, ids in IDS.items() for logical_id in ids)

MADE = {
    "Patient": _patient,
    "Practitioner": _practitioner,
    "Organization": _organization,
    "Encounter": _encounter,
    "Condition": _condition,
    "Observation": _observation,
    "MedicationRequest": _medication_request,
    "ValueSet": _value_set,
    "RiskAssessment": _risk_assessment,
    "ChargeItem": _charge_item,
    "Location": _location,
    "List": _list,
    "Questionnaire": _questionnaire,
    "QuestionnaireResponse": _questionnaire_response,
}


@st.composite
def resources(draw: st.DrawFn, kind: str, logical_id: str) -> dict[str, Any]:
    """One resource of the type, with the tags and profiles that all types have."""
    meta = present(tag=draw(several(codings, 1)), profile=draw(several(URIS, 1))) if draw(maybe()) else None
    note = draw(some(NOTES))
    narrative = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{note}</div>'}
    text = narrative if note and draw(maybe()) else None
    return {"resourceType": kind, "id": logical_id, **present(meta=meta, text=text), **MADE[kind](draw)}
