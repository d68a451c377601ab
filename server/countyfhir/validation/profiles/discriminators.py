"""What tells the slices of an element apart, compiled for one slice (R4 ElementDefinition.slicing.discriminator)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from countyfhir.fhirpath import Expression, FhirPathError, Item, compile  # noqa: A004
from countyfhir.fhirpath.schema import is_a
from countyfhir.validation.profiles.bindings import codes_of
from countyfhir.validation.profiles.element_tree import Definition, Element
from countyfhir.validation.profiles.snapshot import TYPES
from countyfhir.validation.profiles.spot import Run, Spot
from countyfhir.validation.profiles.targets import referred_type
from countyfhir.validation.profiles.values import fits, same, stated

Test = Callable[[Spot, Run], bool]
Holds = Callable[[Any, Run], bool]
"""Whether a plain value is as an element of the slice asks."""
STEP = re.compile(
    r"(?P<this>\$this)|(?P<resolve>resolve\(\))|extension\(\s*['\"]?(?P<extension>[^'\")]+)['\"]?\s*\)"
    r"|(?:ofType|as)\((?P<type>[A-Za-z.]+)\)|(?P<name>[A-Za-z_]\w*)(?:\[x\])?"
)
Step = tuple[str, str]
"""What kind of step of a discriminator's path ("name", "resolve" …), and its word."""


class Known(Protocol):
    """What discriminators ask of the profiles that are known."""

    def tree(self, url: str) -> Element | None:
        """The snapshot of a canonical as a tree."""

    def conforms(self, url: str, value: Any, type_name: str, run: Run) -> bool:
        """Whether a value conforms to a profile; True for a profile that is not known."""


class Undecided(Exception):
    """A discriminator's path cannot be read."""


def steps_of(path: str) -> list[Step]:
    """The steps of a discriminator's path; Undecided for what is not of the restricted FHIRPath."""
    steps: list[Step] = []
    at = 0
    while at < len(path):
        match = STEP.match(path, at)
        if match is None or (match.end() < len(path) and path[match.end()] != "."):
            raise Undecided(path)
        kind = str(match.lastgroup)
        if kind != "this":
            steps.append((kind, match[kind]))
        at = match.end() + 1
    return steps


def test_of(kind: str, path: str, one_slice: Element, known: Known) -> Test | None:
    """The test of one discriminator for a slice; None where the slice says nothing that could decide it."""
    try:
        steps = steps_of(path)
    except Undecided:
        return None
    elements = [one_slice]
    for step in steps:
        elements = [found for one in elements for found in following(one, step, known)]
    return KINDS[kind](elements, steps, known) if kind in KINDS and elements else None


def following(element: Element, step: Step, known: Known) -> Iterator[Element]:
    """The elements a step leads to from an element of a slice: with what its fixed value, its slices and the profiles
    of its type say of them."""
    kind, word = step
    if kind == "type":
        yield from (one for one in (element.slice(element.name[:-3] + word[:1].upper() + word[1:]), element) if one)
    elif kind == "resolve":
        yield from targets_of(element, known)
    elif kind == "extension":
        yield from extension_slices(element, word, known)
    else:
        yield from named(element, word, known)


def targets_of(element: Element, known: Known) -> Iterator[Element]:
    """The roots of the profiles that the target may have, each with its canonical."""
    for url in profiles_of(element.definition, "targetProfile"):
        tree = known.tree(url)
        if tree is not None:
            yield Element(tree.name, {**tree.definition, "profileUrl": url}, None, tree.children)


def named(element: Element, name: str, known: Known) -> Iterator[Element]:
    """The children of this name, from the tree, from a fixed value, or from the only profile of the type."""
    value = stated(element.definition, "fixed") or stated(element.definition, "pattern")
    if isinstance(value, dict) and name in value:
        values = value[name] if isinstance(value[name], list) else [value[name]]
        yield from (Element(name, {"patternValue": one}) for one in values)
    profiles = profiles_of(element.definition, "profile")
    tree = known.tree(profiles[0]) if len(profiles) == 1 and not element.children else None
    for child in (tree or element).children:
        if child.name in (name, f"{name}[x]"):
            yield child
            yield from (one for one in child.all_slices() if one.definition.get("min", 0) > 0)


def extension_slices(element: Element, url: str, known: Known) -> Iterator[Element]:
    """The slices of an element's extensions that are of this url."""
    holder = element.child("extension")
    for one in holder.all_slices() if holder else ():
        profiles = profiles_of(one.definition, "profile")
        if url in profiles or any(stated(child.definition, "fixed") == url for child in named(one, "url", known)):
            yield one


def profiles_of(definition: Definition, key: str) -> list[str]:
    """The profiles of an element's types."""
    return [url for kind in definition.get("type", []) for url in kind.get(key, [])]


@dataclass(frozen=True, slots=True)
class Path:
    """A discriminator's path from a value: names are followed directly, anything else by FHIRPath."""

    steps: tuple[Step, ...]

    @property
    def plain(self) -> bool:
        """Whether it consists of names only."""
        return all(kind == "name" for kind, _ in self.steps)

    @property
    def expression(self) -> str:
        """The path as FHIRPath."""
        forms = {"name": "{0}", "resolve": "resolve()", "extension": "extension('{0}')", "type": "ofType({0})"}
        return ".".join(forms[kind].format(word) for kind, word in self.steps) or "$this"

    def values(self, spot: Spot, run: Run) -> list[Any]:
        """The plain values the path leads to."""
        if self.plain:
            values = [spot.value]
            for _, name in self.steps:
                values = [child for one in values if isinstance(one, dict) for child in children(one, name)]
            return values
        return [node[0] for node in self.nodes(spot, run)]

    def nodes(self, spot: Spot, run: Run) -> Sequence[tuple[Any, ...]]:
        """The values with their types."""
        if not self.steps:
            return [(spot.value, spot.type_name, spot.beside)]
        around = run.around
        try:
            found: Expression = compile(self.expression, spot.type_name)
            item = Item(spot.value, spot.type_name, spot.beside)
            return found.nodes(item, around.resource, around.root, around.given)
        except FhirPathError:
            return []


