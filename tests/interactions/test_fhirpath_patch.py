"""FHIRPath Patch does what each row of R4's table says, keeps primitives with their siblings, and refuses the rest."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given as given_by
from hypothesis import settings
from hypothesis import strategies as st

from countyfhir.interactions.patch_formats import fhirpath_patch
from countyfhir.outcome import FhirError

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "1",
    "contained": [{"resourceType": "Organization", "id": "o", "name": "Clinic"}],
    "identifier": [
        {"system": "urn:a", "value": "1"},
        {"system": "urn:b", "value": "2"},
        {"system": "urn:c", "value": "3"},
    ],
    "name": [{"family": "Zhang", "given": ["San", "Si", "Wu"], "_given": [None, {"id": "s"}, None]}],
    "birthDate": "1950-01-01",
    "_birthDate": {"id": "b"},
    "contact": [{"name": {"text": "Li"}, "gender": "male"}],
    "deceasedBoolean": False,
}


def operation(kind: str, path: str, **parts: Any) -> dict[str, Any]:
    """An operation; a part's value is a dict with its value[x] or nested parts, a string or an integer."""
    listed: list[dict[str, Any]] = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    for name, given in parts.items():
        content = (
            given if isinstance(given, dict) else {"valueInteger" if isinstance(given, int) else "valueString": given}
        )
        listed.append({"name": name, **content})
    return {"name": "operation", "part": listed}


def patched(*operations: dict[str, Any], resource: dict[str, Any] | None = None) -> dict[str, Any]:
    """PATIENT (or ``resource``) after the operations; it must itself stay as it is."""
    resource = resource or PATIENT
    kept = copy.deepcopy(resource)
    result = fhirpath_patch.apply(resource, {"resourceType": "Parameters", "parameter": list(operations)})
    assert resource == kept
    return result


def changed(result: dict[str, Any]) -> dict[str, Any]:
    """The elements in which a patched PATIENT differs; None for those that are gone."""
    return {key: result.get(key) for key in (*PATIENT, *result) if result.get(key) != PATIENT.get(key)}


