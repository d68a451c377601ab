"""A small county as plain rows, the resources that say the same, and its indicators counted plainly from the rows."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

OURS = "https://fhir.county-hc.example/"
WORDS = {"hypertension": ("高血压随访", "2"), "diabetes": ("糖尿病随访", "3")}
TIERS = {
    "county": "县级医院 county hospital",
    "town": "乡镇卫生院 township hospital",
    "village": "村卫生室 village clinic",
}
YEAR = 2025
Pair = tuple[int, int]


@dataclass
class FollowUp:
    disease: str
    day: date
    mode: str
    pressure: tuple[int, int] | None
    glucose: float | None
    drug: bool
    regular: bool | None


@dataclass
class Referral:
    way: str
    asked: datetime
    done: bool
    sent: datetime | None
    received: datetime | None
    confirmed: datetime


@dataclass
class Order:
    kind: str
    asked: datetime
    reported: datetime | None
    critical: bool
    by_device: bool
    decision: str | None


@dataclass
class Resident:
    number: int
    records: list[str]
    birth: date | None
    sex: str
    archive: bool
    died: date | None
    diseases: dict[str, date]
    follow_ups: list[FollowUp] = field(default_factory=list)
    visits: list[tuple[str, str, date]] = field(default_factory=list)
    contracts: list[tuple[str, date]] = field(default_factory=list)
    given: list[tuple[date, str]] = field(default_factory=list)
    referrals: list[Referral] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)

    def alive(self, day: date) -> bool:
        """No death recorded before the day."""
        return self.died is None or self.died >= day

    def age(self, day: date) -> int:
        """Full years."""
        assert self.birth is not None
        return day.year - self.birth.year - ((day.month, day.day) < (self.birth.month, self.birth.day))


def county(count: int = 28) -> list[Resident]:
    """The residents, the same every time."""
    chance = random.Random(38)
    return [_resident(number, chance) for number in range(count)]


def _day(chance: random.Random) -> date:
    """Some day of the year, of those around it, or one of its edges."""
    edges = (date(YEAR, 1, 1), date(YEAR, 12, 31), date(YEAR - 1, 12, 31), date(YEAR + 1, 1, 1))
    return chance.choice(edges) if chance.random() < 0.2 else date(YEAR - 1, 1, 1) + timedelta(chance.randrange(1000))


def _moment(chance: random.Random) -> datetime:
    return datetime.combine(_day(chance), datetime.min.time()) + timedelta(minutes=chance.randrange(1440))


def _resident(number: int, chance: random.Random) -> Resident:
    records = [f"r{number}", f"s{number}"][: chance.choice((1, 2))]
    born = None if chance.random() < 0.1 else date(YEAR - chance.randrange(20, 90), chance.randrange(1, 13), 9)
    died = _day(chance) if chance.random() < 0.15 else None
    onset = [name for name in WORDS if chance.random() < 0.8]
    made = Resident(number, records, born, chance.choice(("male", "female")), chance.random() < 0.8, died, {})
    made.diseases = (
        {name: date(YEAR - chance.randrange(3), 1 + chance.randrange(12), 1) for name in onset} if made.archive else {}
    )
    for disease in WORDS:
        made.follow_ups += [_follow_up(disease, chance) for _ in range(chance.choice((0, 2, 6, 8)))]
    kinds = ("visit", "visit", "stay", "check", "cancelled", "outside")
    made.visits = [
        (chance.choice(tuple(TIERS)), chance.choice(kinds), _day(chance)) for _ in range(chance.randrange(4))
    ]
    states = ("executed", "renewed", "terminated", "offered")
    made.contracts = [(chance.choice(states), _day(chance)) for _ in range(chance.choice((0, 1, 3)))]
    services = ("completed", "requested", "cancelled")
    made.given = [
        (begun + timedelta(chance.randrange(365)), chance.choice(services)) for _, begun in made.contracts for _ in "12"
    ]
    made.referrals = [_referral(chance) for _ in range(chance.choice((0, 0, 1, 2)))]
    made.orders = [_order(chance) for _ in range(chance.choice((0, 2, 3)))]
    return made


def _follow_up(disease: str, chance: random.Random) -> FollowUp:
    pressure = (chance.randrange(120, 165), chance.randrange(70, 100)) if chance.random() < 0.8 else None
    glucose = round(chance.uniform(5.5, 8.5), 1) if disease == "diabetes" and chance.random() < 0.8 else None
    mode, regular = chance.choice(("AMB", "HH", "VR")), chance.choice((True, False, None))
    return FollowUp(disease, _day(chance), mode, pressure, glucose, chance.random() < 0.5, regular)


def _referral(chance: random.Random) -> Referral:
    asked = _moment(chance)
    sent = asked + timedelta(minutes=30) if chance.random() < 0.8 else None
    received = sent + timedelta(hours=chance.choice((1, 24, 25))) if sent and chance.random() < 0.8 else None
    way, done = chance.choice(("up", "down")), chance.random() < 0.5
    return Referral(way, asked, done, sent, received, asked + timedelta(minutes=chance.randrange(9999)))


def _order(chance: random.Random) -> Order:
    asked = _moment(chance)
    reported = asked + timedelta(minutes=chance.choice((5, 30, 31, 90))) if chance.random() < 0.8 else None
    kind, decision = chance.choice(("ecg", "imaging")), chance.choice((None, "recognised", "declined"))
    return Order(kind, asked, reported, chance.random() < 0.5, chance.random() < 0.2, decision)


# --- the same as resources -------------------------------------------------------------------------------------------


def resources(residents: list[Resident]) -> Iterator[dict[str, Any]]:
    """Everything that the rows say, each row at any of the person's Patients."""
    chance = random.Random(5)
    for tier, text in TIERS.items():
        yield {"resourceType": "Organization", "id": tier, "name": tier, "type": [{"text": text}]}
    for one in residents:
        yield from _of_resident(one, lambda one=one: f"Patient/{chance.choice(one.records)}")  # type: ignore[misc]


