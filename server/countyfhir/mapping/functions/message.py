"""Values of HL7 v2 messages (HL7 v2.5.1 section 2A: data types; section 7.4.2: OBX-5)."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from countyfhir.mapping.finding import HeldBack
from countyfhir.mapping.functions.function import Function
from countyfhir.mapping.functions.quantity import decimal, measured

CODED = frozenset(("CE", "CWE", "CNE", "IS"))
NUMERIC = "SN"
LINES = frozenset(("TX", "FT"))
COMPOSITE = frozenset(("XCN", "XPN", "XON", "XAD", "XTN", "CX", "CN", "PN", "AD", "TN", "CK", "CP", "MO", "PPN"))
"""Types of several components; in others a separator that was not escaped is part of the text."""
DOCUMENTS = frozenset(("ED", "RP"))
SYSTEMS: Mapping[str, str] = {
    "LN": "http://loinc.org",
    "SCT": "http://snomed.info/sct",
    "I10": "http://hl7.org/fhir/sid/icd-10",
    "UCUM": "http://unitsofmeasure.org",
}
"""Names of coding systems in table 0396 -> FHIR; HL7nnnn is the table of that number."""
TABLE = re.compile(r"HL7(\d{4})")
DECODERS: Mapping[str, Callable[[str], bytes]] = {
    "BASE64": lambda text: base64.b64decode(text, validate=True),
    "HEX": bytes.fromhex,
    "A": lambda text: text.encode(),
}
"""Table 0299, encoding of embedded data."""
CONTENT_TYPES: Mapping[str, str] = {
    "PDF": "application/pdf",
    "JPEG": "image/jpeg",
    "JPG": "image/jpeg",
    "PNG": "image/png",
    "TIFF": "image/tiff",
    "HTML": "text/html",
    "XML": "text/xml",
    "RTF": "application/rtf",
    "PLAIN": "text/plain",
    "TEXT": "text/plain",
    "DICOM": "application/dicom",
}
"""Table 0291 and the spellings met -> media type."""
BEGINNINGS = ((b"%PDF-", "application/pdf"), (b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG", "image/png"))


def message_value(value: Any, type_name: Any = None) -> str | None:
    """The text of an OBX-5 (the repetitions of a field): a coded value's display, a structured number with its
    comparator or as a range, else what was written, line by line. ``type_name`` is OBX-2."""
    kind = first_component(type_name)
    repetitions = value if isinstance(value, list) else [value]
    shown = [one_value(one, kind) if isinstance(one, dict) else str(one) for one in repetitions]
    return "\n".join(text for text in shown if text) or None


def first_component(field: Any) -> str:
    one = field[0] if isinstance(field, list) and field else field
    return str(one.get("c1", "")) if isinstance(one, dict) else str(one or "")


def one_value(components: dict[str, str], kind: str) -> str:
    if kind in CODED:
        return components.get("c2") or components.get("c1", "")
    if kind == NUMERIC:
        comparator, number = components.get("c1", ""), components.get("c2", "")
        separator, second = components.get("c3", ""), components.get("c4", "")
        return f"{'' if comparator == '=' else comparator}{number}{separator}{second}"
    written = [text for name, text in components.items() if name.startswith("c") and name != "cleared"]
    return (" " if kind in COMPOSITE else "^").join(written)


def structured(value: Any, unit: Any = None) -> dict[str, Any] | None:
    """The ``range`` (3-5) or ``ratio`` (1:128) of a structured number (SN, section 2A.70); None for a single number."""
    one = value[0] if isinstance(value, list) and value else value
    if not isinstance(one, dict) or not {"c2", "c3", "c4"} <= set(one):
        return None
    first, second = decimal(one["c2"]), decimal(one["c4"])
    if one["c3"] == "-":
        return {
            "range": {"low": measured(first, str(unit or ""), None), "high": measured(second, str(unit or ""), None)}
        }
    if one["c3"] in (":", "/"):
        return {"ratio": {"numerator": {"value": first}, "denominator": {"value": second}}}
    return None


def codeable(value: Any, local: str) -> dict[str, Any] | None:
    """A coded field (CE, CWE, CNE) as a CodeableConcept: its codes with their systems (table 0396; ``local`` for what
    it does not name), its text."""
    one = value[0] if isinstance(value, list) and value else value
    if not isinstance(one, dict):
        return None
    triples = ((one.get(f"c{at}"), one.get(f"c{at + 1}"), one.get(f"c{at + 2}")) for at in (1, 4))
    codings = [
        {"system": system_of(system, local), "code": code.strip(), **({"display": text} if text else {})}
        for code, text, system in triples
        if code and code.strip()
    ]
    text = one.get("c9") or one.get("c2") or one.get("c5") or one.get("c1")
    made: dict[str, Any] = {"coding": codings} if codings else {}
    return {**made, "text": text} if text else made or None


def system_of(name: Any, local: str) -> str:
    """The system of a coding system's name in table 0396."""
    known = str(name or "").strip().upper()
    if table := TABLE.fullmatch(known):
        return f"http://terminology.hl7.org/CodeSystem/v2-{table[1]}"
    return SYSTEMS.get(known, local)


