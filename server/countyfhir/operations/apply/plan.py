"""A PlanDefinition as a CarePlan: its goals, and an activity for each applicable action; where actions are grouped or
depend on each other, a RequestGroup keeps the structure (R4 section 12.18, PlanDefinition-apply)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.operations.apply.activity import request_of, set_values
from countyfhir.operations.apply.applying import DEEPEST, Applying
from countyfhir.operations.apply.data import inputs_of
from countyfhir.operations.apply.expressions import holds
from countyfhir.operations.apply.times import CHOICES, period_of, span, timing_in
from countyfhir.outcome import FhirError

_SAME = (
    "prefix", "title", "description", "textEquivalent", "priority", "code", "documentation", "relatedAction", "type",
    "groupingBehavior", "selectionBehavior", "requiredBehavior", "precheckBehavior", "cardinalityBehavior", *CHOICES,
)  # fmt: skip
_STRUCTURE = ("relatedAction", "groupingBehavior", "selectionBehavior", "requiredBehavior", "precheckBehavior")
MESSAGES = "http://hl7.org/fhir/StructureDefinition/cqf-messages"


async def plan_of(definition: Resource, applying: Applying) -> Resource:
    """The CarePlan (draft), with what it refers to contained; what could not be carried over is told in a contained
    OperationOutcome."""
    actions = await _actions(definition, applying, "PlanDefinition", 0)
    now = applying.now
    author = applying.reference("practitioner") or applying.reference("organization")
    plan: Resource = {
        "resourceType": "CarePlan",
        "instantiatesCanonical": list(applying.canonicals),
        "status": "draft",
        "intent": "plan",
        "title": definition.get("title") or definition.get("name") or "plan",
        **({"description": definition["description"]} if "description" in definition else {}),
        "subject": applying.reference("subject"),
        "encounter": applying.reference("encounter"),
        "period": {"start": now.date().isoformat()},
        "created": now.isoformat(timespec="seconds"),
        "author": author,
        "addresses": [{"reference": one} for one in applying.addresses],
        "goal": [{"reference": f"#{one}"} for one in applying.goals.values()],
        "activity": _activities(actions, applying),
    }
    if any(_structured(one) for one in actions):
        group = _group(plan, actions, applying)
        plan["activity"] = [{"reference": {"reference": f"#{group}"}}, *plan["activity"]]
    if applying.said:
        told = {"resourceType": "OperationOutcome", "issue": [one.as_fhir() for one in applying.said]}
        name = applying.take(told, "messages")
        plan["extension"] = [{"url": MESSAGES, "valueReference": {"reference": f"#{name}"}}]
    plan = {name: value for name, value in plan.items() if value not in (None, [])}
    return _with_contained(plan, applying)


def _with_contained(plan: Resource, applying: Applying) -> Resource:
    head = {"resourceType": "CarePlan"}
    contained = {"contained": list(applying.contained.values())} if applying.contained else {}
    return head | contained | {name: value for name, value in plan.items() if name != "resourceType"}


async def _actions(definition: Resource, applying: Applying, where: str, depth: int) -> list[Resource]:
    """The applicable actions of a definition as actions of a RequestGroup; its goals are taken up."""
    if depth > DEEPEST:
        raise FhirError("too-costly", "The definition nests others too deeply.", status=422, expression=where)
    if "url" in definition:
        version = f"|{definition['version']}" if "version" in definition else ""
        applying.canonicals[f"{definition['url']}{version}"] = None
    for place, goal in enumerate(definition.get("goal", ())):
        _goal(goal, applying, f"{where}.goal[{place}]")
    found = []
    for place, action in enumerate(definition.get("action", ())):
        made = await _action(action, definition, applying, f"{where}.action[{place}]", depth, {})
        if made is not None:
            found.append(made)
    return found


async def _action(
    action: Resource, holder: Resource, applying: Applying, where: str, depth: int, known: Mapping[str, Any]
) -> Resource | None:
    """An action with what is below it; None where a condition says that it does not apply."""
    _subject_is_ours(action, applying, where)
    inputs = await inputs_of(action, applying, where)
    more = {**known, **inputs}
    conditions = []
    for place, one in enumerate(action.get("condition", ())):
        if one.get("kind") != "applicability":
            conditions.append(one)  # start and stop are for who carries the plan out
        elif "expression" in one and not await holds(one["expression"], applying, f"{where}.condition[{place}]", more):
            return None
    for resources in inputs.values():
        _addressed(resources, applying)
    made = {name: action[name] for name in ("id", *_SAME) if name in action}
    if conditions:
        made["condition"] = conditions
    for left in ("trigger", "transform"):
        if left in action:
            applying.say("not-supported", f"The {left} of an action is not carried out by $apply.", f"{where}.{left}")
    people = [one for one in (_participant(one, applying) for one in action.get("participant", ())) if one is not None]
    if people:
        made["participant"] = people
    await _defined(made, action, holder, applying, where, depth, more)
    for place, one in enumerate(action.get("action", ())):
        inner = await _action(one, holder, applying, f"{where}.action[{place}]", depth + 1, more)
        if inner is not None:
            made.setdefault("action", []).append(inner)
    return made


def _subject_is_ours(action: Resource, applying: Applying, where: str) -> None:
    codings = (action.get("subjectCodeableConcept") or {}).get("coding", ())
    other = [one.get("code") for one in codings if one.get("code") != applying.subject["resourceType"]]
    if "subjectReference" in action or (codings and len(other) == len(list(codings))):
        text = "The action is about another subject than the plan."
        raise FhirError("not-supported", text, status=422, expression=where)


async def _defined(
    made: Resource,
    action: Resource,
    holder: Resource,
    applying: Applying,
    where: str,
    depth: int,
    more: dict[str, Any],
) -> None:
    """Take up what the action's definition makes: a request, the actions of another plan, a form to fill in."""
    canonical = action.get("definitionCanonical")
    if canonical is None:
        if "dynamicValue" in action:
            text = "dynamicValue on an action without definitionCanonical sets nothing that is made."
            applying.say("not-supported", text, f"{where}.dynamicValue")
        if "definitionUri" in action:
            made["definitionUri"] = action["definitionUri"]  # becomes the instantiatesUri of the activity
        return
    types = ("ActivityDefinition", "PlanDefinition", "Questionnaire")
    definition = await applying.canonical(str(canonical), holder, *types)
    if definition["resourceType"] == "PlanDefinition":
        made.setdefault("action", []).extend(await _actions(definition, applying, where, depth + 1))
        return
    at = f"{where}.definitionCanonical"
    if definition["resourceType"] == "Questionnaire":
        request = _form(definition, str(canonical), applying)
    else:
        request = await request_of(definition, applying, at, more)
    timing = timing_in(action)
    if timing is not None and request["resourceType"] == "Task" and "restriction" not in request:
        request["restriction"] = {"period": period_of(timing, applying, where)}
    await set_values(request, action, applying, where, more)
    made["resource"] = {"reference": f"#{_taken(request, definition, action, applying)}"}