def _of_resident(one: Resident, someone: Callable[[], str]) -> Iterator[dict[str, Any]]:
    for place, logical_id in enumerate(one.records):
        patient: dict[str, Any] = {"resourceType": "Patient", "id": logical_id}
        if place == 0:
            patient |= {"gender": one.sex} | ({"birthDate": one.birth.isoformat()} if one.birth else {})
            patient |= {"deceasedDateTime": one.died.isoformat()} if one.died else {}
            patient |= {"managingOrganization": {"reference": "Organization/town"}} if one.archive else {}
            if one.archive:
                patient["identifier"] = [{"system": "urn:oid:2.16.156.10011.1.2", "value": f"A{one.number}"}]
        else:
            patient["link"] = [{"other": {"reference": f"Patient/{one.records[0]}"}, "type": "seealso"}]
        yield patient
    for disease, onset in one.diseases.items():
        system, code = OURS + "cs/personal-form-disease", WORDS[disease][1]
        yield {
            "resourceType": "Condition",
            "id": f"c{one.number}-{disease}",
            "subject": {"reference": someone()},
            "code": {"coding": [{"system": system, "code": code}], "text": disease},
            "onsetDateTime": onset.isoformat()[:7],
        }
    for number, follow_up in enumerate(one.follow_ups):
        yield from _of_follow_up(f"f{one.number}-{number}", f"{one.number:03}{number:03}", follow_up, someone())
    for number, visit in enumerate(one.visits):
        yield visit_of(f"v{one.number}-{number}", visit, someone())
    for number, contract in enumerate(one.contracts):
        yield from _of_contract(f"k{one.number}-{number}", contract, one.given[2 * number :][:2], someone())
    for number, referral in enumerate(one.referrals):
        yield from _of_referral(f"t{one.number}-{number}", referral, someone())
    for number, order in enumerate(one.orders):
        yield from _of_order(f"o{one.number}-{number}", order, someone())


