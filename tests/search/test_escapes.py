r"""Search values are split and unescaped as R4 section 3.1.1.4.1 says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countyfhir.search.escapes import escape, split, unescape

TEXTS = st.text(alphabet=st.sampled_from("a|,$\\ 中"), max_size=12)


@pytest.mark.parametrize(
    ("text", "separator", "parts"),
    [
        ("a,b", ",", ["a", "b"]),
        (r"a\,b", ",", ["a,b"]),
        (r"a\\,b", ",", ["a\\", "b"]),
        (r"a\\\,b", ",", ["a\\,b"]),
        (r"http://s|a\|b", "|", ["http://s", "a|b"]),
        (r"x$y\$z", "$", ["x", "y$z"]),
        ("", ",", [""]),
        (",", ",", ["", ""]),
        ("a\\", ",", ["a\\"]),
        (r"C:\temp", ",", ["C:\\temp"]),
    ],
)
def test_separators_split_unless_escaped(text, separator, parts):
    """A separator behind a backslash belongs to the value; two backslashes are one."""
    assert [unescape(part) for part in split(text, separator)] == parts


@given(st.lists(TEXTS, min_size=1, max_size=5), st.sampled_from(",|$"))
def test_escaped_values_come_back(values, separator):
    """Whatever the values hold, joining them escaped and splitting again gives the same values."""
    assert [unescape(part) for part in split(separator.join(map(escape, values)), separator)] == values
