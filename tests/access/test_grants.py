"""Scopes become a Grant: several are alternatives, patient/ is the Patient compartment, nothing understood grants
nothing."""

from __future__ import annotations

from collections.abc import Callable

from countyfhir.access.grants import NOTHING, ScopedGrant, Vocabulary, compiler, for_letter
from countyfhir.exchange import ALL, LOCAL, Grant, Principal
from countyfhir.search.query import InCompartment, TokenIs

GrantOf = Callable[..., Grant]


def test_everything_on_everything_is_the_grant_of_the_program(vocabulary: Vocabulary, grant_of: GrantOf) -> None:
    """system/*.cruds, also in parts, is not narrowed at all."""
    assert compiler(vocabulary)(LOCAL) is ALL
    assert grant_of("user/*.cud", "system/*.rs") is ALL
    assert grant_of("user/*.crud") is not ALL


def test_letters_are_granted_by_type(grant_of: GrantOf) -> None:
    """What no scope names is not granted."""
    grant = grant_of("system/Patient.rs", "user/Observation.c", "openid")
    assert grant.may("r", "Patient")
    assert grant.may("s", "Patient")
    assert not grant.may("c", "Patient")
    assert grant.may("c", "Observation")
    assert not grant.may("r", "Observation")
    assert not grant.may("r", "Encounter")
    assert grant.narrowed("Patient") is None


def test_no_scope_grants_nothing(grant_of: GrantOf) -> None:
    """Default deny."""
    assert not any(grant_of().may(letter, "Patient") for letter in "cruds")


def test_patient_scopes_narrow_to_the_compartment(grant_of: GrantOf) -> None:
    """The parameters come from the CompartmentDefinition; the Patient is in its own compartment."""
    grant = grant_of("patient/Observation.rs", "patient/Patient.r", patient="7")
    assert grant.narrowed("Observation") == (((InCompartment("Patient", "7", ("subject", "performer")),),),)
    assert grant.narrowed("Patient") == (((InCompartment("Patient", "7", ("link",)),),),)


def test_patient_wildcard_covers_the_compartment_only(grant_of: GrantOf) -> None:
    """Types outside of the compartment are not granted by patient/*; every type inside is narrowed."""
    grant = grant_of("patient/*.rs", patient="7")
    assert grant.may("r", "Condition")
    assert grant.narrowed("Condition")
    assert not grant.may("r", "Practitioner")
    assert not grant.may("s", "Group") or grant.narrowed("Group")
    assert "*" not in grant.permissions


def test_patient_scope_on_a_shared_type_reads_only(grant_of: GrantOf) -> None:
    """patient/Practitioner.cruds gives reading and searching; a type with patients' data outside the compartment
    nothing."""
    grant = grant_of("patient/Practitioner.cruds", "patient/Device.rs", "patient/AuditEvent.r", patient="7")
    assert grant.permissions["Practitioner"] == frozenset("rs")
    assert not grant.may("r", "Device")
    assert grant.narrowed("AuditEvent") == (((InCompartment("Patient", "7", ("patient",)),),),)


def test_patient_scope_without_patient_grants_nothing(grant_of: GrantOf) -> None:
    """Without a patient in context there is nobody to narrow to."""
    assert not grant_of("patient/*.cruds").permissions


def test_search_parameters_narrow(grant_of: GrantOf) -> None:
    """Parameters of a scope are conditions; with patient/ they come in addition to the compartment."""
    laboratory = (TokenIs("category", None, "laboratory"),)
    assert grant_of("system/Observation.rs?category=laboratory").narrowed("Observation") == ((laboratory,),)
    narrowed = grant_of("patient/Observation.rs?category=laboratory", patient="7").narrowed("Observation")
    assert narrowed == (((InCompartment("Patient", "7", ("subject", "performer")),), laboratory),)


def test_several_scopes_on_a_type_are_alternatives(grant_of: GrantOf) -> None:
    """Two narrowed scopes show what either shows; one that is not narrowed shows everything."""
    first, second = "system/Observation.rs?category=laboratory", "system/Observation.rs?category=vital-signs"
    assert len(grant_of(first, second).narrowed("Observation") or ()) == 2
    assert grant_of(first, second, "system/Observation.rs").narrowed("Observation") is None
    assert grant_of(first, "system/*.rs").narrowed("Observation") is None


def test_a_narrow_scope_for_one_letter_does_not_widen_another(grant_of: GrantOf) -> None:
    """Reading all and writing some: the exact narrowing is per letter, the common one holds for every letter."""
    grant = grant_of("system/Observation.rs", "system/Observation.cu?category=laboratory")
    laboratory = (((TokenIs("category", None, "laboratory"),),),)
    assert for_letter(grant, "r").narrowed("Observation") is None
    assert for_letter(grant, "u").narrowed("Observation") == laboratory
    assert grant.narrowed("Observation") == laboratory
    assert for_letter(grant, "u").digest == grant.digest


def test_disjoint_letters_join_to_both_conditions(grant_of: GrantOf) -> None:
    """The common narrowing of reading laboratory and changing vital signs is a resource that is both."""
    grant = grant_of("system/Observation.r?category=laboratory", "system/Observation.u?category=vital-signs")
    assert [len(alternative) for alternative in grant.narrowed("Observation") or ()] == [2]


def test_too_many_combinations_show_nothing(grant_of: GrantOf) -> None:
    """Where the common narrowing would explode it hides everything; that of each letter stays exact."""
    scopes = [f"system/Observation.{letter}?category={letter}{number}" for letter in "cruds" for number in range(4)]
    grant = grant_of(*scopes)
    assert grant.narrowed("Observation") == ((NOTHING,),)
    assert len(for_letter(grant, "r").narrowed("Observation") or ()) == 4


def test_narrowed_wildcard_is_spelled_out(grant_of: GrantOf) -> None:
    """user/*.rs?category=x covers the types that have the parameter, each narrowed, and no other."""
    grant = grant_of("user/*.rs?category=laboratory")
    assert grant.narrowed("Observation")
    assert not grant.may("r", "Patient")
    assert all(grant.narrowed(resource_type) for resource_type in grant.permissions)


def test_scopes_that_are_not_understood_grant_nothing_and_are_kept(grant_of: GrantOf) -> None:
    """A misspelled parameter does not turn into a scope without it."""
    grant = grant_of("system/Observation.rs?categroy=laboratory", "system/Pateint.rs", "system/Patient.sr")
    assert not grant.permissions
    assert isinstance(grant, ScopedGrant)
    assert len(grant.ignored) == 3


def test_the_digest_is_that_of_the_rights(grant_of: GrantOf) -> None:
    """Order and doubles do not matter; the patient does where patient/ scopes are granted, and only there."""
    first = grant_of("system/Patient.rs", "user/Observation.r").digest
    assert first == grant_of("user/Observation.r", "system/Patient.rs", "system/Patient.rs").digest
    assert first == grant_of("user/Observation.r", "system/Patient.rs", patient="7").digest
    assert first != grant_of("user/Observation.r").digest
    assert grant_of("patient/*.rs", patient="7").digest != grant_of("patient/*.rs", patient="8").digest


def test_a_grant_is_compiled_once(vocabulary: Vocabulary) -> None:
    """Equal principals share their grant; no more than a bounded number are kept."""
    grants = compiler(vocabulary)
    assert grants(Principal("a", scopes=("system/Patient.r",))) is grants(Principal("a", scopes=("system/Patient.r",)))
