"""The traps of the dictionaries: the same keys with other meanings. Each map is keyed by source and version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from countyfhir.terminology.knowledge import Terminology

LOCAL = "https://fhir.county-hc.example"
POLARITY = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
ENCOUNTER = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
HOSPITAL, PUBLIC_HEALTH = "dictionary/county-hospital", "dictionary/public-health"
NHSA = f"{LOCAL}/cs/icd10-nhsa"

Shipped = list[tuple[Path, dict[str, Any]]]


@pytest.fixture
def targets(shipped_resources: Shipped) -> Any:
    """What a code of a system means in another one, by the map that ships; [] when it is said to have no target."""
    groups = {
        (group["source"].removeprefix(f"{LOCAL}/cs/"), group["target"].removeprefix(f"{LOCAL}/cs/")): group
        for _, resource in shipped_resources
        if resource["resourceType"] == "ConceptMap"
        for group in resource["group"]
    }

    def of(source: str, target: str, code: str) -> list[str]:
        (element,) = [one for one in groups[source, target]["element"] if one["code"] == code]
        return [one["code"] for one in element["target"] if one["equivalence"] != "unmatched"]

    return of


@pytest.mark.parametrize(
    ("source", "positive", "negative"),
    [
        ("ws365-rh", "1", "2"),
        (f"{HOSPITAL}/ms-brda/rhxx", "1", "2"),
        ("personal-form-rh", "2", "1"),
        ("front-page-rh", "2", "1"),
        (f"{PUBLIC_HEALTH}/personal-information/rh", "2", "1"),
    ],
)
def test_rh_has_two_polarities(targets: Any, source: str, positive: str, negative: str) -> None:
    """1 is positive in WS 365 and the hospital, negative on the form and the front page; unknown is neither."""
    assert targets(source, POLARITY, positive) == ["POS"]
    assert targets(source, POLARITY, negative) == ["NEG"]
    assert targets(source, POLARITY, "3") == []


def test_rh_not_tested_is_not_negative(targets: Any) -> None:
    """4 of the front page."""
    assert targets("front-page-rh", POLARITY, "4") == []
    assert targets("front-page-rh", "ws365-rh", "4") == ["3"]


def test_abo_has_two_orders(targets: Any, shipped_terminology: Terminology) -> None:
    """3 is O in the national list and AB in one front-page system."""
    assert shipped_terminology.displays(f"{LOCAL}/cs/cv04.50.005", "3") == ("O型", "Group O")
    assert [targets("front-page-abo-ab-before-o", "cv04.50.005", code) for code in "34"] == [["4"], ["3"]]
    assert [targets("front-page-abo", "cv04.50.005", code) for code in "34"] == [["3"], ["4"]]


def test_foot_pulse_of_one_form_is_not_that_of_the_other(targets: Any, shipped_terminology: Terminology) -> None:
    """1 is not palpable at the health check and normal at the diabetes visit; left or right weak or absent is neither
    weak nor absent."""
    cs = f"{LOCAL}/cs/"
    assert shipped_terminology.displays(f"{cs}exam-form-foot-pulse", "1") == ("未触及", "Not palpable")
    assert shipped_terminology.displays(f"{cs}foot-pulse-diabetes", "1") == ("触及正常", "Palpable and normal")
    assert targets("exam-form-foot-pulse", "foot-pulse-diabetes", "1") == ["3"]
    assert targets("exam-form-foot-pulse", "foot-pulse-diabetes", "3") == []


def test_follow_up_modes_of_vendor_and_form_differ(targets: Any) -> None:
    """2 and 3 of the form are home visit and telephone; of the vendor they are places to go to."""
    form = [targets("form-follow-up-mode", ENCOUNTER, code) for code in "123"]
    assert form == [["AMB"], ["HH"], ["VR"]]
    assert [targets("bsoft-follow-up-mode", ENCOUNTER, code) for code in "12345"] == [
        ["AMB"], ["AMB"], ["AMB"], ["HH"], ["VR"]
    ]  # fmt: skip
    assert [targets("bsoft-follow-up-mode", "form-follow-up-mode", code) for code in "12345"] == [
        ["1"], [], [], ["2"], ["3"]
    ]  # fmt: skip


def test_marital_codes_of_one_length_only(targets: Any) -> None:
    """Two digits in the hospital, one on the form; 60 of the vendor means nothing anywhere."""
    status = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus"
    assert targets(f"{HOSPITAL}/ms-brda/hyzk", status, "30") == ["W"]
    assert targets("personal-form-marital-status", status, "3") == ["W"]
    assert targets(f"{HOSPITAL}/ms-brda/hyzk", status, "60") == []
    assert targets(f"{HOSPITAL}/ms-brda/hyzk", "urn:oid:2.16.156.10011.2.3.3.5", "60") == []


def test_identity_documents_share_only_one_key(targets: Any) -> None:
    """02 is the household register in the national list, 2 a soldier's card in the one-digit list."""
    assert targets("identity-document-one-digit", "cv02.01.101", "1") == ["01"]
    assert targets("identity-document-one-digit", "cv02.01.101", "2") == ["04"]
    assert targets("identity-document-one-digit", "cv02.01.101", "6") == ["03"]


