"""``countyfhir indicators``: the table of indicators, its files, and what a figure is compared with."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.opening import in_world
from countyfhir.cli.options import BAD_SETUP, stop, with_settings
from countyfhir.settings import Settings

if TYPE_CHECKING:
    from countyfhir.operations.measures.several import Line

HEADINGS = (
    *("measure", "indicator 指标", "stratifier 分层", "stratum 层", "numerator 分子", "denominator 分母"),
    *("value 数值", "not computable 不可计算", "cut-off 数据截止", "baseline 基线", "change 变化"),
)
EVERYTHING = ("1900", "2999")
NAME = re.compile(r"[A-Za-z0-9-]{1,20}")


def add(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command("indicators", help=COMMANDS["indicators"])(indicators)


@with_settings("store")
def indicators(
    settings: Settings,
    period: Annotated[
        str | None, typer.Option(help="2025, 2025-03, 2025-01/2025-06, or all; this year when not said.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="The state of the record at this instant, from its history.")
    ] = None,
    stratify: Annotated[
        list[str] | None, typer.Option(help="Stratifiers, where a Measure has them: sex, age-band, tier, month, …")
    ] = None,
    measure: Annotated[list[str] | None, typer.Option(help="Only this Measure, by id. Repeatable.")] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the table to this CSV file.")] = None,
    xlsx: Annotated[Path | None, typer.Option(help="Write the table to this XLSX workbook.")] = None,
    baseline: Annotated[
        tuple[str, str], typer.Option(help="save NAME keeps the figures; compare NAME shows the change since.")
    ] = ("", ""),
) -> None:
    """Print every indicator with its figures, or why it has none."""
    what, name = baseline
    if what and (what not in ("save", "compare") or not NAME.fullmatch(name)):
        stop("--baseline takes save or compare, and a name of letters, digits and hyphens", code=BAD_SETUP)
    strata = frozenset(code for text in stratify or () for code in text.split(","))

    async def work(opened: Any) -> list[tuple[Line, str, str]]:
        from countyfhir.cli.baselines import compared, kept

        told, reports = await _evaluated(opened.world, period, as_of, strata, measure or ())
        if what == "save":
            await kept(name, reports, opened)
        return await compared(name, told, opened) if what == "compare" else [(one, "", "") for one in told]

    rows = [_row(*each) for each in in_world(settings, work)]
    if csv_file is not None:
        with csv_file.open("w", encoding="utf-8-sig", newline="") as out:
            csv.writer(out).writerows([HEADINGS, *rows])
    if xlsx is not None:
        from countyfhir.cli.spreadsheet import write

        write(xlsx, "indicators 指标", [HEADINGS, *rows])
    _printed(rows)


async def _evaluated(
    world: Any, period: str | None, as_of: str | None, strata: frozenset[str], wanted: Sequence[str]
) -> tuple[list[Line], list[Any]]:
    """Lines, and the reports they are of."""
    from datetime import datetime

    from countyfhir.exchange import ALL
    from countyfhir.interactions.request_parameters import moment
    from countyfhir.operations.measures.finding import all_measures
    from countyfhir.operations.measures.period import period_of
    from countyfhir.operations.measures.several import definitions_of, lines, reports

    zone = world.search.zone
    start, _, end = (period or str(datetime.now(zone).year)).partition("/")
    start, end = EVERYTHING if start == "all" else (start, end or start)
    cut_off = moment("as-of", as_of, zone)[0] if as_of else None
    definitions = definitions_of(await all_measures(world), wanted)
    made = await reports(definitions, period_of(start, end, zone), strata, cut_off, world, ALL)
    told = [line for definition, report in made for line in lines(definition, report)]
    return told, [report for _, report in made if report is not None]


def _row(line: Line, before: str, change: str) -> tuple[str | int | float | None, ...]:
    above, below = line.parts
    value = float(Decimal(line.value)) if line.value else None
    needs = f"not computable: {line.needs}" if line.needs else ""
    title = f"{line.english} {line.chinese}".strip()
    return (
        *(line.measure, title, line.stratifier, line.stratum, above, below, value),
        *(needs, line.cut_off, before, change),
    )


def _printed(rows: Sequence[tuple[Any, ...]]) -> None:
    for measure, title, stratifier, stratum, above, below, value, needs, _, before, change in rows:
        place = f"  {stratifier}: {stratum}" if stratifier else f"{title} [{measure}]"
        figure = needs or (f"{above}" if below is None else f"{above}/{below}")
        shown = "" if value is None else f" = {_readable(value, below)}"
        since = f"  (baseline 基线 {before}, {change})" if before else ""
        typer.echo(f"{place}: {figure}{shown}{since}")


def _readable(value: float, below: int | None) -> str:
    return f"{value:.1%}" if below is not None and value <= 1 else f"{value:.4g}"