def _taken(request: Resource, definition: Resource, action: Resource, applying: Applying) -> str:
    """The id of the request; an action that is to be done once (cardinalityBehavior single) is, on its earliest day,
    however many plans ask for it."""
    key = str(definition.get("url") or definition.get("id"))
    name = str(action.get("id") or definition.get("name") or definition.get("id") or "request").lower()
    if action.get("cardinalityBehavior") == "single" and key in applying.singles:
        inner = applying.singles[key]
        present = applying.contained[inner]
        earlier = min((present, request), key=_due)
        for element in ("input", "note"):
            both = [*present.get(element, ()), *request.get(element, ())]
            if both:
                earlier[element] = both
        applying.contained[inner] = {**earlier, "id": inner}
        return inner
    inner = applying.take(request, "".join(one if one.isalnum() else "-" for one in name).strip("-")[:60])
    applying.singles[key] = inner
    return inner


def _due(request: Resource) -> str:
    period = (request.get("restriction") or {}).get("period") or request.get("occurrencePeriod") or {}
    return str(period.get("end") or request.get("occurrenceDateTime") or "9")


def _form(questionnaire: Resource, canonical: str, applying: Applying) -> Resource:
    return {
        "resourceType": "Task",
        "instantiatesCanonical": canonical,
        "status": "draft",
        "intent": "proposal",
        "description": questionnaire.get("title") or questionnaire.get("name") or "questionnaire",
        "for": applying.reference("subject"),
        "authoredOn": applying.now.isoformat(timespec="seconds"),
    }


def _participant(participant: Resource, applying: Applying) -> Resource | None:
    return applying.reference(
        {"practitioner": "practitioner", "patient": "subject"}.get(participant.get("type", ""), "")
    )


