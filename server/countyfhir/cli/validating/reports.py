"""Reports of a validation, written as it goes so that memory stays flat: JSON for machines, HTML for people."""

from __future__ import annotations

import json
from collections import Counter
from html import escape
from pathlib import Path
from typing import TextIO

from countyfhir.cli.validating.inputs import Text
from countyfhir.outcome import Issue

_STYLE = """body{font:15px/1.5 system-ui,"Noto Sans SC",sans-serif;margin:2rem;max-width:80rem;color:#1b1f24}
table{border-collapse:collapse;width:100%;margin:1rem 0}td,th{border-bottom:1px solid #d5dae0;padding:.3rem .6rem;
text-align:left;vertical-align:top}code{font-size:.9em}.error,.fatal{color:#a4161a;font-weight:600}
.warning{color:#8a5a00}.information{color:#3c5a78}"""
MOST_ROWS = 20_000
"""Rows of an HTML report; a browser shows no more in good time. The JSON report has all."""


class Tally:
    """What was found in all: resources, those with errors, those with warnings, issues by severity and rule."""

    def __init__(self) -> None:
        self.checked = self.with_errors = self.with_warnings = 0
        self.rules: Counter[tuple[str, str]] = Counter()

    def count(self, issues: tuple[Issue, ...]) -> None:
        """Take up the issues of one resource."""
        severities = {issue.severity for issue in issues}
        failed = bool(severities & {"error", "fatal"})
        self.checked += 1
        self.with_errors += failed
        self.with_warnings += not failed and "warning" in severities
        self.rules.update((issue.severity, issue.details or issue.code) for issue in issues)

    def line(self) -> str:
        """The summary for people."""
        return f"{self.checked} checked, {self.with_errors} with errors, {self.with_warnings} with warnings only"


class JsonReport:
    """``{"results": [{file, place, issues}], "summary": {...}}``; resources without issues are counted only."""

    def __init__(self, path: Path) -> None:
        self.stream: TextIO = path.open("w", encoding="utf-8")
        self.stream.write('{"results": [')
        self.separator = "\n"

    def add(self, text: Text, issues: tuple[Issue, ...]) -> None:
        """Write the issues of one resource."""
        if issues:
            row = {"file": str(text.file), "place": text.place, "issues": [issue.as_fhir() for issue in issues]}
            written = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
            self.stream.write(self.separator + written)
            self.separator = ",\n"

    def close(self, tally: Tally) -> None:
        """Write the summary."""
        rules = [
            {"severity": severity, "rule": rule, "count": count}
            for (severity, rule), count in tally.rules.most_common()
        ]
        summary = {
            "checked": tally.checked, "withErrors": tally.with_errors,
            "withWarningsOnly": tally.with_warnings, "rules": rules,
        }  # fmt: skip
        self.stream.write('\n], "summary": ' + json.dumps(summary, ensure_ascii=False) + "}\n")
        self.stream.close()


class HtmlReport:
    """One page: the issues, then the summary; nothing on it is fetched from elsewhere."""

    def __init__(self, path: Path) -> None:
        self.stream: TextIO = path.open("w", encoding="utf-8")
        self.rows = 0
        self.stream.write(
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Validation report 校验报告</title>'
            f"<style>{_STYLE}</style><h1>Validation report 校验报告</h1><table><tr><th>Where<th>Severity<th>Rule"
            "<th>Element<th>What\n"
        )

    def add(self, text: Text, issues: tuple[Issue, ...]) -> None:
        """Write the issues of one resource."""
        for issue in issues:
            self.rows += 1
            if self.rows > MOST_ROWS:
                return
            spot = f", line {issue.line}" if issue.line is not None and not text.place else ""
            where = f"{text.file}{', ' if text.place else ''}{text.place}{spot}"
            cells = (
                escape(where), f'<span class="{issue.severity}">{issue.severity}</span>',
                f"<code>{escape(issue.details or issue.code)}</code>",
                f"<code>{escape(', '.join(issue.expression))}</code>", escape(issue.diagnostics),
            )  # fmt: skip
            self.stream.write("<tr>" + "".join(f"<td>{cell}" for cell in cells) + "\n")

    def close(self, tally: Tally) -> None:
        """Write the summary."""
        left_out = f"<p>Only the first {MOST_ROWS} issues are shown.</p>" if self.rows > MOST_ROWS else ""
        rules = "".join(
            f'<tr><td><span class="{severity}">{severity}</span><td><code>{escape(rule)}</code><td>{count}\n'
            for (severity, rule), count in tally.rules.most_common()
        )
        self.stream.write(
            f"</table>{left_out}<h2>Summary 汇总</h2><p>{escape(tally.line())}</p>"
            f"<table><tr><th>Severity<th>Rule<th>Count\n{rules}</table></html>\n"
        )
        self.stream.close()
