"""What a narrative's XHTML may hold: the rules txt-1 and txt-2 behind htmlChecks() (FHIR R4 section 2.27.0.1)."""

from __future__ import annotations

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
        for attribute in attributes:
            plain = attribute.rpartition(" ")[2]
            if plain not in _ATTRIBUTES:
                self.found.append(f"the attribute '{plain}' is not allowed in a narrative")
        self.content = self.content or local == "img"
        self.depth += 1

    def end(self, name: str) -> None:
        self.depth -= 1

    def characters(self, data: str) -> None:
        self.content = self.content or bool(data.strip())

    def doctype(self, *declared: object) -> None:
        raise _DocumentType("a document type is not allowed")
