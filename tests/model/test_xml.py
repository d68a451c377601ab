"""XML and JSON hold the same: resources go there and back without a change; bad XML is refused with its place."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from countyfhir.model import json, xml
from countyfhir.model.definitions import definitions
from countyfhir.outcome import FhirError

EXAMPLES = Path(__file__).parents[1] / "data" / "r4-examples.tar.xz"
LARGE = 400_000
HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


def examples() -> Iterator[tuple[str, bytes]]:
    """The official R4 examples of ordinary size (the few of many megabytes are definitions in Bundles)."""
    with tarfile.open(EXAMPLES) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is not None and member.size < LARGE:
                yield member.name, content.read()


def canonical(value: Any) -> Any:
    """Keys in one order, numbers as text, for a comparison digit for digit."""
    if isinstance(value, dict):
        return {key: canonical(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [canonical(item) for item in value]
    return value if isinstance(value, str | bool | None) else json.dumps(value)


def test_official_examples_come_back() -> None:
    """Every example is the same after JSON -> XML -> JSON, digit for digit and its narrative byte for byte."""
    changed, count = [], 0
    for name, text in examples():
        resource = json.parse(text)
        if canonical(xml.parse(xml.dumps(resource))) != canonical(resource):
            changed.append(name)
        count += 1
    assert changed == []
    assert count > 700


def test_indentation_changes_nothing() -> None:
    """The indented document reads as the compact one, and the compact one again gives the same bytes."""
    for name, text in examples():
        if len(text) < 20_000 and name.startswith(("Patient", "Questionnaire", "Bundle", "Parameters", "List")):
            resource = json.parse(text)
            compact = xml.dumps(resource)
            assert xml.parse(xml.dumps(resource, pretty=True)) == resource, name
            assert xml.dumps(xml.parse(compact)) == compact, name
            assert etree.fromstring(compact).tag == "{http://hl7.org/fhir}" + resource["resourceType"]


TREES: list[tuple[str, str]] = [
    (
        '{"resourceType":"Patient","id":"1","_birthDate":{"extension":[{"url":"http://e.org/t","valueDecimal":1.50}]}}',
        '<Patient xmlns="http://hl7.org/fhir"><id value="1"/><birthDate><extension url="http://e.org/t">'
        '<valueDecimal value="1.50"/></extension></birthDate></Patient>',
    ),
    (
        '{"resourceType":"Patient","name":[{"given":["A",null,"C"],"_given":[null,{"id":"g"},null]}]}',
        '<Patient xmlns="http://hl7.org/fhir"><name><given value="A"/><given id="g"/>'
        '<given value="C"/></name></Patient>',
    ),
    (
        '{"resourceType":"Patient","name":[{"_given":[{"id":"g"},{"id":"h"}]}]}',
        '<Patient xmlns="http://hl7.org/fhir"><name><given id="g"/><given id="h"/></name></Patient>',
    ),
    (
        '{"resourceType":"Observation","contained":[{"resourceType":"Patient","id":"p","active":true}],'
        '"valueQuantity":{"value":0.00},"component":[{"id":"c","valueInteger":-5},{"valueBoolean":false}]}',
        '<Observation xmlns="http://hl7.org/fhir"><contained><Patient><id value="p"/><active value="true"/></Patient>'
        '</contained><valueQuantity><value value="0.00"/></valueQuantity><component id="c"><valueInteger value="-5"/>'
        '</component><component><valueBoolean value="false"/></component></Observation>',
    ),
    (
        '{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Binary","data":"QUJD\\nREVG"},'
        '"response":{"status":"200","outcome":{"resourceType":"OperationOutcome","language":"zh"}}}]}',
        '<Bundle xmlns="http://hl7.org/fhir"><entry><resource><Binary><data value="QUJD&#10;REVG"/></Binary></resource>'
        '<response><status value="200"/><outcome><OperationOutcome><language value="zh"/></OperationOutcome></outcome>'
        "</response></entry></Bundle>",
    ),
    (
        '{"resourceType":"Basic","language":"a<b>&\\"c\'\\td\\r\\n　张😀"}',
        '<Basic xmlns="http://hl7.org/fhir"><language value="a&lt;b&gt;&amp;&quot;c\'&#9;d&#13;&#10;　张😀"/></Basic>',
    ),
    (
        '{"resourceType":"Basic","text":{"status":"empty","div":'
        '"<div xmlns=\\"http://www.w3.org/1999/xhtml\\"><p title=\'x\'>1 &lt; 2 &#160;<br /><b></b></p>\\n</div>"}}',
        '<Basic xmlns="http://hl7.org/fhir"><text><status value="empty"/><div xmlns="http://www.w3.org/1999/xhtml">'
        "<p title='x'>1 &lt; 2 &#160;<br /><b></b></p>\n</div></text></Basic>",
    ),
    (
        '{"resourceType":"Basic","text":{"status":"empty","div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\"/>"}}',
        '<Basic xmlns="http://hl7.org/fhir"><text><status value="empty"/><div xmlns="http://www.w3.org/1999/xhtml"/>'
        "</text></Basic>",
    ),
    (
        '{"resourceType":"Parameters","parameter":[{"name":"a","valueDecimal":1.0e3},{"name":"b","valueDecimal":7}]}',
        '<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="a"/><valueDecimal value="1.0e3"/></parameter>'
        '<parameter><name value="b"/><valueDecimal value="7"/></parameter></Parameters>',
    ),
]


@pytest.mark.parametrize(("as_json", "as_xml"), TREES)
def test_both_forms(as_json: str, as_xml: str) -> None:
    """The two forms of the specification's rules, in both directions."""
    assert xml.dumps(json.parse(as_json.encode())).decode() == HEAD + as_xml
    assert json.dumps(xml.parse((HEAD + as_xml).encode())) == json.dumps(json.parse(as_json.encode()))


