"""Resources are in the compartments that R4's CompartmentDefinitions say."""

import pytest

from .facts import CONTEXT, entries

COMPARTMENTS = CONTEXT.indexer().compartments


@pytest.mark.parametrize(
    ("resource", "memberships"),
    [
        ({"resourceType": "Patient", "id": "p"}, {("Patient", "p")}),
        (
            {"resourceType": "Patient", "id": "p", "link": [{"other": {"reference": "Patient/q"}}]},
            {("Patient", "p"), ("Patient", "q")},
        ),
        (
            {
                "resourceType": "Observation",
                "id": "o",
                "subject": {"reference": "Patient/p"},
                "encounter": {"reference": "Encounter/e"},
                "performer": [{"reference": "Practitioner/d"}, {"reference": "Organization/x"}],
                "device": {"reference": "Device/v"},
            },
            {("Patient", "p"), ("Encounter", "e"), ("Practitioner", "d"), ("Device", "v")},
        ),
        (
            {"resourceType": "Encounter", "id": "e", "subject": {"reference": "Patient/p"}},
            {("Encounter", "e"), ("Patient", "p")},
        ),
        ({"resourceType": "Group", "id": "g", "member": [{"entity": {"reference": "Patient/p"}}]}, {("Patient", "p")}),
        ({"resourceType": "Organization", "id": "x", "partOf": {"reference": "Organization/y"}}, set()),
    ],
)
def test_membership_entries(resource, memberships):
    """The entries under _compartment name every compartment, the resource's own included."""
    assert set(entries(resource, "_compartment")) == memberships


@pytest.mark.parametrize(
    ("resource", "patient"),
    [
        ({"resourceType": "Patient", "id": "p", "link": [{"other": {"reference": "Patient/q"}}]}, "p"),
        (
            {
                "resourceType": "Observation",
                "performer": [{"reference": "Patient/q"}],
                "subject": {"reference": "Patient/p"},
            },
            "p",
        ),
        ({"resourceType": "Observation", "performer": [{"reference": "Patient/q"}]}, "q"),
        ({"resourceType": "Observation", "subject": {"reference": "Group/g"}}, None),
        ({"resourceType": "Coverage", "beneficiary": {"reference": "Patient/p"}}, "p"),
        ({"resourceType": "Medication", "id": "m"}, None),
    ],
)
def test_the_first_patient(resource, patient):
    """A Patient's own id; else the first patient in the order of the compartment's parameters."""
    assert COMPARTMENTS.patient(resource) == patient


def test_types_of_a_compartment():
    """66 types may be in the Patient compartment, the Patient itself among them, Medication not."""
    types = COMPARTMENTS.types_in("Patient")
    assert len(types) == 66
    assert {"Patient", "Observation"} <= set(types)
    assert "Medication" not in types
