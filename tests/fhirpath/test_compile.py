"""compile(): paths, choices, primitives with extensions, references, variables, and errors with their position."""

from __future__ import annotations

import pytest

from countyfhir.fhirpath import FhirPathError, compile  # noqa: A004

PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "active": True,
    "name": [
        {
            "use": "official",
            "family": "王",
            "given": ["小明", None],
            "_given": [None, {"extension": [{"url": "http://e/x"}]}],
        },
        {"use": "usual", "given": ["明"]},
    ],
    "birthDate": "1974-12-25",
    "_birthDate": {"extension": [{"url": "http://e/time", "valueDateTime": "1974-12-25T14:35:45+08:00"}]},
    "deceasedBoolean": False,
    "contact": [{"name": {"family": "李"}}],
    "contained": [{"resourceType": "Organization", "id": "o1", "name": "卫生院"}],
    "managingOrganization": {"reference": "#o1"},
    "generalPractitioner": [{"reference": "Practitioner/1"}, {"reference": "https://x.example/fhir/Organization/9"}],
}


def values(expression: str, **options: object) -> list[object]:
    return [item.value for item in compile(expression, "Patient")(PATIENT, **options)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Patient.name.where(use = 'official').given.first()", ["小明"]),
        ("Patient.name.where(use != 'official').given", ["明"]),
        ("name.given.hasValue()", [False]),
        ("name.given.select(hasValue())", [True, False, True]),
        ("Patient.deceased", [False]),
        ("Patient.deceased.exists() and Patient.deceased != false", [False]),
        ("birthDate.extension('http://e/time').value", ["1974-12-25T14:35:45+08:00"]),
        ("contact.name.family", ["李"]),
        ("managingOrganization.resolve().name", ["卫生院"]),
        ("generalPractitioner.where(resolve() is Practitioner).reference", ["Practitioner/1"]),
        ("generalPractitioner.where(resolve() is Organization).count()", [1]),
        ("Observation.value | Patient.id", ["p1"]),
        ("Resource.id", ["p1"]),
        ("%resource.id = %context.id", [True]),
        ("name[1].use", ["usual"]),
        ("name.given.as(string).count()", [3]),
        ("{}", []),
    ],
)
def test_results(expression: str, expected: list[object]) -> None:
    """Expressions give what FHIRPath N1 and FHIR R4 say."""
    assert values(expression) == expected


def test_types() -> None:
    """A result tells its FHIR type, a choice that of its key, a computed value its System type."""
    assert [item.type_name for item in compile("birthDate | deceased | contact | name.count()")(PATIENT)] == [
        "date",
        "boolean",
        "Patient.contact",
        "System.Integer",
    ]


def test_siblings() -> None:
    """A primitive brings its extensions along."""
    (item,) = compile("Patient.birthDate")(PATIENT)
    assert item.sibling == PATIENT["_birthDate"]


def test_given_resolve_and_variables() -> None:
    """References are resolved by the given function, variables come from the caller."""
    practitioner = {"resourceType": "Practitioner", "active": True}
    assert values("generalPractitioner[0].resolve().active", resolve={"Practitioner/1": practitioner}.get) == [True]
    assert values("%limit + 1", variables={"limit": 4}) == [5]


@pytest.mark.parametrize(
    ("expression", "position"),
    [("name.", 5), ("name.where(", 11), ("name.nothing()", 5), ("'open", 0), ("a /* b", 2), ("1 + %unknown", 4)],
)
def test_error_position(expression: str, position: int) -> None:
    """An error says where in the expression it is."""
    with pytest.raises(FhirPathError) as caught:
        values(expression)
    assert caught.value.position == position


def test_strict() -> None:
    """Strict expressions may name only what their type has; others are empty there."""
    for expression in ("name.given1", "Observation.value", "deceasedBoolean", "children().first()"):
        with pytest.raises(FhirPathError):
            compile(expression, "Patient", strict=True)
        compile(expression, "Patient")


def test_on_elements_and_values() -> None:
    """An expression works on an element with its type given, and on plain values."""
    assert [item.value for item in compile("family", "HumanName")({"family": "王"})] == ["王"]
    assert [item.value for item in compile("$this > 3")(5)] == [True]


def test_holds() -> None:
    """A criterion holds, does not hold, or says nothing about the input."""
    answers = [
        compile(text).holds(PATIENT) for text in ("active and name.exists()", "active.not()", "photo.title = 'x'")
    ]
    assert answers == [True, False, None]


def test_narrative_without_quotes() -> None:
    """``text.div`` is a path although ``div`` is an operator elsewhere."""
    resource = {"resourceType": "Patient", "text": {"div": "<div>1</div>"}}
    assert [item.value for item in compile("Patient.text.div")(resource)] == ["<div>1</div>"]


def test_inherited_types() -> None:
    """Resources and backbone elements are what they derive from; primitives are cast only under their own name."""
    assert values("contained.ofType(DomainResource).name") == ["卫生院"]
    assert values("contact.first() is BackboneElement") == [True]
    assert values("birthDate is Element") == [True]
    assert values("deceased.ofType(boolean) | deceased.ofType(string)") == [False]


def test_hostile_nesting() -> None:
    """Nesting without end is refused, not a crash."""
    with pytest.raises(FhirPathError):
        compile("(" * 5000 + "1" + ")" * 5000)
    with pytest.raises(FhirPathError):
        compile(" or ".join(["true"] * 5000))
