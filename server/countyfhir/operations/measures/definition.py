"""A Measure, read once: its populations, stratifiers and the data it names (R4 Measure; docs/indicators.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.outcome import FhirError

QUERY, FHIRPATH = "application/x-fhir-query", "text/fhirpath"
_OURS = "https://fhir.county-hc.example/StructureDefinition/"
DATA, EVIDENCE, NEEDS, BASIS = (
    _OURS + name for name in ("measure-data", "measure-evidence", "measure-needs", "measure-basis")
)
POPULATIONS = "http://terminology.hl7.org/CodeSystem/measure-population"
REFINED = ("denominator", "denominator-exclusion", "denominator-exception", "numerator", "numerator-exclusion")
CODES = ("initial-population", *REFINED, "measure-population", "measure-population-exclusion", "measure-observation")
SCORINGS = ("proportion", "ratio", "cohort", "continuous-variable")


@dataclass(frozen=True, slots=True)
class Criterion:
    """An expression with its language, and where it stands in the Measure."""

    language: str
    expression: str
    place: str


@dataclass(frozen=True, slots=True)
class Population:
    """``evidence`` is a FHIRPath of the resources on which a member's counting rests."""

    code: str
    criterion: Criterion
    evidence: Criterion | None = None


@dataclass(frozen=True, slots=True)
class Stratifier:
    """One way to divide a population; with several ``components``, by their combinations."""

    code: str
    concept: Resource
    components: tuple[tuple[Resource, Criterion], ...]


@dataclass(frozen=True, slots=True)
class Group:
    """One figure: its populations by code."""

    concept: Resource
    populations: dict[str, Population]
    stratifiers: tuple[Stratifier, ...]


@dataclass(frozen=True, slots=True)
class Definition:
    """A Measure as it is evaluated. ``basis`` is the resource type of what is counted; Patient counts persons.
    ``data`` are the named queries and expressions, in order. ``needs`` says what data the county does not have: such a
    Measure has no figure."""

    resource: Resource
    scoring: str
    basis: str
    data: tuple[tuple[str, Criterion], ...]
    groups: tuple[Group, ...]
    needs: tuple[str, ...]

    @property
    def canonical(self) -> str:
        """``url|version``."""
        url, version = self.resource.get("url", ""), self.resource.get("version")
        return f"{url}|{version}" if version else str(url)

    def criteria(self) -> Iterable[Criterion]:
        """Every expression of it."""
        yield from (criterion for _, criterion in self.data)
        for group in self.groups:
            for population in group.populations.values():
                yield population.criterion
                if population.evidence:
                    yield population.evidence
            yield from (criterion for each in group.stratifiers for _, criterion in each.components)


def read(measure: Resource) -> Definition:
    """The Measure; FhirError 422 naming the place of what this server cannot evaluate."""
    scoring = next((one["code"] for one in _codings(measure.get("scoring")) if one.get("code") in SCORINGS), None)
    if scoring is None:
        text = f"The Measure has a scoring of {', '.join(SCORINGS)}; this one has none of them."
        raise FhirError("not-supported", text, status=422, expression="Measure.scoring")
    basis = next((one["valueCode"] for one in _extensions(measure, BASIS)), "Patient")
    data = tuple(
        (str(one["valueExpression"].get("name", "")), _criterion(one["valueExpression"], f"Measure.extension[{place}]"))
        for place, one in enumerate(measure.get("extension", ()))
        if one.get("url") == DATA
    )
    groups = tuple(_group(one, f"Measure.group[{place}]") for place, one in enumerate(measure.get("group", ())))
    if not groups:
        raise FhirError("required", "The Measure has no group to evaluate.", status=422, expression="Measure.group")
    needs = tuple(str(one["valueString"]) for one in _extensions(measure, NEEDS))
    return Definition(measure, scoring, basis, data, groups, needs)


def _group(told: Resource, place: str) -> Group:
    populations = {}
    for number, one in enumerate(told.get("population", ())):
        where = f"{place}.population[{number}]"
        code = next((each["code"] for each in _codings(one.get("code")) if each.get("code") in CODES), None)
        if code is None or code in populations:
            text = f"Each population of a group has one code, another one for each, of {', '.join(CODES)}."
            raise FhirError("not-supported", text, status=422, expression=where)
        evidence = [_criterion(each["valueExpression"], where) for each in _extensions(one, EVIDENCE)]
        populations[code] = Population(code, _criterion(one["criteria"], where), *evidence[:1])
    if "initial-population" not in populations:
        text = "A group needs an initial-population; the others are taken from it."
        raise FhirError("required", text, status=422, expression=place)
    stratifiers = [_stratifier(one, f"{place}.stratifier[{n}]") for n, one in enumerate(told.get("stratifier", ()))]
    return Group(told.get("code", {}), populations, tuple(stratifiers))


def _stratifier(told: Resource, place: str) -> Stratifier:
    parts = told.get("component") or [told]
    components = tuple((one.get("code", {}), _criterion(one.get("criteria", {}), place)) for one in parts)
    concept = told.get("code", {})
    return Stratifier(code_of(concept), concept, components)


def code_of(concept: Resource) -> str:
    """What a concept is called by: its code, else its text."""
    return str(next((one["code"] for one in _codings(concept) if "code" in one), concept.get("text", "")))


def _criterion(told: Resource, place: str) -> Criterion:
    language, expression = told.get("language"), told.get("expression")
    if language not in (QUERY, FHIRPATH) or not expression:
        text = f"Criteria are written in {QUERY} or {FHIRPATH}; '{str(language)[:40]}' is not evaluated here."
        raise FhirError("not-supported", text, status=422, expression=place)
    return Criterion(language, str(expression), place)


def _codings(concept: Any) -> list[Resource]:
    return concept.get("coding", []) if isinstance(concept, dict) else []


def _extensions(element: Resource, url: str) -> Iterable[Resource]:
    return (one for one in element.get("extension", ()) if one.get("url") == url)
