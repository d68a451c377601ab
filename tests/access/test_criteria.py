"""Chains, _has and includes reach only what is granted, narrowed as the grant says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from countyfhir.access.criteria import conjunction, narrow
from countyfhir.exchange import ALL, Grant
from countyfhir.outcome import FhirError
from countyfhir.search.query import (
    AllOf,
    Chain,
    Contained,
    Has,
    IdIs,
    Include,
    InCompartment,
    Not,
    Query,
    StringIs,
    TokenIs,
)

GrantOf = Callable[..., Grant]
NAMED = (StringIs("name", "starts", "li"),)


def test_a_chain_to_a_type_that_is_not_granted_is_refused(grant_of: GrantOf) -> None:
    """Its matches would tell what the caller may not see."""
    chained = Query(("Observation",), ((Chain("subject", "Patient", (NAMED,)),),))
    with pytest.raises(FhirError, match=r"system/Patient\.s is missing"):
        narrow(chained, grant_of("system/Observation.rs"))
    assert narrow(chained, grant_of("system/Observation.rs", "system/Patient.s")) is chained


def test_has_of_a_type_that_is_not_granted_is_refused(grant_of: GrantOf) -> None:
    """Also when it hides inside :not and a chain."""
    inner = (Has("Observation", "subject", ((TokenIs("code", None, "1"),),)),)
    query = Query(("Encounter",), ((Not((Chain("subject", "Patient", (inner,)),)),),))
    with pytest.raises(FhirError, match=r"Observation\.s is missing"):
        narrow(query, grant_of("system/Encounter.rs", "system/Patient.rs"))


def test_a_chain_looks_only_at_what_is_visible(grant_of: GrantOf) -> None:
    """The narrowing of the chained type joins the chain's own conditions."""
    grant = grant_of("system/Observation.rs", "patient/Patient.rs", patient="7")
    query = Query(("Observation",), ((Chain("subject", "Patient", (NAMED,)),),))
    (clause,) = narrow(query, grant).where
    assert clause == (Chain("subject", "Patient", (NAMED, (InCompartment("Patient", "7", ("link",)),))),)


def test_alternatives_become_one_conjunction() -> None:
    """(A and B) or C is (A or C) and (B or C)."""
    a, b, c = (IdIs((name,)) for name in "abc")
    assert conjunction((((a,), (b,)), ((c,),))) == ((a, c), (b, c))


@pytest.mark.parametrize(
    "include",
    [Include("Observation", "subject", "Patient"), Include("Provenance", "target", None, reverse=True)],
)
def test_a_named_include_that_is_not_granted_is_refused(include: Include, grant_of: GrantOf) -> None:
    """Rather than leaving it out without a word."""
    query = Query(("Observation",), includes=(include,))
    with pytest.raises(FhirError) as caught:
        narrow(query, grant_of("system/Observation.rs"))
    assert caught.value.status == 403
    assert narrow(query, ALL) is query


def test_an_include_of_any_type_is_left_to_the_store(grant_of: GrantOf) -> None:
    """It brings what is granted."""
    query = Query(("Observation",), includes=(Include("Observation", "subject"),))
    assert narrow(query, grant_of("system/Observation.rs")) is query


def test_a_chain_inside_of_a_filter_is_narrowed(grant_of: GrantOf) -> None:
    """Conjunctions (of _filter) and searches inside of containers hide no chain from the grant."""
    grant = grant_of("system/Observation.rs", "patient/Patient.rs", patient="7")
    inside = (NAMED, (InCompartment("Patient", "7", ("link",)),))
    chain = Chain("subject", "Patient", (NAMED,))
    query = Query(("Observation",), ((AllOf(((chain,),)),), (Contained("Observation", ((chain,),)),)))
    first, second = narrow(query, grant).where
    assert first == (AllOf(((Chain("subject", "Patient", inside),),)),)
    assert second == (Contained("Observation", ((Chain("subject", "Patient", inside),),)),)
