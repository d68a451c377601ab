"""$subsumes: whether one code stands above another (OperationDefinition CodeSystem-subsumes)."""

from __future__ import annotations

from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction
from countyfhir.interactions.world import World
from countyfhir.operations.terminology.asking import Asked, asked, parameters, remembered
from countyfhir.operations.terminology.lookup import code_system, unknown_code
from countyfhir.outcome import FhirError

KNOWN = ("codeA", "codeB", "system", "version", "codingA", "codingB")


@remembered
async def subsumes(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """``outcome``: equivalent, subsumes, subsumed-by or not-subsumed. FhirError 404 for a code or code system that
    is not known here, 400 without two codes of one code system."""
    request = await asked(interaction, grant, world, KNOWN)
    first, second = _coding(request, "A"), _coding(request, "B")
    own = request.own or {}
    url = own.get("url") or request.text("system") or first.get("system") or second.get("system")
    if not url:
        raise FhirError("required", "Say the code system of the two codes: system.", expression="system")
    if any(one.get("system", url) != url for one in (first, second)):
        raise FhirError("invalid", "The two codes must be of one code system.", expression="codingB")
    version = own.get("version") or request.text("version") or first.get("version")
    system = code_system(request, str(url), version)
    for one in (first, second):
        if system.concept(one["code"]) is None:
            raise unknown_code(one["code"], system)
    wanted = system.version or None
    outcome = request.terminology.subsumes(str(url), first["code"], second["code"], wanted)
    return parameters(("outcome", "valueCode", outcome))


def _coding(request: Asked, letter: str) -> dict[str, Any]:
    coding = request.element(f"coding{letter}") or {}
    code = coding.get("code") or request.text(f"code{letter}")
    if not code:
        raise FhirError("required", f"Give code{letter} or coding{letter}.", expression=f"code{letter}")
    return {**coding, "code": str(code)}
