"""What a mapping says about a cell: held back, noted or contradicted; codes are those of the dirt catalogue (M01…)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MEANINGS: Mapping[str, str] = {
    "column-missing": "the file lacks a column that the mapping uses; nothing is stated from it in the whole file",
    "M03": "a placeholder stands where the identity number belongs",
    "M04": "the check character of the identity number is wrong; it is kept as unverified",
    "M05": "the birth date contradicts the identity number; both are kept",
    "M06": "the sex is blank or not in the dictionary; it is unknown",
    "M07": "the date cannot be read or is not in the calendar",
    "M07s": "the date is a placeholder; no date is stated",
    "M08": "an age or a birthday of the lunar calendar stands where the birth date belongs; no birth date is stated",
    "M11q": "the blood pressure is not possible",
    "M12t": "the number has a typing error; the text is kept, no number is stated",
    "M13": "the number has no unit",
    "M13g": "glucose without a unit whose size can only be mg/dL; it is not converted by guess",
    "M17": "the code is not in the dictionary of its own table; it is not read with another one",
    "M16u": "this is not an ICD-10 code; the text is kept",
    "M27": "the discharge lies before the admission",
    "M28": "this is neither the column's word for yes nor that for no",
    "M29": "the text is damaged; it is not repaired",
    "M29f": "the file cannot be read as it was declared; it is rejected as a whole",
    "M30": "the number was destroyed by a spreadsheet (scientific notation)",
    "M30z": "a leading zero was restored by the rule of the dictionary",
    "M32": "the date lies after the recorded death",
    "M35d": "the row is marked as deleted in its table; it is not taken in",
    "M36": "the referral is marked completed, but its return slip is not there",
    "unmapped-code": "the code is not in the dictionary of this column; add it to the code map",
    "unmapped-unit": "the unit is not in the table of units; the quantity keeps its text without a UCUM code",
    "unknown-institution": "the institution is not in the table of institutions; add it there",
    "implausible-number": "the number lies outside the plausible range of its column",
    "unreadable-number": "this is not a number",
    "unreadable-path": "the FHIRPath expression of the column cannot be evaluated on this record",
    "row-shape": "the row has another number of cells than the header",
    "not-hl7": "the message has no readable MSH segment",
    "not-cda": "the document cannot be read as CDA R2 (not well-formed, another root, a DTD, or another encoding)",
    "not-dicom": "the file is no DICOM object, or its elements cannot be read",
    "truncated": "the file ends early; ask for it again",
    "dicom-too-large": "the header is larger than one may be",
    "not-ecg": "the file is no ECG recording of the declared format",
    "ecg-damaged": "samples, scale or channels of the recording are missing or contradict each other",
    "ecg-too-long": "a lead has more samples than one resource may hold",
    "ecg-packed": "the recording is packed in a way that is not read here",
    "not-pdf": "the file is no PDF document",
    "document-too-large": "the file is larger than one document may be",
    "merge-conflict": "another record already states this resource about someone else; a person has to decide",
    "charset": "the text is not in the character set that the record or the mapping names",
    "no-mapping": "no mapping of this source takes a record of this kind",
    "not-fhir": "the line or entry holds no FHIR resource",
    "not-json": "the line is not a JSON object",
    "discarded": "the record was discarded from the quarantine by a person",
    "intake-failed": "the intake failed on the record; the raw record is kept, tell whoever maintains the server",
    "embedded-damaged": "the document in the field cannot be decoded, or is not what the field says it is",
    "write-refused": "the store did not accept the resources of the record",
    "cancelled": "the record was already cancelled in its source when it was first read",
    "key-missing": "the natural key of the record is blank",
    "main-missing": "the main value of the record is blank or was held back",
    "lookup-missing": "the row of the other table that this record needs is not there",
}
"""One sentence a code, without any value of the record."""
UNNAMED = "an issue of the mapping's own; look its code up there"
"""What is said of a code that only a mapping knows."""


class HeldBack(Exception):
    """A function cannot trust its cell: the value is absent and the cell goes to review."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Noted:
    """A value that a function returns together with an issue worth knowing."""

    value: Any
    code: str
    severity: str = "information"


@dataclass(frozen=True, slots=True)
class Finding:
    """An issue of one record: its code, the columns it concerns (never their values), whether the cell was held
    back."""

    code: str
    columns: tuple[str, ...]
    severity: str = "error"
    held_back: bool = False
    diagnostics: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The form that ledger and report keep."""
        return {
            "code": self.code,
            "severity": self.severity,
            "column": ",".join(self.columns),
            "held_back": self.held_back,
            "diagnostics": self.diagnostics or MEANINGS.get(self.code, UNNAMED),
        }
