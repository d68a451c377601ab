"""XML files with one element a record (exports, SOAP answers with XML inside CDATA), of any size; no DTD, no entity and
no network (OWASP XXE)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from lxml import etree

from countyfhir.intake.readers.text_codecs import CODECS
from countyfhir.intake.reading import FileFacts, Record, Unreadable, blanked, file_digest, need_columns
from countyfhir.mapping.record import Format


def inspect(path: Path, declared: Format) -> FileFacts:
    """Digest and number of records; ``problem`` when the file is not well-formed, or no element has the record's
    name."""
    digest, count = file_digest(path), 0
    try:
        for _ in elements(path, declared):
            count += 1
    except Unreadable as error:
        return FileFacts(digest, count, str(error))
    if not count:
        return FileFacts(digest, 0, f"no element '{declared.record}' is in the file; correct 'record'")
    return FileFacts(digest, count)


def records(path: Path, declared: Format) -> Iterator[Record]:
    """The record elements: children by local name (several of one name as a list), attributes as ``@name``, text of
    mixed elements as ``#text``. Columns that no record has are Unreadable."""
    seen: set[str] = set()
    for number, element in enumerate(elements(path, declared), 1):
        row = as_row(element)
        seen |= row.keys()
        yield Record(number, {name: blanked(cell, declared.blanks) for name, cell in row.items()})
    need_columns(sorted(seen), declared)


def as_row(element: etree._Element) -> dict[str, Any]:
    shown = as_value(element)
    return shown if isinstance(shown, dict) else {"#text": shown}


def as_value(element: etree._Element) -> Any:
    """Text of a plain element, else an object of its parts."""
    made: dict[str, Any] = {f"@{local(str(name))}": value for name, value in element.attrib.items()}
    for child in element.iterchildren(tag=etree.Element):
        name, value = local(str(child.tag)), as_value(child)
        if name not in made:
            made[name] = value
        elif isinstance(made[name], list):
            made[name].append(value)
        else:
            made[name] = [made[name], value]
    text = (element.text or "").strip()
    if not made:
        return text
    return made | {"#text": text} if text else made


def local(name: str) -> str:
    return name.rpartition("}")[2]


def elements(path: Path, declared: Format) -> Iterator[etree._Element]:
    """The record elements of the file, or of the XML inside the element that ``embedded`` names; each is forgotten
    once the next is asked for."""
    with path.open("rb") as stream:
        if declared.embedded is None:
            yield from found(stream, declared.record or "", declared)
            return
        for holder in found(stream, declared.embedded, declared):
            yield from found(io.BytesIO((holder.text or "").strip().encode()), declared.record or "", None)


def found(stream: BinaryIO | io.BytesIO, name: str, declared: Format | None) -> Iterator[etree._Element]:
    encoding = None if declared is None or not declared.forced else CODECS[declared.encoding]
    options: dict[str, Any] = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}
    try:
        for _, element in etree.iterparse(stream, events=("end",), encoding=encoding, **options):
            if local(str(element.tag)) == name:
                yield element
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
    except etree.XMLSyntaxError as error:
        raise Unreadable(f"the file is not well-formed XML: {str(error)[:160]}") from error
