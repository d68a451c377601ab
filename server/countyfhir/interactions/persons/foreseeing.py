"""Patients are written with the links they are going to have, so that linking makes no second version of them; golden
records are written by the server alone (docs/persons.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from countyfhir.exchange import Interaction, Resource, Write
from countyfhir.identity.golden import with_links
from countyfhir.identity.golden_ids import is_golden
from countyfhir.identity.grouping import grouped
from countyfhir.interactions.persons.compared import Foreseen, compared, prepared_ahead
from countyfhir.interactions.persons.linking import chosen
from countyfhir.interactions.persons.neighbourhood import Neighbourhood, around
from countyfhir.interactions.world import World
from countyfhir.outcome import FhirError


async def foreseen(writes: Sequence[Write], interaction: Interaction, world: World) -> tuple[Write, ...]:
    """The writes, Patients with the links that follow from what is known now. It is settled after the commit: where
    others wrote at the same time, that makes a version more. FhirError for golden records."""
    patients = [one for one in writes if one.resource_type == "Patient"] if world.person_rules is not None else []
    if not patients:
        return tuple(writes)
    await _refuse_golden(patients, interaction, world)
    fresh = {one.logical_id: one.resource for one in patients if one.resource is not None}
    made = await _linked({name: one for name, one in fresh.items() if not is_golden(name)}, interaction, world)
    return tuple(
        replace(one, resource=made[one.logical_id])
        if one.resource_type == "Patient" and made.get(one.logical_id, one.resource) is not one.resource
        else one
        for one in writes
    )


async def _refuse_golden(patients: Sequence[Write], interaction: Interaction, world: World) -> None:
    """What others wrote into a golden record would be gone with the next record of the person."""
    golden = [one.logical_id for one in patients if is_golden(one.logical_id)]
    if not golden or interaction.principal.kind == "system":
        return
    for member in (await world.store.persons.members(golden)).values():
        raise FhirError(
            "business-rule",
            f"Patient/{member.person} is a golden record, which the server makes of the records of institutions; write"
            " to the record of the institution, or use $merge, $link and $unlink."
            " 主索引记录由服务器根据各机构档案生成，请修改机构档案，或使用 $merge、$link、$unlink。",
            expression="Patient.id",
        )


async def _linked(fresh: Mapping[str, Resource], interaction: Interaction, world: World) -> dict[str, Resource]:
    assert world.person_rules is not None
    rules, store = world.person_rules(), world.store.persons
    try:
        entered = {
            name: prepared_ahead(name, one, interaction.account) or compared(name, one, rules)
            for name, one in fresh.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError):  # not shaped as a Patient: validation says so
        return {}
    changes = await store.changes()
    near = await around(list(entered), (), store, rules, entered)
    decided, parts = near.decided(), near.parts()
    groups = [group for part in parts for group in grouped(part, decided, rules, known=near.judged).groups]
    made = dict(fresh) | _with_links(groups, fresh, near)
    alone = {name for part in parts if len(part) == 1 for name in part if near.alone(name)}
    world.compared.add(
        {name: Foreseen(made[name], record, changes if name in alone else None) for name, record in entered.items()}
    )
    return made


def _with_links(
    groups: Sequence[frozenset[str]], fresh: Mapping[str, Resource], near: Neighbourhood
) -> dict[str, Resource]:
    """With the link to the golden record. Those of merges come after the commit: a record that is written with one says
    itself that it was merged."""
    made: dict[str, Resource] = {}
    taken = set[str]()
    for group in sorted(groups, key=lambda group: (-len(group), min(group))):
        golden = chosen(sorted(group), near, taken) if len(group) > 1 else None
        if golden is not None:
            taken.add(golden)
        for one in group & fresh.keys():
            made[one] = with_links(fresh[one], [("refer", golden)] if golden is not None else [], frozenset())
    return made
