"""The keys under which a record meets those it may belong to: 64-bit numbers, a dozen a record."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b

from countyfhir.identity.features import Features, births_of
from countyfhir.identity.names import Name


def keys_of(features: Features) -> tuple[int, ...]:
    """Distinct signed 64-bit numbers under which a record is found."""
    return tuple(sorted({_number(text) for text in (*_texts(features), *_years(features))}))


@lru_cache(maxsize=4096)
def followed_of(features: Features) -> tuple[int, ...]:
    """Those under which it looks for others: of two records of one person at least one is found under a key that the
    other follows. A whole birth date does not look among all namesakes of the year, of whom there are more the larger
    the county is: only among those who have no whole one."""
    return tuple(sorted({_number(text) for text in (*_texts(features), *_years(features, looked_for=True))}))


def _years(features: Features, *, looked_for: bool = False) -> Iterator[str]:
    dates = births_of(features)
    whole = any(len(date) == 10 for date in dates)
    for name in features.names:
        sound = name.sound.replace(" ", "")
        for date in dates:
            if looked_for or not whole:
                yield f"yp {sound} {date[:4]}"
            if not (looked_for and whole):
                yield f"yw {sound} {date[:4]}"


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


def _texts(features: Features) -> Iterator[str]:
    for number in features.national:
        yield f"n {number}"
    for number in features.archive:
        yield f"a {number}"
    for system, value in features.identifiers:
        yield f"i {system} {value}"
    dates = births_of(features)
    for date in dates:
        for phone in features.phones:
            yield f"pb {phone} {date}"
    for name in features.names:
        yield from _of_name(name, features, dates)


def _of_name(name: Name, features: Features, dates: tuple[str, ...]) -> Iterator[str]:
    sound = name.sound.replace(" ", "")
    surname = " ".join(name.sound.split()[: name.family]) if name.family else sound[:3]
    for phone in features.phones:
        yield f"sp {sound} {phone}"
    for phone in features.contact_phones:
        yield f"sc {sound} {phone}"
    for date in dates:
        if len(date) >= 7:
            yield f"sm {sound} {date[:7]}"
        if len(date) == 10:
            yield f"sd {sound} {''.join(sorted(date))}"  # any two figures swapped
            yield f"bf {date} {surname} {features.sex}"  # another given name
    for _, village, house in features.places:
        if village or house:
            yield f"sv {sound} {village or house}"  # one of them may not name the town
