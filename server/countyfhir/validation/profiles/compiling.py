"""From the tree of a snapshot to checks: only what the profile asks beyond the base definitions is compiled (R4 section
5.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from countyfhir.fhirpath.schema import is_a
from countyfhir.model.definitions import ElementDefinition, definitions
from countyfhir.validation.profiles.bindings import binding_judges
from countyfhir.validation.profiles.constraints import constraint_judges
from countyfhir.validation.profiles.discriminators import Known, of_type, profiles_of, test_of
from countyfhir.validation.profiles.element_check import Check, Child, Property
from countyfhir.validation.profiles.element_tree import Definition, Element
from countyfhir.validation.profiles.slicing import DEFAULT, Belongs, Slice, Slicing
from countyfhir.validation.profiles.snapshot import TYPES
from countyfhir.validation.profiles.spot import Judge, Run, Spot, errors
from countyfhir.validation.profiles.targets import Conforms, TypeOf, aggregation_judge, is_plain, target_judge
from countyfhir.validation.profiles.values import value_judges
from countyfhir.validation.rules.finding import Finding

ANY_RESOURCE = ("Resource", "DomainResource")
BACKBONE = ("BackboneElement", "Element")


class Profiles(Known, Protocol):
    """What compiling asks of the profiles that are known."""

    @property
    def conforms_of(self) -> Conforms:
        """What a profile finds in a resource."""

    @property
    def type_of(self) -> TypeOf:
        """The type that a canonical constrains."""

    def value_findings(self, url: str, spot: Spot, run: Run) -> list[Finding] | None:
        """What the profile of a type finds in a value; KeyError for one that is not known."""


@dataclass(frozen=True, slots=True)
class Compiling:
    """The profile that is compiled, and the others."""

    url: str
    profiles: Profiles

    def root(self, tree: Element) -> Check:
        """The check of a whole resource or value."""
        return self.check(tree, (), (tree.name,), tree.name)

    def check(self, element: Element, members: Sequence[ElementDefinition], types: Sequence[str], place: str) -> Check:
        """The check of one value of an element that can have these types."""
        label = f"{self.url}#{place}"
        judges = (*self.judges(element.definition, members, label),)
        holder = types[0] if len(types) == 1 else "Element"
        found = (self.child(child, holder, f"{place}.{child.name}") for child in element.children)
        return Check(label, judges, tuple(child for child in found if child is not None and child.asks))

    def child(self, element: Element, holder: str, place: str) -> Child | None:
        """An element below a type; None for what has no JSON property (the value of a primitive)."""
        members = members_of(holder, element.name)
        if not members:
            return None
        label = f"{self.url}#{place}"
        definition = element.definition
        minimum, maximum = limits(definition)
        types = types_of(definition, members)
        return Child(
            element.name.removesuffix("[x]"),
            label,
            tuple(Property(one.name, None if one.type_name in ANY_RESOURCE else one.type_name) for one in members),
            0 if minimum == members[0].minimum else minimum,
            None if maximum == members[0].maximum else maximum,
            self.check(element, members, types, place),
            self.slices(element, members, place),
            bool(definition.get("mustSupport")),
        )

    def judges(self, definition: Definition, members: Sequence[ElementDefinition], label: str) -> Iterator[Judge]:
        """What is asked of a value itself."""
        if members:
            yield from type_judges(definition, members, label)
            yield from self.profile_judges(definition, members, label)
            yield from self.reference_judges(definition, members, label)
        yield from value_judges(definition, label)
        if not members or differs(definition.get("binding", {}), members[0]):
            yield from binding_judges(definition, label)
        yield from constraint_judges(definition, label)

    def profile_judges(
        self, definition: Definition, members: Sequence[ElementDefinition], label: str
    ) -> Iterator[Judge]:
        """The profiles of the types, where there are any beyond those of the base definition."""
        own = {url for one in members for url in one.profiles}
        by_code = {
            str(kind.get("code")): [url for url in kind.get("profile", []) if url not in own and not is_plain(url)]
            for kind in definition.get("type", [])
        }
        wanted = {code: urls for code, urls in by_code.items() if urls}
        if wanted:
            yield self.of_profiles(wanted, label)

    def of_profiles(self, wanted: dict[str, list[str]], label: str) -> Judge:
        """The judge of a value whose type must conform to one of some profiles."""

        def judge(spot: Spot, run: Run) -> list[Finding] | None:
            urls = next((urls for code, urls in wanted.items() if of_type(spot.type_name, code)), ())
            found: list[Finding] | None = None
            for url in urls:
                try:
                    found = self.profiles.value_findings(url, spot, run)
                except KeyError:
                    text = f"Whether this conforms to {url} cannot be said: the profile is not known here."
                    return [Finding("", "not-found", text, "warning", label)]
                if not errors(found):
                    return found
            return found

        return judge

    def reference_judges(
        self, definition: Definition, members: Sequence[ElementDefinition], label: str
    ) -> Iterator[Judge]:
        """What the targets of references must be, where the profile narrows it."""
        kinds = [kind for kind in definition.get("type", []) if kind.get("code") == "Reference"]
        profiles = tuple(url for kind in kinds for url in kind.get("targetProfile", []))
        names = {url.removeprefix(TYPES) for url in profiles}
        base = {name for one in members if one.type_name == "Reference" for name in one.target_types}
        if profiles and names != base and names != {"Resource"}:
            judge = target_judge(profiles, label, self.profiles.conforms_of, self.profiles.type_of)
            yield only_of("Reference", judge)
        modes = frozenset(mode for kind in kinds for mode in kind.get("aggregation", []))
        if modes:
            yield only_of("Reference", aggregation_judge(modes, label))

    def slices(self, element: Element, members: Sequence[ElementDefinition], place: str) -> Any:
        """The check of an element's slices; None where it has none."""
        slicing = self.slicing(element, members, place)
        return slicing.findings if slicing else None

    def slicing(self, element: Element, members: Sequence[ElementDefinition], place: str) -> Slicing | None:
        """The slices of an element or slice, compiled."""
        stated = element.definition.get("slicing", {})
        if not element.slices:
            return None
        compiled = [self.slice(one, stated.get("discriminator", []), members, place) for one in element.slices]
        return Slicing(
            f"{self.url}#{place}",
            stated.get("rules", "open"),
            bool(stated.get("ordered")),
            tuple(one for one in compiled if one.name != DEFAULT),
            next((one for one in compiled if one.name == DEFAULT), None),
        )

    def slice(
        self, one: Element, discriminators: list[dict[str, str]], members: Sequence[ElementDefinition], place: str
    ) -> Slice:
        """One slice, with its reslices."""
        place = f"{place.removesuffix(':' + str(one.slice_name).rpartition('/')[0])}:{one.slice_name}"
        check = self.check(one, members, types_of(one.definition, members), place)
        minimum, maximum = limits(one.definition)
        return Slice(
            str(one.slice_name),
            check.label,
            self.belongs(one, discriminators, check),
            minimum,
            maximum,
            check,
            self.slicing(one, members, place),
            bool(one.definition.get("mustSupport")),
        )

    def belongs(self, one: Element, discriminators: list[dict[str, str]], check: Check) -> Belongs:
        """Whether a value belongs to a slice: by all discriminators that the slice says something about, else by
        conforming to the slice."""
        made = [test_of(each.get("type", ""), each.get("path", ""), one, self.profiles) for each in discriminators]
        tests = tuple(test for test in made if test is not None)
        if not tests:
            return lambda spot, run: not errors(check.findings(spot, run))
        if len(tests) == 1:
            return tests[0]
        return lambda spot, run: all(test(spot, run) for test in tests)


