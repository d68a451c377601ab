"""FHIR's XML form, read into the same trees as JSON (R4 section 2.6.1, XML Representation of Resources).

Expat parses: it says at which byte a narrative begins and ends, so that its text is kept as it was written. Documents
with a DTD are refused, so that there are no entities to expand and nothing to fetch.
"""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

from countyfhir.model import xhtml
from countyfhir.model.definitions import definitions
from countyfhir.model.json_problem import MAXIMUM_DEPTH
from countyfhir.model.xml_table import COMPLEX, DIV, FHIR, PRIMITIVE, XHTML, Step, attributes, by_xml_name
from countyfhir.model.xml_write import dumps
from countyfhir.outcome import FhirError, Issue

__all__ = ["dumps", "parse"]

SCHEMA_LOCATION = "http://www.w3.org/2001/XMLSchema-instance schemaLocation"
_ENCODINGS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


class _Frame:
    """An open element: the object it fills, what may stand in it, and how deep it is in JSON's terms."""

    __slots__ = ("children", "depth", "last", "padded", "position", "step", "type_name", "value", "written")

    def __init__(self, step: Step | None, type_name: str, value: dict[str, Any], depth: int, position: int = 0) -> None:
        self.step = step  # None: a resource, or the frame around the root
        self.type_name = type_name  # "": only a resource may stand here
        self.value = value
        self.depth = depth
        self.position = position  # its index, where it repeats
        self.children = by_xml_name(type_name) if type_name else {}
        self.last: Step | None = None  # the child that came before
        self.written: Any = None  # @value of a primitive
        self.padded: list[Step] | None = None  # repeating primitives with a "_" sibling or a missing value


def parse(data: bytes) -> dict[str, Any]:
    """The resource in the XML document ``data`` (UTF-8).

    FhirError "structure" with line, column and place for malformed XML, a DTD, unknown, misplaced or misordered
    elements and attributes, a wrong namespace or text between elements; "value" for a boolean or number that is none.
    """
    reader = _Reader(data.removeprefix(b"\xef\xbb\xbf"))
    try:
        reader.parser.Parse(reader.data, True)
    except expat.ExpatError as error:
        said = f"The body is not well-formed XML: {expat.ErrorString(error.code)}"
        problem = Issue("structure", said, reader.expression(), line=error.lineno, column=error.offset + 1)
        raise FhirError([problem]) from error
    return reader.root


