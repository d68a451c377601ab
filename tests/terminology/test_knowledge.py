"""The concept index answers membership, subsumption and sets of codes, from R4's content and from what is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from countyfhir.terminology.concepts import Entry
from countyfhir.terminology.knowledge import Terminology, open_terminology
from tests.terminology.cases import SIMPLE, URL, code_system, concept, include, simple, value_set, where

GENDER = "http://hl7.org/fhir/administrative-gender"
GENDERS = "http://hl7.org/fhir/ValueSet/administrative-gender"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ENCOUNTERS = "http://terminology.hl7.org/ValueSet/v3-ActEncounterCode"


@pytest.fixture(scope="module")
def known() -> Iterator[Terminology]:
    """R4's content and ``simple``, in memory."""
    made = open_terminology(None)
    made.load(simple())
    yield made
    made.close()


@pytest.mark.parametrize(
    ("value_set_url", "system", "code", "answer"),
    [
        (GENDERS, GENDER, "male", True),
        (GENDERS, GENDER, "Male", False),
        (GENDERS, None, "male", True),
        (GENDERS, "urn:other", "male", False),
        (f"{GENDERS}|4.0.1", GENDER, "male", True),
        (f"{GENDERS}|1.0", GENDER, "male", None),
        (ENCOUNTERS, ACT, "AMB", True),
        (ENCOUNTERS, ACT, "ACCTRECEIVABLE", False),
        ("http://hl7.org/fhir/ValueSet/body-site", "http://snomed.info/sct", "1", None),
        ("urn:no-such", GENDER, "male", None),
        ("http://hl7.org/fhir/ValueSet/mimetypes", "urn:ietf:bcp:13", "text/plain", True),
        ("http://hl7.org/fhir/ValueSet/mimetypes", "urn:ietf:bcp:13", "text", False),
        ("http://hl7.org/fhir/ValueSet/ucum-units", "http://unitsofmeasure.org", "mmol/L", True),
        ("http://hl7.org/fhir/ValueSet/ucum-units", "http://unitsofmeasure.org", "furz", False),
        (f"{URL}/ValueSet/simple-all-codes", SIMPLE, "valve", True),
        (f"{URL}/ValueSet/simple-all-codes", SIMPLE, "foot", False),
    ],
)
def test_member(known: Terminology, value_set_url: str, system: str | None, code: str, answer: bool | None) -> None:
    """True, False, or None where something is not known here."""
    assert known.member(value_set_url, system, code) is answer


def test_below_above_and_subsumes(known: Terminology) -> None:
    """Descendants and ancestors with the code itself; a code that is lacking has only itself."""
    assert known.below(SIMPLE, "heart") == {"heart", "valve", "ventricle"}
    assert known.above(SIMPLE, "valve") == {"valve", "heart", "organ"}
    assert known.below(SIMPLE, "foot") == {"foot"}
    assert known.below("urn:no-such", "x") is None
    assert known.subsumes(SIMPLE, "organ", "valve") == "subsumes"
    assert known.subsumes(SIMPLE, "valve", "organ") == "subsumed-by"
    assert known.subsumes(SIMPLE, "lung", "heart") == "not-subsumed"
    assert known.subsumes(SIMPLE, "lung", "lung") == "equivalent"
    assert known.subsumes(SIMPLE, "lung", "foot") is None


def test_displays_match_in_any_case_width_and_language(known: Terminology) -> None:
    """Any designation will do."""
    assert known.display_matches(SIMPLE, "lung", "display  LUNG") is True
    assert known.display_matches(SIMPLE, "lung", "肺") is True
    assert known.display_matches(SIMPLE, "lung", "Ｌｕｎｇｅ") is True
    assert known.display_matches(SIMPLE, "lung", "liver") is False
    assert known.display_matches(SIMPLE, "foot", "x") is None


def test_codes_are_whole_systems_and_pairs(known: Terminology) -> None:
    """A system that is included as a whole is named; the rest is listed; what cannot be listed is None."""
    whole = known.codes(GENDERS)
    assert whole is not None
    assert (whole.whole_systems, whole.pairs) == ({GENDER}, frozenset())
    listed = known.codes(ENCOUNTERS)
    assert listed is not None
    assert (ACT, "AMB") in listed.pairs
    assert known.codes("http://hl7.org/fhir/ValueSet/body-site") is None


