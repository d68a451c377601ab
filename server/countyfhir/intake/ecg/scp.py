"""SCP-ECG (EN 1064, ISO 11073-91064) as a recording: sections 1, 3, 6, 7 and 8; samples plain or by the default Huffman
table, with differences; beats that were subtracted and bimodal compression are not unfolded here."""

from __future__ import annotations

import binascii
import struct
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import accumulate
from typing import Any

from countyfhir.intake.ecg.huffman import unpacked
from countyfhir.intake.ecg.measurements import HEART_RATE, P_AXIS, PR, QRS, QRS_AXIS, QT, T_AXIS, measurement
from countyfhir.intake.ecg.recording import Damaged, differing, lead, scale

HEADER = 16
DEFAULT_TABLE = 19999
ABSENT = (0, 29999, 29998, 19999)
NO_AXIS = (999, 29999, 29998, 19999)
SEXES = {1: "M", 2: "F"}
TEXTS: Mapping[int, str] = {0: "last", 1: "first", 2: "id", 31: "sequence"}
LEADS: Mapping[int, str] = {
    1: "I", 2: "II", 3: "V1", 4: "V2", 5: "V3", 6: "V4", 7: "V5", 8: "V6", 9: "V7", 10: "V2R", 11: "V3R", 12: "V4R",
    13: "V5R", 14: "V6R", 15: "V7R", 61: "III", 62: "aVR", 63: "aVL", 64: "aVF", 65: "-aVR", 66: "V8", 67: "V9",
}  # fmt: skip
"""Table 4 of the standard: number -> name of a lead."""


def read_scp(raw: bytes, encoding: str) -> dict[str, Any]:
    """The recording: ``patient`` (id, name, sex, birth), ``taken``, ``sequence``, ``waveforms`` (leads),
    ``measurements``, ``statements``. Damaged with ``not-ecg`` (no SCP-ECG), ``truncated``, ``ecg-damaged`` (checksum,
    lengths) or ``ecg-packed``."""
    try:
        found = sections(raw)
        told = header(found[1], encoding)
        waveform = rhythm(found)
        made = {
            "patient": patient(told),
            "taken": " ".join(part for part in (told.get("date"), told.get("time")) if part) or None,
            "sequence": told.get("sequence"),
            "waveforms": [{"type": "Rhythm", "leads": waveform}],
            "measurements": measurements(found.get(7, b"")),
            "statements": statements(found.get(8, b""), encoding),
        }
    except (KeyError, struct.error, IndexError) as error:
        raise Damaged("ecg-damaged", "a section that every recording needs is missing or too short") from error
    except UnicodeDecodeError as error:
        raise Damaged("charset", "a text is not in the encoding that the mapping declares") from error
    return {name: value for name, value in made.items() if value is not None}


def sections(raw: bytes) -> dict[int, bytes]:
    """The content of each section by its number."""
    if len(raw) < 6 + HEADER or raw[16:22] not in (b"SCPECG", b"\0" * 6) or raw[8:10] != b"\0\0":
        raise Damaged("not-ecg", "the file is no SCP-ECG recording")
    checksum, size = struct.unpack_from("<HI", raw)
    if size > len(raw):
        raise Damaged("truncated", "the file is shorter than it says")
    if binascii.crc_hqx(raw[2:size], 0xFFFF) != checksum:
        raise Damaged("ecg-damaged", "the checksum of the file is wrong")
    length = struct.unpack_from("<I", raw, 10)[0]
    found: dict[int, bytes] = {}
    for place in range(6 + HEADER, 6 + length - 9, 10):
        number, size, index = struct.unpack_from("<HII", raw, place)
        if size > HEADER and index:
            content = raw[index - 1 : index - 1 + size]
            if len(content) < size:
                raise Damaged("truncated", "a section ends beyond the file")
            found[number] = content[HEADER:]
    return found


