"""How an unknown sample file is to be read: its format, its encoding, its delimiter, the rows of its header, where its
records are. What can be seen is proposed; a person checks it."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import ijson
import python_calamine
from lxml import etree

from countyfhir.intake.readers.json_file import opened
from countyfhir.intake.readers.text_codecs import detected
from countyfhir.intake.readers.workbook import shown
from countyfhir.intake.readers.xml_file import local
from countyfhir.intake.reading import Unreadable
from countyfhir.mapping.record import Format

FORMAT_OF: Mapping[str, str] = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "csv",
    ".dbf": "dbf",
    ".xlsx": "xlsx",
    ".xls": "xls",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".xml": "xml",
    ".hl7": "hl7v2",
}
DELIMITERS = ",\t;|^#~"
HEADER_SOUGHT = 12
"""Rows of a sheet among which the header is looked for."""
ELEMENTS_SEEN = 50_000
Range = tuple[tuple[int, int], tuple[int, int]]


def declared_format(path: Path, sheet: str | None) -> Format:
    """How the file is read: by its ending, then by its bytes. Unreadable when nothing can be proposed for it."""
    kind = FORMAT_OF.get(path.suffix.lower())
    if kind is None:
        raise Unreadable(f"{path.suffix or 'a file without an ending'} is not among {', '.join(FORMAT_OF)}")
    if kind in ("xlsx", "xls"):
        return of_workbook(path, kind, sheet)
    if kind == "xml":
        return of_xml(path)
    encoding = "gb18030" if kind == "dbf" else detected(path)
    if kind == "csv":
        return Format(kind, path.name, (), encoding, delimiter_of(path, encoding))
    return Format(kind, path.name, (), encoding, record=list_of(path, encoding) if kind == "json" else None)


def delimiter_of(path: Path, encoding: str) -> str:
    """The sign that the header has most of."""
    with path.open(encoding=encoding, errors="replace", newline="") as stream:
        header = stream.readline()
    counted: Iterable[tuple[int, str]] = (
        (len(next(csv.reader([header], delimiter=sign), [])), sign) for sign in DELIMITERS
    )
    columns, sign = max(counted, key=lambda pair: (pair[0], -DELIMITERS.index(pair[1])))
    if columns < 2:
        raise Unreadable("its first line has no delimiter; of fixed-width text say yourself where each column stands")
    return sign


def of_workbook(path: Path, kind: str, wanted: str | None) -> Format:
    """The named sheet, else the first that has records; where its header ends and over how many rows it goes."""
    book = python_calamine.CalamineWorkbook.from_path(str(path))
    names = [wanted] if wanted else list(book.sheet_names)
    if wanted and wanted not in book.sheet_names:
        raise Unreadable(f"the sheet '{wanted}' is not in the workbook; it has {', '.join(book.sheet_names)}")
    for name in names:
        if rows := header_of(book.get_sheet_by_name(name)):
            several = len(book.sheet_names) > 1
            return Format(kind, path.name, (), sheet=name if several else None, header_row=rows[0], header_rows=rows[1])
    raise Unreadable(f"no sheet has a header with records below it (there are {', '.join(book.sheet_names)})")


def header_of(sheet: python_calamine.CalamineSheet) -> tuple[int, int] | None:
    """The row where the header ends, and its rows: it begins with the first row that has two names or more (a title is
    one cell) and goes as far as its merged cells reach, one row more below a cell merged from side to side."""
    top, left = sheet.start or (0, 0)
    merged: list[Range] = [
        ((first - top, begin - left), (last - top, end - left))
        for (first, begin), (last, end) in sheet.merged_cell_ranges or ()
    ]
    rows = [
        [shown(cell).strip() for cell in row] for row, _ in zip(sheet.iter_rows(), range(HEADER_SOUGHT), strict=False)
    ]
    for number, row in enumerate(rows):
        if sum(bool(cell) for cell in row) < 2:
            continue
        own = [(first, last) for first, last in merged if first[0] == number]
        down = max((last[0] - number for _, last in own), default=0)
        across = any(last[1] > first[1] and last[0] == number for first, last in own)
        spanned = 1 + max(down, int(across))
        return (number + spanned, spanned) if number + spanned < sheet.height else None
    return None


def list_of(path: Path, encoding: str) -> str | None:
    """Where the first list of objects is: data.rows; None where the file itself is it."""
    with opened(path, Format("json", path.name, (), encoding)) as stream:
        before = ("", "")
        try:
            for place, event, _ in ijson.parse(stream):
                if event == "start_map" and before[1] == "start_array":
                    return before[0] or None
                before = (place, event)
        except ijson.JSONError:
            pass
    raise Unreadable("no list of objects is in the file")


def of_xml(path: Path) -> Format:
    """The element that comes again and again with parts of its own; of XML inside the text of an element the one in
    there."""
    with path.open("rb") as stream:
        record, inside = repeated(etree.iterparse(stream, events=("end",), **SAFE))
    if inside is None:
        return Format("xml", path.name, (), record=record)
    holder, text = inside
    try:
        record, _ = repeated(("end", element) for element in etree.fromstring(text.encode(), SAFE_PARSER).iter())
    except etree.XMLSyntaxError as error:
        raise Unreadable(f"the XML inside the element '{holder}' is not well-formed") from error
    return Format("xml", path.name, (), record=record, embedded=holder)


SAFE = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}
SAFE_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def repeated(events: Iterable[tuple[str, etree._Element]]) -> tuple[str, tuple[str, str] | None]:
    """The commonest element with parts, the outermost of equals; or the first with XML as its text, and the text."""
    counted: Counter[str] = Counter()
    depth: dict[str, int] = {}
    try:
        for element in seen(events):
            name, text = local(str(element.tag)), (element.text or "").strip()
            if text.startswith("<") and text.endswith(">"):
                return name, (name, text)
            if (len(element) or element.attrib) and element.getparent() is not None:
                counted[name] += 1
                depth[name] = min(depth.get(name, 99), sum(1 for _ in element.iterancestors()))
    except etree.XMLSyntaxError as error:
        raise Unreadable("the file is not well-formed XML, or not in the encoding that it states") from error
    if not counted:
        raise Unreadable("no element has parts of its own")
    return max(counted, key=lambda name: (counted[name] > 1, -depth[name], counted[name])), None


def seen(events: Iterable[tuple[str, etree._Element]]) -> Iterator[etree._Element]:
    for number, (_, element) in enumerate(events):
        if number == ELEMENTS_SEEN:
            return
        if isinstance(element.tag, str):
            yield element
