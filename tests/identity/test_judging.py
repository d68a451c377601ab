"""Two records are judged alike in any order, certain ones share a key, and some things no score overrules."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as draw

from countyfhir.identity import births
from countyfhir.identity.blocking import followed_of, keys_of
from countyfhir.identity.features import features_of
from countyfhir.identity.judging import CERTAIN, NOT, judge
from countyfhir.identity.national import valid
from countyfhir.identity.rules import shipped_rules
from countyfhir.search.resident_id import check_character

RULES = shipped_rules()
NATIONAL, ARCHIVE = "urn:oid:2.16.156.10011.1.3", "urn:oid:2.16.156.10011.1.2"
UNVERIFIED = "https://fhir.county-hc.example/id/identity-number-unverified"


def number(body: str) -> str:
    """17 digits and their check character."""
    return body + check_character(body)


MING, ZHEN = number("37052319730926501"), number("37052319730926522")


def record(name: str = "欧阳明", identity: str | None = None, **more: Any) -> dict[str, Any]:
    """A Patient; ``phone``, ``home`` and ``archive`` in short, other elements as they are."""
    identifiers = [{"system": NATIONAL, "value": identity}] if identity else []
    if archive := more.pop("archive", None):
        identifiers.append({"system": ARCHIVE, "value": archive})
    made: dict[str, Any] = {"resourceType": "Patient", "identifier": identifiers, "name": [{"text": name}]}
    if phone := more.pop("phone", None):
        made["telecom"] = [{"system": "phone", "value": phone}]
    if home := more.pop("home", None):
        made["address"] = [{"text": home}]
    return made | more


def grade(a: dict[str, Any], b: dict[str, Any]) -> str:
    """The verdict's grade, the same in both directions."""
    one, other = features_of(a, RULES), features_of(b, RULES)
    verdict, back = judge(one, other, RULES), judge(other, one, RULES)
    assert (verdict.grade, verdict.bits, verdict.conflict) == (back.grade, back.bits, back.conflict)
    assert 0 <= verdict.score(RULES) <= 1
    return verdict.grade


BORN = {"birthDate": "1973-09-26", "gender": "male"}
HOME = "青禾县石桥镇石桥村168号"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (record(identity=MING), record("欧阳 明", MING)),
        (record(identity=MING, birthDate="1974-01-01"), record(identity=MING, **BORN)),
        (record("徐某之子", MING, **BORN), record("欧阳明", MING, **BORN)),
        (record(**BORN, phone="13854600001"), record(**BORN, phone="+86 138 5460 0001")),
        (record(**BORN, home=HOME), record(**BORN, home="石桥镇石桥村168号")),
        (record(phone="13854600001", home=HOME), record(phone="13854600001", home=HOME, **BORN)),
        (record(identity=MING, phone="13854600001"), record(phone="13854600001", **BORN)),
        (record(archive="37052310220000001"), record(archive="37052310220000001", **BORN)),
        (record("李静怡", **BORN, phone="13854600001"), record("李景宜", **BORN, phone="13854600001")),
        (record(birthDate="1973-09-26", phone="13854600001"), record(birthDate="1973-09", phone="13854600001")),
    ],
)
def test_certain(a: dict[str, Any], b: dict[str, Any]) -> None:
    """Linked without a human; and they share a key, so that they meet."""
    assert grade(a, b) == CERTAIN
    (one, other) = (features_of(each, RULES) for each in (a, b))
    assert set(followed_of(one)) & set(keys_of(other))
    assert set(followed_of(other)) & set(keys_of(one))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (record("王强", MING, **BORN), record("李刚", MING, **BORN)),  # a borrowed card
        (record("徐某之子", MING), record("欧阳明", MING, **BORN)),  # nothing but the card
        (record(**BORN), record(**BORN)),  # namesakes, or one person
        (record("李静怡", **BORN, phone="13854600001"), record("李静远", **BORN, phone="13854600001")),
        (record(**BORN, phone="1385460001"), record(phone="1385460001", birthDate="1973-09-26", gender="female")),
        (record(identity=MING, phone="13854600001", home=HOME), record(identity=ZHEN, phone="13854600001", home=HOME)),
    ],
)
def test_for_a_human(a: dict[str, Any], b: dict[str, Any]) -> None:
    """Neither linked nor passed over."""
    assert grade(a, b) not in (CERTAIN, NOT)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (
            record("杨雅琴", **BORN, phone="13854600001", home=HOME),
            record("杨玉珍", **BORN, phone="13854600001", home=HOME),
        ),
        (record("欧阳明", phone="13854600001", home=HOME), record("何梅", phone="13854600001", home=HOME)),
        (record("徐永贵之女", phone="13854600001", home=HOME), record("徐永贵之女", phone="13854600001", home=HOME)),
        (record("王强", "111111111111111111"), record("李刚", "111111111111111111")),
        (record("王强", "370523190001010000"), record("李刚", "370523190001010000")),
        (record(birthDate="1900-01-01"), record(birthDate="1900-01-01")),
        (record("王强", identifier=[{"system": UNVERIFIED, "value": MING}]), record("李刚", MING)),
        (record("彭芳", MING, phone="13854600001", **BORN), record("彭芳", ZHEN, phone="13954600002", **BORN)),
        (record("王强", phone="11111111111"), record("李刚", phone="11111111111")),
    ],
)
def test_not_one_person(a: dict[str, Any], b: dict[str, Any]) -> None:
    """Twins, families, newborns, placeholders, unverified numbers, namesakes with numbers of their own."""
    assert grade(a, b) == NOT