CASES: list[tuple[str, list[dict[str, Any]], dict[str, Any]]] = [
    ("nothing", [], {}),
    ("add primitive", [operation("add", "Patient", name="gender", value={"valueCode": "male"})], {"gender": "male"}),
    (
        "add complex",
        [operation("add", "Patient", name="maritalStatus", value={"valueCodeableConcept": {"text": "m"}})],
        {"maritalStatus": {"text": "m"}},
    ),
    (
        "add to list",
        [operation("add", "Patient", name="identifier", value={"valueIdentifier": {"value": "4"}})],
        {"identifier": [*PATIENT["identifier"], {"value": "4"}]},
    ),
    (
        "add nested",
        [operation("add", "Patient.contact[0].name", name="family", value={"valueString": "Li"})],
        {"contact": [{"name": {"text": "Li", "family": "Li"}, "gender": "male"}]},
    ),
    (
        "add backbone",
        [
            operation(
                "add",
                "Patient",
                name="contact",
                value={
                    "part": [
                        {"name": "name", "valueHumanName": {"text": "Wang"}},
                        {"name": "telecom", "valueContactPoint": {"value": "1"}},
                        {"name": "telecom", "valueContactPoint": {"value": "2"}},
                        {"name": "gender", "valueCode": "female", "_valueCode": {"id": "g"}},
                    ]
                },
            )
        ],
        {
            "contact": [
                *PATIENT["contact"],
                {
                    "name": {"text": "Wang"},
                    "telecom": [{"value": "1"}, {"value": "2"}],
                    "gender": "female",
                    "_gender": {"id": "g"},
                },
            ]
        },
    ),
    (
        "add contained resource",
        [operation("add", "Patient", name="contained", value={"resource": {"resourceType": "Basic", "id": "x"}})],
        {"contained": [*PATIENT["contained"], {"resourceType": "Basic", "id": "x"}]},
    ),
    (
        "add extension to a primitive",
        [
            operation(
                "add",
                "Patient.birthDate",
                name="extension",
                value={"part": [{"name": "url", "valueUri": "urn:e"}, {"name": "value", "valueCode": "x"}]},
            )
        ],
        {"_birthDate": {"id": "b", "extension": [{"url": "urn:e", "valueCode": "x"}]}},
    ),
    (
        "add in contained",
        [operation("add", "Patient.contained[0]", name="alias", value={"valueString": "C"})],
        {"contained": [{"resourceType": "Organization", "id": "o", "name": "Clinic", "alias": ["C"]}]},
    ),
    (
        "insert",
        [operation("insert", "Patient.identifier", index=1, value={"valueIdentifier": {"value": "x"}})],
        {"identifier": [PATIENT["identifier"][0], {"value": "x"}, *PATIENT["identifier"][1:]]},
    ),
    (
        "insert at the end",
        [operation("insert", "Patient.identifier", index=3, value={"valueIdentifier": {"value": "x"}})],
        {"identifier": [*PATIENT["identifier"], {"value": "x"}]},
    ),
    (
        "insert into an empty list",
        [operation("insert", "Patient.telecom", index=0, value={"valueContactPoint": {"value": "x"}})],
        {"telecom": [{"value": "x"}]},
    ),
    (
        "insert keeps siblings in step",
        [operation("insert", "Patient.name[0].given", index=0, value={"valueString": "A"})],
        {"name": [{"family": "Zhang", "given": ["A", "San", "Si", "Wu"], "_given": [None, None, {"id": "s"}, None]}]},
    ),
    ("delete", [operation("delete", "Patient.birthDate")], {"birthDate": None, "_birthDate": None}),
    ("delete nothing", [operation("delete", "Patient.gender")], {}),
    (
        "delete an item",
        [operation("delete", "Patient.identifier.where(system = 'urn:b')")],
        {"identifier": [PATIENT["identifier"][0], PATIENT["identifier"][2]]},
    ),
    (
        "delete keeps siblings in step",
        [operation("delete", "Patient.name[0].given[0]")],
        {"name": [{"family": "Zhang", "given": ["Si", "Wu"], "_given": [{"id": "s"}, None]}]},
    ),
    (
        "delete a sibling with its value",
        [operation("delete", "Patient.name[0].given[1]")],
        {"name": [{"family": "Zhang", "given": ["San", "Wu"]}]},
    ),
    ("delete the last item", [operation("delete", "Patient.contact[0]")], {"contact": None}),
    (
        "delete empties the parents",
        [operation("delete", "Patient.contact[0].name.text"), operation("delete", "Patient.contact[0].gender")],
        {"contact": None},
    ),
    ("delete a choice", [operation("delete", "Patient.deceased")], {"deceasedBoolean": None}),
    (
        "replace primitive",
        [operation("replace", "Patient.birthDate", value={"valueDate": "1960"})],
        {"birthDate": "1960", "_birthDate": None},
    ),
    (
        "replace an item of a list",
        [operation("replace", "Patient.identifier[1]", value={"valueIdentifier": {"value": "x"}})],
        {"identifier": [PATIENT["identifier"][0], {"value": "x"}, PATIENT["identifier"][2]]},
    ),
    (
        "replace a choice by another type",
        [operation("replace", "Patient.deceased", value={"valueDateTime": "2020"})],
        {"deceasedBoolean": None, "deceasedDateTime": "2020"},
    ),
    (
        "replace in contained",
        [operation("replace", "Patient.contained[0].name", value={"valueString": "Hospital"})],
        {"contained": [{"resourceType": "Organization", "id": "o", "name": "Hospital"}]},
    ),
    (
        "replace an extension of an item",
        [operation("replace", "Patient.name[0].given[1].id", value={"valueString": "new"})],
        {"name": [{**PATIENT["name"][0], "_given": [None, {"id": "new"}, None]}]},
    ),
    (
        "move",
        [operation("move", "Patient.identifier", source=2, destination=0)],
        {"identifier": [PATIENT["identifier"][2], *PATIENT["identifier"][:2]]},
    ),
    (
        "move to the end with sibling",
        [operation("move", "Patient.name[0].given", source=1, destination=2)],
        {"name": [{"family": "Zhang", "given": ["San", "Wu", "Si"], "_given": [None, None, {"id": "s"}]}]},
    ),
    (
        "operations see what came before",
        [
            operation("add", "Patient", name="gender", value={"valueCode": "male"}),
            operation("replace", "Patient.gender", value={"valueCode": "female"}),
        ],
        {"gender": "female"},
    ),
    (
        "related types",
        [
            operation("replace", "Patient.contact[0].gender", value={"valueString": "female"}),
            operation("add", "Patient.contact[0]", name="period", value={"valuePeriod": {"start": "2020"}}),
            operation("add", "Patient.contact[0].period", name="end", value={"valueDate": "2021-12-01"}),
        ],
        {"contact": [{"name": {"text": "Li"}, "gender": "female", "period": {"start": "2020", "end": "2021-12-01"}}]},
    ),
]


@pytest.mark.parametrize(("name", "operations", "difference"), CASES, ids=[case[0] for case in CASES])
def test_operations(name: str, operations: list[dict[str, Any]], difference: dict[str, Any]) -> None:
    """Each operation changes what it names and nothing else."""
    assert changed(patched(*operations)) == difference


