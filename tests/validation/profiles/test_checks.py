"""Each thing a profile can ask is asked of a good and a bad resource."""

from __future__ import annotations

from typing import Any

import pytest

from tests.validation.profiles.profile_cases import (
    OURS,
    R4,
    around,
    element,
    errors,
    findings,
    known,
    observation,
    profile,
    sliced,
)

PATIENT: dict[str, Any] = {"resourceType": "Patient"}
COLOURS = "https://fhir.county-hc.example/ValueSet/colours"


def judged(of: str, resource: dict[str, Any], *elements: dict[str, Any]) -> list[tuple[str, str]]:
    """The errors against a profile of these elements."""
    return errors(known(profile("p", of, *elements)), "p", resource)


@pytest.mark.parametrize(
    ("asked", "good", "bad", "place", "code"),
    [
        (element("Patient.birthDate", min=1), {"birthDate": "1950"}, {}, "", "required"),
        (element("Patient.photo", max="0"), {}, {"photo": [{"url": "u"}]}, ".photo", "structure"),
        (
            element("Patient.name", max="1"),
            {"name": [{"text": "a"}]},
            {"name": [{"text": "a"}, {"text": "b"}]},
            ".name",
            "structure",
        ),
        (element("Patient.gender", fixedCode="female"), {"gender": "female"}, {"gender": "male"}, ".gender", "value"),
        (
            element("Patient.maritalStatus", patternCodeableConcept={"coding": [{"system": "s", "code": "M"}]}),
            {"maritalStatus": {"coding": [{"code": "x"}, {"system": "s", "code": "M", "display": "d"}]}},
            {"maritalStatus": {"coding": [{"code": "M"}]}},
            ".maritalStatus",
            "value",
        ),
        (
            element("Patient.maritalStatus", fixedCodeableConcept={"text": "M"}),
            {"maritalStatus": {"text": "M"}},
            {"maritalStatus": {"text": "M", "id": "1"}},
            ".maritalStatus",
            "value",
        ),
        (
            element("Patient.name.family", maxLength=2),
            {"name": [{"family": "欧阳"}]},
            {"name": [{"family": "a"}, {"family": "欧阳一"}]},
            ".name[1].family",
            "too-long",
        ),
        (
            element("Patient.birthDate", minValueDate="1900-01-01"),
            {"birthDate": "1900"},
            {"birthDate": "1899-12"},
            ".birthDate",
            "value",
        ),
        (
            element("Patient.multipleBirthInteger", maxValueInteger=4),
            {"multipleBirthInteger": 4},
            {"multipleBirthInteger": 5},
            ".multipleBirth",
            "value",
        ),
        (
            element("Patient.deceased[x]", type=[{"code": "dateTime"}]),
            {"deceasedDateTime": "2020"},
            {"deceasedBoolean": True},
            ".deceased",
            "structure",
        ),
        (
            element("Patient.managingOrganization", type=[{"code": "Reference", "targetProfile": [R4 + "Location"]}]),
            {"managingOrganization": {"reference": "Location/1"}},
            {"managingOrganization": {"reference": "http://x/fhir/Organization/1"}},
            ".managingOrganization.reference",
            "value",
        ),
        (
            element(
                "Patient.managingOrganization",
                type=[{"code": "Reference", "targetProfile": [R4 + "Organization"], "aggregation": ["contained"]}],
            ),
            {"managingOrganization": {"reference": "#o"}},
            {"managingOrganization": {"reference": "Organization/1"}},
            ".managingOrganization.reference",
            "value",
        ),
        (
            element("Patient.maritalStatus", binding={"strength": "required", "valueSet": COLOURS}),
            {"maritalStatus": {"coding": [{"system": "urn:colours", "code": "red"}]}},
            {"maritalStatus": {"coding": [{"system": "urn:colours", "code": "blue"}]}},
            ".maritalStatus",
            "code-invalid",
        ),
        (
            element("Patient.maritalStatus", binding={"strength": "required", "valueSet": COLOURS + "|1"}),
            {},
            {"maritalStatus": {"text": "red"}},
            ".maritalStatus",
            "code-invalid",
        ),
        (
            element(
                "Patient.name",
                constraint=[{"key": "n-1", "severity": "error", "human": "h", "expression": "family.exists()"}],
            ),
            {"name": [{"family": "a"}]},
            {"name": [{"family": "a"}, {"text": "b"}]},
            ".name[1]",
            "invariant",
        ),
        (
            element("Patient.birthDate.extension", min=1),
            {"_birthDate": {"extension": [{}]}},
            {"birthDate": "1950"},
            ".birthDate",
            "required",
        ),
    ],
)
def test_what_an_element_asks(
    asked: dict[str, Any], good: dict[str, Any], bad: dict[str, Any], place: str, code: str
) -> None:
    """The good value conforms; the bad one is found, where it is, with its issue code."""
    assert judged("Patient", PATIENT | good, asked) == []
    assert judged("Patient", PATIENT | bad, asked) == [(place, code)]


