"""Settings as command-line flags, and the one way in which commands say that something is wrong."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from countyfhir.outcome import FhirError
from countyfhir.settings import CONFIG_VARIABLE, PREFIX, Settings, SettingsError, contradictions, load
from countyfhir.store.ports import StoreUnusable

BAD_SETUP = 2
"""Exit code of what could not be tried: wrong settings, an unreadable store."""
FOUND_PROBLEMS = 1
"""Exit code of work that was done and found problems."""


def stop(*lines: str, code: int = BAD_SETUP) -> NoReturn:
    """Print the lines to standard error and leave."""
    for line in lines:
        typer.echo(line, err=True)
    raise typer.Exit(code)


def with_settings(*shown: str, check: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command every setting as a flag (those not in ``shown`` are left out of its --help, unless ``shown`` is
    empty) and pass the checked Settings as its first argument. ``check`` refuses contradictory settings, too. What goes
    wrong and a person can mend is printed in one line each."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
        flags = [_flag(name, hidden=bool(shown) and name not in shown) for name in Settings.model_fields]

        @functools.wraps(command)
        def run(**given: Any) -> None:
            config = given.pop("config")
            values = {name: given.pop(name) for name in Settings.model_fields}
            try:
                settings = load({name: value for name, value in values.items() if value is not None}, config)
            except SettingsError as error:
                stop(*error.problems)
            if check and (wrong := contradictions(settings)):
                stop(*wrong)
            try:
                command(settings, **given)
            except FhirError as error:
                stop(*(issue.diagnostics for issue in error.issues))
            except StoreUnusable as error:
                stop(str(error))
            except BrokenPipeError:  # whoever read the output has seen enough
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            except OSError as error:
                stop(f"{error.filename or settings.store_name}: {error.strerror or error}")

        parameters = [*(_keyword(parameter) for parameter in own), *flags, _config_flag()]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


@contextmanager
def told_to_workers(settings: Settings) -> Iterator[None]:
    """While it lasts the settings stand in the environment, where worker processes read them, and nowhere else."""
    before = {name: value for name, value in os.environ.items() if name.upper().startswith(PREFIX)}
    for name in before:
        del os.environ[name]
    os.environ.update({**settings.environment(), CONFIG_VARIABLE: os.devnull})
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
            del os.environ[name]
        os.environ.update(before)


def _keyword(parameter: inspect.Parameter) -> inspect.Parameter:
    return parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)


def _flag(name: str, *, hidden: bool) -> inspect.Parameter:
    field = Settings.model_fields[name]
    extra = field.json_schema_extra
    option = typer.Option(
        "--" + name.replace("_", "-"),
        help=f"{field.description} \\[default: {shown_default(name)}]",
        metavar=name.upper(),
        show_default=False,
        hidden=hidden,
        rich_help_panel=f"Settings: {extra['group'] if isinstance(extra, dict) else ''}",
    )
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, option]
    )


def shown_default(name: str) -> str:
    """The default of a setting as a person writes it."""
    default = Settings.model_fields[name].default
    return "unset" if default in (None, ()) else str(default)


def _config_flag() -> inspect.Parameter:
    option = typer.Option(
        "--config",
        help="TOML file with settings; each of them is a flag here, too (see countyfhir settings). "
        "\\[default: COUNTYFHIR_CONFIG, else countyfhir.toml when it is there]",
        metavar="FILE",
        show_default=False,
        rich_help_panel="Settings: file",
    )
    return inspect.Parameter(
        "config", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[Path | None, option]
    )
