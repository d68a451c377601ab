"""Files that came over REST, taken in by a process of its own: the server goes on answering meanwhile."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

READ_ALL, SOME_UNREAD = 0, 1
"""Exit codes of ``countyfhir intake`` after which every record has its line."""
LONGEST = 2000  # characters of what it said that are handed on


async def take(settings: Mapping[str, str], source: str, files: Path, report: Path, dry_run: bool) -> str | None:
    """``countyfhir intake --source SOURCE=FILES --report REPORT`` with the settings (as environment); None, or what it
    said when it could not do it."""
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("COUNTYFHIR_")}
    command = [sys.executable, "-m", "countyfhir", "intake", "--source", f"{source}={files}", "--report", str(report)]
    process = await asyncio.create_subprocess_exec(
        *command,
        *(["--dry-run"] if dry_run else []),
        env={**environment, **settings, "COLUMNS": "200"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await process.communicate()
    except asyncio.CancelledError:  # the caller has gone; what is committed is accounted for
        process.terminate()
        raise
    if process.returncode in (READ_ALL, SOME_UNREAD) and report.exists():
        return None
    return said.decode("utf-8", "replace").replace(str(files), "")[-LONGEST:].strip() or "the intake ended early"
