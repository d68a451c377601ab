"""An ActivityDefinition as the request it defines (R4 section 12.17.4.3: applying an ActivityDefinition)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.operations.apply.applying import Applying
from countyfhir.operations.apply.expressions import evaluated
from countyfhir.operations.apply.paths import put
from countyfhir.operations.apply.times import occurrence_of, period_of, timing_in
from countyfhir.outcome import FhirError

Fill = Callable[[Resource, Resource, Applying, str], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """How a definition's parts are named in a type of request; None for what the type has no place for."""

    subject: str = "subject"
    status: str | None = "draft"
    intent: str | None = "intent"
    code: str | None = "code"
    priority: str | None = "priority"
    do_not_perform: str | None = None
    performer: str | None = "performer"
    performer_type: str | None = None
    requester: str | None = "requester"
    authored: str | None = "authoredOn"
    canonical: str | None = "instantiatesCanonical"
    fill: Fill | None = None
    places: tuple[str, ...] = ()  # elements of the definition that ``fill`` carries over


def _service(made: Resource, definition: Resource, applying: Applying, where: str) -> None:
    timing = timing_in(definition)
    if timing is not None:
        made |= occurrence_of(timing, applying, where)
    if "quantity" in definition:
        made["quantityQuantity"] = definition["quantity"]
    for name, to in (("bodySite", "bodySite"),):
        if name in definition:
            made[to] = definition[name]
    if "location" in definition:
        made["locationReference"] = [definition["location"]]


def _drug(made: Resource, definition: Resource, applying: Applying, where: str) -> None:
    for form in ("Reference", "CodeableConcept"):
        if f"product{form}" in definition:
            made[f"medication{form}"] = definition[f"product{form}"]
    if not any(name.startswith("medication") for name in made):
        if "code" not in definition:
            text = "A MedicationRequest needs the product of its definition."
            raise FhirError("required", text, status=422, expression=where)
        made["medicationCodeableConcept"] = definition["code"]
    if "dosage" in definition:
        made["dosageInstruction"] = [dict(one) for one in definition["dosage"]]
    if "quantity" in definition:
        made["dispenseRequest"] = {"quantity": definition["quantity"]}
    timing = timing_in(definition)
    if timing is not None:
        _dosed(made, timing, applying, where)


def _dosed(made: Resource, timing: tuple[str, Any], applying: Applying, where: str) -> None:
    if timing[0] == "timingTiming":
        dosages = made.setdefault("dosageInstruction", [{}])
        for one in dosages:
            one.setdefault("timing", timing[1])
    else:
        made.setdefault("dispenseRequest", {})["validityPeriod"] = period_of(timing, applying, where)


def _task(made: Resource, definition: Resource, applying: Applying, where: str) -> None:
    timing = timing_in(definition)
    if timing is not None:
        made["restriction"] = {"period": period_of(timing, applying, where)}
    if "description" in definition or "title" in definition:
        made["description"] = definition.get("description") or definition["title"]
    if "location" in definition:
        made["location"] = definition["location"]


def _communication(made: Resource, definition: Resource, applying: Applying, where: str) -> None:
    timing = timing_in(definition)
    if timing is not None:
        made |= {
            name: value for name, value in occurrence_of(timing, applying, where).items() if name != "occurrenceTiming"
        }
    text = definition.get("description") or definition.get("title")
    if text:
        made["payload"] = [{"contentString": text}]
    if "code" in definition:
        made["reasonCode"] = [definition["code"]]


def _nutrition(made: Resource, definition: Resource, applying: Applying, where: str) -> None:
    made["dateTime"] = applying.now.isoformat(timespec="seconds")
    text = definition.get("description") or definition.get("title") or "diet"
    made["oralDiet"] = {"instruction": text} | ({"type": [definition["code"]]} if "code" in definition else {})
    timing = timing_in(definition)
    if timing is not None and timing[0] == "timingTiming":
        made["oralDiet"]["schedule"] = [timing[1]]
    elif timing is not None:
        applying.say("not-supported", "A NutritionOrder has no place for this timing.", where)


def _device(made: Resource, definition: Resource, applying: Applying, where: str) -> None:
    if "productReference" in definition:
        made["codeReference"] = definition["productReference"]
    else:
        made["codeCodeableConcept"] = (
            definition.get("productCodeableConcept") or definition.get("code") or {"text": "device"}
        )
    timing = timing_in(definition)
    if timing is not None:
        made |= occurrence_of(timing, applying, where)


def _supply(made: Resource, definition: Resource, applying: Applying, where: str) -> None:
    if "productReference" in definition:
        made["itemReference"] = definition["productReference"]
    else:
        made["itemCodeableConcept"] = (
            definition.get("productCodeableConcept") or definition.get("code") or {"text": "supply"}
        )
    made["quantity"] = definition.get("quantity") or {"value": 1}
    timing = timing_in(definition)
    if timing is not None:
        made |= occurrence_of(timing, applying, where)


def _appointment(made: Resource, definition: Resource, applying: Applying, where: str) -> None:
    made["participant"] = [{"actor": applying.reference("subject"), "status": "needs-action"}]
    if "code" in definition:
        made["serviceType"] = [definition["code"]]
    made["description"] = definition.get("description") or definition.get("title") or "appointment"
    timing = timing_in(definition)
    if timing is not None:
        made["requestedPeriod"] = [period_of(timing, applying, where)]