def test_keys_keep_their_place() -> None:
    """A replaced element stands where it stood."""
    result = patched(operation("replace", "Patient.deceased", value={"valueDateTime": "2020"}))
    assert list(result) == [key if key != "deceasedBoolean" else "deceasedDateTime" for key in PATIENT]


def test_primitive_with_extensions_only() -> None:
    """A primitive that has no value, only extensions, is replaced and deleted like any other."""
    resource = {"resourceType": "Patient", "id": "1", "_birthDate": {"id": "b"}, "active": True}
    replaced = patched(operation("replace", "Patient.birthDate", value={"valueDate": "1950"}), resource=resource)
    assert replaced == {"resourceType": "Patient", "id": "1", "birthDate": "1950", "active": True}
    deleted = patched(operation("delete", "Patient.birthDate"), resource=resource)
    assert deleted == {"resourceType": "Patient", "id": "1", "active": True}


def test_contained_resources_are_reached_through_references() -> None:
    """resolve() may lead to a contained resource, which is part of what is patched."""
    resource = {**PATIENT, "managingOrganization": {"reference": "#o"}}
    path = "Patient.managingOrganization.resolve().name"
    result = patched(operation("replace", path, value={"valueString": "Hospital"}), resource=resource)
    assert result["contained"] == [{"resourceType": "Organization", "id": "o", "name": "Hospital"}]


def test_nesting_is_limited() -> None:
    """Extensions inside extensions are stopped where the resource could no longer be read back."""
    resource = {"resourceType": "Basic", "id": "1", "extension": [{"url": "u"}]}
    value = {"part": [{"name": "url", "valueUri": "u"}]}
    path = "Basic.descendants().ofType(Extension).where(extension.empty())"
    with pytest.raises(FhirError, match="deeper than 128"):
        patched(*[operation("add", path, name="extension", value=value)] * 300, resource=resource)


def test_choice_is_added_by_its_short_name() -> None:
    """``value`` of an Observation takes the type of the value; decimals keep their digits; two values are refused."""
    resource = {"resourceType": "Observation", "id": "1", "component": [{"id": "c"}]}
    value = {"valueQuantity": {"value": Decimal("1.50")}}
    result = patched(operation("add", "Observation.component[0]", name="value", value=value), resource=resource)
    assert str(result["component"][0]["valueQuantity"]["value"]) == "1.50"
    with pytest.raises(FhirError, match="exists already"):
        patched(operation("add", "Observation.component[0]", name="value", value={"valueString": "x"}), resource=result)


TEXT = {"valueString": "x"}
REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"name": "other"}, 400, "structure"),
    ({"name": "operation"}, 400, "required"),
    (operation("merge", "Patient"), 400, "value"),
    (operation("delete", "Patient.name["), 400, "value"),
    (operation("delete", "1 + 1"), 400, "value"),
    (operation("add", "Patient", value=TEXT), 400, "required"),
    (operation("add", "Patient", name="gender"), 400, "required"),
    (operation("add", "Patient", name="gender", value={}), 400, "required"),
    (operation("add", "Patient", name="gender", value={"valueCode": "a", "valueString": "b"}), 400, "structure"),
    (operation("add", "Patient", name="gender", value={"valueNothing": "a"}), 400, "structure"),
    (operation("add", "Patient", name="gender", index=0, value=TEXT), 400, "structure"),
    (operation("insert", "Patient.identifier", value={"valueIdentifier": {}}), 400, "required"),
    (operation("insert", "Patient.identifier", index="1", value={"valueIdentifier": {}}), 400, "value"),
    (operation("insert", "Patient.identifier", index=-1, value={"valueIdentifier": {}}), 400, "value"),
    (operation("add", "Patient.link", name="type", value={"valueCode": "refer"}), 422, "processing"),
    (operation("add", "Patient.identifier", name="value", value=TEXT), 422, "processing"),
    (operation("add", "Patient", name="hair", value=TEXT), 422, "processing"),
    (operation("add", "Patient", name="birthDate", value={"valueDate": "1950"}), 422, "processing"),
    (operation("add", "Patient", name="gender", value={"valueBoolean": True}), 422, "processing"),
    (operation("add", "Patient", name="active", value={"valueString": "true"}), 422, "processing"),
    (operation("add", "Patient", name="photo", value={"valueHumanName": {}}), 422, "processing"),
    (operation("add", "Patient", name="contact", value={"part": [{"name": "hair", **TEXT}]}), 422, "processing"),
    (operation("add", "Patient", name="gender", value={"part": [{"name": "x", **TEXT}]}), 422, "processing"),
    (operation("add", "Patient", name="name", value={"resource": {"resourceType": "Basic"}}), 422, "processing"),
    (operation("insert", "Patient.identifier", index=4, value={"valueIdentifier": {}}), 422, "processing"),
    (operation("insert", "Patient.birthDate", index=0, value={"valueDate": "1950"}), 422, "processing"),
    (operation("insert", "Patient.hair", index=0, value=TEXT), 422, "processing"),
    (operation("delete", "Patient.identifier"), 422, "processing"),
    (operation("delete", "Patient"), 422, "processing"),
    (operation("replace", "Patient.gender", value={"valueCode": "male"}), 422, "processing"),
    (operation("replace", "Patient.identifier", value={"valueIdentifier": {}}), 422, "processing"),
    (operation("replace", "Patient.identifier[0]", value=TEXT), 422, "processing"),
    (operation("move", "Patient.identifier", source=0, destination=3), 422, "processing"),
    (operation("move", "Patient.identifier", source=3, destination=0), 422, "processing"),
    (operation("move", "Patient.telecom", source=0, destination=0), 422, "processing"),
    (operation("move", "Patient.identifier.where(system != 'urn:a')", source=0, destination=1), 422, "processing"),
    (operation("replace", "Patient.id", value={"valueId": "2"}), 422, "business-rule"),
    (operation("delete", "Patient.id"), 422, "business-rule"),
]


