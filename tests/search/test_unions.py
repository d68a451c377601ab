"""Parameters made of others: none of them has entries, and each is asked as its parts are."""

from __future__ import annotations

from countyfhir.search import parse
from countyfhir.search.query import AllOf, CompositeIs, Missing, Not, OfType, StringIs, TokenIs
from countyfhir.search.unions import entry_names, of_type, parts, wholes

from .facts import CONTEXT, entries

KNOWN = CONTEXT.parameters.definitions
PRESSURE = {
    "resourceType": "Observation",
    "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
    "component": [
        {
            "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
            "valueQuantity": {"value": 120, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"},
        }
    ],
}


def where(resource_type, name, text):
    return parse.search(resource_type, [(name, text)], CONTEXT).query.where[0]


def test_what_is_made_of_what():
    """The unions of Observation, and names that are also sounded; references and uris are left as they are."""
    assert set(of_type("Observation", KNOWN)) == {
        "combo-code",
        "combo-code-value-concept",
        "combo-code-value-quantity",
        "combo-data-absent-reason",
        "combo-value-concept",
        "combo-value-quantity",
    }
    assert parts("Observation", "combo-code", KNOWN) == ("code", "component-code")
    assert parts("Patient", "phonetic", KNOWN) == ("name",)
    assert parts("Organization", "phonetic", KNOWN) == ()
    assert parts("DeviceUseStatement", "subject", KNOWN) == ()


def test_they_have_no_entries():
    """The entries of a blood pressure are those of the parts alone."""
    assert not [name for _, name, *_ in entries(PRESSURE) if name.startswith("combo")]
    assert entries(PRESSURE, "combo-code") == [("http://loinc.org", "85354-9"), ("http://loinc.org", "8480-6")]


def test_names_lead_both_ways():
    """With suffixes; a name of its own leads to itself."""
    assert entry_names("Observation", "combo-code:text") == ("code:text", "component-code:text")
    assert entry_names("Patient", "phonetic:sort") == ("name:sort",)
    assert entry_names("Observation", "date") == ("date",)
    assert wholes("Observation", "component-code") == ("combo-code",)
    assert wholes("Patient", "name:sort") == ("phonetic:sort",)
    assert wholes("Observation", "code-value-date$1") == ()


def test_a_value_is_looked_for_in_each_part():
    """Alternatives; the components of a composite keep their places."""
    codes = [each.parameter for each in where("Observation", "combo-code", "http://loinc.org|8480-6")]
    assert set(codes) == {"code", "component-code"}
    composites = where("Observation", "combo-code-value-quantity", "http://loinc.org|8480-6$gt5")
    assert {each.parameter for each in composites if isinstance(each, CompositeIs)} == {
        "code-value-quantity",
        "component-code-value-quantity",
    }
    names = {part.parameter for each in composites for part in each.parts if isinstance(part, TokenIs)}
    assert names == {"code-value-quantity$1", "component-code-value-quantity$1"}


def test_what_is_missing_is_in_no_part():
    """Not the one lacking or the other; present is either."""
    assert where("Observation", "combo-code:missing", "false") == (
        Missing("code", False),
        Missing("component-code", False),
    )
    assert where("Observation", "combo-code:missing", "true") == (
        Not((Missing("code", False), Missing("component-code", False))),
    )
    (refused,) = where("Observation", "combo-code:not", "a")
    assert isinstance(refused, Not)
    assert {each.parameter for each in refused.clause} == {"code", "component-code"}


def test_on_several_types_each_is_asked_in_its_own_way():
    """``phonetic`` is made of ``name`` on a Patient, not on an Organization."""
    found = parse.search(None, [("_type", "Organization,Patient"), ("phonetic", "zhou")], CONTEXT).query.where[0]
    assert set(found) == {
        AllOf(((OfType("Organization"),), (StringIs("phonetic", "starts", "zhou"),))),
        AllOf(((OfType("Patient"),), (StringIs("name", "starts", "zhou"),))),
    }


def test_a_filter_compares_the_parts():
    """Strings are compared by the filter itself."""
    assert where("Patient", "_filter", "phonetic ew zhou") == (StringIs("name", "ends", "zhou"),)
