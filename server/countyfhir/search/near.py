"""``near`` of Location: positions within a distance of a point (R4 page Location, "Positional searching")."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation

from countyfhir.search import decimal_key
from countyfhir.search.escapes import split, unescape
from countyfhir.search.query import Near
from countyfhir.search.refusals import malformed
from countyfhir.terminology.ucum import canonical

EARTH = 6_371_008.8
"""The mean radius of the Earth in metres (IUGG)."""
DEFAULT = ("10", "km")
"""How near is near when no distance is said."""

_ROUNDING = 1e-9
_WRITTEN = "it is written latitude|longitude|distance|unit in degrees and a UCUM unit of length (km when left out)"

Range = tuple[float, float]


def near(text: str, parameter: str) -> Near:
    """The predicate of ``latitude|longitude[|distance[|unit]]``; FhirError 400 when it is malformed."""
    parts = [unescape(part) for part in split(text, "|")]
    if not 2 <= len(parts) <= 4:
        raise malformed(parameter, _WRITTEN)
    latitude, longitude = (_degrees(part, most, parameter) for part, most in zip(parts, (90, 180), strict=False))
    distance, unit = (part or default for part, default in zip([*parts[2:], "", ""], DEFAULT, strict=False))
    metres = _metres(distance, unit, parameter)
    latitudes, longitudes = box(latitude, longitude, metres)
    return Near(parameter, latitude, longitude, metres, _keys(latitudes), tuple(map(_keys, longitudes)))


def _number(text: str, parameter: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise malformed(parameter, _WRITTEN) from None
    if not number.is_finite() or abs(number.adjusted()) > 20 or "_" in text:
        raise malformed(parameter, _WRITTEN)
    return number


def _degrees(text: str, most: int, parameter: str) -> float:
    number = _number(text, parameter)
    if abs(number) > most:
        raise malformed(parameter, "latitudes lie between -90 and 90 degrees, longitudes between -180 and 180")
    return float(number)


def _metres(distance: str, unit: str, parameter: str) -> float:
    reduced = canonical(_number(distance, parameter), unit)
    if reduced is None or reduced[1] != "m" or reduced[0] < 0:
        raise malformed(parameter, _WRITTEN)
    return float(reduced[0])


def _keys(bounds: Range) -> tuple[bytes, bytes]:
    low, high = (decimal_key.encode(Decimal(repr(bound))) for bound in bounds)
    return low, high


def box(latitude: float, longitude: float, metres: float) -> tuple[Range, tuple[Range, ...]]:
    """The latitudes, and the one or two ranges of longitudes, outside of which nothing is so near."""
    angle = metres / EARTH
    reach = math.degrees(angle) + _ROUNDING
    latitudes = (max(-90.0, latitude - reach), min(90.0, latitude + reach))
    if angle >= math.pi / 2 or latitudes[0] <= -90 or latitudes[1] >= 90:
        return latitudes, ((-180.0, 180.0),)
    aside = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(latitude))))) + _ROUNDING
    west, east = longitude - aside, longitude + aside
    if west < -180:
        return latitudes, ((-180.0, east), (west + 360, 180.0))
    if east > 180:
        return latitudes, ((west, 180.0), (-180.0, east - 360))
    return latitudes, ((west, east),)


def is_within(latitude_key: bytes, longitude_key: bytes, latitude: float, longitude: float, metres: float) -> bool:
    """Whether the position of an index entry is at most so many metres away along a great circle."""
    here, there = math.radians(latitude), math.radians(decimal_key.decode(latitude_key))
    aside = math.radians(decimal_key.decode(longitude_key) - longitude)
    half = math.sin((there - here) / 2) ** 2 + math.cos(here) * math.cos(there) * math.sin(aside / 2) ** 2
    return 2 * EARTH * math.asin(min(1.0, math.sqrt(half))) <= metres
