"""Decimals as bytes that sort as the numbers do, without a float between (R4 datatypes: decimal; DESIGN decision 6).

Layout: one byte of sign and class, the decimal exponent (2 bytes, 10 for the absurd), then pairs of digits. Equal
numbers of different precision (``1.0`` and ``1.00``) have one key. A negative number is the complement of its
absolute value's key.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

_ZERO = b"\x80"
_BIAS = 0x8000
_FAR = 0x7F00
_COMPLEMENT = bytes(255 - byte for byte in range(256))


@lru_cache(maxsize=16_384)
def encode(number: Decimal | int) -> bytes:
    """The key of a finite number. Keys compare bytewise as the numbers compare; ValueError for NaN and infinities."""
    sign, digits, exponent = Decimal(number).as_tuple()
    if not isinstance(exponent, int):
        raise ValueError("only finite numbers have a key")
    text = "".join(map(str, digits)).lstrip("0")
    if not text:
        return _ZERO
    magnitude = b"\xc0" + _exponent(len(text) + exponent) + _pairs(text.rstrip("0"))
    return magnitude.translate(_COMPLEMENT) + b"\xff" if sign else magnitude


def decode(key: bytes) -> float:
    """The number of a key, as near as a float comes."""
    if key == _ZERO:
        return 0.0
    negative = key[0] < _ZERO[0]
    magnitude = key[:-1].translate(_COMPLEMENT) if negative else key
    power = int.from_bytes(magnitude[1:3], "big") - _BIAS
    digits = "".join(f"{byte - 1:02d}" for byte in magnitude[3:])
    return float(f"{'-' if negative else ''}0.{digits}e{power}")


def _exponent(power: int) -> bytes:
    """The place of the first digit; beyond two bytes an escape keeps the order."""
    if -_FAR <= power <= _FAR:
        return (power + _BIAS).to_bytes(2, "big")
    escape = b"\xff\xff" if power > 0 else b"\x00\x00"
    return escape + (power + 2**63).to_bytes(8, "big")


def _pairs(text: str) -> bytes:
    """Two digits a byte, 1 to 100; a shorter text that begins the same sorts first."""
    if len(text) % 2:
        text += "0"
    return bytes(int(text[place : place + 2]) + 1 for place in range(0, len(text), 2))
