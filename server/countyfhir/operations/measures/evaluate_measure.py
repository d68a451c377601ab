"""$evaluate-measure of Measure: an indicator over the record (OperationDefinition Measure-evaluate-measure)."""

from __future__ import annotations

import asyncio

from countyfhir.exchange import ALL, Answer, Grant, Interaction, Principal, Resource
from countyfhir.interactions.world import World
from countyfhir.operations.measures import counted_persons
from countyfhir.operations.measures.asking import Asking, asking
from countyfhir.operations.measures.definition import FHIRPATH, Definition, read
from countyfhir.operations.measures.evaluation import Ask, Evaluated, evaluate
from countyfhir.operations.measures.finding import measure_of
from countyfhir.operations.measures.past import as_of
from countyfhir.operations.measures.period import text_of
from countyfhir.operations.measures.queries import asked
from countyfhir.operations.measures.report import evidence_of, report
from countyfhir.outcome import FhirError
from countyfhir.search.query import Missing, Query, ReferenceIs
from countyfhir.store.ports import Gathering

ATTEMPTS, PAUSE = 5, 0.002
_MILLISECOND = 1_000


async def evaluate_measure(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """The MeasureReport. FhirError: 400 for the call, 403 where the Measure reaches what is not granted, 404 for an
    unknown Measure, 422 for one that this server cannot evaluate or whose data the county does not have."""
    wanted = asking(interaction, world)
    definition = read(await measure_of(interaction, wanted.measure, grant, world))
    if definition.needs:
        raise FhirError("not-supported", f"not computable 不可计算: {'; '.join(definition.needs)}", status=422)
    ask = await ask_of(wanted, definition, grant, world)
    evaluated, cut_off = await evaluated_at(definition, ask, wanted.cut_off, world, grant)
    made = report(
        evaluated, wanted.report, date=text_of(world.now()), reporter=reporter(interaction.principal), cut_off=cut_off
    )
    if wanted.subject is not None:
        made = with_subject(made, wanted.subject)
    if wanted.last_received is not None:
        made = await _since(made, evaluated, wanted.last_received, world)
    shown = frozenset({wanted.subject}) if wanted.subject is not None else frozenset[str]()
    return Answer(200, body=made, patients=tuple(sorted(shown)))


async def ask_of(wanted: Asking, definition: Definition, grant: Grant, world: World) -> Ask:
    """What is asked of the evaluation: strata that the Measure has, and the subjects of a practitioner."""
    known = {one.code for group in definition.groups for one in group.stratifiers}
    strata = wanted.strata - {"none"} if wanted.strata is not None else None
    if unknown := sorted((strata or frozenset()) - known):
        text = f"The Measure has no stratifier '{unknown[0][:40]}'; it has: {', '.join(sorted(known)) or 'none'}."
        raise FhirError("value", text, expression="stratify")
    subject = frozenset({wanted.subject}) if wanted.subject is not None else None
    if wanted.practitioner is not None:
        cared_for = await _patients_of(wanted.practitioner, grant, world)
        subject = cared_for if subject is None else subject & cared_for
    return Ask(wanted.period, strata, subject, evidence=wanted.report != "population")


async def _patients_of(practitioner: str, grant: Grant, world: World) -> frozenset[str]:
    """Whose general practitioner it is, or who have it in an active CareTeam: the primary relationship."""
    own = ReferenceIs("general-practitioner", "Practitioner", practitioner)
    member = ReferenceIs("participant", "Practitioner", practitioner)
    queries = (Query(("Patient",), ((own,),)), Query(("CareTeam",), ((member,),)))
    patients, teams = (await world.store.resources.gather([Gathering(one, grant=grant) for one in queries])).answers
    return frozenset([row[0] for row in patients] + [row[1] for row in teams if row[1] is not None])


async def evaluated_at(
    definition: Definition, ask: Ask, cut_off: int | None, world: World, grant: Grant
) -> tuple[Evaluated, int | None]:
    """The figures at an instant, or now with the instant that they can be had again for. None for that instant: others
    wrote without a break, and what a millisecond will hold in the end could not be told."""
    if cut_off is not None:
        queries = queries_of(definition, ask, world, grant)
        async with as_of(cut_off, queries, world, grant) as then:
            return await evaluate(definition, ask, then, ALL), cut_off
    for _ in range(ATTEMPTS):
        begun = world.now()
        evaluated = await evaluate(definition, ask, world, grant)
        last = evaluated.found.as_of
        if last // _MILLISECOND < begun // _MILLISECOND:
            return evaluated, last
        await asyncio.sleep(PAUSE)
    return evaluated, None


def queries_of(definition: Definition, ask: Ask, world: World, grant: Grant) -> list[Query]:
    """All that an evaluation asks of the store."""
    variables = ask.period.variables()
    own = [asked(one, variables, world, grant).query for one in definition.criteria() if one.language != FHIRPATH]
    same_event = Query((definition.basis,), ((Missing("same-event", False),),))
    return [*own, *(one.query for one in counted_persons.GATHERINGS), Query(("Patient",)), same_event]


def reporter(principal: Principal) -> Resource:
    """Who reports: the organization that the caller acts for, else this server."""
    return {"display": principal.organization or "CountyFHIR"}


def with_subject(made: Resource, subject: str) -> Resource:
    """The report, said of one Patient."""
    named: Resource = {}
    for name, value in made.items():
        named[name] = value
        if name == "measure":
            named["subject"] = {"reference": f"Patient/{subject}"}
    return named


async def _since(made: Resource, evaluated: Evaluated, instant: int, world: World) -> Resource:
    """The report with those evaluated resources that changed since the results were last received."""
    keys = [(kind, logical_id) for kind, _, logical_id in (one.partition("/") for one in evidence_of(evaluated))]
    stored = await world.store.resources.read_many(keys)
    newer = [f"{kind}/{logical_id}" for (kind, logical_id), one in stored.items() if one.last_updated >= instant]
    made.pop("evaluatedResource", None)
    return made | ({"evaluatedResource": [{"reference": one} for one in newer]} if newer else {})