def orders(value: Any) -> list[dict[str, Any]]:
    """The OBR of a message, each as ``order`` with its ``results``, and with ``values``: those that are no
    documents."""
    made = []
    for one in value if isinstance(value, list) else [value]:
        found = results_of(one)
        plain = [each for each in found if first_component(each["result"].get("f2")) not in DOCUMENTS]
        made.append({"order": one, "results": found, "values": plain})
    return made


def results(value: Any) -> list[dict[str, Any]]:
    """The results of all OBR of a message: ``order``, ``result`` (the OBX), ``key`` (observation and sub-id)."""
    return [one for group in orders(value) for one in group["results"]]


def results_of(order: dict[str, Any]) -> list[dict[str, Any]]:
    """The OBX of an OBR. Lines of one text (TX, FT under one code and sub-id) are one result; other OBX that share
    code and sub-id are told apart by their place."""
    found: dict[str, dict[str, Any]] = {}
    for one in order.get("OBX", ()):
        key = "/".join(part for part in (first_component(one.get("f3")), first_component(one.get("f4"))) if part)
        before = found.get(key)
        if before is not None and first_component(one.get("f2")) in LINES:
            before["result"] = {**before["result"], "f5": [*before["result"].get("f5", ()), *one.get("f5", ())]}
            continue
        while key in found:
            key += "+"
        found[key] = {"order": order, "result": one, "key": key}
    return list(found.values())


def embedded(value: Any) -> dict[str, str] | None:
    """The document in an ED (section 2A.24) as ``content_type`` and base64 ``data``; damaged data are held back."""
    one = value[0] if isinstance(value, list) and value else value
    if not isinstance(one, dict) or not one.get("c5"):
        return None
    kind, subtype, encoding = (str(one.get(name, "")).strip() for name in ("c2", "c3", "c4"))
    try:
        raw = DECODERS[encoding.upper()]("".join(one["c5"].split()) if encoding.upper() != "A" else one["c5"])
    except (KeyError, ValueError) as error:
        raise HeldBack("embedded-damaged") from error
    form = CONTENT_TYPES.get((subtype or kind).upper()) or sniffed(raw)
    if form == "application/pdf" and not raw.startswith(b"%PDF-"):
        raise HeldBack("embedded-damaged")
    return {"content_type": form, "data": base64.b64encode(raw).decode()}


def sniffed(raw: bytes) -> str:
    """What the bytes are by their beginning."""
    return next((form for start, form in BEGINNINGS if raw.startswith(start)), "application/octet-stream")


def plain_text(value: Any) -> str | None:
    """Lines of text as base64 of UTF-8, as an Attachment holds them."""
    lines = value if isinstance(value, list) else [value]
    return base64.b64encode("\n".join(str(line) for line in lines).encode()).decode() if lines else None


def later(value: Any, minutes: Any) -> str | None:
    """The dateTime so many minutes later; absent without them or without a clock, held back beyond the calendar."""
    if minutes is None or len(str(value)) <= len("yyyy-MM-dd"):
        return None
    try:
        return (datetime.fromisoformat(str(value)) + timedelta(minutes=float(minutes))).isoformat()
    except OverflowError:
        raise HeldBack("M07") from None


def whole(value: Any) -> int | None:
    """The number without decimals; absent when it has some."""
    return int(value) if value == int(value) else None


FUNCTIONS = (
    Function("message_value", message_value, "the text of an OBX-5, by the type in OBX-2 (NM, SN, ST, CE …)", (1, 2)),
    Function(
        "structured", structured, "range or ratio of a structured number (SN); absent for a single number", (1, 2)
    ),
    Function(
        "codeable", codeable, "a coded field (CE, CWE) as a CodeableConcept; the local system is the argument", (2, 2)
    ),
    Function("orders", orders, "the OBR of a message: order, its results, values (those that are no documents)"),
    Function("results", results, "the OBX of all OBR: order, result, key; lines of one text are one result"),
    Function("embedded", embedded, "content_type and data of the document in an ED"),
    Function("plain_text", plain_text, "lines of text as the data of an Attachment"),
    Function("later", later, "the dateTime so many minutes later", (2, 2)),
    Function("whole", whole, "the number without decimals"),
)
