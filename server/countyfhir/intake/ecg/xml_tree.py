"""XML of ECG machines: parsed without loading a DTD, entities or network, walked by local names (OWASP XXE)."""

from __future__ import annotations

from typing import Any

from lxml import etree

from countyfhir.intake.ecg.recording import Damaged


def parsed(raw: bytes, root: str, encoding: str | None = None) -> etree._Element:
    """The root element; Damaged ``not-ecg`` when it is another, or the file is not well-formed. ``encoding`` wins over
    the one that the file states."""
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        encoding=encoding,
        remove_comments=True,
    )
    try:
        element = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Damaged("not-ecg", "the file is not well-formed XML") from error
    if etree.QName(element).localname != root or declares(element):
        raise Damaged("not-ecg", f"the file is no {root}, or its DTD declares something")
    return element


def declares(element: etree._Element) -> bool:
    """Whether the document brings declarations of its own. That it names a DTD (MUSE: restecg.dtd) is harmless: it is
    not fetched."""
    dtd: Any = element.getroottree().docinfo.internalDTD
    return dtd is not None and bool(dtd.entities() or dtd.elements())


def child(element: etree._Element | None, name: str) -> etree._Element | None:
    """The first child of that local name."""
    children = element.iterchildren(tag=etree.Element) if element is not None else ()
    return next((one for one in children if etree.QName(one).localname == name), None)


def children(element: etree._Element | None, name: str) -> list[etree._Element]:
    found = element.iterchildren(tag=etree.Element) if element is not None else ()
    return [one for one in found if etree.QName(one).localname == name]


def path(element: etree._Element | None, names: str) -> etree._Element | None:
    """The first child of the first child …, by ``a/b/c``."""
    for name in names.split("/"):
        element = child(element, name)
    return element


def within(element: etree._Element, name: str) -> etree._Element | None:
    """The first element of that local name at any depth."""
    return next((one for one in element.iter(tag=etree.Element) if etree.QName(one).localname == name), None)


def attribute(element: etree._Element | None, name: str) -> str | None:
    value = element.get(name) if element is not None else None
    return value.strip() or None if isinstance(value, str) else None


def text(element: etree._Element | None) -> str | None:
    value = element.text if element is not None else None
    return value.strip() or None if isinstance(value, str) else None
