"""Acknowledgements (HL7 v2.5.1 sections 2.9, 2.15.8 MSA, 2.15.5 ERR; tables 0008, 0155, 0357, 0516)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from countyfhir.intake.hl7.message import Marks
from countyfhir.mllp import header as msh
from countyfhir.mllp.header import Header

VERSIONS = ("2.3", "2.3.1", "2.4", "2.5", "2.5.1")
NEWEST = VERSIONS[-1]
OLD_ERROR = ("2.3", "2.3.1", "2.4")
"""Versions whose ERR segment holds nothing but ERR-1."""
MEANINGS: Mapping[str, str] = {
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "207": "Application internal error",
}
"""Table 0357, as far as it is used."""
CONDITION_OF: Mapping[str, str] = {
    "M06": "103",
    "unmapped-code": "103",
    "unmapped-unit": "103",
    "unknown-institution": "103",
    "key-missing": "101",
    "main-missing": "101",
    "no-mapping": "200",
    "not-hl7": "100",
    "write-refused": "207",
    "intake-failed": "207",
}
"""Issue code -> table 0357; what is not named is 102, a cell that cannot be read as what it should be."""
PLACE_OF: Mapping[str, tuple[str, str]] = {"charset": ("MSH", "18"), "no-mapping": ("MSH", "9")}
"""Issue code -> segment and field, where the issue names no column."""
WITHDRAWAL = "M35d"
"""What a message that cancels something is told as; no warning where it was done."""
OWN_CODES = "COUNTYFHIR"
COLUMN = re.compile(r"([A-Z][A-Z0-9]{2})-(\d+)")
MOST_ERRORS = 20
LONGEST_CONTROL_ID = 199  # HL7 v2.7; earlier versions say 20, and senders exceed it
LONGEST_ECHO = 300
"""Characters of a field that an answer repeats."""

ACCEPTED, IN_ERROR, REJECTED = "AA", "AE", "AR"
COMMITTED: Mapping[str, str] = {ACCEPTED: "CA", IN_ERROR: "CE", REJECTED: "CR"}


@dataclass(frozen=True, slots=True)
class Notice:
    """One ERR segment: a code of table 0357, where, how grave (E, W or I), our own code, a sentence without any
    value."""

    condition: str
    text: str = ""
    place: tuple[str, str] | None = None  # segment, field
    severity: str = "E"
    own: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is answered: AA, AE or AR, a word, the notices."""

    code: str
    text: str = ""
    notices: tuple[Notice, ...] = ()


def refusal(header: Header, processing: Sequence[str]) -> Verdict | None:
    """AR for what no repetition will make acceptable: version, processing id, a missing type or control id."""
    faults = (
        (header.component(msh.VERSION) not in VERSIONS, "203", msh.VERSION),
        (header.component(msh.PROCESSING_ID) not in processing, "202", msh.PROCESSING_ID),
        (not header.component(msh.MESSAGE_TYPE), "200", msh.MESSAGE_TYPE),
        (not header.component(msh.CONTROL_ID), "101", msh.CONTROL_ID),
        (len(header.field(msh.CONTROL_ID)) > LONGEST_CONTROL_ID, "102", msh.CONTROL_ID),
    )
    found = tuple(Notice(code, place=("MSH", str(place))) for holds, code, place in faults if holds)
    return Verdict(REJECTED, MEANINGS[found[0].condition], found) if found else None


def notices(outcome: str, issues: Sequence[Mapping[str, Any]]) -> tuple[Notice, ...]:
    """The issues of a record as warnings; what only informs is said as I."""
    found = [notice(issue) for issue in issues if issue["code"] != WITHDRAWAL or outcome == "rejected"]
    if outcome == "quarantined" and not found:
        found = [Notice("207", "The message lies in quarantine.", severity="W", own="quarantined")]
    return tuple(found[:MOST_ERRORS])


def notice(issue: Mapping[str, Any]) -> Notice:
    code = str(issue["code"])
    place = COLUMN.search(str(issue.get("column", "")))
    severity = "I" if issue.get("severity") == "information" else "W"
    condition = CONDITION_OF.get(code, "102")
    where = (place[1], place[2]) if place else PLACE_OF.get(code)
    return Notice(condition, str(issue.get("diagnostics", "")), where, severity, code)


def answers(header: Header, verdict: Verdict, time: str, control_id: str) -> list[bytes]:
    """The messages to send back, in order.

    Original mode (MSH-15 and MSH-16 empty): one. Enhanced mode: the accept acknowledgement (CA, CE, CR), then, of a
    message that was accepted, the application acknowledgement, each as MSH-15 and MSH-16 want it. Where the sender
    wants no accept acknowledgement of a failure, the application acknowledgement tells it."""
    accept = header.component(msh.ACCEPT_ACKNOWLEDGEMENT).upper()
    application = header.component(msh.APPLICATION_ACKNOWLEDGEMENT).upper()
    if not accept and not application:
        return [acknowledgement(header, verdict, time, control_id)]
    good = verdict.code == ACCEPTED
    sent: list[bytes] = []
    if wanted(accept, good=good):
        committed = Verdict(COMMITTED[verdict.code], verdict.text, () if good else verdict.notices)
        sent.append(acknowledgement(header, committed, time, f"{control_id}C"))
    if (good or not sent) and wanted(application, good=good):
        sent.append(acknowledgement(header, verdict, time, control_id, enhanced=True))
    return sent


def wanted(condition: str, *, good: bool) -> bool:
    """Table 0155: AL always, NE never, ER when it failed, SU when it succeeded; absent is never, anything else
    always."""
    return {"": False, "NE": False, "ER": not good, "SU": good}.get(condition, True)


def acknowledgement(header: Header, verdict: Verdict, time: str, control_id: str, *, enhanced: bool = False) -> bytes:
    """One ACK message in the character set, with the separators and the version of the message it answers."""
    marks = header.marks
    version = header.component(msh.VERSION)
    version = version if version in VERSIONS else NEWEST
    segments = [
        header_segment(header, version, time, control_id, enhanced=enhanced),
        ["MSA", verdict.code, echoed(header, msh.CONTROL_ID), escaped(verdict.text, marks)],
        *errors(verdict.notices, version, marks),
    ]
    text = "".join(marks.field.join(segment).rstrip(marks.field) + "\r" for segment in segments)
    return text.encode(header.codec, "replace")


def header_segment(header: Header, version: str, time: str, control_id: str, *, enhanced: bool) -> list[str]:
    """MSH of the answer: sender and receiver change places, processing id and character set are those of the message;
    an application acknowledgement of enhanced mode wants no acknowledgement itself."""
    mark = header.marks.component
    event = header.component(msh.MESSAGE_TYPE, 2)[:LONGEST_ECHO]
    kind = ["ACK", *([event] if event else []), *(["ACK"] if event and version != "2.3" else [])]
    never = "NE" if enhanced else ""
    signs = echoed(header, 2)
    swapped = [echoed(header, place) for place in (5, 6, 3, 4)]
    written = [*swapped, time, "", mark.join(kind), control_id, echoed(header, msh.PROCESSING_ID) or "P", version]
    return ["MSH", signs, *written, "", "", never, never, "", echoed(header, msh.CHARACTER_SET)]


def echoed(header: Header, number: int) -> str:
    """A field of the message as its answer repeats it."""
    return header.field(number)[:LONGEST_ECHO]


def errors(found: Sequence[Notice], version: str, marks: Marks) -> list[list[str]]:
    """The ERR segments in the form of the version: until 2.4 one with a repetition for each, from 2.5 on one each."""
    if not found:
        return []
    if version in OLD_ERROR:
        return [["ERR", (marks.repetition if marks.repetition != "\0" else "").join(old(one, marks) for one in found)]]
    return [new(one, marks) for one in found]


def old(one: Notice, marks: Marks) -> str:
    """ERR-1 (2.3 to 2.4): segment, sequence, field, code and meaning."""
    segment, field = one.place or ("", "")
    inner = marks.subcomponent if marks.subcomponent != "\0" else " "
    code = inner.join((one.condition, MEANINGS[one.condition], "HL70357"))
    return marks.component.join((segment, "1" if segment else "", field, code))


def new(one: Notice, marks: Marks) -> list[str]:
    """ERR of 2.5: ERR-2 place, ERR-3 code, ERR-4 severity, ERR-5 our own code, ERR-7 what it means."""
    place = marks.component.join((one.place[0], "1", one.place[1])) if one.place else ""
    code = marks.component.join((one.condition, MEANINGS[one.condition], "HL70357"))
    own = marks.component.join((one.own, "", OWN_CODES)) if one.own else ""
    return ["ERR", "", place, code, one.severity, own, "", escaped(one.text, marks)]


def escaped(text: str, marks: Marks) -> str:
    """The text with the separators of the message in it escaped; control characters become blanks."""
    names = {marks.field: "F", marks.component: "S", marks.subcomponent: "T", marks.repetition: "R", marks.escape: "E"}
    has_escape = marks.escape != "\0"

    def sign(character: str) -> str:
        if character < " ":
            return " "
        if character not in names:
            return character
        return f"{marks.escape}{names[character]}{marks.escape}" if has_escape else " "

    return "".join(sign(character) for character in text)


def not_hl7(reason: str, time: str, control_id: str) -> bytes:
    """AR for bytes without a readable MSH; there is no control id to name."""
    code = f"100^{MEANINGS['100']}^HL70357"
    segments = (
        f"MSH|^~\\&|||||{time}||ACK|{control_id}|P|{NEWEST}",
        f"MSA|{REJECTED}||{reason}",
        f"ERR||MSH^1|{code}|E|not-hl7^^{OWN_CODES}||{reason}",
    )
    return "".join(segment + "\r" for segment in segments).encode("ascii")
