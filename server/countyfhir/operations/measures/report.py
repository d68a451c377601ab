"""Figures as a MeasureReport (R4 MeasureReport)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.operations.measures.counted_persons import reference_of
from countyfhir.operations.measures.definition import POPULATIONS, Stratifier
from countyfhir.operations.measures.evaluation import Counted, Evaluated, Figures
from countyfhir.operations.measures.period import text_of

CUT_OFF = "https://fhir.county-hc.example/StructureDefinition/measure-cut-off"
EVIDENCE = "https://fhir.county-hc.example/StructureDefinition/evidence"
TYPES = {"subject": "individual", "subject-list": "subject-list", "population": "summary"}
_DIGITS = Decimal("0.000001")
_DISPLAYS = {
    "initial-population": "Initial Population",
    "numerator": "Numerator",
    "numerator-exclusion": "Numerator Exclusion",
    "denominator": "Denominator",
    "denominator-exclusion": "Denominator Exclusion",
    "denominator-exception": "Denominator Exception",
    "measure-population": "Measure Population",
    "measure-population-exclusion": "Measure Population Exclusion",
    "measure-observation": "Measure Observation",
}


def report(
    evaluated: Evaluated, report_type: str, *, date: str, reporter: Resource, cut_off: int | None = None
) -> Resource:
    """The MeasureReport of a kind (``subject``, ``subject-list`` or ``population``). ``cut_off`` (microseconds) is the
    instant whose state of the record it shows; with lists, each number leads to who and what it counts."""
    lists = _Lists(evaluated) if report_type == "subject-list" else None
    groups = [_group(place, one, lists) for place, one in enumerate(evaluated.groups)]
    made: Resource = {"resourceType": "MeasureReport"}
    if lists is not None and lists.contained:
        made["contained"] = lists.contained
    if cut_off is not None:
        made["extension"] = [{"url": CUT_OFF, "valueInstant": text_of(cut_off)}]
    made |= {"status": "complete", "type": TYPES[report_type], "measure": evaluated.definition.canonical}
    made |= {"date": date, "reporter": reporter, "period": evaluated.ask.period.element()}
    notation = evaluated.definition.resource.get("improvementNotation")
    if notation is not None:
        made["improvementNotation"] = notation
    made["group"] = groups
    evidence = evidence_of(evaluated) if report_type != "population" else []
    if evidence:
        made["evaluatedResource"] = [{"reference": one} for one in evidence]
    return made


def evidence_of(evaluated: Evaluated) -> list[str]:
    """Every resource on which a number rests, once."""
    per_key = (keys for group in evaluated.groups for keys in group.evidence.values())
    return list(dict.fromkeys(one for keys in per_key for references in keys.values() for one in references))


class _Lists:
    """The contained Lists that numbers lead to."""

    def __init__(self, evaluated: Evaluated) -> None:
        self.contained: list[Resource] = []
        self._found = evaluated.found

    def of(self, name: str, keys: list[str], evidence: dict[str, list[str]]) -> Resource:
        """A reference to a new List of those counted."""
        made: Resource = {"resourceType": "List", "id": name, "status": "current", "mode": "snapshot"}
        if keys:
            made["entry"] = [self._entry(key, evidence.get(key, ())) for key in keys]
        else:
            empty = "http://terminology.hl7.org/CodeSystem/list-empty-reason"
            made["emptyReason"] = {"coding": [{"system": empty, "code": "nilknown"}], "text": "none 无"}
        self.contained.append(made)
        return {"reference": f"#{name}"}

    def _entry(self, key: str, evidence: Any) -> Resource:
        found = self._found
        person = found.basis == "Patient"
        item = reference_of(key, found.name_of) if person else f"{found.basis}/{found.name_of.get(key, key)}"
        behind = [{"url": EVIDENCE, "valueReference": {"reference": one}} for one in evidence]
        return ({"extension": behind} if behind else {}) | {"item": {"reference": item}}


def _group(place: int, figures: Figures, lists: _Lists | None) -> Resource:
    made: Resource = {"code": figures.group.concept} if figures.group.concept else {}
    made["population"] = _populations(f"g{place}", figures.whole, figures, lists)
    if figures.whole.score is not None:
        made["measureScore"] = _score(figures.whole)
    strata = [_stratifier(f"g{place}-s{n}", *each, figures, lists) for n, each in enumerate(figures.strata)]
    return made | ({"stratifier": strata} if strata else {})


def _populations(name: str, counted: Counted, figures: Figures, lists: _Lists | None) -> list[Resource]:
    made = []
    for code, keys in counted.populations.items():
        coding = {"system": POPULATIONS, "code": code, "display": _DISPLAYS[code]}
        one: Resource = {"code": {"coding": [coding]}, "count": len(keys)}
        if lists is not None:
            one["subjectResults"] = lists.of(f"{name}-{code}", keys, figures.evidence.get(code, {}))
        made.append(one)
    return made


def _stratifier(
    name: str,
    stratifier: Stratifier,
    strata: list[tuple[tuple[str, ...], Counted]],
    figures: Figures,
    lists: _Lists | None,
) -> Resource:
    made = []
    for place, (values, counted) in enumerate(strata):
        several = len(stratifier.components) > 1
        one: Resource = {} if several else {"value": {"text": values[0]}}
        if several:
            named = zip(stratifier.components, values, strict=True)
            one["component"] = [{"code": concept, "value": {"text": text}} for (concept, _), text in named]
        one["population"] = _populations(f"{name}-{place}", counted, figures, lists)
        if counted.score is not None:
            one["measureScore"] = _score(counted)
        made.append(one)
    return {"code": [stratifier.concept], "stratum": made} if made else {"code": [stratifier.concept]}


def _score(counted: Counted) -> Resource:
    assert counted.score is not None
    return {"value": counted.score.quantize(_DIGITS).normalize() + 0}