_TIMED = ("timingTiming", "timingDateTime", "timingAge", "timingPeriod", "timingRange", "timingDuration")
KINDS: dict[str, Kind] = {
    "ServiceRequest": Kind(
        do_not_perform="doNotPerform", performer_type="performerType", fill=_service,
        places=(*_TIMED, "quantity", "bodySite", "location"),
    ),
    "MedicationRequest": Kind(
        code=None, do_not_perform="doNotPerform", performer="performer", performer_type="performerType", fill=_drug,
        places=(*_TIMED, "productReference", "productCodeableConcept", "dosage", "quantity", "code"),
    ),
    "Task": Kind(
        subject="for", performer="owner", performer_type="performerType", fill=_task, places=(*_TIMED, "location"),
    ),
    "CommunicationRequest": Kind(
        intent=None, code=None, do_not_perform="doNotPerform", performer="recipient", canonical=None,
        fill=_communication, places=(*_TIMED, "code"),
    ),
    "NutritionOrder": Kind(
        subject="patient", code=None, priority=None, performer=None, requester="orderer", authored=None,
        fill=_nutrition, places=(*_TIMED, "code"),
    ),
    "DeviceRequest": Kind(
        code=None, performer_type="performerType", fill=_device,
        places=(*_TIMED, "productReference", "productCodeableConcept", "code"),
    ),
    "SupplyRequest": Kind(
        subject="", intent=None, code=None, performer=None, canonical=None, fill=_supply,
        places=(*_TIMED, "productReference", "productCodeableConcept", "quantity", "code"),
    ),
    "Appointment": Kind(
        subject="", status=None, intent=None, code=None, priority=None, performer=None, requester=None, authored=None,
        canonical=None, fill=_appointment, places=(*_TIMED, "code"),
    ),
}  # fmt: skip
_LISTS = frozenset(("ServiceRequest.performer", "CommunicationRequest.recipient"))
_LEFT = (
    "productReference", "productCodeableConcept", "quantity", "dosage", "bodySite", "specimenRequirement",
    "observationRequirement", "observationResultRequirement", "location", *_TIMED,
)  # fmt: skip


async def request_of(definition: Resource, applying: Applying, where: str, more: dict[str, Any]) -> Resource:
    """The request; FhirError 422 for a kind, a transform or an expression that is not carried out here."""
    name = str(definition.get("kind", ""))
    kind = KINDS.get(name)
    if kind is None:
        text = f"{name or 'A definition without a kind'} is not made by $apply; these are: {', '.join(KINDS)}."
        raise FhirError("not-supported", text, status=422, expression=f"{where}.kind")
    if "transform" in definition:
        text = "A StructureMap is not carried out here; use dynamicValue."
        raise FhirError("not-supported", text, status=422, expression=f"{where}.transform")
    made = _head(name, kind, definition, applying)
    if kind.fill is not None:
        kind.fill(made, definition, applying, where)
    _participants(made, kind, definition, applying, where)
    for left in _LEFT:
        if left in definition and left not in kind.places:
            applying.say("not-supported", f"{name} has no place for {left} of its definition.", f"{where}.{left}")
    await set_values(made, definition, applying, where, more)
    return made


def _head(name: str, kind: Kind, definition: Resource, applying: Applying) -> Resource:
    made: Resource = {"resourceType": name}
    if "profile" in definition:
        made["meta"] = {"profile": [definition["profile"]]}
    if "url" in definition and kind.canonical is not None:
        canonical = definition["url"] + (f"|{definition['version']}" if "version" in definition else "")
        made[kind.canonical] = canonical if name == "Task" else [canonical]
    made["status"] = kind.status or "proposed"
    if kind.intent is not None:
        made[kind.intent] = definition.get("intent", "proposal")
    for to, told in ((kind.priority, "priority"), (kind.code, "code"), (kind.do_not_perform, "doNotPerform")):
        if to is not None and told in definition:
            made[to] = definition[told]
    if kind.subject:
        made[kind.subject] = applying.reference("subject")
    encounter = applying.reference("encounter")
    if encounter is not None and name not in ("SupplyRequest", "Appointment"):
        made["encounter"] = encounter
    requester = applying.reference("practitioner") or applying.reference("organization")
    if name == "NutritionOrder":
        requester = applying.reference("practitioner")
    if kind.requester is not None and requester is not None:
        made[kind.requester] = requester
    if kind.authored is not None:
        made[kind.authored] = applying.now.isoformat(timespec="seconds")
    return made


def _participants(made: Resource, kind: Kind, definition: Resource, applying: Applying, where: str) -> None:
    found = []
    for one in definition.get("participant", ()):
        reference = applying.reference({"practitioner": "practitioner", "patient": "subject"}.get(one["type"], ""))
        if reference is not None:
            found.append(reference)
        if "role" in one and kind.performer_type is not None:
            many = made["resourceType"] == "Task"
            made[kind.performer_type] = [one["role"]] if many else one["role"]
        elif reference is None:
            applying.say(
                "not-found", f"Nobody in context is the {one['type']} of the definition.", f"{where}.participant"
            )
    if found and kind.performer is not None:
        many = f"{made['resourceType']}.{kind.performer}" in _LISTS
        made[kind.performer] = found if many else found[0]


async def set_values(
    made: Resource, definition: Resource, applying: Applying, where: str, more: dict[str, Any]
) -> None:
    """Set what the dynamicValues of a definition or an action say."""
    for place, one in enumerate(definition.get("dynamicValue", ())):
        at = f"{where}.dynamicValue[{place}]"
        if "path" not in one or "expression" not in one:
            text = "A dynamicValue says by its path what is set, and by its expression to what."
            raise FhirError("required", text, status=422, expression=at)
        items = await evaluated(one["expression"], applying, at, more)
        put(made, str(one["path"]), items, applying.world.definitions, at)