def test_element_order_follows_the_definitions() -> None:
    """JSON keys in any order give elements in the specification's order."""
    document = xml.dumps({"birthDate": "1950", "active": True, "resourceType": "Patient", "id": "1"})
    assert document.decode() == (
        HEAD + '<Patient xmlns="http://hl7.org/fhir"><id value="1"/><active value="true"/><birthDate value="1950"/>'
        "</Patient>"
    )


def test_depth_is_limited_as_in_json() -> None:
    """Whatever XML is accepted can be read back from the JSON text that is stored."""

    def nested(levels: int) -> bytes:
        opening, closing = '<extension url="u">' * levels, "</extension>" * levels
        return f'<Basic xmlns="http://hl7.org/fhir">{opening}{closing}</Basic>'.encode()

    resource = xml.parse(nested(63))
    assert json.parse(json.dumps(resource)) == resource
    with pytest.raises(FhirError, match="deeper than 128"):
        xml.parse(nested(64))


def test_comments_instructions_prefixes_and_schema_location_are_passed_over() -> None:
    """Comments, processing instructions, a prefix for FHIR and xsi:schemaLocation carry no content."""
    text = """\ufeff<?xml version="1.0"?><!-- one --><?xml-stylesheet href="x.css"?>
      <f:Patient xmlns:f="http://hl7.org/fhir" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
          xsi:schemaLocation="http://hl7.org/fhir ../fhir.xsd"> <!-- two -->
        <f:active value='true'><!-- three --></f:active><?four five?>
      </f:Patient><!-- six -->"""
    assert xml.parse(text.encode()) == {"resourceType": "Patient", "active": True}


def test_narrative_with_an_outer_prefix_stands_alone_in_json() -> None:
    """A div that uses a prefix declared around it is written anew with XHTML as its default namespace."""
    text = (
        '<Basic xmlns="http://hl7.org/fhir" xmlns:h="http://www.w3.org/1999/xhtml"><text><status value="empty"/>'
        '<h:div class="a">x <h:b>y</h:b> z</h:div></text></Basic>'
    )
    assert xml.parse(text.encode())["text"]["div"] == (
        '<div xmlns="http://www.w3.org/1999/xhtml" class="a">x <b>y</b> z</div>'
    )


@pytest.mark.parametrize(
    ("div", "written"),
    [
        ("<div>a&nbsp;b &copy; &amp;</div>", '<div xmlns="http://www.w3.org/1999/xhtml">a&#160;b &#169; &amp;</div>'),
        (' <div class="x"/>\n', '<div xmlns="http://www.w3.org/1999/xhtml" class="x"/>'),
    ],
)
def test_narratives_are_made_fit_for_xml(div: str, written: str) -> None:
    """HTML's named entities become numbers and a missing namespace is declared."""
    document = xml.dumps({"resourceType": "Basic", "text": {"div": div}}).decode()
    assert f"<text>{written}</text>" in document
    assert xml.parse(document.encode())["text"]["div"] == written


