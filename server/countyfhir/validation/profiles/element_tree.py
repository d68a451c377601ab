"""A StructureDefinition's flat list of elements as a tree: children below their parent, slices beside what they slice
(R4 section 5.3.2.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

Definition = dict[str, Any]
"""An ElementDefinition as JSON."""
STEP = re.compile(r"([^:.]+)(?::([^.]*))?")


@dataclass(slots=True)
class Element:
    """One element: ``name`` as in its path (``value[x]``), ``slice_name`` (``a``, resliced ``a/b``) or None.

    ``slices`` are those of this element in order, reslices lie below their slice. ``definition`` has neither id nor
    path, which follow from the place in the tree.
    """

    name: str
    definition: Definition
    slice_name: str | None = None
    children: list[Element] = field(default_factory=list)
    slices: list[Element] = field(default_factory=list)

    def child(self, name: str) -> Element | None:
        """The (unsliced) child of this name."""
        return next((one for one in self.children if one.name == name), None)

    def slice(self, slice_name: str) -> Element | None:
        """The slice of this name, reslices included."""
        return next((one for one in self.all_slices() if one.slice_name == slice_name), None)

    def all_slices(self) -> Iterator[Element]:
        """Slices and reslices, in order."""
        for one in self.slices:
            yield one
            yield from one.all_slices()

    def copy(self) -> Element:
        """An independent copy of the tree; definitions are shared, they are never changed in place."""
        return Element(
            self.name,
            self.definition,
            self.slice_name,
            [one.copy() for one in self.children],
            [one.copy() for one in self.slices],
        )


def tree_of(definitions: Iterable[Definition]) -> Element:
    """The tree of a list of elements, of a snapshot or a (sparse) differential.

    Places come from ids where they agree with the path, from path, slice name and order otherwise. ValueError for an
    element without path, or that lies outside the first one.
    """
    root: Element | None = None
    current: list[Element] = []
    for definition in definitions:
        steps = steps_of(definition, current)
        if root is None:
            root = Element(steps[0][0], {}, None)
        if steps[0][0] != root.name:
            raise ValueError(f"the element {definition['path']} does not lie in {root.name}")
        current = place(root, steps, definition, current)
    if root is None:
        raise ValueError("there are no elements")
    return root


Steps = list[tuple[str, str | None]]


def steps_of(definition: Definition, current: list[Element]) -> Steps:
    """(name, slice name) of each step to an element; ``current`` is the way to the element before it."""
    path = definition.get("path")
    if not isinstance(path, str) or not path:
        raise ValueError("an element has no path")
    names = path.split(".")
    slice_name = definition.get("sliceName")
    identified = steps_of_id(definition.get("id"), names)
    if identified is not None:
        name, last = identified[-1]
        identified[-1] = (name, slice_name or last)
        return identified
    steps: Steps = []
    same = True
    for position, name in enumerate(names[:-1]):
        same = same and position < len(current) and current[position].name == name
        steps.append((name, current[position].slice_name if same else None))
    return [*steps, (names[-1], slice_name)]


def steps_of_id(identity: Any, names: list[str]) -> Steps | None:
    """The steps that an id spells, None where it does not fit the path."""
    if not isinstance(identity, str):
        return None
    found = [STEP.fullmatch(part) for part in identity.split(".")]
    if len(found) != len(names) or not all(found):
        return None
    steps = [(one[1], one[2] or None) for one in found if one]
    agree = all(name == other or same_choice(name, other) for (name, _), other in zip(steps, names, strict=True))
    return steps if agree else None


def same_choice(name: str, other: str) -> bool:
    """Whether ``value[x]`` and ``valueQuantity`` mean the same element."""
    stem = name.removesuffix("[x]") if name.endswith("[x]") else other.removesuffix("[x]")
    return (name.endswith("[x]") or other.endswith("[x]")) and name.startswith(stem) and other.startswith(stem)


def place(root: Element, steps: Steps, definition: Definition, current: list[Element]) -> list[Element]:
    """Put an element at its place, with those above it where a differential left them out; returns the way to it."""
    way = [root]
    for name, slice_name in steps[1:]:
        holder = way[-1]
        element = holder.child(name)
        if element is None:
            element = Element(name, {})
            holder.children.append(element)
        way.append(element if slice_name is None else sliced(element, slice_name))
    kept = {key: value for key, value in definition.items() if key not in ("id", "path")}
    way[-1].definition = {**way[-1].definition, **kept}
    return way


def sliced(element: Element, slice_name: str) -> Element:
    """The slice of this name, made where it is not there; a reslice goes below the slice it names."""
    found = element.slice(slice_name)
    if found is not None:
        return found
    holder, _, _ = slice_name.rpartition("/")
    above = (element.slice(holder) if holder else None) or element
    made = Element(element.name, {}, slice_name)
    above.slices.append(made)
    return made


def flat(root: Element, path: str = "", identity: str = "") -> Iterator[Definition]:
    """The elements as a snapshot lists them, each with id and path."""
    path = f"{path}.{root.name}" if path else root.name
    own = f"{root.name}:{root.slice_name}" if root.slice_name else root.name
    identity = f"{identity}.{own}" if identity else own
    yield {"id": identity, "path": path} | root.definition
    for child in root.children:
        yield from family(child, path, identity)


def family(element: Element, path: str, identity: str) -> Iterator[Definition]:
    """An element and its slices, each followed by what lies below it."""
    yield from flat(element, path, identity)
    for one in element.slices:
        yield from family(one, path, identity)
