"""./run says in one line what the machine lacks."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def python(version: str, *, enough: bool, environments: bool = True) -> str:
    """A stand-in for an interpreter that ./run asks for its version and for its venv module."""
    return (
        "#!/bin/sh\n"
        f'case "$2" in *version_info*) echo "{version} {int(enough)}";;\n'
        f"*ensurepip*) exit {int(not environments)};; esac\n"
    )


@pytest.mark.parametrize(
    ("interpreters", "words"),
    [
        ({}, "found none: sudo apt-get install python3 python3-venv"),
        ({"python3": python("3.9", enough=False)}, "found only 3.9"),
        ({"python3": python("3.12", enough=True, environments=False)}, "sudo apt-get install python3.12-venv"),
    ],
    ids=["no Python", "an old Python", "no venv module"],
)
def test_what_is_missing_is_one_clear_line(tmp_path: Path, interpreters: dict[str, str], words: str) -> None:
    """And nothing is left behind."""
    bash, dirname = (shutil.which(name) for name in ("bash", "dirname"))
    if bash is None or dirname is None:
        pytest.skip("no bash here")
    programs, project = tmp_path / "bin", tmp_path / "a project"
    programs.mkdir()
    project.mkdir()
    (programs / "dirname").symlink_to(dirname)
    for name in ("run", "requirements.lock"):
        shutil.copy(ROOT / name, project / name)
    for name, text in interpreters.items():
        (programs / name).write_text(text.replace("/bin/sh", bash))
        (programs / name).chmod(0o755)
    done = subprocess.run(
        [bash, str(project / "run"), "version"],
        env={"PATH": str(programs), "HOME": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (project / ".venv").exists()
