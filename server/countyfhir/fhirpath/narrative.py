"""What a narrative's XHTML may hold: the rules txt-1 and txt-2 behind htmlChecks() (FHIR R4 section 2.27.0.1)."""

from __future__ import annotations

import re
from functools import lru_cache
from xml.parsers import expat

from countyfhir.model.xhtml import numbered
from countyfhir.model.xml_table import XHTML

_ELEMENT_NAMES = """
    div p br hr h1 h2 h3 h4 h5 h6 ul ol li dl dt dd table caption colgroup col thead tbody tfoot tr th td pre
    blockquote q address span b i u em strong small big strike s tt code dfn samp kbd var cite abbr acronym sub
    sup bdo a img map area
"""
_ATTRIBUTE_NAMES = """
    title style class id lang xml:lang dir accesskey tabindex span width align valign char charoff border
    cellspacing cellpadding frame rules summary abbr axis headers scope rowspan colspan href hreflang name rel
    rev type charset shape coords src alt longdesc height usemap ismap cite start value compact nohref nowrap
"""
_LINKING = frozenset(("href", "src", "longdesc", "cite", "usemap"))
_ACTIVE_LINK = re.compile(
    r"(?:javascript|vbscript|livescript|file|data(?!:image/(?:png|jpe?g|gif|webp|bmp)[;,]))\s*:", re.I
)
"""What a link must not start with: anything that runs, or reads the reader's files. Pictures may stand in it."""
_ACTIVE_STYLE = re.compile(
    r"expression\s*\(|behaviou?r\s*:|-moz-binding|@import"
    r"|url\s*\(\s*['\"]?\s*(?!data:\s*image/)(?:[a-z][a-z0-9+.-]*:|//|\\\\)",
    re.I,
)
"""What a style must not hold: what runs, and what is fetched from elsewhere."""
_ESCAPED = re.compile(r"\\([0-9A-Fa-f]{1,6})\s?|/\*.*?\*/", re.S)
_IGNORED = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028\u2029\ufeff]+")
_ELEMENTS = frozenset(_ELEMENT_NAMES.split())
_ATTRIBUTES = frozenset(_ATTRIBUTE_NAMES.split())


@lru_cache(maxsize=256)
def problems(text: str) -> tuple[str, ...]:
    """What is wrong with a narrative: not well formed, a document type, forbidden parts, no content."""
    reading = _Reading()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.characters
    parser.StartDoctypeDeclHandler = reading.doctype
    try:
        parser.Parse(numbered(text.strip()).encode(errors="replace"), True)
    except (expat.ExpatError, _DocumentType) as error:
        return (f"the narrative is not well-formed XHTML: {error}",)
    if not reading.content:
        reading.found.append("the narrative has neither text nor an image")
    return tuple(reading.found)


def is_active(attribute: str, value: str) -> bool:
    """Whether the value of an allowed attribute would run something, or fetch a style from elsewhere."""
    if attribute in _LINKING:
        return _ACTIVE_LINK.match(_IGNORED.sub("", value)) is not None
    return attribute == "style" and _ACTIVE_STYLE.search(_ESCAPED.sub(_plain, value)) is not None


def _plain(escaped: re.Match[str]) -> str:
    """What a CSS escape stands for; nothing for a comment."""
    digits = escaped.group(1)
    return chr(min(int(digits, 16), 0xFFFD)) if digits else ""


class _DocumentType(Exception):
    """A document type declaration, which could define entities."""


class _Reading:
    def __init__(self) -> None:
        self.found: list[str] = []
        self.content = False
        self.depth = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        if self.depth == 0 and (local != "div" or namespace != XHTML):
            self.found.append("the narrative must be a div in the XHTML namespace")
        if namespace != XHTML or local not in _ELEMENTS:
            self.found.append(f"the element '{local}' is not allowed in a narrative")
        for attribute, value in attributes.items():
            plain = attribute.rpartition(" ")[2]
            if plain not in _ATTRIBUTES:
                self.found.append(f"the attribute '{plain}' is not allowed in a narrative")
            elif is_active(plain, value):
                self.found.append(f"the attribute '{plain}' holds something that runs or is fetched from elsewhere")
        self.content = self.content or local == "img"
        self.depth += 1

    def end(self, name: str) -> None:
        self.depth -= 1

    def characters(self, data: str) -> None:
        self.content = self.content or bool(data.strip())

    def doctype(self, *declared: object) -> None:
        raise _DocumentType("a document type is not allowed")