REFUSED_XML: list[tuple[str, str, str | None, int]] = [
    ("", "structure", None, 1),
    ("<Patient", "structure", None, 1),
    ('<Patient xmlns="http://hl7.org/fhir">\n<active></Patient>', "structure", "Patient.active", 2),
    ("<Patient/>", "structure", None, 1),
    ('<Patient xmlns="http://hl7.org/fhir/"/>', "structure", None, 1),
    ('<Patinet xmlns="http://hl7.org/fhir"/>', "structure", None, 1),
    ('<DomainResource xmlns="http://hl7.org/fhir"/>', "structure", None, 1),
    ('<Patient xmlns="http://hl7.org/fhir">\n\n<hair value="x"/></Patient>', "structure", "Patient", 3),
    ('<Patient xmlns="http://hl7.org/fhir"><active xmlns="urn:x" value="true"/></Patient>', "structure", "Patient", 1),
    ('<Patient xmlns="http://hl7.org/fhir" id="1"/>', "structure", "Patient", 1),
    ('<Patient xmlns="http://hl7.org/fhir"><active valeu="true"/></Patient>', "structure", "Patient.active", 1),
    ('<Patient xmlns="http://hl7.org/fhir"><active/></Patient>', "structure", "Patient.active", 1),
    ('<Patient xmlns="http://hl7.org/fhir"><active value="1"/></Patient>', "value", "Patient.active", 1),
    ('<Patient xmlns="http://hl7.org/fhir"><multipleBirthInteger value="1.0"/></Patient>', "value",
     "Patient.multipleBirthInteger", 1),
    ('<Patient xmlns="http://hl7.org/fhir"><active value="true">x</active></Patient>', "structure",
     "Patient.active", 1),
    ('<Patient xmlns="http://hl7.org/fhir">text</Patient>', "structure", "Patient", 1),
    ('<Patient xmlns="http://hl7.org/fhir"><active value="true"/><active value="true"/></Patient>', "structure",
     "Patient", 1),
    ('<Patient xmlns="http://hl7.org/fhir"><birthDate value="1950"/><active value="true"/></Patient>', "structure",
     "Patient", 1),
    ('<Patient xmlns="http://hl7.org/fhir"><name/><name><given value="a"/><hair/></name></Patient>', "structure",
     "Patient.name[1]", 1),
    ('<Patient xmlns="http://hl7.org/fhir"><contained><Group/><Group/></contained></Patient>', "structure",
     "Patient.contained[0]", 1),
    ('<Patient xmlns="http://hl7.org/fhir"><contained/></Patient>', "structure", "Patient.contained[0]", 1),
    ('<Patient xmlns="http://hl7.org/fhir"><text><status value="empty"/><div/></text></Patient>', "structure",
     "Patient.text", 1),
    ('<Patient xmlns="http://hl7.org/fhir"><text><div xmlns="http://www.w3.org/1999/xhtml"><p xmlns=""/></div></text>'
     "</Patient>", "structure", "Patient.text", 1),
    ('<Patient xmlns="http://hl7.org/fhir"><id value="&nbsp;"/></Patient>', "structure", "Patient", 1),
    ('<!DOCTYPE Patient><Patient xmlns="http://hl7.org/fhir"/>', "structure", None, 1),
    ('<?xml version="1.0" encoding="GB18030"?><Patient xmlns="http://hl7.org/fhir"/>', "structure", None, 1),
    ('<Observation xmlns="http://hl7.org/fhir"><valueQuantity><value value="1,5"/></valueQuantity></Observation>',
     "value", "Observation.valueQuantity.value", 1),
    ('<Observation xmlns="http://hl7.org/fhir"><valueQuantity><value value="1e99999"/></valueQuantity></Observation>',
     "value", "Observation.valueQuantity.value", 1),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "expression", "line"), REFUSED_XML)
def test_bad_xml_is_refused_with_its_place(text: str, code: str, expression: str | None, line: int) -> None:
    """Malformed or misplaced content stops with code, FHIRPath and line."""
    with pytest.raises(FhirError) as caught:
        xml.parse(text.encode())
    issue = caught.value.issues[0]
    assert (issue.code, issue.line, caught.value.status) == (code, line, 400)
    assert issue.expression == ((expression,) if expression else ())


