"""The command line as a whole: its table, its help, what it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from countyfhir.cli import COMMANDS
from tests.cli.conftest import Run


def test_help_lists_every_command(run: Run) -> None:
    """With its first sentence."""
    text = " ".join(run("--help").out.replace("│", " ").split())
    assert [name for name, sentence in COMMANDS.items() if f"{name} {sentence}" not in text] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(run: Run, command: str) -> None:
    """It begins with the sentence of the table."""
    done = run(command, "--help")
    assert done.code == 0
    assert COMMANDS[command] in " ".join(done.out.split())


def test_help_loads_no_heavy_library() -> None:
    """Help is quick because nothing is imported for it."""
    code = "import sys, countyfhir.cli as c\ntry: c.main(['--help'])\nexcept SystemExit: print(sorted(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "server")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    for heavy in ("pydantic", "fastapi", "httpx", "apsw", "msgspec", "lxml", "yaml", "countyfhir.settings"):
        assert f"'{heavy}'" not in done.stdout


def test_unknown_commands_and_options_are_refused(run: Run) -> None:
    """With exit code 2."""
    assert run("sevre").code == 2
    assert run("version", "--loud").code == 2
    assert run("serve", "--prot", "1").code == 2


def test_a_wrong_setting_is_one_line(run: Run) -> None:
    """Not a stack trace."""
    done = run("serve", "--port", "many", "--audit", "never")
    assert done.code == 2
    assert [line.split()[0] for line in done.err.splitlines()] == ["port", "audit"]