def test_other_numbers_conflict() -> None:
    """Different valid identity numbers, or archive numbers, keep two records apart whoever links to both; so do names
    that have nothing in common on one card."""
    lent = record("王强", MING, **BORN), record("李刚", MING, **BORN)
    for a, b in ((record(identity=MING), record(identity=ZHEN)), (record(archive="1"), record(archive="2")), lent):
        assert judge(features_of(a, RULES), features_of(b, RULES), RULES).conflict


@pytest.mark.parametrize(
    ("a", "b", "how"),
    [
        ("1973-09-26", "1973-09-26", "day"), ("1973-09-26", "1973-09", "month"), ("1973", "1973-09-26", "year"),
        ("1973-03-09", "1973-09-03", "transposed"), ("1973-09-26", "1937-09-26", "transposed"),
        ("1973-09-26", "1973-09-25", "digit"), ("1973-08-12", "1973-09-21", "lunar"),
        ("1973-09-26", "1974-09-27", "near"), ("1973-09-26", "1981-12-01", "other"), ("", "1973", ""),
        ("1973-02-30", "1980-01-01", "other"),
    ],
)  # fmt: skip
def test_how_birth_dates_agree(a: str, b: str, how: str) -> None:
    """Partial, transposed, mistyped, by the lunar calendar; in both directions."""
    assert births.agreement(a, b) == births.agreement(b, a) == how


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("37052319550312141x", "37052319550312141X"), ("３７０５２３１９５５０３１２１４１Ｘ", "37052319550312141X"),
        ("370523550312141", "37052319550312141X"), ("370523550312996", None), ("370523195503121410", None),
        ("123456789012345678", None), ("000000000000000000", None), ("370523190001010000", None), ("身份证丢失", None),
    ],
)  # fmt: skip
def test_which_identity_numbers_identify(text: str, kept: str | None) -> None:
    """Right check characters in any spelling, 15 digits filled up; no placeholders."""
    assert valid(text) == kept


PATIENTS = draw.builds(
    record,
    draw.sampled_from(["欧阳明", "欧阳鸣", "杨雅琴", "杨玉珍", "徐永贵之女", ""]),
    draw.sampled_from([None, MING, ZHEN, "111111111111111111"]),
    phone=draw.sampled_from([None, "13854600001", "13954600002"]),
    home=draw.sampled_from([None, HOME, "石桥镇"]),
    archive=draw.sampled_from([None, "1", "2"]),
    birthDate=draw.sampled_from(["1973-09-26", "1973-09", "1900-01-01", "2010-02-06", "x"]),
    gender=draw.sampled_from(["male", "female", "unknown"]),
)


@settings(max_examples=300)
@given(PATIENTS, PATIENTS)
def test_any_two_are_judged_soundly(a: dict[str, Any], b: dict[str, Any]) -> None:
    """Symmetric; certain ones meet by a key and never contradict; without a name or number of their own nobody is
    linked."""
    one, other = features_of(a, RULES), features_of(b, RULES)
    verdict = judge(one, other, RULES)
    assert grade(a, b) == verdict.grade
    if verdict.grade == CERTAIN:
        assert not verdict.conflict
        assert set(keys_of(one)) & set(keys_of(other))
        assert set(one.national) & set(other.national) or (one.names and other.names) or one.archive == other.archive
