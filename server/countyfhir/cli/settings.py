"""``countyfhir settings``: the table of every setting, for the screen and for docs/settings.md."""

from __future__ import annotations

import typing
from typing import Annotated, Any

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.options import shown_default, with_settings
from countyfhir.settings import PREFIX, Settings, contradictions

COLUMNS = ("Flag", "Variable", "Values", "Default", "What it does")
HEADING = """# Settings

Every setting can be given in three ways, of which the first that is there counts:

1. a flag of a command, for example `countyfhir serve --port 9000`;
2. an environment variable, for example `COUNTYFHIR_PORT=9000`;
3. a line of a TOML file, for example `port = 9000` (`_` where flags have `-`), in the file that `--config` or
   `COUNTYFHIR_CONFIG` names, else in `countyfhir.toml` in the current folder when it is there.

Lists are written with commas in flags and variables (`--cors-origins a,b`) and as lists in TOML (`["a", "b"]`). A name
that is no setting is refused, wherever it stands. `countyfhir doctor` says which settings contradict each other, and
`countyfhir settings` shows the values that hold here. This table is written by `countyfhir settings --markdown`.
"""


def add(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command("settings", help=COMMANDS["settings"])(settings_command)


@with_settings("store", check=False)
def settings_command(
    settings: Settings,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the page docs/settings.md instead.")] = False,
) -> None:
    """Show every setting: name, default, what it does, and its value here."""
    if markdown:
        typer.echo(page(), nl=False)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("setting", "value here", "default", "what it does")
    for name in Settings.model_fields:
        value = settings.store_name if name == "store" else getattr(settings, name)
        table.add_row(name, _text(value), shown_default(name), Settings.model_fields[name].description or "")
    Console().print(table)
    for sentence in contradictions(settings):
        typer.echo(sentence, err=True)


def page() -> str:
    """The text of docs/settings.md."""
    lines, group = [HEADING], None
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and extra["group"] != group:
            group = extra["group"]
            lines.append(f"\n## {group}\n\n{_row(*COLUMNS)}{_row(*['---'] * len(COLUMNS))}")
        flag, variable = name.replace("_", "-"), PREFIX + name.upper()
        text = field.description or ""
        lines.append(_row(f"`--{flag}`", f"`{variable}`", values(name), f"`{shown_default(name)}`", text))
    return "".join(lines)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def values(name: str) -> str:
    """What a setting may be, in words: its choices, or text, number, list."""
    annotation: Any = Settings.model_fields[name].annotation
    if typing.get_origin(annotation) is typing.Literal:
        return ", ".join(f"`{choice}`" for choice in typing.get_args(annotation))
    if typing.get_origin(annotation) is tuple:
        return "list of folders" if "Path" in str(annotation) else "list"
    return {int: "whole number", float: "number"}.get(annotation, "text")


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else "" if value is None else str(value)