def test_findings_name_profile_and_element() -> None:
    """A finding carries the canonical and the element id; of a constraint the key too."""
    rule = {"key": "n-1", "severity": "warning", "human": "No rule", "expression": "false"}
    profiles = known(
        profile("p", "Patient", element("Patient.birthDate", min=1), element("Patient", constraint=[rule]))
    )
    found = {one.key: one for one in findings(profiles, "p", PATIENT)}
    assert found[OURS + "p#Patient.birthDate"].severity == "error"
    assert found[OURS + "p#Patient|n-1"].text == "No rule. (n-1)"
    assert found[OURS + "p#Patient|n-1"].severity == "warning"


def test_bindings_by_strength() -> None:
    """An extensible binding warns, a preferred one says nothing, one that is not loaded warns that it is not."""
    values = {"extensible": ["warning"], "preferred": [], "example": []}
    resource = PATIENT | {"maritalStatus": {"coding": [{"system": "urn:colours", "code": "blue"}]}}
    for strength, severities in values.items():
        asked = element("Patient.maritalStatus", binding={"strength": strength, "valueSet": COLOURS})
        found = findings(known(profile("p", "Patient", asked)), "p", resource)
        assert [one.severity for one in found] == severities
    asked = element("Patient.maritalStatus", binding={"strength": "required", "valueSet": "urn:unknown"})
    (warned,) = findings(known(profile("p", "Patient", asked)), "p", resource)
    assert warned.severity == "warning"
    assert "not loaded" in warned.text


