"""One CDA R2 document as a tree that FHIRPath can walk (HL7 CDA R2, WS/T 482-2016).

Every element is an object: attributes by local name, child elements by local name (always as a list), text as
``xmlText``, ``xsi:type`` as ``xsiType``. ``component.structuredBody.component.section.where(code.code = '10154-3')``
walks to a section. The ``text`` of a section keeps its narrative: ``div`` (XHTML) beside ``xmlText``. ``statements``
has what the body says wherever it stands: all ``section``, ``observation``, ``organizer``, ``procedure``,
``substanceAdministration`` … in document order, each with ``inSection``, the number of its section. ``original`` is the
document itself: ``data`` (base64), ``size``, ``sha1`` (base64) and ``sha256``.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

from lxml import etree

from countyfhir.intake.cda.narrative import division, plain_text

Tree = dict[str, Any]
NAMESPACE = "urn:hl7-org:v3"
ROOT = f"{{{NAMESPACE}}}ClinicalDocument"
NARRATIVE = (f"{{{NAMESPACE}}}section", f"{{{NAMESPACE}}}text")
INSTANCE_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
CHINESE = frozenset({"gb2312", "gbk", "gb18030"})
"""Names of one encoding: GB 18030 reads what any of them says."""
STATEMENTS = frozenset(
    {"section", "act", "encounter", "observation", "observationMedia", "organizer", "procedure", "regionOfInterest"}
    | {"substanceAdministration", "supply"}
)
"""Sections, and the clinical statements of CDA R2 (4.3.6)."""
MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class NotCda(ValueError):
    """The bytes are no CDA document that can be read; the message says why and what to do."""


def read_document(raw: bytes, encoding: str | None = None) -> Tree:
    """The tree of the document. ``encoding`` wins over what the document states; without it the document's own
    statement holds and must be true. No DTD, no entity, no network (OWASP XXE)."""
    root = parsed(decoded(raw, encoding))
    if root.tag != ROOT:
        raise NotCda("the root element is not ClinicalDocument of urn:hl7-org:v3")
    tree = as_tree(root)
    return tree | {"statements": statements(tree.get("component", [])), "original": original(raw)}


def decoded(raw: bytes, encoding: str | None) -> str:
    """The text of the document; NotCda when its bytes are not what the encoding says."""
    stated = encoding or stated_encoding(raw)
    if encoding is None and stated == "gb18030" and reads_as_utf8(raw):
        raise NotCda(
            "the document says that it is a GB encoding, but it is UTF-8; declare 'encoding: utf-8' and 'forced: true'"
        )
    try:
        return raw.decode(stated)
    except (UnicodeDecodeError, LookupError) as error:
        raise NotCda(f"the document is not in the encoding {stated}") from error


def stated_encoding(raw: bytes) -> str:
    """The codec that a byte order mark or the XML declaration names; UTF-8 where neither does."""
    for mark, codec in MARKS:
        if raw.startswith(mark):
            return codec
    found = DECLARED.match(raw)
    name = found[1].decode("ascii").lower() if found else "utf-8"
    return "gb18030" if name in CHINESE else name


def reads_as_utf8(raw: bytes) -> bool:
    """Whether the bytes are UTF-8 beyond ASCII; Chinese text in a GB encoding practically never is."""
    try:
        return not raw.decode("utf-8").isascii()
    except UnicodeDecodeError:
        return False


def parsed(text: str) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, encoding="utf-8", remove_pis=True
    )
    try:
        root = etree.fromstring(DECLARATION.sub("", text).encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NotCda(f"the document is not well-formed XML: {str(error)[:160]}") from error
    if getattr(root.getroottree().docinfo, "doctype", ""):
        raise NotCda("the document has a DTD; documents with one are not read")
    return root


def as_tree(element: etree._Element) -> Tree:
    made: Tree = {}
    for name, value in element.attrib.items():
        made["xsiType" if name == INSTANCE_TYPE else local(str(name))] = value
    parent = element.getparent()
    if parent is not None and (parent.tag, element.tag) == NARRATIVE:
        return made | narrative(element)
    for child in element.iterchildren(tag=etree.Element):
        name = local(str(child.tag))
        present = made.get(name)
        if not isinstance(present, list):  # an attribute of the same name gives way to the element
            present = made[name] = []
        present.append(as_tree(child))
    text = "".join([element.text or "", *(child.tail or "" for child in element)]).strip()
    return made | {"xmlText": text} if text else made


def statements(body: list[Tree]) -> dict[str, list[Tree]]:
    """The sections and clinical statements below a body by name, nested ones, too, in document order; every one gets
    the number of the section it stands in (a section its own)."""
    found: dict[str, list[Tree]] = {name: [] for name in sorted(STATEMENTS)}
    gather(body, found, 0)
    return found


def gather(nodes: list[Tree], found: dict[str, list[Tree]], section: int) -> None:
    for node in nodes:
        for name, children in list(node.items()):
            if not isinstance(children, list) or name in ("code", "value", "text"):
                continue
            for child in children:
                within = section
                if name in STATEMENTS:
                    found[name].append(child)
                    within = child["inSection"] = len(found["section"]) if name == "section" else section
                gather([child], found, within)


def narrative(element: etree._Element) -> Tree:
    text = plain_text(element)
    return {"xmlText": text, "div": division(element)} if text else {}


def local(name: str) -> str:
    return name.rpartition("}")[2]


def original(raw: bytes) -> Tree:
    """The document as it came."""
    return {
        "data": base64.b64encode(raw).decode("ascii"),
        "size": len(raw),
        "sha1": base64.b64encode(hashlib.sha1(raw, usedforsecurity=False).digest()).decode("ascii"),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }
