"""How one write comes to pass: read what it needs, build, check, commit; again when the race was lost (DESIGN
decision 8)."""

from __future__ import annotations

from collections.abc import Callable

from countyfhir.audit.record import record_of
from countyfhir.exchange import ALL, Answer, Grant, Interaction, Plan, Stored, Write, changed
from countyfhir.interactions import conformance_changes, search_parameters, subscribing
from countyfhir.interactions.admitted import admitted
from countyfhir.interactions.draft import Draft
from countyfhir.interactions.needs import Found, Needs, read
from countyfhir.interactions.persons import index as persons
from countyfhir.interactions.persons.foreseeing import foreseen
from countyfhir.interactions.prepare import prepared
from countyfhir.interactions.profile_checks import warnings
from countyfhir.interactions.reference_checks import placeholders
from countyfhir.interactions.ruling import Ruled, ruled
from countyfhir.interactions.visible import leave_out_hidden, require_all_visible, require_within
from countyfhir.interactions.world import World
from countyfhir.outcome import FhirError, Issue, operation_outcome
from countyfhir.store.ports import ConditionFailed, ReferencedStill


async def write(
    interaction: Interaction,
    grant: Grant,
    world: World,
    needs: Callable[[Interaction, World], Needs],
    build: Callable[[Interaction, Found, World], Draft],
) -> Answer:
    """Perform a create, update, patch or delete. 409 when the resource keeps changing under it."""
    needed = needs(interaction, world)
    for _ in range(world.policy.attempts):
        found = await read(world.store.resources, needed, grant)
        if grant.narrowing:  # before anything is told about what is there
            await leave_out_hidden(interaction, needed.keys, found, grant, world)
        draft = build(interaction, found, world)
        if grant.narrowing:
            await require_draft_visible(draft, found, grant, world)
        check_create_scope(draft, interaction, grant)
        drafted = await foreseen(draft.writes, interaction, world)
        writes = tuple(prepared(one, interaction, world) for one in drafted)
        extra = await placeholders(writes, interaction, grant, world)
        if grant.narrowing:
            for one in writes:
                require_within(one, grant)
        writes = await admitted(writes, interaction, world)
        judged = await ruled(writes, found.versions, interaction, world)
        writes = judged.writes
        records = tuple(
            record_of(interaction, world.now(), draft.status, one.resource_type, one.logical_id, patients(one, found))
            for one in (*writes, *judged.further)
        )
        try:
            plan = Plan(writes + extra + judged.further, (*draft.criteria, *judged.criteria), records)
            stored = await commit(plan, world, grant)
        except ConditionFailed:
            continue
        if not writes:
            await world.audit((record_of(interaction, world.now(), draft.status),))
        shown = tuple(judged.by_place(stored)[: len(draft.writes)])
        answer = as_judged(answered(draft, shown), judged, 0, interaction)
        return with_warnings(answer, writes or draft.writes, interaction, world, judged.warnings.get(0, ()))
    raise lost_race()


async def commit(plan: Plan, world: World, grant: Grant = ALL) -> tuple[Stored, ...]:
    """Commit, with a refused delete said in FHIR's terms (409 naming the holders that the grant shows)."""
    if not plan.writes and not plan.criteria and plan.account is None:
        return ()
    if search_parameters.concerns(plan.writes):
        plan = await search_parameters.checked(plan, world)
    if subscribing.concerns(plan.writes):
        plan = await subscribing.registered(plan, world)
    conforming = conformance_changes.concerns(plan.writes)
    if conforming:
        conformance_changes.refuse_broken(plan.writes, world)
    try:
        stored = await world.store.resources.commit(plan)
    except ConditionFailed as failed:
        if failed.kind == "definitions":
            await search_parameters.reload(world)
        raise
    except ReferencedStill as refused:
        if await persons.let_go(plan.writes, refused.holders, world):
            raise ConditionFailed("version", refused.subject) from refused
        raise FhirError(
            "conflict",
            f"{refused.subject} cannot be deleted while others point to it{await _shown(refused, grant, world)}.",
            expression=refused.subject.partition("/")[0],
        ) from refused
    if plan.raises_definitions:
        await search_parameters.reload(world)
    if any(one.resource_type == "Organization" for one in plan.writes):
        world.acting.clear()
    if conforming:
        await conformance_changes.taken_up(plan.writes, stored, world)
    return await persons.follow(plan.writes, stored, world)


async def _shown(refused: ReferencedStill, grant: Grant, world: World) -> str:
    """The holders that the caller may see."""
    keys = {(kind, logical_id) for kind, _, logical_id in (one.partition("/") for one in refused.holders)}
    hidden = {key for key in keys if grant.narrowed(key[0]) is not None}
    shown = keys - hidden | (await world.store.resources.visible(hidden, grant) if hidden else set())
    return f": {', '.join(sorted('/'.join(key) for key in shown))}" if shown else ""


def patients(write: Write, found: Found) -> tuple[str, ...]:
    """The patients an audit record of a write concerns: the new version's and the replaced one's."""
    replaced = found.current(write.resource_type, write.logical_id)
    named = (write.patient, replaced.patient if replaced else None)
    return tuple(dict.fromkeys(name for name in named if name is not None))


async def require_draft_visible(draft: Draft, found: Found, grant: Grant, world: World) -> None:
    """What a draft replaces must be visible to the caller."""
    keys = [(one.resource_type, one.logical_id) for one in draft.writes]
    existing = [key for key in keys if key in found.versions and not found.versions[key].deleted]
    await require_all_visible(existing, grant, world)


def check_create_scope(draft: Draft, interaction: Interaction, grant: Grant) -> None:
    """An update that creates also needs the right to create (SMART v2: c)."""
    if interaction.kind != "update" or draft.status != 201:
        return
    for one in draft.writes:
        if not grant.may("c", one.resource_type):
            raise FhirError("forbidden", f"The granted scopes allow to update but not to create {one.resource_type}.")


def answered(draft: Draft, stored: tuple[Stored, ...]) -> Answer:
    """The answer to a single write: the version it made, or the one it left alone."""
    shown = stored[0] if stored else draft.existing
    if draft.status == 204 or shown is None:
        return Answer(draft.status, stored=stored[0] if len(stored) == 1 else None)
    return Answer(draft.status, body=shown.body, stored=shown)


def as_judged(answer: Answer, judged: Ruled, place: int, interaction: Interaction) -> Answer:
    """The answer as the rules of the workflows have it: 200 for what is known already; 202 and an OperationOutcome for
    what is kept and waits for somebody."""
    if place in judged.accepted:
        issues = judged.warnings.get(place, ())
        body = operation_outcome(issues) if interaction.preferences.returns is None else answer.body
        return changed(answer, status=202, body=body)
    return changed(answer, status=200) if place in judged.known else answer


def with_warnings(
    answer: Answer, writes: tuple[Write, ...], interaction: Interaction, world: World, warned: tuple[Issue, ...] = ()
) -> Answer:
    """The answer with what is not as it should be, where an OperationOutcome is asked for; ``warned`` is what the rules
    of the workflows say."""
    if interaction.preferences.returns != "OperationOutcome" or len(writes) != 1 or writes[0].resource is None:
        return answer
    return changed(answer, issues=warned + warnings(writes[0].resource, interaction, world))


def lost_race() -> FhirError:
    """The answer when others changed the same resources each time it was tried."""
    return FhirError(
        "conflict",
        "The resources of this request were changed by others at the same time, again and again; try once more.",
        status=409,
        headers={"Retry-After": "1"},
    )
