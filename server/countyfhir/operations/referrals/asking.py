"""What an operation of referral is asked, and how it reads: through the one door, as the caller."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from countyfhir.exchange import Grant, Interaction, Preconditions, Resource, changed
from countyfhir.interactions.perform import perform
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of a call, each a list in the order given, and the means to read and write as the caller."""

    interaction: Interaction
    grant: Grant
    world: World
    values: dict[str, list[Any]] = field(default_factory=dict)

    def one(self, name: str) -> Any:
        """The only value of a parameter, or None; 400 when there are more."""
        found = self.values.get(name, [])
        if len(found) > 1:
            raise FhirError("invalid", f"{name} is given more than once.", expression=f"Parameters.parameter('{name}')")
        return found[0] if found else None

    def text(self, name: str) -> str | None:
        """The only value of a parameter as text: a code, a string, the text of a CodeableConcept."""
        return as_text(self.one(name))

    def needed(self, name: str) -> Any:
        """The only value of a parameter that must be there; else 400."""
        found = self.one(name)
        if found in (None, ""):
            text = f"The parameter {name} is needed. 缺少参数 {name}。"
            raise FhirError("required", text, expression=f"Parameters.parameter('{name}')")
        return found

    async def read(self, reference: Any) -> Resource | None:
        """The resource that a Reference leads to, as far as the caller may see it."""
        name = reference if isinstance(reference, str) else (reference or {}).get("reference", "")
        name = name.removeprefix(self.interaction.base + "/").partition("/_history/")[0]
        kind, _, logical_id = name.partition("/")
        if kind not in self.world.definitions.endpoint_types or not logical_id or "/" in logical_id:
            return None
        try:
            answer = await perform(self._plain("read", kind, logical_id), self.world, self.grant)
        except FhirError as error:
            if error.status in (403, 404, 410):
                return None
            raise
        assert isinstance(answer.body, bytes)
        return json.parse(answer.body)

    async def search(self, kind: str, *criteria: tuple[str, str]) -> list[Resource]:
        """The matches of a search that the caller may see, up to 1,000."""
        asking = changed(self._plain("search-type", kind), query=(*criteria, ("_count", "1000")))
        answer = await perform(asking, self.world, self.grant)
        body = json.parse(answer.body) if isinstance(answer.body, bytes) else answer.body or {}
        return [one["resource"] for one in body.get("entry", ()) if one.get("search", {}).get("mode") != "outcome"]

    def _plain(self, kind: str, resource_type: str, logical_id: str | None = None) -> Interaction:
        return changed(
            self.interaction,
            kind=kind,
            resource_type=resource_type,
            logical_id=logical_id,
            operation=None,
            query=(),
            body=None,
            preconditions=Preconditions(),
            http_method="GET",
        )


def asked(interaction: Interaction, grant: Grant, world: World, known: frozenset[str]) -> Asked:
    """The parameters from the query and the body; 400 for one that is not known."""
    values: dict[str, list[Any]] = {}
    for name, value in interaction.query:
        values.setdefault(name, []).append(value)
    body = interaction.body if isinstance(interaction.body, dict) else {}
    for one in body.get("parameter", ()):
        value = next((one[key] for key in one if key.startswith("value")), one.get("resource"))
        values.setdefault(one["name"], []).append(value)
    for name in values:
        if name not in known and not name.startswith("_") and interaction.preferences.handling != "lenient":
            text = f"'{name[:64]}' is no parameter of {interaction.operation}; it takes {', '.join(sorted(known))}."
            raise FhirError("not-supported", text, status=400)
    return Asked(interaction, grant, world, values)


def as_text(value: Any) -> str | None:
    """A value for people: the text of a CodeableConcept, the display of a Coding, anything else as it is."""
    if isinstance(value, dict):
        codings = value.get("coding") or [value]
        found = value.get("text") or codings[0].get("display") or codings[0].get("code")
        return str(found) if found else None
    return None if value is None else str(value)
