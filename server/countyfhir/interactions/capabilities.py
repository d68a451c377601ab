"""capabilities: the CapabilityStatement, generated from what is really there (R4 section 3.1.0.9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction, Resource
from countyfhir.interactions import audit_events, extraction
from countyfhir.interactions.terminology_capabilities import terminology_capabilities
from countyfhir.interactions.world import Operation, World
from countyfhir.model import json
from countyfhir.model.definitions import SearchParameter
from countyfhir.outcome import FhirError
from countyfhir.search import conditions, parameters
from countyfhir.search.named_queries import NAMED, definition
from countyfhir.search.parameters import Table
from countyfhir.subscriptions import names
from countyfhir.subscriptions.topics import each

_ON_TYPE = ("read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type")
_ON_SYSTEM = ("transaction", "batch", "search-system", "history-system")


async def capabilities(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """The statement; ``mode=terminology`` is the TerminologyCapabilities."""
    mode = dict(interaction.query).get("mode", "full")
    if mode == "terminology":
        return Answer(200, body=terminology_capabilities(interaction.base, world))
    if mode not in ("full", "normative"):
        raise FhirError(
            "not-supported",
            f"metadata?mode={mode[:32]} is not offered; full, normative and terminology are.",
            status=400,
        )
    return Answer(200, body=statement(interaction.base, world))


def statement(base: str, world: World) -> bytes:
    """The CapabilityStatement of this server as JSON text. Its greater part names no base URL and is made once."""
    return b'%b,"rest":[%b]}' % (json.dumps(_about(base, world))[:-1], rest(world))


def rest(world: World) -> bytes:
    """CapabilityStatement.rest as JSON text, for the search parameters of now; threads may ask for it."""
    table = world.search.parameters
    text = world.statements.get(table)
    if text is None:
        text = world.statements[table] = json.dumps(_rest(table, world))
    return text


def _about(base: str, world: World) -> Resource:
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{base}/metadata",
        "version": world.version,
        "name": "CountyFHIR",
        "title": "CountyFHIR 县域医共体 FHIR 服务器",
        "status": "active",
        "date": world.started,
        "publisher": "CountyFHIR",
        "description": "One shared FHIR record for the institutions of a county medical consortium.",
        "kind": "instance",
        "software": {"name": "CountyFHIR", "version": world.version},
        "implementation": {"description": " ".join(("CountyFHIR", *_behind(world))), "url": base},
        **({"instantiates": [names.SERVER_CAPABILITIES]} if world.notifying is not None else {}),
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "application/fhir+xml", "json", "xml"],
        "patchFormat": [
            "application/json-patch+json",
            "application/fhir+json",
            "application/fhir+xml",
            "application/merge-patch+json",
        ],
    }


def _behind(world: World) -> list[str]:
    """What the index is behind of, if anything."""
    return [f"({issue.diagnostics})" for issue in extraction.warning(world)]


def _rest(table: Table, world: World) -> Resource:
    stated: Resource = {
        "extension": _websocket(world),
        "mode": "server",
        "security": _security(world),
        "resource": [_resource(name, table, world) for name in sorted(world.definitions.endpoint_types)],
        "interaction": [{"code": code} for code in _ON_SYSTEM],
        "searchParam": [_parameter(one, "Resource", world) for one in parameters.common(table)],
        "operation": [_operation(one) for one in world.operations if one.on_system],
        "compartment": [
            f"http://hl7.org/fhir/CompartmentDefinition/{name.lower()}"
            for name in sorted(world.definitions.compartments)
        ],
    }
    return {name: value for name, value in stated.items() if value}


def _websocket(world: World) -> list[Resource]:
    """Where websockets are opened (extension capabilitystatement-websocket)."""
    doors = world.notifying
    return [{"url": names.WEBSOCKET, "valueUri": doors.websocket}] if doors is not None else []


def _topics(world: World) -> list[Resource]:
    """The topics that can be subscribed to."""
    offered = each(world.notifying.topics()) if world.notifying is not None else []
    return [{"url": names.TOPIC_CANONICAL, "valueCanonical": one.url} for one in offered]


def _security(world: World) -> Resource:
    services = [
        {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": code}]}
        for code in world.security
    ]
    said = (
        "Bearer token (API key or JWT) with SMART v2 scopes."
        if services
        else "No authentication: the loopback address only."
    )
    security: Resource = {"cors": world.cors, "service": services, "description": said}
    return {name: value for name, value in security.items() if value != []}


def _resource(name: str, table: Table, world: World) -> Resource:
    subscribed = name == "Subscription" and world.notifying is not None
    resource: Resource = {
        "extension": _topics(world) if subscribed else [],
        "type": name,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{name}",
        "supportedProfile": [names.SUBSCRIPTION_PROFILE] if subscribed else [],
        "interaction": [{"code": code} for code in _ON_TYPE],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": world.policy.update_create,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "multiple" if world.policy.conditional_delete_multiple else "single",
        "referencePolicy": ["literal", "logical", "local"],
        "searchInclude": parameters.includes(name, table),
        "searchRevInclude": parameters.revincludes(name, table),
        "searchParam": [_parameter(one, name, world) for one in parameters.of(name, table)],
        **(_of_recorded(table) if name == audit_events.RESOURCE_TYPE else {}),
        "operation": [*(_operation(one) for one in world.operations if _on(one, name)), *_named_queries(name)],
    }
    return {key: value for key, value in resource.items() if value not in ([], None)}


def _of_recorded(table: Table) -> Resource:
    """What is less for AuditEvents: those that the server records are searched by parameters of their own."""
    offered = audit_events.search_parameters(parameters.of(audit_events.RESOURCE_TYPE, table))
    return {
        "searchInclude": [],
        "searchRevInclude": [],
        "searchParam": [_stated(one, modifiers) for one, modifiers in offered],
    }


def _on(one: Operation, name: str) -> bool:
    return (one.on_type or one.on_instance) and (not one.resource_types or name in one.resource_types)


def _operation(one: Operation) -> dict[str, Any]:
    return {"name": one.code, "definition": one.definition}


def _named_queries(resource_type: str) -> Iterator[dict[str, Any]]:
    for name, one in sorted(NAMED.get(resource_type, {}).items()):
        said = f"Named query, _query={name}: {one.finds} ({one.finds_zh})."
        yield {"name": name, "definition": definition(resource_type, name), "documentation": said}


def _parameter(one: SearchParameter, resource_type: str, world: World) -> dict[str, Any]:
    return _stated(one, conditions.modifiers_of(one, resource_type, world.definitions))


def _stated(one: SearchParameter, modifiers: list[str]) -> dict[str, Any]:
    stated: dict[str, Any] = {"name": one.code, "definition": one.url, "type": one.type}
    if not one.url:
        del stated["definition"]
    if modifiers:
        stated["documentation"] = f"Modifiers: {', '.join(f':{each}' for each in modifiers)}."
    return stated
