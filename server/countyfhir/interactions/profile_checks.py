"""Profiles on write: those a resource claims and those required of its type, as strictly as the settings say (R4
section 5.1.0.1.8)."""

from __future__ import annotations

from dataclasses import replace

from countyfhir.exchange import Interaction, Resource
from countyfhir.interactions.world import World
from countyfhir.outcome import Issue

ERRORS = ("error", "fatal")


def refusals(resource: Resource, interaction: Interaction, world: World) -> list[Issue]:
    """The errors against profiles where they are enforced; [] where they are not."""
    resource_type = str(resource.get("resourceType"))
    if world.policy.requirements.mode(resource_type, interaction.principal.organization) != "enforce":
        return []
    required = world.policy.requirements.profiles.get(resource_type, ())
    if not required and not _may_claim(resource):
        return []
    return [issue for issue in _checked(resource, required, world, False) if issue.severity in ERRORS]


def warnings(resource: Resource, interaction: Interaction, world: World) -> tuple[Issue, ...]:
    """What is not as it should be in a resource that is written all the same, best practice and profiles included; for
    ``Prefer: return=OperationOutcome``. What would be an error elsewhere is a warning here."""
    from countyfhir.validation.check import Wanted, check

    requirements, resource_type = world.policy.requirements, str(resource.get("resourceType"))
    mode = requirements.mode(resource_type, interaction.principal.organization)
    required = requirements.profiles.get(resource_type, ()) if mode != "off" else ()
    found = check(resource, world.knowledge, Wanted(True, required, mode != "off"))
    return tuple(replace(one, severity="warning") if one.severity in ERRORS else one for one in found)


def _checked(resource: Resource, required: tuple[str, ...], world: World, complete: bool) -> list[Issue]:
    from countyfhir.validation.check import Wanted, check

    return check(resource, world.knowledge, Wanted(complete, required, claimed=True, base=False))


def _may_claim(resource: Resource) -> bool:
    """Whether the resource, or one inside of it, could claim a profile."""
    meta = resource.get("meta")
    inside = any(name in resource for name in ("contained", "entry", "parameter"))
    return inside or (isinstance(meta, dict) and "profile" in meta)