class _Reader:
    """Builds the tree from Expat's events."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.root: dict[str, Any] = {}
        self.stack: list[_Frame] = [_Frame(None, "", self.root, 1)]
        self.div_start = 0
        self.div_depth = 0
        self.prefixes: dict[str, list[str]] = {}  # declared and still in scope
        parser = expat.ParserCreate("utf-8", " ")
        parser.buffer_text = True
        parser.StartNamespaceDeclHandler = self.declare_prefix
        parser.EndNamespaceDeclHandler = self.forget_prefix
        parser.XmlDeclHandler = self.declared
        parser.StartDoctypeDeclHandler = self.document_type
        self.parser = parser
        self.outside_div()

    def outside_div(self) -> None:
        """Listens to FHIR's elements."""
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text

    def inside_div(self) -> None:
        """Passes over XHTML."""
        self.parser.StartElementHandler = self.start_in_div
        self.parser.EndElementHandler = self.end_in_div
        self.parser.CharacterDataHandler = None

    def refuse(self, code: str, said: str) -> FhirError:
        """The error for what stands where the parser is."""
        line, column = self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1
        return FhirError([Issue(code, said, self.expression(), line=line, column=column)])

    def expression(self) -> tuple[str, ...]:
        """FHIRPath of the innermost open element."""
        names = [frame.type_name for frame in self.stack[1:2]]
        for frame in self.stack:
            if frame.step is not None:
                names += [frame.step.name + (f"[{frame.position}]" if frame.step.is_array else "")]
        return (".".join(names),) if names else ()

    def declared(self, version: str, encoding: str | None, standalone: int) -> None:
        """The XML declaration: FHIR is always UTF-8."""
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            raise self.refuse("structure", "FHIR in XML is encoded in UTF-8; the XML declaration says otherwise")

    def declare_prefix(self, prefix: str | None, uri: str) -> None:
        """A narrative may use a prefix that is declared around it."""
        if prefix:
            self.prefixes.setdefault(prefix, []).append(uri)

    def forget_prefix(self, prefix: str | None) -> None:
        """The end of the element that declared it."""
        if prefix:
            self.prefixes[prefix].pop()

    def document_type(self, *_: object) -> None:
        """DTDs are refused (R4 section 2.6.1; entities are a means of attack)."""
        raise self.refuse("structure", "The document must not have a document type declaration (DTD)")

    def text(self, data: str) -> None:
        """Only white space may stand between FHIR's elements."""
        if not data.isspace():
            raise self.refuse("structure", "Text stands between the elements; values belong in the value attribute")

    def start(self, name: str, given: dict[str, str]) -> None:
        """Opens an element of FHIR, or the narrative's div."""
        frame = self.stack[-1]
        step = frame.children.get(name)
        if step is None:
            self.start_resource(frame, name, given)
            return
        if not step.is_array and (step.name in frame.value or step.sibling in frame.value):
            raise self.refuse("structure", f"The element '{step.name}' may stand here only once")
        if frame.last is not None and frame.last.order > step.order:
            said = (
                f"The element '{step.name}' must stand before '{frame.last.name}' (XML has the order of the definition)"
            )
            raise self.refuse("structure", said)
        frame.last = step
        if step.form == DIV:
            self.div_start = self.parser.CurrentByteIndex
            self.div_depth = 1
            self.inside_div()
        elif step.form == PRIMITIVE:
            self.start_primitive(frame, step, given)
        else:
            self.start_object(frame, step, given)

    def push(self, frame: _Frame) -> None:
        """Makes ``frame`` the innermost; nesting is limited as in JSON."""
        if frame.depth > MAXIMUM_DEPTH:
            raise self.refuse("structure", f"Elements are nested deeper than {MAXIMUM_DEPTH} levels")
        self.stack.append(frame)

    def start_primitive(self, parent: _Frame, step: Step, given: dict[str, str]) -> None:
        """Opens a primitive: its value is an attribute, its children are extensions."""
        position = len(parent.value.get(step.name, ())) if step.is_array else 0
        frame = _Frame(step, step.type_name, {}, parent.depth + 1 + step.is_array, position)
        self.push(frame)
        if "value" in given:
            text = given.pop("value")
            try:
                frame.written = step.value(text)
            except ValueError as error:
                raise self.refuse("value", f"The value of {step.type_name} '{step.name}' must be {error}") from error
        if given:
            self.take_attributes(frame, given)

    def start_object(self, parent: _Frame, step: Step, given: dict[str, str]) -> None:
        """Opens a complex element, or the wrapper around a resource."""
        value: dict[str, Any] = {}
        position = 0
        if step.is_array:
            items = parent.value.setdefault(step.name, [])
            position = len(items)
            items.append(value)
        else:
            parent.value[step.name] = value
        type_name = step.type_name if step.form == COMPLEX else ""
        frame = _Frame(step, type_name, value, parent.depth + 1 + step.is_array, position)
        self.push(frame)
        if given:
            self.take_attributes(frame, given)

    def take_attributes(self, frame: _Frame, given: dict[str, str]) -> None:
        """Stores ``id`` and ``url``; anything else is refused."""
        allowed = attributes(frame.type_name) if frame.type_name else frozenset()
        for name, text in given.items():
            if name in allowed:
                frame.value[name] = text
            elif name != SCHEMA_LOCATION:
                raise self.refuse("structure", f"The attribute '{name.rpartition(' ')[2][:64]}' is not known here")

    def start_resource(self, frame: _Frame, name: str, given: dict[str, str]) -> None:
        """Opens a resource, where one may stand: at the root, or inside contained, resource, outcome."""
        shown = name.rpartition(" ")[2][:64]
        if not name.startswith(FHIR + " "):
            raise self.refuse("structure", f"The element '{shown}' is not in the namespace {self.wanted(name)}")
        if frame.children:
            raise self.refuse("structure", f"The element '{shown}' is not known here")
        if shown not in definitions().resource_types:
            raise self.refuse("structure", f"'{shown}' is no resource type of R4")
        if frame.value:
            raise self.refuse("structure", "Only one resource may stand here")
        frame.value["resourceType"] = shown
        inner = _Frame(None, shown, frame.value, frame.depth)
        self.push(inner)
        if given:
            self.take_attributes(inner, given)

    def wanted(self, name: str) -> str:
        """The namespace that an element of this name would need."""
        return XHTML if name.rpartition(" ")[2] == "div" else FHIR

    def end(self, name: str) -> None:
        """Closes an element of FHIR and hands its value to the one around it."""
        frame = self.stack[-1]
        step = frame.step
        if frame.padded:
            for padded in frame.padded:
                _pad(frame.value, padded)
        if step is not None and step.form == PRIMITIVE:
            if frame.written is None and not frame.value:
                raise self.refuse("structure", f"The element '{step.name}' has neither a value nor an extension")
            _attach(self.stack[-2], step, frame.written, frame.value)
        elif step is not None and step.form != COMPLEX and not frame.value:
            raise self.refuse("structure", f"A resource must stand in '{step.name}'")
        self.stack.pop()

    def start_in_div(self, name: str, given: dict[str, str]) -> None:
        """Counts the elements of a narrative."""
        self.div_depth += 1
        if not name.startswith(XHTML + " "):
            raise self.refuse("structure", f"An element inside the narrative is not in the namespace {XHTML}")
        if self.div_depth > MAXIMUM_DEPTH:
            raise self.refuse("structure", f"Elements are nested deeper than {MAXIMUM_DEPTH} levels")

    def end_in_div(self, name: str) -> None:
        """At the end of the narrative, stores the text of the whole div."""
        self.div_depth -= 1
        if self.div_depth:
            return
        self.outside_div()
        text = self.data[self.div_start : self.parser.CurrentByteIndex].decode()
        if not xhtml.opening_is_closed(text):
            end = self.data.index(b">", self.parser.CurrentByteIndex) + 1
            text = self.data[self.div_start : end].decode()
        if not xhtml.stands_alone(text):
            text = xhtml.standing_alone(text, {prefix: uris[-1] for prefix, uris in self.prefixes.items() if uris})
        self.stack[-1].value["div"] = text


def _attach(parent: _Frame, step: Step, written: Any, sibling: dict[str, Any]) -> None:
    """Stores a primitive's value and its ``_`` sibling; in arrays both keep their places by ``null``."""
    value = parent.value
    if not step.is_array:
        if written is not None:
            value[step.name] = written
        if sibling:
            value[step.sibling] = sibling
        return
    items = value.setdefault(step.name, [])
    items.append(written)
    if sibling:
        siblings = value.setdefault(step.sibling, [])
        siblings.extend([None] * (len(items) - 1 - len(siblings)))
        siblings.append(sibling)
        if parent.padded is None:
            parent.padded = []
        if step not in parent.padded:
            parent.padded.append(step)


def _pad(value: dict[str, Any], step: Step) -> None:
    """Makes both arrays of a repeating primitive equally long; one that holds only ``null`` goes."""
    items, siblings = value[step.name], value[step.sibling]
    siblings.extend([None] * (len(items) - len(siblings)))
    if all(item is None for item in items):
        del value[step.name]