def fields(section: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + 3 <= len(section) and section[place] != 255:
        tag, size = struct.unpack_from("<BH", section, place)
        yield tag, section[place + 3 : place + 3 + size]
        place += 3 + size


def header(section: bytes, encoding: str) -> dict[str, str]:
    """Section 1: who and when."""
    made: dict[str, str] = {}
    for tag, value in fields(section):
        if tag in TEXTS and (shown := value.rstrip(b"\0 ").decode(encoding).strip()):
            made[TEXTS[tag]] = shown
        elif tag in (5, 25) and len(value) == 4 and any(value):
            year, month, day = struct.unpack("<HBB", value)
            made["birth" if tag == 5 else "date"] = f"{year:04}-{month:02}-{day:02}"
        elif tag == 26 and len(value) == 3:
            made["time"] = "{:02}:{:02}:{:02}".format(*value)
        elif tag == 8 and value and value[0] in SEXES:
            made["sex"] = SEXES[value[0]]
    return made


def patient(told: Mapping[str, str]) -> dict[str, str]:
    last, first = told.get("last", ""), told.get("first", "")
    made = {name: told[name] for name in ("id", "sex", "birth") if name in told}
    name = ("" if not last.isascii() else " ").join(part for part in (last, first) if part)
    return made | ({"name": name} if name else {})


def rhythm(found: Mapping[int, bytes]) -> list[dict[str, Any]]:
    """The leads of section 6."""
    count, flags = struct.unpack_from("<BB", found[3])
    step, interval, differences, bimodal = struct.unpack_from("<HHBB", found[6])
    packed = 2 in found
    if flags & 1 or bimodal or (packed and struct.unpack_from("<H", found[2])[0] != DEFAULT_TABLE):
        raise Damaged(
            "ecg-packed", "subtracted beats, bimodal compression or an own Huffman table are not unfolded here"
        )
    of = scale(Decimal(interval) / 1000, Decimal(step), "nV")
    sizes = struct.unpack_from(f"<{count}H", found[6], 6)
    place, leads = 6 + 2 * count, []
    for number, size in enumerate(sizes):
        first, last, code = struct.unpack_from("<IIB", found[3], 2 + 9 * number)
        values = samples(found[6][place : place + size], last - first + 1, packed)
        leads.append(lead(LEADS.get(code, f"lead {code}"), integrated(values, differences), of, f"5.6.3-9-{code}"))
        place += size
    if not leads or differing(leads):
        raise Damaged("ecg-damaged", "the recording has no leads, or one stands twice")
    return leads


def samples(data: bytes, count: int, packed: bool) -> list[int]:
    if packed:
        return unpacked(data, count)
    if len(data) < 2 * count:
        raise Damaged("ecg-damaged", "a lead has fewer samples than it says")
    return list(struct.unpack_from(f"<{count}h", data))


def integrated(values: list[int], differences: int) -> list[int]:
    """Samples from their first or second differences."""
    if differences == 1:
        return list(accumulate(values))
    if differences != 2:
        return values
    made = values[:2]
    for one in values[2:]:
        made.append(one + 2 * made[-1] - made[-2])
    return made


def measurements(section: bytes) -> list[dict[str, Any]]:
    """Section 7: rate from the mean RR interval; intervals and axes of the first reference beat."""
    if len(section) < 22:
        return []
    mean = struct.unpack_from("<H", section, 2)[0]
    p_on, _, qrs_on, qrs_off, t_off = struct.unpack_from("<5H", section, 6)
    axes = struct.unpack_from("<3h", section, 16)
    found = [] if mean in ABSENT else [measurement("RR", round(60000 / mean), None, HEART_RATE)]
    for name, start, end, known in (("PR", p_on, qrs_on, PR), ("QRS", qrs_on, qrs_off, QRS), ("QT", qrs_on, t_off, QT)):
        if start not in ABSENT[1:] and end not in ABSENT and end > start:
            found.append(measurement(name, end - start, None, known))
    for name, value, known in zip(("P", "QRS", "T"), axes, (P_AXIS, QRS_AXIS, T_AXIS), strict=True):
        if value not in NO_AXIS:
            found.append(measurement(f"{name} axis", value, None, known))
    return [one for one in found if one]


def statements(section: bytes, encoding: str) -> list[str]:
    """Section 8: the interpretation, line by line."""
    if len(section) < 9:
        return []
    found, place = [], 9
    for _ in range(section[8]):
        if place + 3 > len(section):
            break
        size = struct.unpack_from("<H", section, place + 1)[0]
        found.append(section[place + 3 : place + 3 + size].rstrip(b"\0 ").decode(encoding).strip())
        place += 3 + size
    return [one for one in found if one]
