"""ECG recordings that a test makes itself: 12 leads, 1 s, 250 Hz; sample n of lead k is n + k, steps of 5 microvolt."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Mapping, Sequence
from itertools import pairwise

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
COUNT = 250
STORED = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
"""The leads that MUSE keeps; the others follow from I and II."""
NUMBERS: Mapping[str, int] = {"I": 1, "II": 2, "V1": 3, "V2": 4, "V3": 5, "V4": 6, "V5": 7, "V6": 8} | {
    "III": 61, "aVR": 62, "aVL": 63, "aVF": 64,
}  # fmt: skip


def samples(lead: str) -> list[int]:
    place = LEADS.index(lead)
    return [moment + place for moment in range(COUNT)]


def plain(lead: str) -> bytes:
    return struct.pack(f"<{COUNT}h", *samples(lead))


def data(lead: str) -> str:
    return " ".join(map(str, samples(lead)))


def aecg(identifier: str = "ECG1", *, more: str = "", leads: str | None = None, unit: str = "uV") -> bytes:
    """An annotated ECG; ``more`` stands behind the leads (annotations, a derived series)."""
    shown = leads if leads is not None else "".join(sequence(name, unit) for name in LEADS)
    axis = (
        '<component><sequence><code code="TIME_ABSOLUTE"/><value xsi:type="GLIST_TS"><head value="20250301083000.000"/>'
        '<increment value="0.004" unit="s"/></value></sequence></component>'
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><AnnotatedECG xmlns="urn:hl7-org:v3"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f'<id root="1.2.3" extension="{identifier}"/><effectiveTime><low value="20250301083000.000"/></effectiveTime>'
        "<componentOf><timepointEvent><componentOf><subjectAssignment><subject><trialSubject>"
        '<id root="1.2.3.1" extension="50001"/><subjectDemographicPerson><name>王小东</name>'
        '<administrativeGenderCode code="M"/><birthTime value="19600102"/></subjectDemographicPerson></trialSubject>'
        "</subject></subjectAssignment></componentOf></timepointEvent></componentOf><component><series>"
        '<code code="RHYTHM"/><effectiveTime><low value="20250301083000.000"/></effectiveTime>'
        f"<component><sequenceSet>{axis}{shown}</sequenceSet></component>{more}</series></component></AnnotatedECG>"
    ).encode()


def sequence(lead: str, unit: str = "uV", digits: str | None = None) -> str:
    return (
        f'<component><sequence><code code="MDC_ECG_LEAD_{lead}" codeSystem="2.16.840.1.113883.6.24"/>'
        f'<value xsi:type="SLIST_PQ"><origin value="0" unit="{unit}"/><scale value="5" unit="{unit}"/>'
        f"<digits>{data(lead) if digits is None else digits}</digits></value></sequence></component>"
    )


def annotation(code: str, value: str, unit: str) -> str:
    return (
        '<subjectOf><annotationSet><component><annotation><code code="MDC_ECG_MEASUREMENTS"/><component><annotation>'
        f'<code code="{code}" codeSystem="2.16.840.1.113883.6.24"/><value xsi:type="PQ" value="{value}" unit="{unit}"/>'
        "</annotation></component></annotation></component></annotationSet></subjectOf>"
    )


def muse(*, count: int = COUNT, unit: str = "MICROVOLTS") -> bytes:
    """A RestingECG as MUSE exports it: eight leads in base64; ``count`` is what each says of its samples."""
    leads = "".join(
        f"<LeadData><LeadSampleCountTotal>{count}</LeadSampleCountTotal><LeadAmplitudeUnitsPerBit>5"
        f"</LeadAmplitudeUnitsPerBit><LeadAmplitudeUnits>{unit}</LeadAmplitudeUnits><LeadID>{name}</LeadID>"
        f"<WaveFormData>{base64.b64encode(plain(name)).decode()}</WaveFormData></LeadData>"
        for name in STORED
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><RestingECG><PatientDemographics><PatientID>50001</PatientID>'
        "<DateofBirth>01-02-1960</DateofBirth><Gender>MALE</Gender><PatientLastName>王</PatientLastName>"
        "<PatientFirstName>小东</PatientFirstName></PatientDemographics><TestDemographics>"
        "<AcquisitionDate>03-01-2025</AcquisitionDate><AcquisitionTime>08:30:00</AcquisitionTime></TestDemographics>"
        "<Order><RequisitionNumber>XD1</RequisitionNumber></Order><RestingECGMeasurements>"
        "<VentricularRate>72</VentricularRate><PRInterval>160</PRInterval><QRSDuration>88</QRSDuration>"
        "<QTInterval>380</QTInterval><QTCorrected>416</QTCorrected><PAxis>45</PAxis><RAxis>-30</RAxis><TAxis>50</TAxis>"
        "</RestingECGMeasurements><Diagnosis><DiagnosisStatement><StmtText>窦性心律</StmtText></DiagnosisStatement>"
        "<DiagnosisStatement><StmtFlag>ENDSLINE</StmtFlag><StmtText>不齐</StmtText></DiagnosisStatement>"
        "<DiagnosisStatement><StmtFlag>ENDSLINE</StmtFlag><StmtText>ST段改变</StmtText></DiagnosisStatement></Diagnosis>"
        f"<Waveform><WaveformType>Rhythm</WaveformType><SampleBase>250</SampleBase><SampleExponent>0</SampleExponent>"
        f"{leads}</Waveform></RestingECG>"
    ).encode()


def scp(
    *, packed: bool = False, differences: int = 0, flags: int = 4, bimodal: int = 0, encoding: str = "utf-8"
) -> bytes:
    """An SCP-ECG recording (EN 1064); ``packed``: by the default Huffman table."""
    found = {
        1: who(encoding),
        3: struct.pack("<BB", 12, flags),
        6: b"",
        7: measured(),
        8: b"\0" * 8 + b"\1" + statement(encoding),
    }
    if packed:
        found[2] = struct.pack("<H", 19999)
    found[3] += b"".join(struct.pack("<IIB", 1, COUNT, NUMBERS[name]) for name in LEADS)
    leads = [differenced(samples(name), differences) for name in LEADS]
    coded = [huffman(values) if packed else struct.pack(f"<{COUNT}h", *values) for values in leads]
    found[6] = struct.pack("<HHBB", 5000, 4000, differences, bimodal)
    found[6] += struct.pack("<12H", *map(len, coded)) + b"".join(coded)
    return assembled(found)


def who(encoding: str) -> bytes:
    tags = {
        0: "王".encode(encoding),
        1: "小东".encode(encoding),
        2: b"50001",
        31: b"R1",
        5: struct.pack("<HBB", 1960, 1, 2),
        8: b"\1",
    }
    tags |= {25: struct.pack("<HBB", 2025, 3, 1), 26: bytes((8, 30, 0))}
    return b"".join(struct.pack("<BH", tag, len(value)) + value for tag, value in tags.items()) + b"\xff\0\0"


def measured() -> bytes:
    intervals = struct.pack("<5H3h", 100, 200, 260, 348, 640, 45, -30, 999)
    return struct.pack("<BBHH", 1, 0, 833, 29999) + intervals


def statement(encoding: str) -> bytes:
    text = "窦性心律".encode(encoding)
    return struct.pack("<BH", 1, len(text)) + text


def differenced(values: Sequence[int], order: int) -> list[int]:
    made = list(values)
    if order == 1:
        made = made[:1] + [later - one for one, later in pairwise(values)]
    if order == 2:
        made = made[:2] + [values[at] - 2 * values[at - 1] + values[at - 2] for at in range(2, len(values))]
    return made


def huffman(values: Sequence[int]) -> bytes:
    def bits(value: int) -> str:
        if value == 0:
            return "0"
        if abs(value) <= 8:
            return "1" * abs(value) + "0" + ("1" if value < 0 else "0")
        if -128 <= value < 128:
            return "1111111110" + f"{value & 0xFF:08b}"
        return "1111111111" + f"{value & 0xFFFF:016b}"

    text = "".join(map(bits, values))
    return bytes(int(text[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(text), 8))


def assembled(found: Mapping[int, bytes]) -> bytes:
    """Section 0 with its pointers, the sections, size and checksums."""
    contents = {number: found[number] + b"\0" * (len(found[number]) % 2) for number in sorted(found)}
    pointers, place = b"", 6 + 16 + 10 * (len(contents) + 1) + 1
    length = 16 + 10 * (len(contents) + 1)
    pointers += struct.pack("<HII", 0, length, 7)
    body = b""
    for number, content in contents.items():
        pointers += struct.pack("<HII", number, len(content) + 16, place)
        body += section(number, content)
        place += len(content) + 16
    whole = section(0, pointers, b"SCPECG") + body
    size = struct.pack("<I", len(whole) + 6)
    return struct.pack("<H", binascii.crc_hqx(size + whole, 0xFFFF)) + size + whole


def section(number: int, content: bytes, reserved: bytes = b"\0" * 6) -> bytes:
    rest = struct.pack("<HIBB", number, len(content) + 16, 13, 13) + reserved + content
    return struct.pack("<H", binascii.crc_hqx(rest, 0xFFFF)) + rest