def _of_follow_up(name: str, number: str, one: FollowUp, subject: str) -> Iterator[dict[str, Any]]:
    what = {"subject": {"reference": subject}}
    yield {
        "resourceType": "Encounter",
        "id": name,
        "status": "finished",
        "period": {"start": one.day.isoformat()},
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": one.mode},
        "identifier": [{"system": "urn:follow-up", "value": number}],
        "type": [{"text": WORDS[one.disease][0]}],
        "serviceProvider": {"reference": "Organization/village"},
        **what,
    }
    seen = {"resourceType": "Observation", "status": "final", "encounter": {"reference": f"Encounter/{name}"}, **what}
    seen["effectiveDateTime"] = one.day.isoformat()
    if one.pressure:
        parts = [
            {"code": _loinc(code), "valueQuantity": {"value": value}}
            for code, value in zip(("8480-6", "8462-4"), one.pressure, strict=True)
        ]
        yield seen | {"id": f"{name}-p", "code": _loinc("85354-9"), "component": parts}
    if one.glucose:
        yield seen | {"id": f"{name}-g", "code": _loinc("14771-0"), "valueQuantity": {"value": one.glucose}}
    if one.regular is not None:
        value = {"coding": [{"system": OURS + "cs/medication-adherence", "code": "1" if one.regular else "2"}]}
        code = {"coding": [{"system": OURS + "cs/follow-up-item", "code": "adherence"}]}
        yield seen | {"id": f"{name}-a", "code": code, "valueCodeableConcept": value}
    if one.drug:
        drug = {"resourceType": "MedicationStatement", "id": f"{name}-d", "status": "active", **what}
        drug |= {"medicationCodeableConcept": {"text": "药"}, "effectiveDateTime": one.day.isoformat()}
        yield drug | {"context": {"reference": f"Encounter/{name}"}}


def _loinc(code: str) -> dict[str, Any]:
    return {"coding": [{"system": "http://loinc.org", "code": code}]}


def visit_of(name: str, visit: tuple[str, str, date], subject: str) -> dict[str, Any]:
    tier, kind, day = visit
    made = {"resourceType": "Encounter", "id": name, "status": "cancelled" if kind == "cancelled" else "finished"}
    made |= {"class": {"code": "IMP" if kind in ("stay", "outside") else "AMB"}, "subject": {"reference": subject}}
    made |= {"period": {"start": f"{day}T23:30:00+08:00"}, "serviceProvider": {"reference": f"Organization/{tier}"}}
    if kind == "check":
        made["type"] = [{"text": "健康体检"}]
    if kind == "outside":
        url = OURS + "StructureDefinition/out-of-county"
        made["hospitalization"] = {"extension": [{"url": url, "valueBoolean": True}]}
    return made


def _of_contract(
    name: str, contract: tuple[str, date], services: list[tuple[date, str]], subject: str
) -> Iterator[dict[str, Any]]:
    status, begun = contract
    made = {"resourceType": "Contract", "id": name, "status": status, "subject": [{"reference": subject}]}
    made["applies"] = {"start": begun.isoformat(), "end": (begun + timedelta(364)).isoformat()}
    yield made | {"type": {"text": "家庭医生签约服务协议 family-doctor contract"}}
    for number, (day, state) in enumerate(services):
        task = {"resourceType": "Task", "id": f"{name}-{number}", "status": state, "intent": "plan"}
        task |= {"focus": {"reference": f"Contract/{name}"}, "for": {"reference": subject}}
        planned = {"start": day.isoformat(), "end": day.isoformat()}
        due = {"restriction": {"period": {"end": day.isoformat()}}, "executionPeriod": {"start": "2020-01-01"}}
        yield task | (due if number else {"executionPeriod": planned})


def _of_referral(name: str, one: Referral, subject: str) -> Iterator[dict[str, Any]]:
    category = [{"coding": [{"system": OURS + "cs/referral-direction", "code": one.way}]}]
    made = {"resourceType": "ServiceRequest", "id": name, "intent": "order", "subject": {"reference": subject}}
    made |= {"status": "completed" if one.done else "active", "category": category, "authoredOn": _text(one.asked)}
    yield made | {"requester": {"reference": "Organization/town"}}
    task = {"resourceType": "Task", "id": name, "status": "completed" if one.done else "in-progress", "intent": "order"}
    task |= {"focus": {"reference": f"ServiceRequest/{name}"}, "for": {"reference": subject}}
    task |= {"authoredOn": _text(one.asked), "lastModified": _text(one.confirmed)}
    stated = [(state, when) for state, when in (("sent", one.sent), ("received", one.received)) if when]
    inputs = [{"type": {"text": f"时间 {state}"}, "valueDateTime": _text(when)} for state, when in stated]
    if one.asked.minute % 2:
        yield task | ({"input": inputs} if inputs else {})
        return
    yield task
    for state, when in stated:  # as the program itself notes the steps
        step = {"resourceType": "Provenance", "id": f"{name}-{state}", "target": [{"reference": f"Task/{name}"}]}
        step |= {"activity": {"coding": [{"system": OURS + "cs/referral-state", "code": state}]}}
        step |= {"recorded": _text(when), "occurredDateTime": _text(when), "agent": [{"who": {"display": "王"}}]}
        yield step


