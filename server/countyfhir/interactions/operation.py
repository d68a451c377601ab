"""Operations: found in the table of what is offered, at the place and by the method they allow (R4 section 3.2.0)."""

from __future__ import annotations

from countyfhir.exchange import Answer, Grant, Interaction
from countyfhir.interactions.world import Operation, World
from countyfhir.outcome import FhirError


async def operation(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Perform the operation; 404 where it is not offered, 405 for a GET on one that changes something."""
    offered = find(interaction, world.operations)
    if offered.affects_state and interaction.http_method != "POST":
        raise FhirError(
            "not-supported",
            f"${offered.code} changes something and must be called by POST.",
            status=405,
            headers={"Allow": "POST"},
        )
    if not offered.takes_anything:
        check_body(interaction, world, offered.takes_alone)
    return await offered.perform(interaction, grant, world)


def check_body(interaction: Interaction, world: World, alone: str = "") -> None:
    """FhirError 400 with every problem of what was posted to an operation: nothing but sound Parameters (R4
    section 3.2.0.3), or a resource of the type ``alone``."""
    body = interaction.body
    if body is None:
        return
    if not isinstance(body, dict) or body.get("resourceType") not in ("Parameters", alone):
        raise FhirError("invalid", "The body of an operation must be a Parameters resource.", expression="Parameters")
    problems = [issue for issue in world.check_resource(body) if issue.severity in ("error", "fatal")]
    if problems:
        raise FhirError(problems)


def find(interaction: Interaction, offered: tuple[Operation, ...]) -> Operation:
    """The operation the interaction names, where it may be called."""
    code = (interaction.operation or "").removeprefix("$")
    named = [one for one in offered if one.code == code]
    for one in named:
        if _here(interaction, one):
            return one
    if named:
        places = sorted({place for one in named for place in places_of(one)})
        raise FhirError("not-supported", f"${code} cannot be called here; it can on {', '.join(places)}.", status=404)
    known = ", ".join(sorted({f"${one.code}" for one in offered}))
    raise FhirError("not-supported", f"The operation ${code[:64]} is not offered; offered: {known}.", status=404)


def _here(interaction: Interaction, one: Operation) -> bool:
    if interaction.resource_type is None:
        return one.on_system
    if one.resource_types and interaction.resource_type not in one.resource_types:
        return False
    return one.on_instance if interaction.logical_id is not None else one.on_type


def places_of(one: Operation) -> list[str]:
    """Where an operation may be called, in words."""
    types = list(one.resource_types) or ["[type]"]
    places = ["the base"] if one.on_system else []
    places += [name for name in types if one.on_type]
    return places + [f"{name}/[id]" for name in types if one.on_instance]
