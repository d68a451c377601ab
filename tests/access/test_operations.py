"""Operations are granted by their entry in the table; what is not listed is for administrators."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from countyfhir.access.check import check
from countyfhir.access.operations import NEEDS, Need
from countyfhir.exchange import Grant, Interaction
from countyfhir.model.definitions import definitions
from countyfhir.outcome import FhirError

GrantOf = Callable[..., Grant]


def called(operation: str, resource_type: str | None = None, logical_id: str | None = None) -> Interaction:
    """A call of an operation."""
    return Interaction("operation", resource_type, logical_id, operation=operation)


@pytest.mark.parametrize(
    ("interaction", "enough", "too_little"),
    [
        (called("$everything", "Patient", "1"), "system/Patient.r", "system/Patient.s"),
        (called("$everything", "Patient"), "system/Patient.rs", "system/Patient.r"),
        (called("$meta-add", "Patient", "1"), "system/Patient.u", "system/Patient.rs"),
        (called("$meta"), "system/*.r", "system/Patient.r"),
        (called("$validate", "Patient", "1"), "system/Patient.r", "system/Observation.r"),
        (called("$expand", "ValueSet"), "user/ValueSet.r", "user/CodeSystem.r"),
        (called("$purge", "Patient", "1"), "system/*.cruds", "system/Patient.cruds"),
        (called("$made-up", "Patient"), "system/*.cruds", "system/Patient.cruds"),
    ],
)
def test_what_operations_need(interaction: Interaction, enough: str, too_little: str, grant_of: GrantOf) -> None:
    """On an instance, on a type, on the system; an unknown operation needs every letter on every type."""
    check(interaction, grant_of(enough))
    with pytest.raises(FhirError) as caught:
        check(interaction, grant_of(too_little))
    assert caught.value.status == 403


def test_validation_of_a_sent_resource_needs_nothing(grant_of: GrantOf) -> None:
    """It shows nothing that is stored."""
    check(called("$validate", "Patient"), grant_of())


def test_an_operation_brings_its_own_entry(grant_of: GrantOf) -> None:
    """What an operation's file says goes before the table."""
    check(called("$made-up", "Patient"), grant_of("system/Patient.s"), {"$made-up": Need("s")})


def test_every_operation_of_r4_is_listed() -> None:
    """No operation of the specification is left to the default."""
    assert {f"${operation['code']}" for operation in definitions().operations.values()} <= set(NEEDS)