ATTACKS = {
    "billion laughs": '<!DOCTYPE a [<!ENTITY a "lol"><!ENTITY b "&a;&a;">]><Patient xmlns="http://hl7.org/fhir">'
    '<id value="&b;"/></Patient>',
    "external entity": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Patient xmlns="http://hl7.org/fhir"/>',
    "nesting": '<Patient xmlns="http://hl7.org/fhir">' + "<extension>" * 5_000,
    "nested narrative": '<Patient xmlns="http://hl7.org/fhir"><text><div xmlns="http://www.w3.org/1999/xhtml">'
    + "<p>" * 5_000,
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_refused(name: str) -> None:
    """Document types, entities and deep nesting are errors of the client."""
    with pytest.raises(FhirError, match=r"DTD|deeper than"):
        xml.parse(ATTACKS[name].encode())


@pytest.mark.parametrize(
    ("resource", "expression"),
    [
        ({"resourceType": "Nothing"}, "Resource"),
        ({"resourceType": "Patient", "hair": "x"}, "Patient"),
        ({"resourceType": "Patient", "active": {"x": 1}}, "Patient.active"),
        ({"resourceType": "Patient", "name": "x"}, "Patient.name"),
        ({"resourceType": "Patient", "name": ["x"]}, "Patient.name[0]"),
        ({"resourceType": "Patient", "name": [{"given": [None]}]}, "Patient.name[0].given[0]"),
        ({"resourceType": "Patient", "_name": [{}]}, "Patient"),
        ({"resourceType": "Patient", "contained": [{"id": "x"}]}, "Patient.contained[0]"),
        ({"resourceType": "Patient", "text": {"div": "<div>x<br></div>"}}, "Patient.text.div"),
        ({"resourceType": "Patient", "text": {"div": "<p>x</p>"}}, "Patient.text.div"),
        ({"resourceType": "Patient", "text": {"div": "<!DOCTYPE div><div>x</div>"}}, "Patient.text.div"),
        ({"resourceType": "Patient", "language": "a\u0001"}, "Patient.language"),
    ],
)
def test_trees_without_an_xml_form_are_refused(resource: dict[str, Any], expression: str) -> None:
    """A tree that is no FHIR resource gives an error with its place, never a broken document."""
    with pytest.raises(FhirError) as caught:
        xml.dumps(resource)
    assert caught.value.issues[0].expression == (expression,)


TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=8
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "integer": st.integers(-(2**31), 2**31),
    "positiveInt": st.integers(1, 2**31),
    "unsignedInt": st.integers(0, 2**31),
    "decimal": st.decimals(-10, 10, places=2) | st.sampled_from([Decimal("0.00"), 5, Decimal("1E+3")]),
}


@st.composite
def elements(draw: st.DrawFn, type_name: str, depth: int = 0) -> dict[str, Any]:
    """An object with some elements of the type, in the order of the definitions."""
    known = [element for element in definitions().types[type_name].elements.values() if element.type_name != "xhtml"]
    chosen = draw(st.lists(st.sampled_from(known), min_size=1, max_size=5, unique_by=lambda element: element.name))
    value: dict[str, Any] = {}
    for element in sorted(chosen, key=known.index):
        items = [draw(one(element.type_name, depth)) for _ in range(draw(st.integers(1, 2)) if element.is_array else 1)]
        value[element.name] = items if element.is_array else items[0]
        if element.is_primitive and not element.xml_attribute and draw(st.booleans()):
            sibling = {"id": draw(TEXTS)}
            value["_" + element.name] = [sibling] + [None] * (len(items) - 1) if element.is_array else sibling
    return value


def one(type_name: str, depth: int) -> st.SearchStrategy[Any]:
    """A value of a type; resources inside are Basic, and depth ends in an id."""
    kind = definitions().types[type_name].kind
    if kind == "primitive-type":
        return VALUES.get(type_name, TEXTS)
    if kind == "resource":
        return st.just({"resourceType": "Basic", "id": "x"})
    return st.just({"id": "end"}) if depth > 2 else elements(type_name, depth + 1)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_resource_comes_back(data: st.DataObject) -> None:
    """Resources of every type with arbitrary elements, extensions and siblings survive XML, digit for digit."""
    type_name = data.draw(st.sampled_from(sorted(definitions().resource_types)))
    resource = {"resourceType": type_name, **data.draw(elements(type_name))}
    assert canonical(xml.parse(xml.dumps(resource))) == canonical(resource)
