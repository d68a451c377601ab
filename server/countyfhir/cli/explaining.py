"""How each element of a record's resources comes to be, for the person who mends the mapping."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from countyfhir.cli.options import stop

if TYPE_CHECKING:
    from countyfhir.intake.inputs import Inputs
    from countyfhir.intake.showing import Shown
    from countyfhir.mapping.explain import Explained

LONGEST = 60
"""Characters of a cell or value that are shown."""


def print_explained(inputs: Inputs, wanted: str) -> None:
    """Every record that ``wanted`` means; one line and the end when there is none."""
    from countyfhir.intake.showing import shown

    found = 0
    for one in shown(inputs, wanted):
        found += 1
        typer.echo(heading(one))
        for element in one.elements:
            typer.echo(line(element))
    if not found:
        stop(f"No record of these files has the number or key {wanted}")


def heading(one: Shown) -> str:
    """Where the record stands, what becomes of it, and its issues."""
    first = f"{one.file}, record {one.record}, {one.made.key or 'without a key'}: {one.made.outcome} by {one.mapping}"
    issues = [finding.as_dict() for finding in one.made.issues]
    told = [f"  {issue['severity']} {issue['code']} {issue['column']}: {issue['diagnostics']}" for issue in issues]
    return "\n".join([first, *told])


def line(one: Explained) -> str:
    """Element and value, then its expression and the cells it read."""
    text = f"  {one.element} = {short(one.value)}"
    if one.expression is None:
        return f"{text}   (constant)"
    text += f"\n      from {one.expression}"
    text += "".join(f"\n        {name}: {expression}" for name, expression in one.leans_on.items())
    return text + "".join(f"\n        {column} = {short(cell)}" for column, cell in one.inputs.items())


def short(value: Any) -> str:
    """A value as JSON, cut."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
