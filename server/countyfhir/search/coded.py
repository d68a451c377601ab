"""Token modifiers that ask the terminology: ``:in``, ``:not-in``, ``:above``, ``:below`` (R4 section 3.1.1.4.10)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from countyfhir.outcome import FhirError
from countyfhir.search.context import Concepts
from countyfhir.search.escapes import split, unescape
from countyfhir.search.query import TokenIn
from countyfhir.search.refusals import Unsupported, malformed, shown
from countyfhir.search.token_case import asked, fold
from countyfhir.search.values import LOGICAL_ID

CODED = frozenset({"Coding", "CodeableConcept", "code"})
"""The element types whose tokens are concepts of code systems."""


@dataclass(frozen=True, slots=True)
class Coded:
    """What such a modifier is read with: the parameter's name, the terminology, our base URL, and for elements that
    are plain codes (``plain``) the codings they stand for, as far as they are known."""

    parameter: str
    concepts: Concepts | None
    base: str
    plain: bool
    codings: frozenset[tuple[str, str]]

    @property
    def known(self) -> Concepts:
        """The terminology; Unsupported where there is none."""
        if self.concepts is None:
            raise Unsupported(f"{self.parameter}: this server was started without terminology.")
        return self.concepts


def members(text: str, reading: Coded) -> TokenIn:
    """The codes of the value set that ``text`` names: its canonical url, or ``ValueSet/id``. FhirError 400 when it is
    not known here."""
    url = unescape(text)
    local = url.removeprefix(f"{reading.base}/")
    if not url or (":" not in url and not _is_local(local)):
        raise malformed(reading.parameter, "a value set is named by its canonical url, or by ValueSet/id")
    found = reading.known.codes(local if _is_local(local) else url)
    if found is None:
        raise FhirError(
            "not-found",
            f"{reading.parameter}: the value set {shown(url)} is not known here, or holds code systems that are not; "
            "store the ValueSet (and its CodeSystems), or import them, and search again.",
            status=400,
        )
    return _among(found.whole_systems, found.pairs, reading)


def _is_local(text: str) -> bool:
    kind, _, logical_id = text.partition("/")
    return kind == "ValueSet" and LOGICAL_ID.fullmatch(logical_id) is not None


def related(direction: str) -> Callable[[str, Coded], TokenIn]:
    """The reader of ``system|code`` with what the code subsumes (below) or is subsumed by (above), itself included."""

    def read(text: str, reading: Coded) -> TokenIn:
        parts = [unescape(part) for part in split(text, "|")]
        system, code = parts if len(parts) == 2 else ("", parts[0] if len(parts) == 1 else "")
        system = system or _only_system(reading)
        if not code or not system:
            raise malformed(reading.parameter, f":{direction} is written system|code")
        found = getattr(reading.known, direction)(system, code)
        if found is None:
            raise FhirError(
                "not-found",
                f"{reading.parameter}: the code system {shown(system)} is not known here, or has no such code; "
                "store the CodeSystem, or import it, and search again.",
                status=400,
            )
        return _among((), ((system, each) for each in found), reading)

    return read


def _only_system(reading: Coded) -> str:
    """The code system of plain codes, where there is but one."""
    systems = {system for system, _ in reading.codings}
    return systems.pop() if len(systems) == 1 else ""


def _among(systems: Iterable[str], pairs: Iterable[tuple[str, str]], reading: Coded) -> TokenIn:
    """The predicate; plain codes are stored without their system."""
    whole, listed = frozenset(systems), frozenset(pairs)
    if not reading.plain:
        return TokenIn(reading.parameter, whole, frozenset((system, asked(system, code)) for system, code in listed))
    if not reading.codings:  # any code system may be meant: the code decides
        alone = frozenset(("", fold(code)) for _, code in listed)
        return TokenIn(reading.parameter, frozenset([""]) if whole else whole, alone)
    meant = {(system, code) for system, code in reading.codings if system in whole or (system, code) in listed}
    return TokenIn(reading.parameter, frozenset(), frozenset(("", fold(code)) for _, code in meant))