@pytest.mark.parametrize(("document", "status", "code"), REFUSED)
def test_refusals(document: dict[str, Any], status: int, code: str) -> None:
    """Malformed operations are 400, those that do not fit the resource 422, and both say which operation."""
    with pytest.raises(FhirError) as caught:
        patched(document)
    issue = caught.value.issues[0]
    assert (caught.value.status, issue.code) == (status, code), issue.diagnostics
    if code != "business-rule":
        assert issue.diagnostics.startswith("Operation 1 ")


@pytest.mark.parametrize(
    "document", [None, [], {}, {"resourceType": "Bundle"}, {"resourceType": "Parameters", "parameter": 1}]
)
def test_only_parameters_are_a_patch(document: Any) -> None:
    """Anything but a Parameters resource with an array is refused with 400."""
    with pytest.raises(FhirError) as caught:
        fhirpath_patch.apply(PATIENT, document)
    assert caught.value.status == 400


PATHS = st.sampled_from(
    [
        "Patient",
        "Patient.name",
        "Patient.name[0]",
        "Patient.name[0].given",
        "Patient.name[0].given[1]",
        "Patient.birthDate",
        "Patient.telecom",
        "Patient.birthDate.id",
        "Patient.contact[0]",
        "Patient.contained[0]",
        "Patient.contained",
        "Patient.deceased",
        "1",
        "(",
        "Patient.id",
        "x.y",
        "Patient.name[0].given[1].extension",
        "Patient.descendants()",
    ]
)
CONTENTS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"valueString": "x"},
        {"valueCode": None},
        {"valueHumanName": {"given": ["a"]}},
        {"part": []},
        {"part": [{}]},
        {},
        {"resource": {"resourceType": "Basic"}},
        {"resource": 5},
        {"valueInteger": 0},
        {"valueBoolean": True},
        {"_valueString": {"id": "x"}},
        {"part": [{"name": "name", "valueHumanName": {"text": "x"}}]},
    ]
)
NAMES = st.sampled_from(["name", "given", "extension", "id", "contact", "contained", "deceased", "hair", "gender"])


@st.composite
def any_operation(draw: st.DrawFn) -> dict[str, Any]:
    """An operation of any kind with the parts it takes, fitting or not."""
    kind = draw(st.sampled_from(list(fhirpath_patch.OPERATIONS)))
    drawn = {"name": NAMES, "value": CONTENTS, "index": st.integers(0, 4), "source": st.integers(0, 4)}
    drawn["destination"] = st.integers(0, 4)
    takes = fhirpath_patch.PARTS[kind]
    return operation(kind, draw(PATHS), **{part: draw(drawn[part]) for part in drawn if part in takes})


@settings(max_examples=300)
@given_by(st.lists(any_operation(), max_size=4))
def test_any_operations_give_a_resource_or_an_error(operations: list[dict[str, Any]]) -> None:
    """Whatever the operations are, the result is a Patient with its id, or a FhirError; the input never changes."""
    try:
        result = patched(*operations)
    except FhirError as error:
        assert error.issues  # noqa: PT017
    else:
        assert (result["resourceType"], result["id"]) == ("Patient", "1")
