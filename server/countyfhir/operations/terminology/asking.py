"""What a terminology operation was asked: its parameters from the address and the body, what it is asked of, and the
resources that came along (R4 section 3.2.0.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction, Preconditions, Resource, changed
from countyfhir.interactions.read import read
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.terminology import contents
from countyfhir.terminology.concepts import value_of
from countyfhir.terminology.knowledge import Terminology
from countyfhir.terminology.languages import ranges
from countyfhir.terminology.resolving import Resolver
from countyfhir.terminology.versions import Versions, split

_FORM = frozenset({"_format", "_pretty", "_summary", "_elements"})
VERSION_PARAMETERS = ("system-version", "check-system-version", "force-system-version", "default-valueset-version")
EVERYWHERE = frozenset({"tx-resource", "cache-id", "displayLanguage", *VERSION_PARAMETERS})
"""Parameters that every terminology operation has here."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters by name, each with its values in order: plain values, elements (dicts), resources and lists of
    parts; and the knowledge to answer from."""

    values: Mapping[str, list[Any]]
    terminology: Terminology
    own: Resource | None = None

    @property
    def resolver(self) -> Resolver:
        """What canonicals mean here."""
        return self.terminology.resolver

    def one(self, name: str) -> Any:
        """The value of a parameter that may come once, or None. FhirError 400 when it comes again."""
        found = self.values.get(name)
        if found is None:
            return None
        if len(found) > 1:
            raise FhirError("invalid", f"The parameter {name} may be given once.", expression=name)
        return found[0]

    def text(self, name: str) -> str | None:
        """A parameter as text, or None."""
        found = self.one(name)
        if found is None:
            return None
        if isinstance(found, (dict, list)):
            raise FhirError("value", f"The parameter {name} must be a plain value.", expression=name)
        return str(found)

    def all(self, name: str) -> list[str]:
        """A parameter that may repeat."""
        return [str(one) for one in self.values.get(name, ())]

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean parameter. FhirError 400 for another value."""
        found = self.one(name)
        if found is None:
            return default
        if found in (True, "true"):
            return True
        if found in (False, "false"):
            return False
        raise FhirError("value", f"The parameter {name} must be true or false.", expression=name)

    def number(self, name: str) -> int | None:
        """A whole number from 0, or None. FhirError 400 for another value."""
        found = self.text(name)
        if found is None:
            return None
        if not (found.isascii() and found.isdigit() and len(found) < 10):
            raise FhirError("value", f"The parameter {name} must be a whole number from 0.", expression=name)
        return int(found)

    def element(self, name: str) -> dict[str, Any] | None:
        """A Coding or CodeableConcept, or None; in an address a Coding is ``system|code``."""
        found = self.one(name)
        if isinstance(found, str) and name.lower().endswith("coding"):
            system, bar, code = found.rpartition("|")
            return {"system": system, "code": code} if bar and system else {"code": code}
        if found is not None and not isinstance(found, dict):
            raise FhirError("value", f"The parameter {name} must be sent in a Parameters resource.", expression=name)
        return found

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of displays that are wanted, the dearest first."""
        return ranges(self.text("displayLanguage"))

    @property
    def versions(self) -> Versions:
        """What the request says of versions."""
        default, check, force, value_sets = (dict(self._canonicals(name)) for name in VERSION_PARAMETERS)
        return Versions(default, check, force, value_sets)

    def _canonicals(self, name: str) -> Iterable[tuple[str, str]]:
        for one in self.all(name):
            url, version = split(one)
            if version is None:
                raise FhirError("value", f"{name} has the form system|version.", expression=name)
            yield url, version


async def asked(interaction: Interaction, grant: Grant, world: World, known: Iterable[str]) -> Asked:
    """The request of an operation with the parameters ``known``. FhirError 400 for another parameter, 404 for an
    instance that is not there."""
    pairs = list(_given(interaction))
    allowed = EVERYWHERE | frozenset(known)
    unknown = next((name for name, _ in pairs if name not in allowed), None)
    if unknown is not None and interaction.preferences.handling != "lenient":
        raise FhirError(
            "not-supported",
            f"'{unknown[:64]}' is no parameter of {interaction.operation}; known: {', '.join(sorted(allowed))}.",
            status=400,
            expression=unknown[:64],
        )
    values: dict[str, list[Any]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    own = await _own(interaction, grant, world) if interaction.logical_id is not None else None
    brought = [one for one in values.get("tx-resource", ()) if isinstance(one, dict)]
    terminology = world.terminology.with_resources(_with_earlier(brought, values.get("cache-id", ()), world))
    return Asked(values, terminology, own)


def _with_earlier(brought: list[Resource], names: Iterable[Any], world: World) -> list[Resource]:
    """What came along with the request, after what came with earlier ones of the same ``cache-id``."""
    for name in names:
        kept = world.terminology.brought
        earlier = {_identity(one): one for one in kept.get(name, ())}
        brought = list((earlier | {_identity(one): one for one in brought}).values())
        kept.keep(name, brought)
    return brought


def _identity(resource: Resource) -> tuple[Any, Any, Any]:
    return resource.get("resourceType"), resource.get("url"), resource.get("version")


def _given(interaction: Interaction) -> Iterable[tuple[str, Any]]:
    """(name, value) of address and body: plain values, elements, resources, lists of parts."""
    yield from ((name, text) for name, text in interaction.query if name not in _FORM)
    body = interaction.body
    for one in body.get("parameter", ()) if isinstance(body, dict) else ():
        yield str(one.get("name")), one["resource"] if "resource" in one else one.get("part") or value_of(one)


async def _own(interaction: Interaction, grant: Grant, world: World) -> Resource:
    """The instance the operation is called on: as it is stored, else R4's own of that id."""
    try:
        answer = await read(changed(interaction, preconditions=Preconditions()), grant, world)
    except FhirError:
        terminology = world.terminology
        terminology.prepare()
        found = contents.own_of_r4(terminology.database, str(interaction.resource_type), str(interaction.logical_id))
        if found is None:
            raise
        return found
    assert isinstance(answer.body, bytes)
    resource: Resource = json.parse(answer.body)
    return resource


def parameters(*listed: tuple[str, str, Any]) -> Answer:
    """A Parameters answer of (name, value[x], value); those without a value are left out."""
    found = [{"name": name, kind: value} for name, kind, value in listed if value is not None]
    return Answer(200, body={"resourceType": "Parameters", "parameter": found})


Perform = Callable[[Interaction, Grant, World], Awaitable[Answer]]
_LONGEST = 4_096


def remembered(perform: Perform) -> Perform:
    """The operation, answering the same question with the text it answered before, until something changes in the
    terminology. Only where the answer hangs on nothing that is stored."""

    async def performed(interaction: Interaction, grant: Grant, world: World) -> Answer:
        if interaction.logical_id is not None:
            return await perform(interaction, grant, world)
        sent = json.dumps(interaction.body) if interaction.body is not None else b""
        if b"cache-id" in sent or any(name == "cache-id" for name, _ in interaction.query):
            return await perform(interaction, grant, world)
        lenient = interaction.preferences.handling == "lenient"
        at = (interaction.operation, interaction.resource_type, interaction.query, sent, lenient)
        answers = world.terminology.answers
        known = answers.get(at)
        if known is not None:
            return Answer(200, body=known)
        answer = await perform(interaction, grant, world)
        if answer.status != 200 or not isinstance(answer.body, dict):
            return answer
        text = json.dumps(answer.body)
        if len(sent) + len(text) > _LONGEST:
            return answer
        return Answer(200, body=answers.keep(at, text))

    return performed
