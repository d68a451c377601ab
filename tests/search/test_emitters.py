"""Entries under the names of parameters, remembered or not."""

from decimal import Decimal

import pytest

from countyfhir.search.elements import TEXT
from countyfhir.search.emitters import MOST_KEPT, emitter
from countyfhir.search.entries import STRING, TOKEN
from countyfhir.search.walk import Sink


def read(element):
    """A fact of the element as it is, and one with a suffix."""
    return [(TOKEN, "", ("", str(element))), (STRING, TEXT, ("t", "T"))]


TABLES = ({"": "code", TEXT: "code:text"}, {"": "combo"})


@pytest.mark.parametrize("type_name", ["code", "CodeableConcept", "HumanName"])
def test_each_fact_is_under_every_name_of_its_suffix(type_name):
    """Whether a type is remembered or not, at first sight and at the second, the entries are the same."""
    emit, element = emitter(read, type_name, TABLES), "a" if type_name == "code" else {"text": "a"}
    for part in (0, 0, 7, 7):
        sink = Sink({})
        emit(element, sink, part)
        assert sink == [
            (TOKEN, "code", part, "", str(element)),
            (TOKEN, "combo", part, "", str(element)),
            (STRING, "code:text", part, "t", "T"),
        ]


def test_what_is_equal_in_python_only_is_told_apart():
    """True and 1, 1.0 and 1.00 are different texts, so each is read."""
    emit = emitter(read, "Coding", TABLES[1:])
    sink = Sink({})
    for value in (True, 1, Decimal("1.0"), Decimal("1.00")):
        emit({"code": value}, sink, 0)
    assert len({entry[-1] for entry in sink}) == 4


def test_no_more_is_remembered_than_allowed():
    """Memory stays bounded: what does not fit any more is read anew."""
    seen = []
    emit = emitter(lambda element: [seen.append(element), (TOKEN, "", ("", element))][1:], "code", TABLES[1:])
    for _ in range(2):
        emit("first", Sink({}), 0)
    assert seen == ["first"]
    for number in range(MOST_KEPT + 1):
        emit(str(number), Sink({}), 0)
    emit("first", Sink({}), 0)
    assert seen[-1] == "first"
