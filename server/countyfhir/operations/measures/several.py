"""Several Measures at once: the table of indicators (docs/indicators.md)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from countyfhir.exchange import ALL, SYSTEM, Grant, Resource
from countyfhir.interactions.world import World
from countyfhir.operations.measures.definition import Definition, code_of, read
from countyfhir.operations.measures.evaluate_measure import evaluated_at, queries_of, reporter
from countyfhir.operations.measures.evaluation import Ask, Evaluated, evaluate
from countyfhir.operations.measures.past import as_of
from countyfhir.operations.measures.period import Period, text_of
from countyfhir.operations.measures.report import report
from countyfhir.outcome import FhirError


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table. ``parts`` are numerator and denominator (or count and None); ``value`` is the score as the
    report has it; ``needs`` says why there is no figure."""

    measure: str
    english: str = ""
    chinese: str = ""
    stratifier: str = ""
    stratum: str = ""
    parts: tuple[int | None, int | None] = (None, None)
    value: str = ""
    needs: str = ""
    cut_off: str = ""


async def reports(
    definitions: Sequence[Definition],
    period: Period,
    strata: frozenset[str],
    cut_off: int | None,
    world: World,
    grant: Grant,
) -> list[tuple[Definition, Resource | None]]:
    """Each Measure with its report; None where its data is not there. ``strata`` are the stratifiers wanted, of those
    that have them. All of an earlier instant come from one copy of the record."""
    unknown = strata - {one.code for each in definitions for group in each.groups for one in group.stratifiers}
    if unknown:
        raise FhirError("value", f"No Measure has a stratifier '{min(unknown)[:40]}'.", expression="stratify")
    ask = Ask(period, strata)
    computed = [one for one in definitions if not one.needs]
    made: list[tuple[Definition, Resource | None]] = []
    async with _state(computed, ask, cut_off, world, grant) as then:
        for one in definitions:
            if one.needs:
                made.append((one, None))
            elif cut_off is not None:
                evaluated = await evaluate(one, ask, then, ALL)
                made.append((one, _reported(evaluated, cut_off, world)))
            else:
                made.append((one, _reported(*await evaluated_at(one, ask, None, then, grant), world)))
    return made


@asynccontextmanager
async def _state(
    definitions: Sequence[Definition], ask: Ask, cut_off: int | None, world: World, grant: Grant
) -> AsyncIterator[World]:
    if cut_off is None:
        yield world
        return
    queries = [query for one in definitions for query in queries_of(one, ask, world, grant)]
    async with as_of(cut_off, queries, world, grant) as then:
        yield then


def _reported(evaluated: Evaluated, cut_off: int | None, world: World) -> Resource:
    return report(evaluated, "population", date=text_of(world.now()), reporter=reporter(SYSTEM), cut_off=cut_off)


def lines(definition: Definition, made: Resource | None) -> list[Line]:
    """The lines of a Measure: the whole of each group, then its strata."""
    resource = definition.resource
    start = Line(resource.get("id", ""), str(resource.get("title", "")), chinese_title(resource))
    if made is None:
        return [replace(start, needs="; ".join(definition.needs))]
    return report_lines(start, made)


def report_lines(start: Line, made: Resource) -> list[Line]:
    """The lines of a report; ``start`` says of what."""
    cut_off = next((one["valueInstant"] for one in made.get("extension", ()) if "valueInstant" in one), "")
    found = []
    for group in made["group"]:
        found.append(_figure(replace(start, cut_off=cut_off), group))
        for stratifier in group.get("stratifier", ()):
            code = code_of(stratifier["code"][0])
            for stratum in stratifier.get("stratum", ()):
                named = stratum["value"]["text"] if "value" in stratum else _components(stratum)
                line = replace(start, stratifier=code, stratum=named, cut_off=cut_off)
                found.append(_figure(line, stratum))
    return found


def _components(stratum: Resource) -> str:
    return " / ".join(one["value"]["text"] for one in stratum["component"])


def _figure(line: Line, part: Resource) -> Line:
    counts = {code_of(one["code"]): one["count"] for one in part["population"]}
    above = next((counts[code] for code in ("numerator", "measure-population") if code in counts), None)
    below = counts.get("denominator")
    if above is None:
        above = counts.get("initial-population")
    score = part.get("measureScore", {}).get("value")
    return replace(line, parts=(above, below), value="" if score is None else str(score))


def chinese_title(resource: Resource) -> str:
    """The Chinese title of a Measure, from its translation."""
    for translation in resource.get("_title", {}).get("extension", ()):
        parts = {one.get("url"): one for one in translation.get("extension", ())}
        if str(parts.get("lang", {}).get("valueCode", "")).startswith("zh"):
            return str(parts.get("content", {}).get("valueString", ""))
    return ""


def definitions_of(measures: Sequence[Resource], wanted: Sequence[str]) -> list[Definition]:
    """The Measures that are wanted, by id; all when none is named. FhirError 404 for one that is not there."""
    known = {str(one["id"]): one for one in measures}
    if missing := [name for name in wanted if name not in known]:
        text = f"There is no Measure {missing[0][:64]}; there are {', '.join(sorted(known))}."
        raise FhirError("not-found", text)
    return [read(known[name]) for name in (wanted or known)]