COMPONENT = {"code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}}
OTHER = {"code": {"coding": [{"system": "http://loinc.org", "code": "8462-4"}]}}
STRANGE = {"code": {"text": "c"}}


def components(*rows: dict[str, Any]) -> dict[str, Any]:
    """An Observation with these components."""
    return observation(component=list(rows))


def component_slices(rules: str = "open", ordered: bool = False, kind: str = "pattern") -> tuple[dict[str, Any], ...]:
    """Two slices of components, the first required once."""
    return (
        element("Observation.component", slicing=sliced(kind, "code", rules, ordered)),
        element("Observation.component:high", min=1, max="1"),
        element("Observation.component:high.code", patternCodeableConcept=COMPONENT["code"]),
        element("Observation.component:high.valueQuantity", min=1),
        element("Observation.component:low"),
        element("Observation.component:low.code", patternCodeableConcept=OTHER["code"]),
    )


@pytest.mark.parametrize("kind", ["pattern", "value"])
def test_slices_have_their_own_cardinality_and_content(kind: str) -> None:
    """A missing, a repeated and an incomplete slice are found; what belongs to no slice is left alone when open."""
    asked = component_slices(kind=kind)
    good = COMPONENT | {"valueQuantity": {"value": 1}}
    assert judged("Observation", components(good, STRANGE), *asked) == []
    assert judged("Observation", components(STRANGE), *asked) == [("", "required")]
    assert judged("Observation", components(STRANGE, COMPONENT), *asked) == [(".component[1]", "required")]
    assert judged("Observation", components(good, good), *asked) == [(".component[1]", "structure")]


@pytest.mark.parametrize(
    ("rules", "ordered", "rows", "wrong"),
    [
        ("closed", False, (COMPONENT, STRANGE), [".component[1]"]),
        ("closed", False, (OTHER, COMPONENT), []),
        ("open", True, (OTHER, COMPONENT), [".component[1]"]),
        ("open", True, (COMPONENT, STRANGE, OTHER), []),
        ("openAtEnd", False, (COMPONENT, STRANGE), []),
        ("openAtEnd", False, (STRANGE, COMPONENT), [".component[0]"]),
    ],
)
def test_rules_of_slicing(rules: str, ordered: bool, rows: tuple[dict[str, Any], ...], wrong: list[str]) -> None:
    """closed lets nothing else in, openAtEnd only behind the slices, ordered wants their order."""
    asked = [one for one in component_slices(rules, ordered) if not one["path"].endswith("valueQuantity")]
    assert [place for place, _ in judged("Observation", components(*rows), *asked)] == wrong


def test_the_default_slice_takes_the_rest() -> None:
    """@default asks something of what belongs to no other slice."""
    asked = (
        *component_slices("closed")[:3],
        element("Observation.component:@default"),
        element("Observation.component:@default.dataAbsentReason", min=1),
    )
    assert judged("Observation", components(COMPONENT, STRANGE | {"dataAbsentReason": {"text": "x"}}), *asked) == []
    assert judged("Observation", components(COMPONENT, STRANGE), *asked) == [(".component[1]", "required")]


def test_reslices_divide_a_slice() -> None:
    """Values of a slice are told apart again below it, with their own count."""
    asked = (
        element("Patient.identifier", slicing=sliced("value", "system")),
        element("Patient.identifier:card", slicing=sliced("value", "use")),
        element("Patient.identifier:card.system", fixedUri="urn:card"),
        element("Patient.identifier:card/old", max="1"),
        element("Patient.identifier:card/old.use", min=1, fixedCode="old"),
    )
    old, other = {"system": "urn:card", "use": "old"}, {"system": "urn:card", "use": "usual"}
    assert judged("Patient", PATIENT | {"identifier": [old, other, other]}, *asked) == []
    assert judged("Patient", PATIENT | {"identifier": [old, {"use": "old"}, old]}, *asked) == [
        (".identifier[2]", "structure")
    ]


def test_slices_by_existence() -> None:
    """A slice that requires an element takes those that have it."""
    asked = (
        element("Patient.telecom", slicing=sliced("exists", "period")),
        element("Patient.telecom:dated", max="1"),
        element("Patient.telecom:dated.period", min=1),
        element("Patient.telecom:undated", max="0"),
        element("Patient.telecom:undated.period", max="0"),
    )
    dated, undated = {"value": "1", "period": {"start": "2020"}}, {"value": "1"}
    assert judged("Patient", PATIENT | {"telecom": [dated]}, *asked) == []
    assert judged("Patient", PATIENT | {"telecom": [dated, undated]}, *asked) == [(".telecom[1]", "structure")]


def test_slices_by_type() -> None:
    """A choice sliced by type asks of a Quantity what it does not ask of a string; explicit and by shortcut."""
    explicit = (
        element("Observation.value[x]", slicing=sliced("type", "$this", "closed")),
        element("Observation.value[x]:valueQuantity", type=[{"code": "Quantity"}]),
        element("Observation.value[x]:valueQuantity.code", min=1),
        element("Observation.value[x]:valueString", type=[{"code": "string"}]),
    )
    shortcuts = (element("Observation.valueQuantity.code", min=1), element("Observation.valueString", maxLength=9))
    for asked in (explicit, shortcuts):
        assert judged("Observation", observation(valueString="s"), *asked) == []
        assert judged("Observation", observation(valueQuantity={"code": "kg"}), *asked) == []
        assert judged("Observation", observation(valueQuantity={"value": 1}), *asked) == [(".value", "required")]
    assert judged("Observation", observation(valueBoolean=True), *explicit) == [(".value", "structure")]
    assert judged("Observation", observation(valueBoolean=True), *shortcuts) == []


def test_slices_by_the_type_of_what_is_resolved() -> None:
    """resolve() tells by the reference's text or by the target where it can be read."""
    asked = (
        element("Observation.performer", slicing=sliced("type", "resolve()")),
        element(
            "Observation.performer:doctor",
            min=1,
            type=[{"code": "Reference", "targetProfile": [R4 + "Practitioner"]}],
        ),
    )
    assert judged("Observation", observation(performer=[{"reference": "Practitioner/1"}]), *asked) == []
    profiles = known(profile("p", "Observation", *asked))
    resource = observation(performer=[{"reference": "urn:uuid:1"}])
    assert errors(profiles, "p", resource) == [("", "required")]
    assert errors(profiles, "p", resource, {"urn:uuid:1": {"resourceType": "Practitioner"}}) == []


def test_slices_by_profile() -> None:
    """A value belongs to the slice whose profile it conforms to."""
    named = profile("named", "Practitioner", element("Practitioner.name", min=1))
    asked = profile(
        "p",
        "Observation",
        element("Observation.performer", slicing=sliced("profile", "resolve()")),
        element(
            "Observation.performer:named",
            min=1,
            type=[{"code": "Reference", "targetProfile": [OURS + "named"]}],
        ),
    )
    profiles = known(named, asked)
    resource = observation(performer=[{"reference": "Practitioner/1"}])
    good = {"Practitioner/1": {"resourceType": "Practitioner", "name": [{"text": "n"}]}}
    assert errors(profiles, "p", resource, good) == []
    assert errors(profiles, "p", resource, {"Practitioner/1": {"resourceType": "Practitioner"}}) == [("", "required")]


def test_slices_by_the_code_of_what_is_resolved() -> None:
    """A value discriminator through resolve() reads the target, contained ones too."""
    target = profile("coded", "Observation", element("Observation.code", patternCodeableConcept={"text": "a"}))
    asked = profile(
        "p",
        "DiagnosticReport",
        element("DiagnosticReport.result", slicing=sliced("value", "resolve().code")),
        element(
            "DiagnosticReport.result:a",
            min=1,
            type=[{"code": "Reference", "targetProfile": [OURS + "coded"]}],
        ),
    )
    report = {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "r"}}
    found = observation(id="1", code={"text": "a"})
    profiles = known(target, asked)
    assert errors(profiles, "p", report | {"contained": [found], "result": [{"reference": "#1"}]}) == []
    found = observation(id="1", code={"text": "b"})
    assert errors(profiles, "p", report | {"contained": [found], "result": [{"reference": "#1"}]}) == [("", "required")]