def _of_order(name: str, one: Order, subject: str) -> Iterator[dict[str, Any]]:
    category = [{"coding": [{"system": OURS + "cs/order-kind", "code": one.kind}]}]
    made = {"resourceType": "ServiceRequest", "id": name, "intent": "order", "status": "active", "category": category}
    made |= {"subject": {"reference": subject}, "authoredOn": _text(one.asked), "code": {"text": one.kind}}
    if one.decision:
        coding = {"system": OURS + "cs/recognition-decision", "code": one.decision}
        inner = [{"url": "decision", "valueCoding": coding}, {"url": "reason", "valueString": "病情变化"}]
        made["extension"] = [{"url": OURS + "StructureDefinition/recognition", "extension": inner}]
    yield made
    if one.reported:
        report = {"resourceType": "DiagnosticReport", "id": name, "status": "final", "code": {"text": one.kind}}
        report |= {"basedOn": [{"reference": f"ServiceRequest/{name}"}], "issued": _text(one.reported)}
        report |= {"subject": {"reference": subject}, "conclusion": "危急值" if one.critical else "正常"}
        by = {"type": "Device", "identifier": {"value": "AI"}} if one.by_device else {"display": "王"}
        yield report | {"performer": [by]}


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S+08:00")


# --- counted plainly -------------------------------------------------------------------------------------------------


def inside(day: date | datetime, year: int = YEAR) -> bool:
    """In the year."""
    return day.year == year


def counted(residents: list[Resident]) -> dict[str, Pair]:
    """Numerator and denominator of each indicator of the year, from the rows alone."""
    found: dict[str, Pair] = {}
    for disease in WORDS:
        found |= {f"{disease}-{name}": pair for name, pair in _of_disease(residents, disease).items()}
    found |= _of_persons(residents) | _of_events(residents) | _of_orders(residents)
    return found


def _share(members: list[Any], holds: Callable[[Any], bool]) -> Pair:
    return sum(1 for one in members if holds(one)), len(members)


def _of_disease(residents: list[Resident], disease: str) -> dict[str, Pair]:
    first, last = date(YEAR, 1, 1), date(YEAR, 12, 31)

    def visits(one: Resident) -> list[FollowUp]:
        """In the year, in order."""
        own = [each for each in one.follow_ups if each.disease == disease and inside(each.day)]
        return sorted(own, key=lambda each: (each.day, one.follow_ups.index(each)))

    managed = [one for one in residents if visits(one)]
    registered = [
        one
        for one in managed
        if disease in one.diseases and one.diseases[disease] < first and (one.died is None or one.died > last)
    ]

    def measured(one: Resident) -> list[FollowUp]:
        wanted = (each.pressure if disease == "hypertension" else each.glucose for each in visits(one))
        return [each for each, value in zip(visits(one), wanted, strict=True) if value is not None]

    def controlled(one: Resident) -> bool:
        each = measured(one)[-1]
        if disease == "diabetes":
            return each.glucose is not None and each.glucose < 7.0
        assert each.pressure is not None
        limit = 150 if one.birth is not None and one.age(each.day) >= 65 else 140
        return each.pressure[0] < limit and each.pressure[1] < 90

    stating = [one for one in managed if any(each.regular is not None for each in visits(one))]
    stays = {one.number for one in residents if any(k in ("stay", "outside") and inside(d) for _, k, d in one.visits)}
    return {
        "standard-management": _share(registered, lambda one: sum(v.mode != "VR" for v in visits(one)) >= 4),
        "control": _share([one for one in managed if measured(one)], controlled),
        "treatment": _share(managed, lambda one: any(each.drug for each in visits(one))),
        "adherence": _share(stating, lambda one: [v.regular for v in visits(one) if v.regular is not None][-1] is True),
        "hospitalised": _share(managed, lambda one: one.number in stays),
    }


