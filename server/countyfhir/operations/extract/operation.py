"""The operation $extract: which response, by which of the ways of SDC, and the Bundle that a client may send (SDC 3.0
and 4.0, OperationDefinition QuestionnaireResponse-extract)."""

from __future__ import annotations

from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction, Resource
from countyfhir.interactions.world import World
from countyfhir.operations.apply.applying import Applying
from countyfhir.operations.extract import definitions, observations
from countyfhir.operations.extract.form import Form, form_of, has_extension
from countyfhir.outcome import FhirError, Issue
from countyfhir.workflow.chronic import extracting, forms
from countyfhir.workflow.chronic.record import Record
from countyfhir.workflow.situation import Situation, Verdict

_KNOWN = ("questionnaire-response", "questionnaire")
_SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
_OTHER_WAYS = {
    f"{_SDC}targetStructureMap": "StructureMaps are not carried out here",
    f"{_SDC}templateExtract": "templates are not filled in here",
    f"{_SDC}templateExtractBundle": "templates are not filled in here",
}


async def extract(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """A transaction Bundle of what the response tells. Nothing is stored. With something to say beside it, Parameters
    with ``return`` and ``issues``."""
    given = _given(interaction)
    applying = Applying(interaction, grant, world, {}, {})
    if interaction.logical_id is not None:
        response = await applying.read(f"QuestionnaireResponse/{interaction.logical_id}")
    else:
        response = _sent(given, interaction)
    applying.subject, applying.variables = response, {"questionnaire": []}
    entries = await _of_the_county(response, interaction, world)
    if entries is None:
        form = await form_of(response, given.get("questionnaire"), applying)
        entries = await _by_extensions(form, applying)
    bundle: Resource = {"resourceType": "Bundle", "type": "transaction"}
    if entries:
        bundle["entry"] = entries
    if not applying.said:
        return Answer(200, body=bundle, patients=_patients(response))
    outcome = {"resourceType": "OperationOutcome", "issue": [one.as_fhir() for one in applying.said]}
    listed = [{"name": "return", "resource": bundle}, {"name": "issues", "resource": outcome}]
    return Answer(200, body={"resourceType": "Parameters", "parameter": listed}, patients=_patients(response))


def _patients(response: Resource) -> tuple[str, ...]:
    told = str((response.get("subject") or {}).get("reference", ""))
    return (told.partition("/")[2],) if told.startswith("Patient/") else ()


def _given(interaction: Interaction) -> dict[str, Any]:
    body = interaction.body
    if isinstance(body, dict) and body.get("resourceType") == "QuestionnaireResponse":
        return {"questionnaire-response": body}
    found: dict[str, Any] = {}
    if isinstance(body, dict) and body.get("resourceType"):
        if body["resourceType"] != "Parameters":
            raise FhirError(
                "structure", "$extract takes a QuestionnaireResponse or Parameters.", expression="Parameters"
            )
        for one in body.get("parameter", ()):
            found[str(one.get("name"))] = one.get("resource")
    for name in found:
        if name not in _KNOWN:
            text = f"$extract takes {' and '.join(_KNOWN)}; '{name[:64]}' is neither."
            raise FhirError("not-supported", text, status=400, expression="Parameters.parameter")
    return found


def _sent(given: dict[str, Any], interaction: Interaction) -> Resource:
    response = given.get("questionnaire-response")
    if not isinstance(response, dict) or response.get("resourceType") != "QuestionnaireResponse":
        text = "Send a QuestionnaireResponse as questionnaire-response, or call this on one."
        raise FhirError("required", text, status=400, expression="Parameters.parameter")
    return response


async def _of_the_county(response: Resource, interaction: Interaction, world: World) -> list[Resource] | None:
    """What the response to one of the county's forms tells, as when it is written; None for another form."""
    if world.rules is None:
        return None
    form = forms.form_of(response, world.rules.table("chronic-forms"))
    if form is None:
        return None
    from countyfhir.interactions.ruling import StoreLook

    look = StoreLook((), world, interaction.base)
    situation = Situation((), interaction.principal, None, world.now(), look, world.rules)
    place = await extracting.institution_of(Record(situation, Verdict()), response)
    told = forms.filled({**response, "id": response.get("id", "unstored")}, form, place)
    return [entry_of(one, one["id"]) for one in forms.resources_of(told)]


def entry_of(resource: Resource, logical_id: str | None) -> Resource:
    """An entry of the Bundle: an update of what has an id, else a create."""
    kind = resource["resourceType"]
    if logical_id is not None:
        return {"resource": resource, "request": {"method": "PUT", "url": f"{kind}/{logical_id}"}}
    return {"resource": resource, "request": {"method": "POST", "url": kind}}


async def _by_extensions(form: Form, applying: Applying) -> list[Resource]:
    """What the extensions of the Questionnaire say; FhirError 422 where they say nothing that is done here."""
    ways = [text for url, text in _OTHER_WAYS.items() if has_extension(form.questionnaire, url)]
    made = observations.extracted(form, applying)
    made += await definitions.extracted(form, applying)
    if not made and not observations.is_asked(form) and not definitions.is_asked(form):
        text = "The Questionnaire does not say by extensions of SDC what its answers become"
        told = "; ".join([text, *ways])
        hint = "observation-based and definition-based extraction are offered"
        raise FhirError("not-supported", f"{told} ({hint}).", status=422, expression="Questionnaire")
    applying.said += [Issue("not-supported", f"{text[0].upper()}{text[1:]}.", (), "warning") for text in ways]
    return made
