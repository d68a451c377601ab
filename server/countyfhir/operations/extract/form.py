"""A response beside its Questionnaire: items with their definitions, and what extensions of them say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.operations.apply.applying import Applying
from countyfhir.outcome import FhirError


@dataclass(frozen=True, slots=True)
class Form:
    """The Questionnaire and the response to it."""

    questionnaire: Resource
    response: Resource


@dataclass(frozen=True, slots=True)
class Part:
    """One item of a response: its definition, the item as it was answered, and its answers' values."""

    definition: Resource
    item: Resource

    @property
    def values(self) -> list[Any]:
        """(name of value[x], value) of each answer."""
        found = []
        for answer in self.item.get("answer", ()):
            name = next((one for one in answer if one.startswith("value")), None)
            if name is not None:
                found.append((name, answer[name]))
        return found

    def parts(self) -> Iterator[Part]:
        """The items inside, below answers too."""
        inner = [*self.item.get("item", ())]
        for answer in self.item.get("answer", ()):
            inner += answer.get("item", ())
        yield from parts_of(self.definition.get("item", ()), inner)


async def form_of(response: Resource, sent: Any, applying: Applying) -> Form:
    """The response with its Questionnaire: the one that was sent, that it contains, or that is stored here."""
    if isinstance(sent, dict) and sent.get("resourceType") == "Questionnaire":
        return Form(sent, response)
    canonical = response.get("questionnaire")
    if not canonical:
        text = "The response does not name its Questionnaire."
        raise FhirError("required", text, status=422, expression="QuestionnaireResponse.questionnaire")
    return Form(await applying.canonical(str(canonical), response, "Questionnaire"), response)


def parts_of(definitions: Any, items: Any) -> Iterator[Part]:
    """The items of one level with their definitions; an item that the Questionnaire has not is passed over."""
    known = {str(one.get("linkId")): one for one in definitions}
    for item in items:
        definition = known.get(str(item.get("linkId")))
        if definition is not None:
            yield Part(definition, item)


def extension(element: Resource, url: str) -> Resource | None:
    """The first extension of a URL."""
    return next((one for one in element.get("extension", ()) if one.get("url") == url), None)


def value_of(found: Resource | None) -> Any:
    """The value[x] of an extension."""
    return next((found[name] for name in found if name.startswith("value")), None) if found else None


def has_extension(questionnaire: Resource, url: str) -> bool:
    """Whether the Questionnaire or one of its items has it."""
    if extension(questionnaire, url) is not None:
        return True
    return any(has_extension(one, url) for one in questionnaire.get("item", ()))


def reference_to(response: Resource) -> Resource | None:
    """A Reference to a response that is stored."""
    return {"reference": f"QuestionnaireResponse/{response['id']}"} if response.get("id") else None
