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
from countyfhir.operations.table import OPERATIONS
from countyfhir.search.conditions import MODIFIERS
from countyfhir.search.named_queries import NAMED
from countyfhir.search.result_parameters import FORMATS, NOT_YET_MODES, READERS

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "mappings").rglob("*.md")])
RUNNABLE = re.compile(r"^```bash runnable\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


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
    """Every relative link of every page, outside blocks of code, names a file that is there."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    targets = (target.partition("#")[0] for target in LINK.findall(text))
    broken = [target for target in targets if target and "://" not in target and not (page.parent / target).exists()]
    assert broken == []


def test_every_page_is_in_the_index() -> None:
    """docs/README.md names every page beside it."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert [page for page in sorted(pages) if f"({page})" not in index] == []


def test_every_operation_is_documented() -> None:
    """docs/rest.md has a row that names it and every type it is on."""
    rows = [line for line in text_of("rest.md").splitlines() if line.startswith("| `$")]
    for operation in OPERATIONS:
        row = next((row for row in rows if f"`${operation.code}`" in row), "")
        assert row, operation.code
        assert [name for name in operation.resource_types if name not in row] == []


def test_every_modifier_is_documented() -> None:
    """docs/search.md has a row for each search type that has modifiers, with each of them."""
    modifiers = text_of("search.md").partition("## Modifiers")[2].partition("\n## ")[0]
    rows = {line.split("|")[1].strip(): line for line in modifiers.splitlines() if line.startswith("|")}
    for search_type, offered in MODIFIERS.items():
        named = [name for name in offered if name and not search_type.startswith("_")]
        assert [name for name in named if f"`:{name}" not in rows[search_type]] == []
    assert "`:missing" in rows["all types"]


def test_every_parameter_that_shapes_an_answer_is_documented() -> None:
    """docs/search.md names them, and those that are refused as not yet there stand under "Not yet"."""
    page, _, not_yet = text_of("search.md").partition("## Not yet")
    assert [name for name in (*READERS, *FORMATS) if f"`{name}" not in page] == []
    assert [name for name in NOT_YET_MODES if f"`{name}`" not in not_yet] == []


def test_every_named_query_is_documented() -> None:
    """docs/search.md has a row for each."""
    page = text_of("search.md")
    rows = [f"| `{kind}?_query={name}` |" for kind, named in NAMED.items() for name in named]
    assert [row for row in rows if row not in page] == []


def test_every_mapped_source_is_documented() -> None:
    """The page on mappings names every folder below mappings/."""
    text = text_of("map-a-legacy-system.md")
    folders = [path.name for path in (ROOT / "mappings").iterdir() if path.is_dir()]
    assert [name for name in sorted(folders) if f"`{name}`" not in text] == []


def test_every_decision_is_in_the_index() -> None:
    """docs/decisions/README.md names every record beside it."""
    index = text_of("decisions/README.md")
    records = {page.name for page in (ROOT / "docs" / "decisions").glob("0*.md")}
    assert [name for name in sorted(records) if f"({name})" not in index] == []


def text_of(page: str) -> str:
    """The text of a page of docs/."""
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


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
