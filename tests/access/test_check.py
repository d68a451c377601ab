"""Every interaction needs its letter; bundles are checked entry by entry; recorded AuditEvents do not change."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from countyfhir.access.check import check, granted_types, may_include, refusals
from countyfhir.audit import event
from countyfhir.exchange import ALL, Grant, Interaction, Preconditions, Principal
from countyfhir.outcome import FhirError
from countyfhir.search.query import TokenIs

GrantOf = Callable[..., Grant]

NEEDED = {
    "read": "r",
    "vread": "r",
    "history-instance": "r",
    "create": "c",
    "update": "u",
    "patch": "u",
    "delete": "d",
    "search-type": "s",
    "search-compartment": "s",
    "history-type": "s",
}


def asked(
    kind: str, resource_type: str | None = "Patient", logical_id: str | None = "1", **more: object
) -> Interaction:
    """An interaction of a token of the organization town."""
    principal = Principal("tester", "token", "town")
    return Interaction(kind, resource_type, logical_id, principal=principal, **more)  # type: ignore[arg-type]


def refused(interaction: Interaction, grant: Grant) -> FhirError:
    """The error of an interaction that is not granted."""
    with pytest.raises(FhirError) as caught:
        check(interaction, grant)
    return caught.value


@pytest.mark.parametrize(("kind", "letter"), NEEDED.items())
def test_an_interaction_needs_its_letter_and_no_other(kind: str, letter: str, grant_of: GrantOf) -> None:
    """The letter on the type grants it; all other letters, and the letter on another type, do not."""
    check(asked(kind), grant_of(f"system/Patient.{letter}"))
    others = "".join(other for other in "cruds" if other != letter)
    for scopes in (f"system/Patient.{others}", f"system/Encounter.{letter}"):
        error = refused(asked(kind), grant_of(scopes))
        assert (error.status, error.issues[0].code) == (403, "forbidden")
        assert f"system/Patient.{letter} is missing" in error.issues[0].diagnostics


@pytest.mark.parametrize("kind", ["capabilities", "batch", "transaction"])
def test_open_interactions_need_nothing(kind: str, grant_of: GrantOf) -> None:
    """Whoever is known may ask what the server can do and send a bundle (whose entries are checked)."""
    check(asked(kind, None, None), grant_of())


def test_an_unknown_interaction_is_refused() -> None:
    """Default deny: also with every right."""
    assert refused(asked("teleport"), ALL).status == 403


def test_system_search_needs_the_named_types(grant_of: GrantOf) -> None:
    """With _type the search right on each, without it on every type."""
    grant = grant_of("system/Patient.rs", "system/Observation.rs")
    check(asked("search-system", None, None, query=(("_type", "Patient,Observation"),)), grant)
    assert refused(asked("search-system", None, None, query=(("_type", "Patient,Encounter"),)), grant).status == 403
    assert "_type" in refused(asked("search-system", None, None), grant).issues[0].diagnostics
    check(asked("search-system", None, None), grant_of("system/*.s"))


def test_system_history_shows_the_granted_types(grant_of: GrantOf) -> None:
    """It is granted with the search right on some type; granted_types says on which."""
    grant = grant_of("system/Patient.s", "system/Observation.r")
    check(asked("history-system", None, None), grant)
    assert granted_types(grant, "s") == {"Patient"}
    assert granted_types(ALL, "s") is None
    assert refused(asked("history-system", None, None), grant_of("system/Patient.r")).status == 403


@pytest.mark.parametrize("kind", ["update", "patch", "delete"])
def test_criteria_of_conditional_writes_need_the_search_right(kind: str, grant_of: GrantOf) -> None:
    """Whether something matches is told by the answer, so it must be granted to search."""
    conditional = asked(kind, "Patient", None, query=(("identifier", "x|1"),))
    letter = NEEDED[kind]
    assert "Patient.s" in refused(conditional, grant_of(f"system/Patient.{letter}")).issues[0].diagnostics
    check(conditional, grant_of(f"system/Patient.{letter}", "system/Patient.s"))


def test_conditional_create_needs_the_search_right(grant_of: GrantOf) -> None:
    """If-None-Exist is a search, too."""
    conditional = asked("create", "Patient", None, preconditions=Preconditions(if_none_exist="identifier=x|1"))
    assert refused(conditional, grant_of("system/Patient.c")).status == 403
    check(conditional, grant_of("system/Patient.cs"))


def test_check_gives_the_narrowing_of_the_letter(grant_of: GrantOf) -> None:
    """The door goes on with what was granted for this interaction."""
    grant = grant_of("system/Observation.rs", "system/Observation.u?category=laboratory")
    assert check(asked("read", "Observation"), grant).narrowed("Observation") is None
    assert check(asked("update", "Observation"), grant).narrowed("Observation") == (
        ((TokenIs("category", None, "laboratory"),),),
    )


@pytest.mark.parametrize("kind", ["update", "patch", "delete"])
def test_recorded_audit_events_do_not_change(kind: str) -> None:
    """405 for everybody, whatever the rights; AuditEvents of clients are resources like others."""
    error = refused(asked(kind, "AuditEvent", event.id_of(12)), ALL)
    assert (error.status, error.headers["Allow"]) == (405, "GET, HEAD")
    check(asked(kind, "AuditEvent", "example"), ALL)


@pytest.mark.parametrize(
    ("resource", "place"),
    [
        (
            {"resourceType": "Provenance", "agent": [{}, {"onBehalfOf": {"reference": "Organization/county"}}]},
            "Provenance.agent[1].onBehalfOf",
        ),
        (
            {
                "resourceType": "Provenance",
                "agent": [{"onBehalfOf": {"type": "Organization", "identifier": {"value": "county"}}}],
            },
            "Provenance.agent[0].onBehalfOf",
        ),
        (
            {
                "resourceType": "AuditEvent",
                "source": {"observer": {"reference": "http://a.example/fhir/Organization/county/_history/2"}},
            },
            "AuditEvent.source.observer",
        ),
    ],
)
def test_writing_for_another_organization_is_refused(resource: dict[str, object], place: str) -> None:
    """A Provenance or AuditEvent names the organization of the token, or none."""
    error = refused(asked("create", str(resource["resourceType"]), None, body=resource), ALL)
    assert error.status == 403
    assert error.issues[0].expression == (place,)


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Organization/town"},
        {"reference": "http://a.example/fhir/Organization/town"},
        {"reference": "Organization/9", "identifier": {"system": "urn:codes", "value": "town"}},
        {"reference": "Practitioner/county"},
        {"display": "somebody"},
        "Organization/county",
        None,
    ],
)
def test_writing_for_the_own_organization_is_allowed(reference: object) -> None:
    """By id or by identifier; what is no Organization, or no Reference at all, is not this rule's concern."""
    body = {"resourceType": "Provenance", "agent": [{"onBehalfOf": reference}]}
    check(asked("create", "Provenance", None, body=body), ALL)


