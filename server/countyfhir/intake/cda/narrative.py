"""The narrative block of a CDA section as XHTML that FHIR's Narrative allows (HL7 CDA R2 4.3.5; R4 Narrative)."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from lxml import etree

TAGS: Mapping[str, str] = {
    "paragraph": "p", "content": "span", "item": "li", "br": "br", "caption": "caption", "sub": "sub", "sup": "sup",
    "table": "table", "colgroup": "colgroup", "col": "col", "thead": "thead", "tbody": "tbody", "tfoot": "tfoot",
    "tr": "tr", "th": "th", "td": "td",
}  # fmt: skip
"""Element of the block -> XHTML; the text of any other (linkHtml, renderMultiMedia, footnote …) stays."""
ATTRIBUTES = frozenset({"colspan", "rowspan"})
EMPTY = frozenset({"br", "col"})
BLOCKS = frozenset({"paragraph", "item", "tr", "caption", "list", "table", "br"})
"""After these a line ends."""


def division(block: etree._Element) -> str:
    """The ``div`` of a Narrative: only elements and attributes that FHIR allows, no scripts, no links."""
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{inside(block)}</div>'


def inside(element: etree._Element) -> str:
    parts = [escape(element.text or "", quote=False)]
    for child in element:
        if isinstance(child.tag, str):
            parts.append(rendered(child))
        parts.append(escape(child.tail or "", quote=False))
    return "".join(parts)


def rendered(element: etree._Element) -> str:
    name = str(element.tag).rpartition("}")[2]
    if name == "list":
        tag = "ol" if element.get("listType") == "ordered" else "ul"
        items = (child for child in element if str(child.tag).endswith("}item"))
        return f"<{tag}>{''.join(rendered(item) for item in items)}</{tag}>"
    tag = TAGS.get(name, "")
    if tag in EMPTY:
        return f"<{tag}/>"
    if not tag:
        return inside(element)
    kept = "".join(f' {key}="{escape(str(value))}"' for key, value in element.attrib.items() if key in ATTRIBUTES)
    return f"<{tag}{kept}>{inside(element)}</{tag}>"


def plain_text(block: etree._Element) -> str:
    """The words of the block, one line a paragraph, item or row."""
    return "\n".join(line for line in (" ".join(one.split()) for one in words(block).split("\n")) if line)


def words(element: etree._Element) -> str:
    parts = [(element.text or "").replace("\n", " ")]
    for child in element:
        if isinstance(child.tag, str):
            name = child.tag.rpartition("}")[2]
            parts.append(words(child) + ("\n" if name in BLOCKS else " " if name in ("td", "th") else ""))
        parts.append((child.tail or "").replace("\n", " "))
    return "".join(parts)
