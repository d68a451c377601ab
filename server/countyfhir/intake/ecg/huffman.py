"""The default Huffman table of SCP-ECG (EN 1064 annex C: table 19999)."""

from __future__ import annotations

from countyfhir.intake.ecg.recording import Damaged

LONG_PREFIX = 10
BYTE_PREFIX = 9
"""0 is '0'; ±n (to 8) is n ones, a zero and the sign; nine ones and a zero go before 8 bits, ten ones before 16."""


def unpacked(data: bytes, count: int) -> list[int]:
    """The first ``count`` values; Damaged when the bits end before."""
    bits = f"{int.from_bytes(data):0{len(data) * 8}b}" if data else ""
    found: list[int] = []
    place = 0
    while len(found) < count:
        ones = 0
        while ones < LONG_PREFIX and bits[place + ones : place + ones + 1] == "1":
            ones += 1
        value, place = one_value(bits, place, ones)
        if place > len(bits):
            raise Damaged("ecg-damaged", "a packed lead ends early")
        found.append(value)
    return found


def one_value(bits: str, place: int, ones: int) -> tuple[int, int]:
    """The value that begins at ``place`` with so many ones, and where the next begins."""
    if ones == 0:
        return 0, place + 1
    if ones < BYTE_PREFIX:
        negative = bits[place + ones + 1 : place + ones + 2] == "1"
        return (-ones if negative else ones), place + ones + 2
    width = 16 if ones == LONG_PREFIX else 8
    start = place + LONG_PREFIX
    return signed(bits[start : start + width], width), start + width


def signed(bits: str, width: int) -> int:
    value = int(bits or "0", 2)
    return value - (1 << width) if value >> (width - 1) else value
