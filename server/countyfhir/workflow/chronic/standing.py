"""How a resident on the registers stands: risk, stability, the tier that should look after them, and the hand-over
to it (DOMAIN D4: village for stable, township for new and unstable, county for complex residents)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from countyfhir.exchange import Resource
from countyfhir.workflow.chronic.classification import CLASSES, worst
from countyfhir.workflow.chronic.codes import (
    CLASS,
    DISEASE,
    RISK,
    RISKS,
    STABILITIES,
    STABILITY,
    TIER,
    TIERS,
    concept,
)
from countyfhir.workflow.chronic.conditions import Range, holds, reading
from countyfhir.workflow.chronic.hand_over import hand_over, tier_of
from countyfhir.workflow.chronic.record import Record, codes_in, local
from countyfhir.workflow.chronic.registers import register_of

if TYPE_CHECKING:
    from countyfhir.workflow.chronic.visits import Visit

Table = Mapping[str, Any]
_GRADES = ((3, 180, 110), (2, 160, 100), (1, 140, 90))


def conditions_of(episodes: Sequence[Resource], registers: Table) -> dict[str, Any]:
    """What the registers say of a resident: diseases, complications, and how many."""
    names = {name for one in episodes if (name := register_of(one)) is not None}
    followed = {name for name in names if registers["registers"].get(name, {}).get("followed")}
    complications = names - followed
    return {
        "diseases": frozenset(followed),
        "complications": frozenset(complications),
        "complication-count": reading(len(complications)),
        "vascular": not complications.isdisjoint(registers["vascular"]),
        "only-lipids": followed <= {"dyslipidaemia"},
    }


async def assess(record: Record, visit: Visit, counted: Mapping[str, str], registers: Table) -> None:
    """Write the class, risk, stability and tier into the resident's entries; propose a hand-over where the tier that
    should look after the resident is another one."""
    last = {name: (code, day) for name, (day, code) in visit.earlier.items()}
    last |= {name: (code, visit.day) for name, code in counted.items() if name not in visit.overtaken}
    known = [code for code, _ in last.values() if code != "unknown"]
    facts = dict(visit.facts)
    facts["visits"] = reading(len(known))
    if known:
        facts["last"] = frozenset((worst(known),))
    await stand(
        record, visit.patient, visit.episodes, facts, registers, {name: code for name, (code, _) in last.items()}
    )


async def stand(
    record: Record,
    patient: str,
    episodes: Sequence[Resource],
    facts: dict[str, Any],
    registers: Table,
    classes: Mapping[str, str],
) -> None:
    """Write how the resident stands by some facts."""
    if not episodes:
        return
    facts |= {"grade": reading(grade_of(facts))}
    facts["factors"] = reading(sum(holds(one, facts) for one in registers["risk_factors"]))
    risk = next((str(one["code"]) for one in registers["risk"] if holds(one["when"], facts)), None)
    stability = next((str(one["code"]) for one in registers["stability"] if holds(one["when"], facts)), "unstable")
    wanted = str(registers["tiers"][stability])
    present = await _present_tier(record, episodes)
    for episode in episodes:
        name = register_of(episode) or ""
        told = [
            concept(STABILITY, stability, STABILITIES.get(stability)),
            concept(TIER, present or wanted, TIERS[present or wanted]),
        ]
        if risk is not None:
            told.append(concept(RISK, risk, RISKS.get(risk)))
        if name in classes:
            told.append(concept(CLASS, classes[name], CLASSES[classes[name]]))
        kept = [one for one in episode.get("type", ()) if codes_in(one, DISEASE)]
        if name not in classes:  # what it was, as nothing says otherwise
            kept += [one for one in episode.get("type", ()) if codes_in(one, CLASS)]
        await record.put({**episode, "type": [*kept, *told]})
    await hand_over(record, patient, episodes, present, wanted, stability, registers)


def classes_on(episodes: Sequence[Resource]) -> dict[str, str]:
    """The class at the last visit, by disease, as the entries say it."""
    found = ((register_of(one), codes_in(one.get("type"), CLASS)) for one in episodes)
    return {name: codes[0] for name, codes in found if name is not None and codes}


def grade_of(facts: Mapping[str, Any]) -> int:
    """The grade of the pressure of the visit, 0 for none: 1 from 140/90, 2 from 160/100, 3 from 180/110 mmHg."""
    systolic, diastolic = facts.get("systolic"), facts.get("diastolic")
    for grade, upper, lower in _GRADES:
        if isinstance(systolic, Range) and systolic.high >= upper:
            return grade
        if isinstance(diastolic, Range) and diastolic.high >= lower:
            return grade
    return 0


async def _present_tier(record: Record, episodes: Sequence[Resource]) -> str | None:
    """The tier that looks after the resident: of the institution of the entries."""
    for episode in episodes:
        found = tier_of(await record.read(local(episode.get("managingOrganization"))))
        if found is not None:
            return found
    return next((code for one in episodes for code in codes_in(one.get("type"), TIER)), None)
