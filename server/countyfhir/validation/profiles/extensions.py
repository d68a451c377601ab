"""Every extension of a resource against its definition: known, where it belongs, as it should be (R4 section 2.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.fhirpath.schema import Step, steps_by_key
from countyfhir.validation.profiles.contexts import Contexts, Holder
from countyfhir.validation.profiles.spot import Run, Spot
from countyfhir.validation.rules.finding import Around, Finding, below

NAMES = ("extension", "modifierExtension")


class KnownExtension:
    """A definition of an extension, ready: where it may be used, whether it is a modifier, what checks it."""

    __slots__ = ("check", "contexts", "is_modifier", "url")

    def __init__(
        self, url: str, contexts: Contexts, is_modifier: bool, check: Callable[[Spot, Run], list[Finding] | None]
    ) -> None:
        self.url, self.contexts, self.is_modifier, self.check = url, contexts, is_modifier, check


Lookup = Callable[[str], "KnownExtension | None"]


def findings(resource: Resource, around: Around, known: Lookup, unknown: str | None) -> list[Finding]:
    """What is wrong with the extensions of a resource, its contained and bundled resources.

    ``unknown`` is the severity of an extension whose definition is not known, None to say nothing; an unknown modifier
    extension is always an error, as whoever does not know it must not use the resource.
    """
    name = str(resource.get("resourceType"))
    holder = Holder(Spot(resource, None, name), (name,))
    return list(in_value(holder, Run(around), known, unknown))


def in_value(holder: Holder, run: Run, known: Lookup, unknown: str | None) -> Iterator[Finding]:
    """The findings of a value's own extensions and of those below it."""
    spot = holder.spot
    container = spot.container
    for name in NAMES:
        for index, extension in enumerate(listed(container.get(name))):
            if isinstance(extension, dict):
                found = of_extension(name, extension, holder, run, known, unknown)
                yield from below(f".{name}[{index}]", found)
    steps = steps_by_key(spot.type_name)
    for key, value in container.items():
        step = steps.get(key)
        if step is None or key in NAMES or not (key[0] == "_" or isinstance(value, (dict, list))):
            continue
        if key[0] == "_" and key[1:] in container and not isinstance(value, (dict, list)):
            continue
        yield from in_property(key, value, step, holder, run, known, unknown)


def in_property(
    key: str, value: Any, step: Step, holder: Holder, run: Run, known: Lookup, unknown: str | None
) -> Iterator[Finding]:
    """The findings below one property; of a primitive, below its sibling."""
    type_name = step.choices.get(key) if step.choices else step.type_name
    ids = tuple(f"{one}.{step.name}" for one in (*holder.ids, holder.spot.type_name))
    many = isinstance(value, list)
    for index, one in enumerate(listed(value)):
        if not isinstance(one, dict):
            continue
        place = f".{step.name}[{index}]" if many else f".{step.name}"
        if type_name is None:
            yield from below(place, inner(one, run, known, unknown))
            continue
        primitive = key[0] == "_"
        spot = Spot(None, one, type_name) if primitive else Spot(one, None, type_name)
        yield from below(place, list(in_value(Holder(spot, ids), run, known, unknown)))


def inner(resource: Resource, run: Run, known: Lookup, unknown: str | None) -> list[Finding]:
    """The findings of a resource inside the resource."""
    around = run.around
    contained = any(one is resource for one in listed(around.root.get("contained")))
    inside = Around(resource, around.root if contained else resource, around.knowledge, around.given)
    return findings(resource, inside, known, unknown)


def of_extension(
    name: str, extension: dict[str, Any], holder: Holder, run: Run, known: Lookup, unknown: str | None
) -> list[Finding]:
    """What is wrong with one extension, and with extensions inside it."""
    url = extension.get("url")
    if not isinstance(url, str):
        return []
    found: list[Finding] = []
    if holder.extension is None or ":" in url:
        definition = known(url)
        found += not_known(name, unknown) if definition is None else misused(name, extension, holder, definition, run)
    inside = Holder(Spot(extension, None, "Extension"), ("Extension",), url)
    return found + list(in_value(inside, run, known, unknown))


def not_known(name: str, unknown: str | None) -> list[Finding]:
    """What is said of an extension without a definition here."""
    if name == "modifierExtension":
        text = "This modifier extension is not known here; what it changes cannot be understood, so it is refused."
        return [Finding(".url", "extension", text)]
    text = "The definition of this extension is not known here; it is kept, but not checked."
    return [Finding(".url", "extension", text, unknown)] if unknown else []


def misused(
    name: str, extension: dict[str, Any], holder: Holder, definition: KnownExtension, run: Run
) -> list[Finding]:
    """What is wrong with an extension whose definition is known."""
    found: list[Finding] = []
    url = definition.url
    if definition.is_modifier != (name == "modifierExtension"):
        right = "modifierExtension" if definition.is_modifier else "extension"
        found.append(Finding("", "extension", f"The extension {url} belongs in {right}.", "error", url))
    if not definition.contexts.allows(holder, run):
        places = ", ".join(expression for _, expression in definition.contexts.allowed)
        found.append(
            Finding("", "extension", f"The extension {url} is for {places}, not for this element.", "error", url)
        )
    broken = definition.contexts.broken(extension, holder, run)
    if broken is not None:
        text = f"The extension {url} may be used here only when this holds: {broken}."
        found.append(Finding("", "extension", text, "error", url))
    return found + (definition.check(Spot(extension, None, "Extension"), run) or [])


def listed(value: Any) -> list[Any]:
    """A value as a list: nothing, itself, or what it holds."""
    return value if isinstance(value, list) else [] if value is None else [value]
