"""$validate-code of code systems and value sets (OperationDefinitions CodeSystem- and ValueSet-validate-code)."""

from __future__ import annotations

from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction
from countyfhir.interactions.world import World
from countyfhir.operations.terminology.asking import Asked, asked, remembered
from countyfhir.operations.terminology.subject import value_set_of
from countyfhir.outcome import FhirError
from countyfhir.terminology import expansion, value_sets
from countyfhir.terminology.checking import Coded, Rules, check
from countyfhir.terminology.value_sets import Definition

_CODES = (
    "code",
    "display",
    "coding",
    "codeableConcept",
    "date",
    "abstract",
    "lenient-display-validation",
    "activeOnly",
    "mode",
)
OF_CODE_SYSTEM = (*_CODES, "url", "codeSystem", "system", "version", "systemVersion")
OF_VALUE_SET = (
    *_CODES,
    *("url", "context", "valueSet", "valueSetVersion", "system", "systemVersion", "inferSystem"),
    *("valueset-membership-only", "useSupplement"),
)


@remembered
async def validate_code(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Whether a code, coding or CodeableConcept is in a value set: ``result``, ``message``, ``display``, ``code``,
    ``system``, ``version``, ``issues``. FhirError 404 for a value set that is not known here."""
    request = await asked(interaction, grant, world, OF_VALUE_SET)
    value_set, request = value_set_of(request, world)
    check_supplements(value_set, request)
    rules = _rules(request)
    return Answer(200, body=check(value_set, _codes(request, None), rules, request.resolver))


@remembered
async def validate_code_of_system(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Whether a code, coding or CodeableConcept is of a code system; answered as for a value set."""
    request = await asked(interaction, grant, world, OF_CODE_SYSTEM)
    own = request.own or request.one("codeSystem")
    if isinstance(own, dict):
        request = Asked(request.values, request.terminology.with_resources([own]), own)
    url = (own or {}).get("url") or request.text("url") or request.text("system")
    version = (own or {}).get("version") or request.text("version")
    codes = _codes(request, str(url) if url else None, str(version) if version else None)
    if any(one.system is None for one in codes):
        raise FhirError("required", "Say the code system: url.", expression="url")
    return Answer(200, body=check(None, codes, _rules(request), request.resolver))


def check_supplements(value_set: Definition, request: Asked) -> None:
    """FhirError 404 where the value set needs a supplement, or the request asks for one, that is not known here."""
    missing = expansion.relevant(request.resolver, value_set)
    missing += [url for url in request.all("useSupplement") if request.resolver.supplement(url) is None]
    if missing:
        raise FhirError("not-found", f"Required supplement not found: {', '.join(missing)}", expression="useSupplement")


def _rules(request: Asked) -> Rules:
    return Rules(
        abstract=request.flag("abstract", default=True),
        active_only=request.flag("activeOnly"),
        lenient_display=request.flag("lenient-display-validation") or "lenient-display-validation" in _modes(request),
        languages=request.languages or _own_language(request),
        infers_system=request.flag("inferSystem"),
        membership_only=request.flag("valueset-membership-only"),
        versions=request.versions,
    )


def _modes(request: Asked) -> list[str]:
    """The modes that are asked for. FhirError 400 for another than ``lenient-display-validation``."""
    modes = request.all("mode")
    if any(one != "lenient-display-validation" for one in modes):
        raise FhirError("value", "The only mode is lenient-display-validation.", expression="mode")
    return modes


def _own_language(request: Asked) -> tuple[str, ...]:
    """The language a value set is displayed in, where it says one."""
    found = value_sets.display_language(request.own) if request.own is not None else None
    return (found,) if found else ()


def _codes(request: Asked, system: str | None, version: str | None = None) -> list[Coded]:
    """What is to be checked. FhirError 400 unless it is said exactly once."""
    concept, coding, code = request.element("codeableConcept"), request.element("coding"), request.text("code")
    if sum(one is not None for one in (concept, coding, code)) != 1:
        raise FhirError("required", "Give one of code, coding and codeableConcept.", expression="code")
    if concept is not None:
        listed = [one for one in concept.get("coding", ()) if one.get("code")]
        if not listed:
            raise FhirError("required", "The codeableConcept has no coding with a code.", expression="codeableConcept")
        return [_coded(one, f"CodeableConcept.coding[{at}]", None) for at, one in enumerate(listed)]
    if coding is not None:
        if not coding.get("code"):
            raise FhirError("required", "The coding has no code.", expression="coding")
        return [_coded(coding, "Coding", system if "system" not in coding else None)]
    said = system or request.text("system")
    of_version = version or request.text("systemVersion") or (request.text("version") if system else None)
    return [Coded(said, str(code), of_version, request.text("display"))]


def _coded(coding: dict[str, Any], path: str, system: str | None) -> Coded:
    return Coded(coding.get("system", system), str(coding["code"]), coding.get("version"), coding.get("display"), path)
