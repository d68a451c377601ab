"""What can be used is documented and tested, and what is documented is true."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from countyfhir.cli import COMMANDS, reference
from countyfhir.cli.settings import page as settings_page

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "mappings").rglob("*.md")])
RUNNABLE = re.compile(r"^```bash runnable\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def test_the_page_of_settings_is_what_the_program_says() -> None:
    """`countyfhir settings --markdown > docs/settings.md` writes it."""
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == settings_page()


def test_the_page_of_commands_is_what_the_program_says() -> None:
    """`python -m countyfhir.cli.reference > docs/commands.md` writes it."""
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") == reference.page()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_introduced_and_tested(command: str) -> None:
    """Both READMEs name it, and a test file bears its name."""
    for readme in ("README.md", "README.zh-CN.md"):
        if command != "version":
            text = (ROOT / readme).read_text(encoding="utf-8")
            assert f"`{command}`" in text or f"./run {command}" in text
    assert (ROOT / "tests" / "cli" / f"test_{command}.py").exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of every page names a file that is there."""
    targets = (target.partition("#")[0] for target in LINK.findall(page.read_text(encoding="utf-8")))
    broken = [target for target in targets if target and "://" not in target and not (page.parent / target).exists()]
    assert broken == []


def test_every_page_is_in_the_index() -> None:
    """docs/README.md names every page beside it."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert [page for page in sorted(pages) if f"({page})" not in index] == []


def test_both_readmes_have_the_same_parts() -> None:
    """The Chinese README has the sections, code blocks and table rows of the English one."""

    def shape(name: str) -> list[str]:
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        return [line.split(" ")[0] for line in lines if line.startswith(("#", "```", "|"))]

    assert shape("README.zh-CN.md") == shape("README.md")


def with_runnable_blocks() -> list[Path]:
    """The pages that hold blocks to be run."""
    return [page for page in PAGES if RUNNABLE.search(page.read_text(encoding="utf-8"))]


@pytest.mark.skipif(shutil.which("curl") is None, reason="the documented commands use curl")
@pytest.mark.parametrize("page", with_runnable_blocks(), ids=lambda path: str(path.relative_to(ROOT)))
def test_documented_commands_run(page: Path, tmp_path: Path) -> None:
    """The blocks of a page marked `bash runnable`, in their order, in an empty folder, without a failure."""
    port = str(free_port())
    blocks = "".join(RUNNABLE.findall(page.read_text(encoding="utf-8"))).replace("8080", port)
    environment = {
        **os.environ,
        "PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT / "server"),
        "COUNTYFHIR_PORT": port,
        "HOME": str(tmp_path),
        "no_proxy": "*",
    }
    with (tmp_path / "said").open("w+") as said:
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", f'countyfhir() {{ "$PYTHON" -m countyfhir "$@"; }}\n{blocks}'],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            code = shell.wait(120)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGTERM)  # servers that the page started
        said.seek(0)
        assert code == 0, said.read()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
