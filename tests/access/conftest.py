"""What the access tests share: the vocabulary of the real definitions and a store in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from countyfhir.access.grants import Alternative, Pairs, Vocabulary, compiler
from countyfhir.exchange import Grant, Principal
from countyfhir.model.definitions import definitions
from countyfhir.outcome import FhirError
from countyfhir.search.query import TokenIs


def token_clauses(resource_type: str, pairs: Pairs) -> Alternative:
    """Clauses of token parameters; stands for ``search.parse``, whose results are only passed on here."""
    known = definitions().search_parameters[resource_type]
    clauses = []
    for name, value in pairs:
        if name not in known:
            raise FhirError("invalid", f"{name} is not a parameter of {resource_type}")
        system, _, code = value.rpartition("|")
        clauses.append((TokenIs(name, system or None, code),))
    return tuple(clauses)


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    """The real types and the real Patient compartment."""
    defined = definitions()
    return Vocabulary(defined.resource_types, defined.compartments["Patient"], token_clauses)


@pytest.fixture
def grant_of(vocabulary: Vocabulary) -> Callable[..., Grant]:
    """Scopes (and the patient in context) -> Grant."""
    compiled = compiler(vocabulary)

    def compile_scopes(*scopes: str, patient: str | None = None) -> Grant:
        return compiled(Principal("tester", "token", "town", scopes=scopes, patient=patient))

    return compile_scopes


@pytest.fixture
def store_path(tmp_path: Path) -> Iterator[Path]:
    """Where a test's store lies."""
    return tmp_path / "store.sqlite"
