"""The operations $apply: what is asked, who is concerned, and the answer."""

from __future__ import annotations

from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction, Preconditions, Preferences, Resource, changed
from countyfhir.interactions.perform import perform
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.operations.apply.activity import request_of
from countyfhir.operations.apply.applying import Applying
from countyfhir.operations.apply.asked import CONCEPTS, REFERENCES, Asked, asked_of, definition_in, reference_in
from countyfhir.operations.apply.plan import plan_of
from countyfhir.operations.apply.separating import separate
from countyfhir.outcome import FhirError
from countyfhir.workflow.chronic.care_plans import PROFILE, is_bound


async def apply_plan(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """The CarePlan of a PlanDefinition for a subject. Nothing is stored, unless ``persist`` (the county's own
    parameter) is true: then it is, active, in the place of the resident's present plan of chronic care."""
    asked = asked_of(interaction, "planDefinition")
    applying = await _begun(asked, interaction, grant, world)
    definition = await _definition(asked, "planDefinition", "PlanDefinition", interaction, applying)
    plan = await plan_of(definition, applying)
    if asked.get("persist", [False])[0] not in (True, "true"):
        return _answered(plan, applying)
    return await _kept(plan, applying)


def _resources(answer: Answer) -> list[Resource]:
    body = json.parse(answer.body) if isinstance(answer.body, bytes) else answer.body
    return [one["resource"] for one in (body or {}).get("entry", ()) if "resource" in one]


async def _kept(plan: Resource, applying: Applying) -> Answer:
    """The plan and what it contains stored in one transaction, as if the client had sent them; its goals are active."""
    told = {**plan, "status": "active"}
    if is_bound(told):
        told["meta"] = {"profile": [PROFILE]}
        subject = applying.subject
        present = await applying.search("CarePlan", f"patient={subject['id']}&status=active")
        replaced = [{"reference": f"CarePlan/{one['id']}"} for one in present if is_bound(one)]
        if replaced:
            told["replaces"] = replaced
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": await separate(told, applying)}
    asking = changed(
        applying.interaction,
        kind="transaction",
        resource_type=None,
        logical_id=None,
        operation=None,
        query=(),
        body=bundle,
        preconditions=Preconditions(),
        preferences=Preferences(returns="representation"),
    )
    kept = await perform(asking, applying.world, applying.grant)
    stored = next(one for one in _resources(kept) if one["resourceType"] == "CarePlan")
    return Answer(200, body=stored, patients=(str(applying.subject["id"]),))


async def apply_activity(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """The request of an ActivityDefinition for a subject. Nothing is stored."""
    asked = asked_of(interaction, "activityDefinition")
    applying = await _begun(asked, interaction, grant, world)
    definition = await _definition(asked, "activityDefinition", "ActivityDefinition", interaction, applying)
    return _answered(await request_of(definition, applying, "ActivityDefinition", {}), applying)


def _answered(made: Resource, applying: Applying) -> Answer:
    subject = applying.subject
    patients = (str(subject["id"]),) if subject["resourceType"] == "Patient" else ()
    return Answer(200, body=made, patients=patients, issues=tuple(applying.said))


async def _begun(asked: Asked, interaction: Interaction, grant: Grant, world: World) -> Applying:
    """The context, everybody in it read with what the caller may see."""
    applying = Applying(interaction, grant, world, {}, {})
    found: dict[str, Any] = {}
    for name in REFERENCES:
        reference = reference_in(asked, name)
        found[name] = await applying.read(reference) if reference is not None else []
    for name in CONCEPTS:
        found[name] = asked.get(name, [])
    subject = found["subject"]
    found["patient"] = subject if subject["resourceType"] == "Patient" else []
    applying.subject, applying.variables = subject, found
    return applying


async def _definition(
    asked: Asked, name: str, resource_type: str, interaction: Interaction, applying: Applying
) -> Resource:
    sent = definition_in(asked, name, resource_type)
    urls = asked.get("url", [])
    if interaction.logical_id is not None:
        if sent is not None or urls:
            text = f"{name} and url are for a call on {resource_type}, not on one of them."
            raise FhirError("invalid", text, status=400, expression=name)
        return await applying.read(f"{resource_type}/{interaction.logical_id}")
    if sent is None and not urls:
        raise FhirError("required", f"Send the definition as {name}, or call this on one.", status=400, expression=name)
    return sent if sent is not None else await applying.canonical(str(urls[0]), {}, resource_type)
