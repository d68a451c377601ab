"""Cursors come back as they were made, and no others are taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countyfhir.outcome import FhirError
from countyfhir.search.cursor import decode, encode, query_digest

SECRET = b"0" * 32
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=20) | st.binary(max_size=20)
KEYS = st.lists(SCALARS | st.tuples(SCALARS, SCALARS), max_size=5).map(tuple)


@given(KEYS)
def test_keys_survive_the_journey(keys):
    """What was encoded is decoded, types and nesting included."""
    assert decode(encode(keys, SECRET, "query", "grant"), SECRET, "query", "grant") == keys


@pytest.mark.parametrize(
    "binding",
    [(b"1" * 32, "query", "grant"), (SECRET, "other", "grant"), (SECRET, "query", "other"), (SECRET, "quer", "ygrant")],
)
def test_a_cursor_is_bound_to_server_search_and_grant(binding):
    """Another secret, another search or another grant refuses it with 400."""
    text = encode(("a", 1), SECRET, "query", "grant")
    with pytest.raises(FhirError) as refused:
        decode(text, *binding)
    assert refused.value.status == 400


@given(st.integers(0, 200), st.sampled_from("ABCab01_-"))
def test_a_changed_character_is_noticed(place, letter):
    """Replacing any one character by another refuses the cursor."""
    text = encode(("王", 17, None, b"\x00"), SECRET, "query", "grant")
    place %= len(text)
    changed = text[:place] + letter + text[place + 1 :]
    if changed != text:
        with pytest.raises(FhirError):
            decode(changed, SECRET, "query", "grant")


@pytest.mark.parametrize("text", ["", "x", "====", "中文", "a" * 10_000, "AAAA\n"])
def test_arbitrary_text_is_refused(text):
    """Text that was never a cursor is a 400, not an exception."""
    with pytest.raises(FhirError):
        decode(text, SECRET, "query", "grant")


def test_the_digest_tells_searches_apart():
    """Order, repetition and boundaries of the parts count."""
    parts = [(("Patient",), (("a", "b"),)), (("Patient",), (("ab", ""),)), (("Patient",), (("a", "b"), ("a", "b"))), ()]
    assert len({query_digest(each) for each in parts}) == 4
