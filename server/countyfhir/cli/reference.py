"""The page docs/commands.md, written from the commands themselves: ``python -m countyfhir.cli.reference``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

import typer

from countyfhir.cli import COMMANDS, application
from countyfhir.settings import Settings

HEADING = """# Commands

`countyfhir COMMAND --help` shows the same on the screen. Where a command takes settings, each one of
[settings.md](settings.md) is a flag of it, too, and `--config FILE` names a settings file. Exit codes: 0 done,
1 done and found problems, 2 not tried. This page is written by `python -m countyfhir.cli.reference`.
"""


def page() -> str:
    """The text of docs/commands.md."""
    return HEADING + "".join(section(name) for name in COMMANDS)


def section(name: str) -> str:
    """One command, or a group of commands."""
    found: Any = typer.main.get_command(application(name)).commands[name]  # type: ignore[attr-defined]
    parts = [f"\n## {name}\n"]
    if hasattr(found, "commands"):
        parts.append(f"\n{COMMANDS[name]}\n")
        for inner, command in found.commands.items():
            parts.append(f"\n### {name} {inner}\n\n{_text(command)}{''.join(_options(command))}")
    else:
        parts.append(f"\n{_text(found)}{''.join(_options(found))}")
    return "".join(parts)


def _text(command: Any) -> str:
    return inspect.cleandoc(command.callback.__doc__ or command.help or "") + "\n"


def _options(command: Any) -> Iterator[str]:
    own = [
        parameter for parameter in command.params if parameter.name not in (*Settings.model_fields, "config", "help")
    ]
    if own:
        yield "\n| Option | What it does | Default |\n|---|---|---|\n"
    for parameter in own:
        argument = parameter.param_type_name == "argument"
        flags = [*parameter.opts, *getattr(parameter, "secondary_opts", ())]
        names = parameter.name.upper() if argument else ", ".join(flags)
        yield f"| `{names}` | {parameter.help} | {_default(parameter)} |\n"
    if any(parameter.name in Settings.model_fields for parameter in command.params):
        yield "\nTakes settings.\n"


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if parameter.default is True:
        return f"`{parameter.opts[0]}`"
    unset = parameter.default is None or parameter.default is False or parameter.default == []
    return "" if unset else f"`{parameter.default}`"


if __name__ == "__main__":
    sys.stdout.write(page())
