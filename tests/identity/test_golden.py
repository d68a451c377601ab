"""The golden record follows from its members by the documented rule."""

from __future__ import annotations

from countyfhir.identity.contradictions import contradictions, is_none
from countyfhir.identity.golden import golden_record, with_links
from countyfhir.identity.golden_ids import golden_id, is_golden

from .test_judging import ARCHIVE, MING, NATIONAL, RULES, record


def test_elements_come_from_the_best_record() -> None:
    """Verified identity first; a birth date that agrees with the number before one that does not; no local numbers."""
    poor = {**record("欧阳鸣", birthDate="1974-10-27", phone="13854600001"), "id": "a"}
    poor["identifier"] = [{"system": "https://hospital.example/mrn", "value": "7"}]
    good = {**record("欧阳明", MING, birthDate="1973-09"), "id": "b"}
    archived = {
        **record("欧阳名", birthDate="1973-09-26", archive="37052310220000001"),
        "id": "c",
        "deceasedBoolean": True,
    }
    made = golden_record("person-x", {"a": poor, "b": good, "c": archived}, RULES)
    assert made["name"] == [{"text": "欧阳明"}]
    assert made["birthDate"] == "1973-09-26"
    assert made["telecom"] == poor["telecom"]
    assert made["gender"] == "male"
    assert made["deceasedBoolean"] is True
    assert made["identifier"] == [
        {"system": NATIONAL, "value": MING},
        {"system": ARCHIVE, "value": "37052310220000001"},
    ]
    assert [link["other"]["reference"] for link in made["link"]] == ["Patient/a", "Patient/b", "Patient/c"]


def test_links_of_others_stay() -> None:
    """Only the server's own links are replaced; nothing changes when nothing does."""
    golden = golden_id({"a"})
    foreign = {"other": {"reference": "RelatedPerson/r"}, "type": "seealso"}
    before = {"resourceType": "Patient", "id": "a", "link": [foreign]}
    linked = with_links(before, [("refer", golden)], frozenset())
    assert linked["link"] == [foreign, {"other": {"reference": f"Patient/{golden}"}, "type": "refer"}]
    assert with_links(linked, [("refer", golden)], frozenset()) is linked
    assert with_links(linked, [], frozenset()) == before


def test_golden_ids_are_known_by_their_form() -> None:
    """The same in every process, and no other id looks like one by chance."""
    assert golden_id({"b", "a"}) == golden_id(frozenset("a"))
    assert is_golden(golden_id({"a"}))
    assert not is_golden("person-1")


def test_contradictions_are_between_records() -> None:
    """無 "none" in its spellings against a named allergy; blood groups that differ; not within one record."""

    def allergy(number: str, patient: str, text: str) -> dict[str, object]:
        whose = {"reference": f"Patient/{patient}"}
        return {"resourceType": "AllergyIntolerance", "id": number, "patient": whose, "code": {"text": text}}

    for text in ("无", "否认", "否认药物过敏史", "无药物过敏史", "没有", "none", "NKDA", "否认食物及药物过敏史"):
        assert is_none({"text": text}), text
        assert [one.kind for one in contradictions([allergy("1", "a", text), allergy("2", "b", "青霉素")])] == [
            "allergy"
        ]
    for text in ("青霉素", "药物过敏", "磺胺过敏", ""):
        assert not is_none({"text": text}), text
    assert contradictions([allergy("1", "a", "无"), allergy("2", "a", "青霉素")]) == []
    assert contradictions([allergy("1", "a", "无"), allergy("2", "b", "否认")]) == []
