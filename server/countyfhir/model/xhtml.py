"""The narrative's ``div``: XHTML inside JSON text and inside XML (R4 section 2.4.0, Narrative)."""

from __future__ import annotations

import re
from html.entities import html5
from xml.parsers import expat

from lxml import etree

from countyfhir.model.xml_table import XHTML
from countyfhir.outcome import FhirError

_OPENING = re.compile(r"""<([^\s/>]+)((?:\s+[^\s=>/]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(/?)>""")
_DEFAULT_NAMESPACE = re.compile(r"\sxmlns\s*=")
_PREFIXED = re.compile(r"""<[^\s/>:"'=]+:|\s(?!xml:)[^\s/>:"'=<]+:[^\s/>:"'=<]+\s*=\s*["']""")
_NAMED_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_PREDEFINED = frozenset({"amp", "lt", "gt", "quot", "apos"})


def for_xml(div: str, expression: str) -> str:
    """``div`` of JSON as it can stand in an XML document: namespace declared, HTML's named entities as numbers.

    FhirError "structure" when it is not one well-formed ``div`` element.
    """
    text = numbered(div.strip())
    opening = _OPENING.match(text)
    if opening and ":" not in opening.group(1) and not _DEFAULT_NAMESPACE.search(opening.group(2)):
        end = opening.end(1)
        text = f'{text[:end]} xmlns="{XHTML}"{text[end:]}'
    _check(text, expression)
    return text


def numbered(text: str) -> str:
    """HTML's named entities, which a narrative may hold, as the numbers that XML knows without a document type."""
    return _NAMED_ENTITY.sub(_numbered, text) if "&" in text else text


def _numbered(entity: re.Match[str]) -> str:
    name = entity.group(1)
    if name in _PREDEFINED or name + ";" not in html5:
        return entity.group()
    return "".join(f"&#{ord(character)};" for character in html5[name + ";"])


def _check(text: str, expression: str) -> None:
    """Refuses what is not one well-formed XHTML ``div``: it would break the document around it."""
    roots: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if not roots:
            roots.append(name)

    def declare(*_: object) -> None:
        raise FhirError("structure", "The narrative must not hold a document type", expression=expression)

    parser = expat.ParserCreate("utf-8", " ")
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = declare
    parser.XmlDeclHandler = declare
    try:
        parser.Parse(text.encode(errors="replace"), True)
    except expat.ExpatError as error:
        said = f"The narrative is not well-formed XHTML ({expat.ErrorString(error.code)})"
        raise FhirError("structure", said, expression=expression) from error
    if roots[0] != f"{XHTML} div":
        said = f"The narrative must be one div element in the namespace {XHTML}"
        raise FhirError("structure", said, expression=expression)


def standing_alone(text: str, prefixes: dict[str, str]) -> str:
    """The div ``text`` written anew without the ``prefixes`` declared around it, XHTML as its default namespace."""
    declared = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in prefixes.items())
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    around = etree.fromstring(f"<around{declared}>{text}</around>".encode(), parser)
    div = around[0]
    default: dict[str | None, str] = {None: XHTML}
    alone = etree.Element(f"{{{XHTML}}}div", dict(div.attrib), nsmap=default)  # type: ignore[arg-type]  # stubs lack None
    alone.text = div.text
    alone.extend(list(div))
    etree.cleanup_namespaces(alone)
    return etree.tostring(alone, encoding="unicode")


def opening_is_closed(text: str) -> bool:
    """Whether the tag at the beginning of ``text`` closes itself (``<div …/>``)."""
    opening = _OPENING.match(text)
    return opening is not None and opening.group(3) == "/"


def stands_alone(text: str) -> bool:
    """Whether the text of a div means the same outside its document: it uses no prefix that may be declared there."""
    opening = _OPENING.match(text)
    if opening is None or opening.group(1) != "div" or not _DEFAULT_NAMESPACE.search(opening.group(2)):
        return False
    return ":" not in text or not _PREFIXED.search(text)
