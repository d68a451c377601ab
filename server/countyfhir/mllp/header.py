"""The MSH segment of a message as far as an acknowledgement needs it (HL7 v2.5.1 section 2.15.9)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from countyfhir.intake.hl7.charset import CHARSET_FIELD, CODECS, name_of
from countyfhir.intake.hl7.message import Marks, NotHl7, marks_of

SEGMENT = re.compile(rb"[^\r\n]*")
SENDING, SENDING_FACILITY, RECEIVING, RECEIVING_FACILITY = 3, 4, 5, 6
MESSAGE_TYPE, CONTROL_ID, PROCESSING_ID, VERSION = 9, 10, 11, 12
ACCEPT_ACKNOWLEDGEMENT, APPLICATION_ACKNOWLEDGEMENT, CHARACTER_SET = 15, 16, 18


@dataclass(frozen=True, slots=True)
class Header:
    """``fields[n]`` is MSH-n as it was written; ``codec`` is what its text was read with, and the answer is written
    in."""

    marks: Marks
    fields: tuple[str, ...]
    codec: str

    def field(self, number: int) -> str:
        """MSH-``number``, or nothing."""
        return self.fields[number] if number < len(self.fields) else ""

    def component(self, number: int, place: int = 1) -> str:
        """A component of the first repetition of a field, without blanks around."""
        first = self.field(number).split(self.marks.repetition)[0]
        parts = first.split(self.marks.component)
        return parts[place - 1].strip() if place <= len(parts) else ""

    @property
    def event(self) -> str:
        """Message type and event: ADT^A04."""
        return "^".join(part for part in (self.component(MESSAGE_TYPE), self.component(MESSAGE_TYPE, 2)) if part)


def read_header(raw: bytes, default_charset: str) -> Header:
    """The header of a message. NotHl7 when there is no readable MSH segment."""
    if not raw.startswith(b"MSH") or len(raw) < 8:
        raise NotHl7("a message begins with MSH and its separators")
    marks = marks_of(raw)
    found = SEGMENT.match(raw)
    segment = found[0] if found else b""
    for codec in dict.fromkeys((declared(segment.decode("latin-1"), marks), default_charset, "utf-8")):
        try:
            text = segment.decode(codec)
        except (UnicodeDecodeError, LookupError):
            continue
        return Header(marks, split(text, marks), codec)
    return Header(marks, split(segment.decode("latin-1"), marks), "latin-1")


def split(segment: str, marks: Marks) -> tuple[str, ...]:
    """The fields by their numbers; MSH-1 is the separator itself."""
    return ("MSH", marks.field, *segment.split(marks.field)[1:])


def declared(segment: str, marks: Marks) -> str:
    """The codec that MSH-18 names; nothing for an absent or unknown one."""
    fields = segment.split(marks.field)
    written = fields[CHARSET_FIELD] if len(fields) > CHARSET_FIELD else ""
    return CODECS.get(name_of(written, marks.repetition), "")