def members_of(holder: str, name: str) -> list[ElementDefinition]:
    """The JSON properties of an element of a type: one, or one for each type of a choice."""
    definition = definitions().types.get(holder)
    if definition is None:
        return []
    if name.endswith("[x]"):
        return [one for one in definition.elements.values() if one.choice == name.removesuffix("[x]")]
    found = definition.elements.get(name)
    return [found] if found else []


def limits(definition: Definition) -> tuple[int, int | None]:
    """Minimum and maximum (None: no limit) of an element."""
    maximum = str(definition.get("max", "*"))
    return int(definition.get("min", 0)), None if maximum == "*" else int(maximum)


def types_of(definition: Definition, members: Sequence[ElementDefinition]) -> tuple[str, ...]:
    """The types a value can have as the model names them: those of the members that the profile still allows."""
    codes = [str(kind.get("code", "")).removeprefix(TYPES) for kind in definition.get("type", [])]
    own = tuple(one.type_name for one in members)
    if own and own[0] in ANY_RESOURCE:
        return tuple(codes) or own
    return tuple(one for one in own if any(of_type(one, code) for code in codes)) or own


def type_judges(definition: Definition, members: Sequence[ElementDefinition], label: str) -> Iterator[Judge]:
    """The judge of a value's type, where the profile allows fewer than the base definition."""
    codes = [str(kind.get("code", "")).removeprefix(TYPES) for kind in definition.get("type", [])]
    named = [code for code in codes if code in definitions().types]
    if not named or len(named) < len(codes) or set(named) & set(ANY_RESOURCE + BACKBONE):
        return
    narrower = len(members) > len(named) or members[0].type_name in ANY_RESOURCE
    if not narrower:
        return
    wrong = Finding("", "structure", f"The profile takes only these types here: {', '.join(named)}.", "error", label)

    def judge(spot: Spot, run: Run) -> list[Finding] | None:
        return None if any(is_a(spot.type_name, code) for code in named) else [wrong]

    yield judge


def differs(binding: dict[str, Any], member: ElementDefinition) -> bool:
    """Whether a binding is another than that of the base definition, or more (a largest value set)."""
    if "extension" in binding and binding.get("strength") != "required":
        return True
    value_set = str(binding.get("valueSet", "")).partition("|")[0]
    inherited = str(member.binding_value_set or "").partition("|")[0]
    return (binding.get("strength"), value_set) != (member.binding_strength, inherited)


def only_of(type_name: str, judge: Judge) -> Judge:
    """The judge, of values of one type only."""

    def judged(spot: Spot, run: Run) -> list[Finding] | None:
        return judge(spot, run) if spot.type_name == type_name else None

    return judged


__all__ = ["Compiling", "Profiles", "limits", "members_of", "profiles_of"]
