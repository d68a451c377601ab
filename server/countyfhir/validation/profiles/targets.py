"""What references of a profile may point to: types, profiles of the targets where they can be read, aggregation (R4
ElementDefinition.type.targetProfile)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.fhirpath.schema import is_a
from countyfhir.model.definitions import definitions
from countyfhir.validation.profiles.snapshot import TYPES
from countyfhir.validation.profiles.spot import Judge, Run, Spot, errors
from countyfhir.validation.rules.finding import Finding

Conforms = Callable[[str, Resource, Run], "list[Finding] | None"]
"""What a profile finds in a resource; raises KeyError for a profile that is not known."""
TypeOf = Callable[[str], "str | None"]
"""The type that a canonical constrains; None for one that is not known."""
LITERAL = re.compile(r"(?:.*/)?([A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?")


def resolved(reference: Any, run: Run) -> Resource | None:
    """The resource a Reference leads to: contained, in the Bundle or read before; None when it is not at hand."""
    url = reference.get("reference") if isinstance(reference, dict) else reference
    if not isinstance(url, str):
        return None
    around = run.around
    if url.startswith("#"):
        if url == "#":
            return around.root
        return next((one for one in contained_in(around.root) if one.get("id") == url[1:]), None)
    return (around.given.resolve or around.knowledge.resolve)(url)


def contained_in(resource: Resource) -> list[Resource]:
    """The resources that a resource contains."""
    found = resource.get("contained")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def referred_type(reference: Any, run: Run) -> str | None:
    """The resource type a Reference points to, as far as it can be told."""
    found = resolved(reference, run)
    if found is not None:
        return str(found.get("resourceType"))
    if not isinstance(reference, dict):
        return None
    match = LITERAL.fullmatch(str(reference.get("reference", "")))
    if match and match[1] in definitions().resource_types:
        return match[1]
    stated = reference.get("type")
    return stated if isinstance(stated, str) and stated in definitions().resource_types else None


def target_judge(profiles: tuple[str, ...], label: str, conforms: Conforms, type_of: TypeOf) -> Judge:
    """The judge of a Reference whose target must conform to one of ``profiles``."""
    types = {url: type_of(url) for url in profiles}
    beyond = tuple(url for url in profiles if not is_plain(url))
    names = ", ".join(dict.fromkeys(types[url] or url for url in profiles))
    wrong_type = Finding(".reference", "value", f"The profile lets this point only to: {names}.", "error", label)

    def judge(spot: Spot, run: Run) -> list[Finding] | None:
        target = referred_type(spot.value, run)
        if target is None:
            return None
        fitting = [url for url in profiles if types[url] is None or is_a(target, str(types[url]))]
        if not fitting:
            return [wrong_type]
        if not beyond or any(url not in beyond for url in fitting):
            return None
        found = resolved(spot.value, run)
        return None if found is None else unfit(found, fitting, run)

    def unfit(target: Resource, fitting: list[str], run: Run) -> list[Finding] | None:
        first = ""
        for url in fitting:
            try:
                answer = conforms(url, target, run)
            except KeyError:
                text = f"Whether what this points to conforms to {url} cannot be said: the profile is not known."
                return [Finding(".reference", "not-found", text, "information", label)]
            if not errors(answer):
                return None
            first = first or next(one.text for one in answer or () if one.severity in ("error", "fatal"))
        text = f"What this points to does not conform to {' or '.join(fitting)}: {first}"
        return [Finding(".reference", "value", text, "error", label)]

    return judge


def is_plain(url: str) -> bool:
    """Whether a canonical is of a type of the base definitions."""
    return url.startswith(TYPES) and url.removeprefix(TYPES).partition("|")[0] in definitions().types


def aggregation_judge(modes: frozenset[str], label: str) -> Judge:
    """The judge of how the target is to come: contained, referenced or bundled."""
    wrong = Finding(".reference", "value", f"The target must be {' or '.join(sorted(modes))}.", "error", label)

    def judge(spot: Spot, run: Run) -> list[Finding] | None:
        url = spot.value.get("reference") if isinstance(spot.value, dict) else None
        if not isinstance(url, str):
            return None
        here = modes & {"contained"} if url.startswith("#") else modes - {"contained"}
        return None if here else [wrong]

    return judge