def test_the_second_dictionary_of_a_vendor_is_another(targets: Any, shipped_terminology: Terminology) -> None:
    """02 is a household register in the one and an identity card of Hong Kong and Macao in the other."""
    assert shipped_terminology.displays(f"{LOCAL}/cs/cv02.01.101", "02") == ("居民户口簿", "Household register")
    assert targets("bsoft-identity-document", "cv02.01.101", "01") == ["01"]
    assert targets("bsoft-identity-document", "cv02.01.101", "02") == []


def test_yes_and_no_change_places(targets: Any) -> None:
    """loseWeight: 1 is no in one table and yes in the next."""
    yes_no = "http://terminology.hl7.org/CodeSystem/v2-0136"
    assert [targets("bsoft-lose-weight-no-first", yes_no, code) for code in "12"] == [["N"], ["Y"]]
    assert [targets("bsoft-lose-weight-yes-first", yes_no, code) for code in "12"] == [["Y"], ["N"]]


def test_smoking_runs_both_ways(targets: Any) -> None:
    """1 is never on the form and every day in the national list; a smoker of the form is not said to smoke daily."""
    assert [targets("exam-form-smoking", "cv03.00.101", code) for code in "123"] == [["4"], ["3"], []]
    assert [targets("cv03.00.101", "exam-form-smoking", code) for code in "1234"] == [["3"], ["3"], ["2"], ["1"]]


def test_drinks_and_animal_pens_are_shifted(targets: Any) -> None:
    """2 is beer on the form and weak liquor in the national list; the pen of the form is one ahead."""
    assert targets("exam-form-drink", "cv03.00.105", "2") == ["3"]
    assert [targets("personal-form-animal-pen", "ws365-animal-pen", code) for code in "1234"] == [
        [],
        ["1"],
        ["2"],
        ["3"],
    ]


def test_refused_is_no_finding(targets: Any) -> None:
    """3 of the ECG column, a vendor's own, is a reason for absence and not normal or abnormal."""
    ecg = f"{PUBLIC_HEALTH}/health-check/ecg"
    assert targets(ecg, "exam-form-normal-abnormal", "3") == []
    assert targets(ecg, "http://terminology.hl7.org/CodeSystem/data-absent-reason", "3") == ["asked-declined"]


def test_past_and_family_diseases_part_at_eleven(targets: Any) -> None:
    """11 is another notifiable disease of the person, a malformation in the family."""
    assert targets("personal-form-disease", "cv02.10.005", "11") == ["98"]
    assert targets("personal-form-family-disease", "cv02.10.005", "11") == ["11"]


@pytest.mark.parametrize(
    ("group", "code", "belongs"),
    [
        ("hypertension-register", "I10", True),
        ("hypertension-register", "I10.x00", True),
        ("hypertension-register", "I10.x00x002", True),
        ("hypertension-register", "I10.X09", True),
        ("hypertension-register", "I10.x00x016", False),
        ("hypertension-register", "I15.900", False),
        ("hypertension", "I15.900", True),
        ("hypertension", "I1", False),
        ("type-2-diabetes", "E11.300x011+H36.0*", True),
        ("fundus-disease", "E11.300x011+H36.0*", True),
        ("fundus-disease", "E11.300+H28.0*", False),
        ("peripheral-neuropathy", "E11.401+G63.2*", True),
        ("peripheral-vascular-disease", "E11.501+I79.2*", True),
        ("nephrotic-syndrome", "N18.100", False),
        ("kidney-disease", "N18.100", True),
        ("kidney-disease", "E11.201+N08.3*", True),
        ("stroke", "G45.900", False),
        ("stroke-or-tia", "G45.900", True),
        ("six-complications", "I25.103", True),
        ("six-complications", "N18.100", False),
        ("six-complications-clinical", "N18.100", True),
        ("three-highs", "E78.000", True),
        ("three-highs", "R73.002", False),
    ],
)
def test_diseases_belong_by_category(shipped_terminology: Terminology, group: str, code: str, belongs: bool) -> None:
    """By category and by either part of dual codes, also before the list is imported; white coats are not enrolled."""
    assert shipped_terminology.member(f"{LOCAL}/vs/{group}", NHSA, code) is belongs


def test_other_editions_of_icd_are_asked_by_name(shipped_terminology: Terminology) -> None:
    """The clinical edition and WHO's are in the value set of any edition, not in the national one."""
    who = "http://hl7.org/fhir/sid/icd-10"
    assert shipped_terminology.member(f"{LOCAL}/vs/hypertension", who, "I10") is False
    assert shipped_terminology.member(f"{LOCAL}/vs/hypertension-any-icd10", who, "I10") is True
    assert shipped_terminology.member(f"{LOCAL}/vs/hypertension-any-icd10", NHSA, "I10.x09") is True