def _of_persons(residents: list[Resident]) -> dict[str, Pair]:
    first, last = date(YEAR, 1, 1), date(YEAR, 12, 31)
    living = [one for one in residents if one.alive(first)]

    def signed(one: Resident) -> bool:
        return any(state != "offered" and inside(begun) for state, begun in one.contracts)

    def active(one: Resident) -> bool:
        return any(inside(each.day) for each in one.follow_ups) or any(
            inside(day) and kind != "cancelled" for _, kind, day in one.visits
        )

    before = [
        one
        for one in residents
        if any(state in ("executed", "renewed") and inside(begun, YEAR - 1) for state, begun in one.contracts)
    ]
    key = [one for one in living if one.diseases or (one.birth is not None and one.age(last) >= 65)]
    services = [state for one in residents for day, state in one.given if inside(day) and state != "cancelled"]
    return {
        "archive-establishment": _share(living, lambda one: one.archive),
        "archive-dynamic-use": _share([one for one in living if one.archive], active),
        "contract-rate": _share(living, signed),
        "key-population-contract-rate": _share(key, signed),
        "contract-renewal": _share(before, signed),
        "contract-fulfilment": _share(services, lambda state: state == "completed"),
    }


def _of_events(residents: list[Resident]) -> dict[str, Pair]:
    visits = [each for one in residents for each in one.visits if inside(each[2]) and each[1] != "cancelled"]
    follow_ups = [each for one in residents for each in one.follow_ups if inside(each.day)]
    referrals = [each for one in residents for each in one.referrals]
    now = [each for each in referrals if inside(each.asked)]
    ways = {way: [each for each in now if each.way == way] for way in ("up", "down")}
    earlier = [each for each in referrals if each.way == "down" and inside(each.asked, YEAR - 1)]

    def late(one: Referral) -> bool:
        assert one.sent is not None
        return one.received is None or one.received > one.sent + timedelta(hours=24)

    primary = [each for each in visits if each[1] == "visit"]
    outside = [each for each in visits if each[1] == "outside"]
    return {
        "primary-care-share": _share(primary, lambda each: each[0] != "county"),
        "returned-from-outside": (len(outside), len(visits) + len(follow_ups)),
        "referral-up-completion": _share(ways["up"], lambda one: one.done),
        "referral-down-completion": _share(ways["down"], lambda one: one.done),
        "referral-ratio": (len(ways["down"]), len(ways["up"])),
        "referral-down-growth": (len(ways["down"]), len(earlier)),
        "referral-overdue": _share([one for one in now if one.sent], late),
    }


def _of_orders(residents: list[Resident]) -> dict[str, Pair]:
    orders = [each for one in residents for each in one.orders if inside(each.asked)]
    found = {
        "mutual-recognition": _share([one for one in orders if one.decision], lambda one: one.decision == "recognised")
    }
    for name, kinds in (("ecg", ("ecg",)), ("imaging", ("imaging",)), ("report", ("ecg", "imaging"))):
        own = [one for one in orders if one.kind in kinds]
        told = [one for one in own if one.reported and not one.by_device]

        def within(one: Order) -> bool:
            assert one.reported is not None
            return one.reported <= one.asked + timedelta(minutes=30)

        found |= {
            f"{name}-timeliness": _share(told, within),
            f"{name}-late": (sum(not within(one) for one in told), len(own)),
            f"{name}-unreported": (len(own) - len(told), len(own)),
            f"{name}-critical-timeliness": _share([one for one in told if one.critical], within),
        }
    return found


def minutes(residents: list[Resident]) -> dict[str, float]:
    """The means of the year, in minutes."""
    now = [each for one in residents for each in one.referrals if inside(each.asked)]
    loops = [(each.confirmed - each.asked).total_seconds() / 60 for each in now if each.done]
    answers = [(each.received - each.sent).total_seconds() / 60 for each in now if each.received and each.sent]
    return {
        "referral-loop-time": sum(loops) / len(loops),
        "referral-response-time": sum(answers) / len(answers),
    }