def children(container: dict[str, Any], name: str) -> list[Any]:
    """The children of this name, of a choice too."""
    found = container.get(name)
    if found is None:
        size = len(name)
        keys = (key for key in container if key.startswith(name) and key[size : size + 1].isupper())
        found = next((container[key] for key in keys), None)
    return found if isinstance(found, list) else [] if found is None else [found]


def value_test(elements: list[Element], steps: list[Step], known: Known) -> Test | None:
    """value and pattern: something the path leads to is as the slice fixes it."""
    conditions = [one for one in map(condition, elements) if one is not None]
    if not conditions:
        return None
    path = Path(tuple(steps))

    def test(spot: Spot, run: Run) -> bool:
        return any(holds(value, run) for value in path.values(spot, run) for holds in conditions)

    return test


def condition(element: Element) -> Holds | None:
    """What an element fixes of its value, itself or through what lies below it; None for nothing."""
    fixed, pattern = stated(element.definition, "fixed"), stated(element.definition, "pattern")
    if fixed is not None:
        return lambda value, run: same(fixed, value)
    if pattern is not None:
        return lambda value, run: fits(pattern, value)
    below = [one for child in element.children for one in child_conditions(child)]
    if below:
        return lambda value, run: isinstance(value, dict) and all(holds(value, run) for holds in below)
    binding = element.definition.get("binding", {})
    if binding.get("strength") == "required" and binding.get("valueSet"):
        return lambda value, run: is_member(value, binding["valueSet"], run)
    return None


def child_conditions(child: Element) -> Iterator[Holds]:
    """Conditions on a holder through one of its children: each required slice, or the child itself, must be met."""
    name = child.name.removesuffix("[x]")
    required = [one for one in child.slices if one.definition.get("min", 0) > 0]
    for one in (child, *required):
        holds = below_binding(one)
        if holds is not None:
            yield some_child(name, holds)


def some_child(name: str, holds: Holds) -> Holds:
    """A condition on one of the children of this name."""
    return lambda value, run: any(holds(each, run) for each in children(value, name))


def below_binding(element: Element) -> Holds | None:
    """The condition of an element below the discriminator's; bindings there do not tell slices apart."""
    unbound = {key: value for key, value in element.definition.items() if key != "binding"}
    return condition(Element(element.name, unbound, element.slice_name, element.children))


def is_member(value: Any, value_set: str, run: Run) -> bool:
    """Whether a code of the value is in the value set."""
    member = run.around.knowledge.member
    return any(member(value_set, system, code) is True for system, code in codes_of(value) or ())


def exists_test(elements: list[Element], steps: list[Step], known: Known) -> Test | None:
    """exists: the slice requires the element, or forbids it."""
    path = Path(tuple(steps))
    if any(one.definition.get("max") == "0" for one in elements):
        return lambda spot, run: not path.nodes(spot, run)
    if any(one.definition.get("min", 0) > 0 for one in elements):
        return lambda spot, run: bool(path.nodes(spot, run))
    return None


def type_test(elements: list[Element], steps: list[Step], known: Known) -> Test | None:
    """type: the value is of a type the slice allows; that of a reference's target is also told by its text."""
    codes = {code for one in elements for code in codes_of_types(one)}
    resolves = bool(steps) and steps[-1][0] == "resolve"
    path = Path(tuple(steps[:-1] if resolves else steps))

    def test(spot: Spot, run: Run) -> bool:
        nodes = path.nodes(spot, run)
        found = [referred_type(node[0], run) for node in nodes] if resolves else [node[1] for node in nodes]
        return any(one is not None and of_type(one, code) for one in found for code in codes)

    return test if codes else None


def codes_of_types(element: Element) -> list[str]:
    """The type codes of an element; the root of a snapshot names its type."""
    codes = [str(kind.get("code", "")).removeprefix(TYPES) for kind in element.definition.get("type", [])]
    return codes or [element.name]


def of_type(type_name: str, code: str) -> bool:
    """Whether a value's type is what a type code says."""
    return is_a(type_name, code) or (code in ("BackboneElement", "Element") and "." in type_name)


def profile_test(elements: list[Element], steps: list[Step], known: Known) -> Test | None:
    """profile: the value conforms to a profile of the element's type, or the target to a target profile."""
    resolves = bool(steps) and steps[-1][0] == "resolve"
    profiles = [url for one in elements for url in profiles_of(one.definition, "profile")]
    if resolves:
        profiles = [str(one.definition["profileUrl"]) for one in elements if "profileUrl" in one.definition]
    path = Path(tuple(steps))

    def test(spot: Spot, run: Run) -> bool:
        return any(known.conforms(url, node[0], node[1], run) for node in path.nodes(spot, run) for url in profiles)

    return test if profiles else None


KINDS: dict[str, Callable[[list[Element], list[Step], Known], Test | None]] = {
    "value": value_test,
    "pattern": value_test,
    "exists": exists_test,
    "type": type_test,
    "profile": profile_test,
}
"""Discriminator type -> what makes its test."""