def _addressed(resources: list[Resource], applying: Applying) -> None:
    """The problems that made an action apply are what the plan addresses."""
    for one in resources:
        if one["resourceType"] == "Condition":
            applying.addresses[f"Condition/{one['id']}"] = None
        for diagnosis in one.get("diagnosis", ()) if one["resourceType"] == "EpisodeOfCare" else ():
            reference = (diagnosis.get("condition") or {}).get("reference")
            if reference:
                applying.addresses[reference] = None


def _goal(goal: Resource, applying: Applying, where: str) -> None:
    made: Resource = {"resourceType": "Goal", "lifecycleStatus": "proposed"}
    for name, to in (("category", "category"), ("priority", "priority"), ("description", "description")):
        if name in goal:
            made[to] = [goal[name]] if name == "category" else goal[name]
    if "start" in goal:
        made["startCodeableConcept"] = goal["start"]
    made["subject"] = applying.reference("subject")
    targets = []
    for one in goal.get("target", ()):
        told = {name: value for name, value in one.items() if name != "due"}
        if "due" in one:
            told["dueDate"] = (applying.now.date() + span(one["due"], where)).isoformat()
        targets.append(told)
    if targets:
        made["target"] = targets
    notes = [str(one.get("text") or "") for one in goal.get("addresses", ()) if one.get("text")]
    if notes:
        made["note"] = [{"text": text} for text in notes]
    name = applying.take(made, str(goal.get("id") or "goal"))
    applying.goals[str(goal.get("id") or name)] = name


def _structured(action: Resource) -> bool:
    """Whether an action says how it hangs together with others."""
    if any(name in action for name in (*_STRUCTURE, "condition")):
        return True
    return any(_structured(one) for one in action.get("action", ()))


def _activities(actions: list[Resource], applying: Applying) -> list[Resource]:
    found: list[Resource] = []
    for action in actions:
        if "resource" in action:
            found.append({"reference": action["resource"]})
        elif "action" not in action:
            found.append({"detail": _detail(action)})
        found += _activities(action.get("action", []), applying)
    unique: dict[str, Resource] = {}
    for one in found:
        unique.setdefault(repr(one), one)
    return list(unique.values())


def _detail(action: Resource) -> Resource:
    told: Resource = {"status": "not-started"}
    if action.get("code"):
        told["code"] = action["code"][0]
    text = action.get("description") or action.get("textEquivalent") or action.get("title")
    if text:
        told["description"] = text
    if "definitionUri" in action:
        told["instantiatesUri"] = [action["definitionUri"]]
    for name, to in (("timingTiming", "scheduledTiming"), ("timingPeriod", "scheduledPeriod")):
        if name in action:
            told[to] = action[name]
    if "timingDateTime" in action:
        told["scheduledPeriod"] = {"start": action["timingDateTime"], "end": action["timingDateTime"]}
    if action.get("participant"):
        told["performer"] = action["participant"]
    return told


def _group(plan: Resource, actions: list[Resource], applying: Applying) -> str:
    group = {
        "resourceType": "RequestGroup",
        "instantiatesCanonical": plan["instantiatesCanonical"],
        "status": "draft",
        "intent": "plan",
        "subject": plan["subject"],
        "authoredOn": plan["created"],
        "author": applying.reference("practitioner"),
        "action": [_plain(one, applying) for one in actions],
    }
    return applying.take({name: value for name, value in group.items() if value not in (None, [])}, "structure")


def _plain(action: Resource, applying: Applying) -> Resource:
    """An action of the RequestGroup: it has a resource or actions, never both and never neither (rqg-1)."""
    told = {name: value for name, value in action.items() if name != "definitionUri"}
    if "action" in told:
        inner = [_plain(one, applying) for one in told["action"]]
        own = told.pop("resource", None)
        told["action"] = [{"resource": own}, *inner] if own is not None else inner
    elif "resource" not in told:
        task = {
            "resourceType": "Task",
            "status": "draft",
            "intent": "proposal",
            "description": action.get("description") or action.get("title") or "action",
            "for": applying.reference("subject"),
            "authoredOn": applying.now.isoformat(timespec="seconds"),
        }
        told["resource"] = {"reference": f"#{applying.take(task, str(action.get('id') or 'step').lower())}"}
    return told