def test_the_local_caller_writes_for_every_organization() -> None:
    """The rule binds keys and tokens; the program itself takes in what others wrote."""
    body = {"resourceType": "Provenance", "agent": [{"onBehalfOf": {"reference": "Organization/county"}}]}
    check(Interaction("create", "Provenance", body=body), ALL)


def test_refused_entries_of_a_bundle_name_their_place(grant_of: GrantOf) -> None:
    """Each entry is checked by itself; the issue's expression says which one is meant."""
    provenance = {"resourceType": "Provenance", "agent": [{"onBehalfOf": {"reference": "Organization/county"}}]}
    entries = [
        asked("read"),
        asked("delete"),
        asked("create", "Provenance", None, body=provenance),
        asked("search-type"),
    ]
    found = refusals(entries, grant_of("system/Patient.rs", "system/Provenance.c"))
    assert {index: error.issues[0].expression for index, error in found.items()} == {
        1: ("Bundle.entry[1]",),
        2: ("Bundle.entry[2].resource.agent[0].onBehalfOf",),
    }


def test_included_types_need_read_or_search(grant_of: GrantOf) -> None:
    """Either letter lets a resource come along; write rights do not."""
    grant = grant_of("system/Patient.r", "system/Encounter.s", "system/Observation.cud")
    assert [may_include(grant, name) for name in ("Patient", "Encounter", "Observation", "Group")] == [
        True,
        True,
        False,
        False,
    ]


def test_the_refusal_says_when_scopes_were_not_understood(grant_of: GrantOf) -> None:
    """So that a misspelled scope can be found."""
    assert "1 of the scopes" in refused(asked("read"), grant_of("system/Patient.sr")).issues[0].diagnostics
