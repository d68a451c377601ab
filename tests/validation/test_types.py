"""The checks compiled from the definitions cover every element of every type."""

import pytest

from countyfhir.model.definitions import definitions
from countyfhir.validation.types import type_checks

TYPES = [t for t in definitions().types.values() if t.kind != "primitive-type" and t.name != "Resource"]
CASES = [(t, e) for t in TYPES for e in t.elements.values()]


def problems(definition, /, **properties):
    """The places and codes of the problems of an object of the type."""
    if definition.kind == "resource":
        properties["resourceType"] = definition.name
    return {(path, code) for path, code, _ in type_checks()[definition.name](properties) or ()}


def step_of(element):
    """The FHIRPath step to an element."""
    return f".{element.choice or element.name}"


def test_list_and_single_value_are_never_confused():
    """For each of some 8,000 elements a list for one value, or one value for a list, is reported."""
    for definition, element in CASES:
        value = {"id": "a"} if element.is_array else [{"id": "a"}]
        assert (step_of(element), "structure") in problems(definition, **{element.name: value}), element.path


def test_null_and_empty_are_never_accepted():
    """For each element null, an empty object, an empty list and an empty text are reported at its place."""
    for definition, element in CASES:
        for value in (None, {}, [], ""):
            places = {path for path, _ in problems(definition, **{element.name: value})}
            assert step_of(element) in places, (element.path, value)


def test_wrong_content_of_each_element_is_reported():
    """For each element: an object in a primitive, a text in an object, is reported at its place, in lists by index."""
    for definition, element in CASES:
        wrong = {"id": "a"} if element.is_primitive else "x"
        value, step = ([wrong], step_of(element) + "[0]") if element.is_array else (wrong, step_of(element))
        assert (step, "structure") in problems(definition, **{element.name: value}), element.path


def test_every_required_element_is_asked_for():
    """An object that holds only an id lacks each of its required elements."""
    for definition in TYPES:
        required = {(step_of(e), "required") for e in definition.elements.values() if e.minimum > 0}
        assert required <= problems(definition, id="a"), definition.name


def test_every_choice_allows_one_only():
    """Two members of a choice group are reported for every group of every type."""
    for definition in TYPES:
        groups = {}
        for element in definition.elements.values():
            if element.choice:
                groups.setdefault(element.choice, []).append(element.name)
        for choice, names in groups.items():
            if len(names) > 1:
                assert (f".{choice}", "structure") in problems(definition, **{names[0]: 1, names[1]: 1})


@pytest.mark.parametrize("kind", ["code", "CodeableConcept"])
def test_every_required_binding_is_checked(kind):
    """A code no value set has is refused wherever R4 binds one as required."""
    nonsense = "county x" if kind == "code" else {"coding": [{"system": "urn:x", "code": "county x"}]}
    bound = [(t, e) for t, e in CASES if e.type_name == kind and e.binding_strength == "required"]
    assert bound
    for definition, element in bound:
        value, step = ([nonsense], step_of(element) + "[0]") if element.is_array else (nonsense, step_of(element))
        assert (step, "code-invalid") in problems(definition, **{element.name: value}), element.path