def test_slices_by_extension() -> None:
    """A discriminator may look into an extension by its url."""
    asked = (
        element("Patient.address", slicing=sliced("value", "extension('urn:kind').value")),
        element("Patient.address:home", min=1),
        element("Patient.address:home.extension:kind", min=1),
        element("Patient.address:home.extension:kind.url", fixedUri="urn:kind"),
        element("Patient.address:home.extension:kind.value[x]", fixedCode="home"),
    )
    home = {"extension": [{"url": "urn:kind", "valueCode": "home"}]}
    work = {"extension": [{"url": "urn:kind", "valueCode": "work"}]}
    assert judged("Patient", PATIENT | {"address": [work, home]}, *asked) == []
    assert judged("Patient", PATIENT | {"address": [work]}, *asked) == [("", "required")]


def test_slices_of_primitives() -> None:
    """$this of a primitive list: each given name is itself what tells."""
    asked = (
        element("Patient.name.given", slicing=sliced("value", "$this", "closed")),
        element("Patient.name.given:a", fixedString="a", max="1"),
    )
    assert judged("Patient", PATIENT | {"name": [{"given": ["a"]}]}, *asked) == []
    assert judged("Patient", PATIENT | {"name": [{"given": ["a", "b"]}]}, *asked) == [
        (".name[0].given[1]", "structure")
    ]


def test_profiles_of_datatypes_and_of_targets() -> None:
    """A value conforms to the profile of its type, a known target to the target profile."""
    named = profile("full-name", "HumanName", element("HumanName.family", min=1), kind="complex-type")
    organization = profile("licensed", "Organization", element("Organization.identifier", min=1))
    user = profile(
        "p",
        "Patient",
        element("Patient.name", type=[{"code": "HumanName", "profile": [OURS + "full-name"]}]),
        element("Patient.managingOrganization", type=[{"code": "Reference", "targetProfile": [OURS + "licensed"]}]),
    )
    profiles = known(named, organization, user)
    resource = PATIENT | {"name": [{"text": "a"}], "managingOrganization": {"reference": "Organization/1"}}
    assert errors(profiles, "p", resource) == [(".name[0]", "required")]
    others = {"Organization/1": {"resourceType": "Organization", "name": "o"}}
    assert errors(profiles, "p", resource, others)[1] == (".managingOrganization.reference", "value")