def test_an_index_on_disk_is_ready_when_it_is_opened_again(tmp_path: Path) -> None:
    """What was loaded is there; what was forgotten is not; another process sees a change."""
    first = open_terminology(tmp_path / "index")
    first.load(simple())
    other = open_terminology(tmp_path / "index")
    assert other.member(f"{URL}/ValueSet/simple-all-codes", SIMPLE, "lung") is True
    assert other.refresh() is False
    first.forget("CodeSystem", "simple")
    assert other.refresh() is True
    assert other.member(f"{URL}/ValueSet/simple-all-codes", SIMPLE, "lung") is None
    first.close()
    other.close()


def test_a_newer_version_is_used_unless_one_is_said(known: Terminology) -> None:
    """``system|version``, patterns and the newest."""
    for version, code in (("1.9.0", "old"), ("1.10.0", "new"), ("2.0.0-draft", "draft")):
        status = "draft" if "draft" in version else "active"
        resource = code_system("versions", [concept(code)], version=version, status=status)
        known.load(resource, key=f"versions-{version}")
        known.load(
            value_set(f"v{version}", include(resource["url"], version=version), version=version), key=f"v{version}"
        )
    resolver = known.resolver
    found = {
        wanted: resolver.code_system(f"{URL}/CodeSystem/versions", wanted) for wanted in (None, "1.9.0", "1.x", "9")
    }
    assert {wanted: one and one.version for wanted, one in found.items()} == {
        None: "1.10.0",
        "1.9.0": "1.9.0",
        "1.x": "1.10.0",
        "9": None,
    }
    assert known.member(f"{URL}/ValueSet/v1.9.0", f"{URL}/CodeSystem/versions", "old") is True
    assert known.member(f"{URL}/ValueSet/v1.9.0", f"{URL}/CodeSystem/versions", "new") is False


def test_a_stream_of_concepts_comes_into_force_at_its_end(known: Terminology) -> None:
    """Nothing is seen before; a failure leaves what was there; parents may come after their children."""
    header = {"resourceType": "CodeSystem", "url": f"{URL}/stream", "status": "active", "content": "complete"}
    header |= {"valueSet": f"{URL}/stream/all"}
    with known.writer(header) as writer:
        for number in range(6_000):
            writer.add(Entry(f"c{number}", f"名称{number}", parents=(f"c{number + 1}",) if number < 3 else ()))
        assert known.member(f"{URL}/stream/all", f"{URL}/stream", "c1") is None
    known.changed()
    assert known.member(f"{URL}/stream/all", f"{URL}/stream", "c5999") is True
    assert known.above(f"{URL}/stream", "c0") == {"c0", "c1", "c2", "c3"}
    with pytest.raises(AttributeError), known.writer(header) as writer:
        writer.add(None)  # type: ignore[arg-type]
    known.changed()
    assert known.member(f"{URL}/stream/all", f"{URL}/stream", "c5999") is True


def test_translate(known: Terminology) -> None:
    """By all maps of a code system, or by one; R4's own."""
    found = known.translate(GENDER, "male")
    assert {one.coding["system"].rpartition("/")[2] for one in found} == {"v2-0001", "v3-AdministrativeGender"}
    assert known.translate(GENDER, "male", target="urn:none") == []
    assert known.translate(GENDER, "male", url="urn:none") == []
    home = known.translate("http://hl7.org/fhir/address-use", "home", url="http://hl7.org/fhir/ConceptMap/101")
    assert [one.coding["code"] for one in home] == ["H"]


def test_resources_of_a_request_come_before_the_index(known: Terminology) -> None:
    """They change nothing for others."""
    mine = code_system("mine", [concept("a")])
    with_mine = known.with_resources([mine, value_set("mine", include(mine["url"], filter=[where("code", "=", "a")]))])
    assert with_mine.member(f"{URL}/ValueSet/mine", mine["url"], "a") is True
    assert known.member(f"{URL}/ValueSet/mine", mine["url"], "a") is None
