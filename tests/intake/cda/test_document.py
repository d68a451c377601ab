"""CDA documents as trees: what a mapping walks over, what is refused, and what is kept of the original."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from countyfhir.intake.cda.document import NotCda, read_document
from countyfhir.intake.readers.cda_file import inspect, records
from countyfhir.mapping.record import Format
from countyfhir.mapping.tree_path import tree_path

BODY = """<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<templateId root="2.16.156.10011.2.1.1.22"/><id root="1.2" extension="D1"/><title>门诊病历</title>
<component><structuredBody><component><section><code code="8716-3"/>
<text>血压<br/><table border="1"><tr><td colspan="2" onclick="x()">140/90</td></tr></table>
<linkHtml href="javascript:x()">见附件</linkHtml></text>
<entry><observation><code code="A"/><value xsi:type="PQ" value="140" unit="mmHg"/></observation></entry>
<entry><observation><code code="B"/><value xsi:type="ST">头晕 3天</value></observation></entry>
</section></component></structuredBody></component></ClinicalDocument>"""
DECLARED = '<?xml version="1.0" encoding="{}"?>\n'
FORMAT = Format("cda", "*.xml", ())


def test_a_path_walks_from_the_document_to_a_value() -> None:
    """Local names, attributes as members, text as xmlText, the type of a value as xsiType."""
    tree = read_document(BODY.encode())
    found = "component.structuredBody.component.section.entry.observation"
    assert tree_path(f"{found}.where(code.code = 'A').value.value")(tree) == "140"
    assert tree_path(f"{found}.where(value.xsiType = 'ST').value.xmlText")(tree) == "头晕 3天"
    assert tree_path("templateId.root = '2.16.156.10011.2.1.1.22'")(tree) is True
    assert tree_path("id.extension.first()")(tree) == "D1"


def test_statements_are_found_wherever_they_stand() -> None:
    """In organizers, entry relationships and sections of sections, in document order, with the number of their
    section."""
    inner = "<component><section><entry><observation><code code='C'/></observation></entry></section></component>"
    nested = (
        "<entry><organizer><component><observation><code code='D'/><entryRelationship><observation><code code='E'/>"
    )
    nested += "</observation></entryRelationship></observation></component></organizer></entry>"
    tree = read_document(BODY.replace("</section>", f"{nested}{inner}</section>").encode())
    assert [one["code"][0]["code"] for one in tree["statements"]["observation"]] == ["A", "B", "D", "E", "C"]
    assert [one["inSection"] for one in tree["statements"]["observation"]] == [1, 1, 1, 1, 2]
    assert [one["inSection"] for one in tree["statements"]["section"]] == [1, 2]
    assert tree_path("statements.observation.where(code.code = 'E').inSection.first()")(tree) == 1


def test_the_narrative_of_a_section_becomes_xhtml_without_scripts_and_links() -> None:
    """Tables and line ends stay; attributes that act do not."""
    (text,) = read_document(BODY.encode())["component"][0]["structuredBody"][0]["component"][0]["section"][0]["text"]
    table = '<table><tr><td colspan="2">140/90</td></tr></table>'
    assert text["div"].replace("\n", "") == (f'<div xmlns="http://www.w3.org/1999/xhtml">血压<br/>{table}见附件</div>')
    assert text["xmlText"] == "血压\n140/90\n见附件"


def test_the_original_is_kept_byte_for_byte() -> None:
    """Base64, size and both digests are those of the bytes that came."""
    raw = (DECLARED.format("GB18030") + BODY).encode("gb18030")
    kept = read_document(raw)["original"]
    assert base64.b64decode(kept["data"]) == raw
    assert (kept["size"], kept["sha256"]) == (len(raw), hashlib.sha256(raw).hexdigest())


@pytest.mark.parametrize(
    ("declared", "encoding"), [("UTF-8", "utf-8"), ("GB2312", "gb18030"), ("gbk", "gb18030"), ("utf-8", "utf-8-sig")]
)
def test_the_stated_encoding_is_read(declared: str, encoding: str) -> None:
    """GB 18030 under any of its names, UTF-8 with and without a byte order mark."""
    assert read_document((DECLARED.format(declared) + BODY).encode(encoding))["title"][0]["xmlText"] == "门诊病历"


def test_a_wrong_header_is_refused_and_read_when_the_mapping_forces_the_encoding() -> None:
    """A GB2312 header over UTF-8 text is not guessed at."""
    raw = (DECLARED.format("GB2312") + BODY).encode()
    with pytest.raises(NotCda, match="forced: true"):
        read_document(raw)
    assert read_document(raw, "utf-8")["title"][0]["xmlText"] == "门诊病历"
    with pytest.raises(NotCda, match="not in the encoding utf-8"):
        read_document((DECLARED.format("UTF-8") + BODY).encode("gb18030"))


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]>' + BODY.replace("头晕", "&c;"),
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + BODY.replace("头晕", "&a;"),
        '<!DOCTYPE ClinicalDocument SYSTEM "http://127.0.0.1:9/x.dtd">' + BODY,
        BODY.replace("ClinicalDocument", "Other"),
        BODY.replace("urn:hl7-org:v3", "urn:other"),
        BODY[:-20],
        "",
    ],
    ids=["entities", "external entity", "DTD", "another root", "another namespace", "cut off", "empty"],
)
def test_what_is_no_plain_cda_document_is_refused(text: str) -> None:
    """DTDs, entities, other XML and broken XML."""
    with pytest.raises(NotCda):
        read_document(text.encode())


def test_a_file_is_one_record_with_its_bytes(tmp_path: Path) -> None:
    """The quarantine keeps the document itself; a file that cannot be read has one record and a problem."""
    path = tmp_path / "a.xml"
    path.write_bytes(BODY.encode())
    (record,) = records(path, FORMAT)
    assert (record.number, record.problem, record.raw()) == (1, None, BODY.encode())
    assert (inspect(path, FORMAT).records, inspect(path, FORMAT).problem) == (1, None)
    path.write_bytes(b"<x/>")
    assert (inspect(path, FORMAT).records, [one.problem for one in records(path, FORMAT)]) == (1, ["not-cda"])
    assert "ClinicalDocument" in str(inspect(path, FORMAT).problem)
