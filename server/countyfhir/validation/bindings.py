"""Required bindings: codes from a fixed list, and the four value sets that only a rule can describe (R4 section
4.1.5.1).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from countyfhir.model.definitions import ElementDefinition, definitions
from countyfhir.model.primitives import PRIMITIVES, Check
from countyfhir.validation.problem import NOTHING_KNOWN, Known, ObjectCheck, Problem, some_of

CURRENCY_CODES = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD
    CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP
    GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW
    KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD
    NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE
    SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED
    VES VND VUV WST XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU XTS XUA XXX YER ZAR ZMW ZWG
    ZWL
"""
CURRENCIES = frozenset(CURRENCY_CODES.split())
"""ISO 4217 alphabetic codes (with those withdrawn since 2017, which older records hold)."""
MEDIA_TYPE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9*][A-Za-z0-9!#$&^_.+-]{0,126}(?:;[^;=]+=[^;]+)*;?"
)
"""Type, subtype and parameters; parameter values are taken as they come (official examples hold unquoted spaces)."""
SHORT_FORMATS = frozenset(("xml", "json", "ttl"))
"""What CapabilityStatement.format and TestScript say beside media types."""
UCUM_UNIT = re.compile(r"[\x21-\x7e]+")
LOINC_ANSWER = re.compile(r"LA[0-9]{1,7}-[0-9]")


def is_media_type(code: str) -> bool:
    """BCP 13: type/subtype with parameters, or one of the short names of FHIR formats."""
    return MEDIA_TYPE.fullmatch(code) is not None or code in SHORT_FORMATS


def is_ucum_unit(code: str) -> bool:
    """A plausible UCUM expression: printable ASCII without spaces, brackets closed."""
    balanced = (
        code.count("[") == code.count("]") and code.count("{") == code.count("}") and code.count("(") == code.count(")")
    )
    return UCUM_UNIT.fullmatch(code) is not None and balanced


def is_loinc_answer(code: str) -> bool:
    """The form of a LOINC answer code; the list itself is LOINC's and does not come with R4."""
    return LOINC_ANSWER.fullmatch(code) is not None


RULES: dict[str, tuple[str | None, Callable[[str], bool], str]] = {
    "http://hl7.org/fhir/ValueSet/mimetypes": (None, is_media_type, "a media type such as application/pdf (BCP 13)"),
    "http://hl7.org/fhir/ValueSet/currencies": (
        None,
        CURRENCIES.__contains__,
        "a currency code of ISO 4217 such as CNY",
    ),
    "http://hl7.org/fhir/ValueSet/ucum-units": ("http://unitsofmeasure.org", is_ucum_unit, "a UCUM unit such as mg/dL"),
    "http://loinc.org/vs/LL379-9": ("http://loinc.org", is_loinc_answer, "a LOINC answer code such as LA6683-2"),
}
"""Value set -> (its code system where one is named, the rule, what is expected)."""


def required(element: ElementDefinition) -> bool:
    """Whether the element has a required binding that is checked here."""
    return element.binding_strength == "required" and element.binding_value_set is not None


def code_check(element: ElementDefinition) -> Check:
    """The check of a ``code`` with a required binding."""
    url = element.binding_value_set or ""
    codes = definitions().value_set_codes(url)
    if codes is None:
        return rule_check(url)
    expected = f"one of the codes {some_of(codes)}"

    def checked(value: Any) -> str | None:
        return None if type(value) is str and value in codes else expected

    return checked


def codes_of(element: ElementDefinition) -> Known:
    """The codes of a required binding, as far as they can be listed."""
    return definitions().value_set_codes(element.binding_value_set or "") or NOTHING_KNOWN


def rule_check(url: str) -> Check:
    """The check of a ``code`` by rule."""
    _, holds, expected = RULES[url]
    well_formed = PRIMITIVES["code"].check
    return lambda value: None if well_formed(value) is None and holds(value) else expected


def concept_check(element: ElementDefinition, check: ObjectCheck) -> ObjectCheck:
    """A CodeableConcept with a required binding: at least one coding from the value set; text alone does not do."""
    url = element.binding_value_set or ""
    codings, codes = definitions().value_set_codings(url), definitions().value_set_codes(url)

    def holds(coding: Any) -> bool:
        if not isinstance(coding, dict) or not isinstance(coding.get("code"), str):
            return False
        system, code = coding.get("system"), coding["code"]
        if codings is None or codes is None:
            return (system is None or RULES[url][0] in (None, system)) and RULES[url][1](code)
        return code in codes if system is None else (system, code) in codings

    def checked(value: Any) -> list[Problem] | None:
        found = check(value)
        if found is not None:
            return found
        if "coding" not in value and "text" not in value:
            return None
        if any(map(holds, value.get("coding", ()))):
            return None
        expected = some_of(codes) if codes is not None else RULES[url][2]
        return [("", "code-invalid", f"{element.name} needs a coding from {url}: {expected}.")]

    return checked
