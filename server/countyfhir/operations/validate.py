"""$validate: everything that can be said of a resource, whether it would be accepted or not (OperationDefinition
Resource-validate; R4 section 3.1.0.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction, Stored
from countyfhir.interactions.read import read
from countyfhir.interactions.world import World
from countyfhir.model import json, json_places
from countyfhir.operations.validate_deletion import deletion_issues
from countyfhir.outcome import FhirError, Issue, operation_outcome

MODES = ("create", "update", "delete", "profile")
PARAMETERS = frozenset(("mode", "profile", "resource", "_format", "_pretty"))
ERRORS = ("error", "fatal")


async def validate(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """200 with an OperationOutcome of every problem, also of a text that cannot be read; FhirError only for a call that
    is wrong itself."""
    if isinstance(interaction.body, FhirError):
        return _answer(interaction.body.issues)
    asked = _asked(interaction)
    if asked.get("mode") == "delete":
        return _answer(await deletion_issues(interaction, grant, world))
    stored = await _stored(interaction, grant, world)
    resource = asked.get("resource")
    if resource is None:
        if interaction.logical_id is None:
            raise FhirError("required", "Send the resource to validate, or call this on one that is stored.")
        assert stored is not None
        resource = json.parse(stored.body or b"{}")
    issues = _of_mode(asked.get("mode"), resource, stored, interaction, world)
    issues += _checked(resource, asked.get("profiles", ()), interaction, world)
    return _answer(_placed(issues, interaction, asked.get("start", ())))


def _answer(issues: Any) -> Answer:
    return Answer(200, body=operation_outcome(issues))


def _asked(interaction: Interaction) -> dict[str, Any]:
    """mode, profiles, resource and where it stands in what was sent. FhirError 400 for what is no parameter."""
    asked: dict[str, Any] = {"profiles": []}
    for name, value in interaction.query:
        if name not in PARAMETERS and interaction.preferences.handling != "lenient":
            raise FhirError("not-supported", f"'{name[:64]}' is no parameter of $validate.", status=400)
        _take(asked, name, value)
    body = interaction.body
    if (
        isinstance(body, dict)
        and body.get("resourceType") == "Parameters"
        and interaction.resource_type != "Parameters"
    ):
        for index, one in enumerate(_listed(body.get("parameter"))):
            sent = next((one[key] for key in one if key.startswith("value")), one.get("resource"))
            _take(asked, str(one.get("name")), sent)
            if one.get("name") == "resource":
                asked["start"] = ("parameter", index, "resource")
    elif body is not None:
        asked["resource"] = body
    if asked.get("mode") not in (None, *MODES):
        raise FhirError("value", f"mode must be one of {', '.join(MODES)}.", expression="mode")
    return asked


def _listed(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _take(asked: dict[str, Any], name: str, value: Any) -> None:
    if name == "profile" and isinstance(value, str):
        asked["profiles"].append(value)
    elif name in ("mode", "resource") and value is not None:
        asked[name] = value


async def _stored(interaction: Interaction, grant: Grant, world: World) -> Stored | None:
    """The version the call is about, where it is about one; 404 or 410 where there is none."""
    if interaction.logical_id is None:
        return None
    asked = Interaction(
        "read", interaction.resource_type, interaction.logical_id, principal=interaction.principal,
        base=interaction.base,
    )  # fmt: skip
    return (await read(asked, grant, world)).stored


def _of_mode(
    mode: str | None, resource: Any, stored: Stored | None, interaction: Interaction, world: World
) -> list[Issue]:
    """What would refuse the create or update, besides the content."""
    resource_type = interaction.resource_type or "Resource"
    given = resource.get("id") if isinstance(resource, dict) else None
    place = (f"{resource_type}.id",)
    if mode == "create" and stored is not None:
        return [Issue("duplicate", f"This {resource_type} exists; it can be updated, not created.", place)]
    if mode == "update" and given is None:
        return [Issue("required", "An update needs the id in the resource.", place)]
    if mode == "update" and stored is not None and given != stored.logical_id:
        return [Issue("invalid", "The id in the resource must be the id in the URL.", place)]
    return []


def _checked(resource: Any, profiles: Any, interaction: Interaction, world: World) -> list[Issue]:
    from countyfhir.validation.check import Wanted, check  # a server starts without the FHIRPath engine

    resource_type = str(resource.get("resourceType")) if isinstance(resource, dict) else ""
    requirements = world.policy.requirements
    required = requirements.profiles.get(resource_type, ())
    if requirements.mode(resource_type, interaction.principal.organization) == "off":
        required = ()
    wanted = Wanted(True, tuple(dict.fromkeys((*profiles, *required))))
    return check(resource, world.knowledge, wanted, interaction.resource_type)


def _placed(issues: list[Issue], interaction: Interaction, start: tuple[str | int, ...]) -> list[Issue]:
    """The issues with line and column in the text that was sent."""
    if interaction.text is None or not issues:
        return issues
    expressions = [one.expression[0] for one in issues if one.expression]
    if interaction.text.lstrip()[:1] == b"<":
        from countyfhir.model import xml_places

        found = xml_places.places(interaction.text, expressions, start)
    else:
        found = json_places.places(interaction.text, expressions, start)
    placed = []
    for one in issues:
        line, column = found.get(one.expression[0], (None, None)) if one.expression else (None, None)
        placed.append(replace(one, line=line, column=column) if one.line is None else one)
    return placed