def test_resources_in_bundles_have_profiles() -> None:
    """A document's first entry is a Composition, told by its type."""
    asked = (
        element("Bundle.entry", slicing=sliced("type", "resource")),
        element("Bundle.entry:composition", min=1, max="1"),
        element("Bundle.entry:composition.resource", min=1, type=[{"code": "Composition"}]),
        element("Bundle.entry:composition.resource.language", min=1),
    )
    composition = {"resourceType": "Composition", "language": "zh"}
    bundle: dict[str, Any] = {"resourceType": "Bundle", "entry": [{"resource": PATIENT}, {"resource": composition}]}
    assert judged("Bundle", bundle, *asked) == []
    bundle["entry"][1]["resource"] = {"resourceType": "Composition"}
    assert judged("Bundle", bundle, *asked) == [(".entry[1].resource", "required")]


def test_rules_of_entries_see_the_entry_as_the_resource() -> None:
    """%resource of a profile on an entry is the entry's resource, not the Bundle."""
    rule = {"key": "e-1", "severity": "error", "human": "h", "expression": "%resource.ofType(Patient).exists()"}
    entry = profile("entry", "Patient", element("Patient.name", constraint=[rule]))
    asked = profile(
        "p", "Bundle", element("Bundle.entry.resource", type=[{"code": "Patient", "profile": [OURS + "entry"]}])
    )
    bundle = {"resourceType": "Bundle", "entry": [{"resource": PATIENT | {"name": [{"text": "a"}]}}]}
    assert errors(known(entry, asked), "p", bundle) == []


def test_circular_references_end() -> None:
    """Two resources that must conform because of each other are judged once each."""
    one = profile(
        "a", "Patient", element("Patient.link.other", type=[{"code": "Reference", "targetProfile": [OURS + "a"]}])
    )
    first = {"resourceType": "Patient", "link": [{"other": {"reference": "Patient/2"}, "type": "seealso"}]}
    second = {"resourceType": "Patient", "link": [{"other": {"reference": "Patient/1"}, "type": "seealso"}]}
    assert errors(known(one), "a", first, {"Patient/1": first, "Patient/2": second}) == []


def test_the_wrong_type_and_an_unusable_profile_are_said() -> None:
    """A profile of another type, and one whose parent is missing, do not pass silently."""
    assert errors(known(profile("p", "Patient")), "p", observation()) == [("", "structure")]
    (found,) = findings(known(profile("p", "gone", type="Patient")), "p", PATIENT)
    assert found.code == "processing"
    assert "gone is not known" in found.text


def test_absent_must_support_only_when_asked() -> None:
    """mustSupport is information, and only on request."""
    check = known(profile("p", "Patient", element("Patient.birthDate", mustSupport=True))).profile_check(OURS + "p")
    assert check is not None
    assert not check(PATIENT, around(PATIENT))
    (found,) = check(PATIENT, around(PATIENT), must_support=True) or []
    assert found.severity == "information"
    assert "birthDate" in found.text


JUNK: tuple[Any, ...] = (
    None,
    True,
    1,
    "x",
    "",
    "#",
    [],
    {},
    [None],
    [[]],
    [1],
    {"coding": 1},
    {"coding": [{"code": 1}]},
)


def test_broken_resources_are_judged_without_stumbling() -> None:
    """Structure is another's to say; profiles and extensions go through whatever stands where."""
    profiles = known(profile("p", "Observation", *component_slices(), element("Observation.subject", min=1)))
    good = observation(
        component=[COMPONENT | {"valueQuantity": {"value": 1}}],
        contained=[PATIENT],
        subject={"reference": "#1"},
        extension=[{"url": "u", "valueCode": "c"}],
        category=[{"coding": [{"code": "c"}]}],
    )
    for name in good:
        for junk in JUNK:
            broken = {**good, name: junk} if name != "resourceType" else good
            for url in (OURS + "p", R4 + "bp", R4 + "cholesterol"):
                check = profiles.profile_check(url)
                assert check is not None
                found = check(broken, around(broken))
                assert found is None or all(one.severity for one in found)
            assert isinstance(profiles.extension_findings(broken, around(broken)), list)
