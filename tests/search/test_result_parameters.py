"""Result parameters shape the answer: sorting, includes, counts, totals, elements, the self link."""

from urllib.parse import parse_qsl

import pytest

from countyfhir.outcome import FhirError
from countyfhir.search import parse
from countyfhir.search.query import Contained, Include, Sort

from .facts import CONTEXT


def searched(path, lenient=False):
    """``Patient?_sort=x`` parsed."""
    resource_type, _, text = path.partition("?")
    return parse.search(resource_type, parse_qsl(text, keep_blank_values=True), CONTEXT, lenient=lenient)


@pytest.mark.parametrize(
    ("text", "sort"),
    [
        ("-birthdate,_id", (Sort("birthdate", "date", True), Sort("_id", "token"))),
        ("_lastUpdated", (Sort("_lastUpdated", "date"),)),
        ("name", (Sort("name:sort", "string"),)),
        ("-family,address-city", (Sort("family:sort", "string", True), Sort("address-city", "string"))),
        ("organization,gender", (Sort("organization", "reference"), Sort("gender", "token"))),
    ],
)
def test_sort_keys(text, sort):
    """Several keys, descending by -, human names by their pinyin."""
    assert searched(f"Patient?_sort={text}").query.sort == sort


@pytest.mark.parametrize(
    ("text", "includes"),
    [
        ("_include=Patient:organization", (Include("Patient", "organization"),)),
        (
            "_include=Patient:general-practitioner:Organization",
            (Include("Patient", "general-practitioner", "Organization"),),
        ),
        ("_include:iterate=Organization:partof", (Include("Organization", "partof", iterate=True),)),
        ("_include=*", (Include("Patient", "*"),)),
        ("_include=Patient:*", (Include("Patient", "*"),)),
        ("_revinclude=Observation:subject:Patient", (Include("Observation", "subject", "Patient", reverse=True),)),
        ("_revinclude=*", (Include("*", "*", reverse=True),)),
        ("_revinclude:iterate=Provenance:target", (Include("Provenance", "target", reverse=True, iterate=True),)),
        ("_include=Patient:link&_include=Patient:link", (Include("Patient", "link"),)),
    ],
)
def test_includes(text, includes):
    """Forward, reverse, iterated, by target type, wildcards; each once."""
    assert searched(f"Patient?{text}").query.includes == includes


@pytest.mark.parametrize(
    ("text", "count", "total"),
    [
        ("", 20, "none"),
        ("_count=5", 5, "none"),
        ("_count=100000", 100, "none"),
        ("_count=0", 0, "accurate"),
        ("_summary=count", 0, "accurate"),
        ("_total=estimate", 20, "estimate"),
        ("_count=0&_total=estimate", 0, "accurate"),
    ],
)
def test_counts_and_totals(text, count, total):
    """_count is limited, 0 and _summary=count ask for the number only."""
    query = searched(f"Patient?{text}").query
    assert (query.count, query.total) == (count, total)


def test_the_shape_of_the_answer():
    """_summary, _elements (several times, qualified), _pretty, _format and _cursor are handed on."""
    parsed = searched(
        "Observation?_elements=status,code&_elements=Observation.value&_pretty=true&_format=xml&_cursor=abc"
    )
    assert parsed.elements == ("status", "code", "Observation.value")
    assert (parsed.pretty, parsed.format, parsed.cursor, parsed.summary) == (True, "xml", "abc", "false")
    assert searched("Patient?_summary=data").summary == "data"


def test_the_self_link_shows_what_was_searched():
    """The limited count, not the asked one; nothing that was ignored; order kept."""
    parsed = searched("Patient?name=x&foo=1&_count=1000&_sort=-_id", lenient=True)
    assert parsed.applied == (("name", "x"), ("_count", "100"), ("_sort", "-_id"))


def test_the_digest_follows_the_search_and_not_its_form():
    """Pages of one search share it whatever the format and the cursor; another value changes it."""
    plain = searched("Patient?name=x").digest
    assert searched("Patient?name=x&_format=xml&_pretty=true&_cursor=a").digest == plain
    assert len({plain, searched("Patient?name=y").digest, searched("Practitioner?name=x").digest}) == 3


def test_contained_resources_are_not_matches():
    """_contained=false, the default, changes nothing; true and both ask every type for what it contains."""
    assert searched("Patient?_contained=false&name=x").query == searched("Patient?name=x").query
    for mode in ("true", "both"):
        asked = searched(f"Patient?name=x&_contained={mode}")
        assert asked.within == mode
        assert len(asked.query.resource_types) == 145
        assert asked.query.where[-1][-1] == Contained("Patient", searched("Patient?name=x").query.where)
        assert searched(f"Patient?_contained={mode}&_containedType=container").within is None
    for text in ("_contained=yes", "_containedType=both", "_contained=true&_sort=name"):
        with pytest.raises(FhirError):
            searched(f"Patient?{text}")
