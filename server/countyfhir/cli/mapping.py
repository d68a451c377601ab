"""``countyfhir mapping``: check and test mapping files, or propose one for a sample file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countyfhir import shipped
from countyfhir.cli import COMMANDS
from countyfhir.cli.options import FOUND_PROBLEMS, stop, with_settings
from countyfhir.settings import Settings

if TYPE_CHECKING:
    from countyfhir.intake.cases import Case
    from countyfhir.mapping import MappedRecord, Source

Folders = Annotated[
    list[Path] | None, typer.Argument(help="Folders of sources; all that ship and those of the settings when none.")
]


def add(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    group = typer.Typer(no_args_is_help=True)
    group.command("check")(check)
    group.command("test")(run_golden_cases)
    group.command("new")(new)
    app.add_typer(group, name="mapping", help=COMMANDS["mapping"])


@with_settings("mappings", "profiles", "terminology")
def check(settings: Settings, folders: Folders = None) -> None:
    """Check mapping files: schema, expressions, code maps, and that what the golden cases become is valid FHIR with the
    profiles it claims. Exit code: 0 all is well, 1 something is wrong."""
    problems, sources = loaded(settings, folders)
    cases = 0
    judge = None
    for case, made in run_cases(sources, problems):
        cases += 1
        judge = judge or judge_of(settings)
        problems += [f"{case.path}, {case.title}: {text}" for text in invalid(made, judge)]
    finished(problems, f"{sum(len(one.mappings) for one in sources)} mappings and {cases} golden cases are sound.")


@with_settings("mappings")
def run_golden_cases(settings: Settings, folders: Folders = None) -> None:
    """Run the golden cases (cases/NAME.yaml beside a mapping file): record in, resources and issues as expected. Exit
    code: 0 all agree, 1 some do not."""
    from countyfhir.intake.cases import differences

    problems, sources = loaded(settings, folders)
    cases = 0
    for case, made in run_cases(sources, problems):
        cases += 1
        problems += [f"{case.path}, {case.title}: {text}" for text in differences(case, made)]
    untested = [one.name for source in sources for one in source.mappings if not cases_beside(one.path).exists()]
    for name in untested:
        typer.echo(f"{name} has no golden cases", err=True)
    finished(problems, f"{cases} golden cases agree.")


def new(
    sample: Annotated[Path, typer.Argument(help="A sample: csv, txt, tsv, dbf, xlsx, xls, jsonl, json, xml, hl7.")],
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="Write it there, with a source.yaml if there is none.")
    ] = None,
    sheet: Annotated[
        str | None, typer.Option("--sheet", help="The sheet of a workbook; the first when not named.")
    ] = None,
) -> None:
    """Read a sample file and propose a mapping for it: the columns with what stands in them, likely targets, a skeleton
    that loads. It guesses by names and contents: check every line against the vendor's dictionary."""
    from countyfhir.intake.profiling import profiled
    from countyfhir.intake.proposing import skeleton
    from countyfhir.intake.reading import Unreadable

    if not sample.is_file():
        stop(f"{sample}: there is no such file")
    try:
        text = skeleton(profiled(sample, sheet), to.name if to else sample.resolve().parent.name or "source")
    except (Unreadable, ValueError, IndexError) as error:
        stop(f"{sample}: nothing can be proposed: {error}")
    if to is None:
        typer.echo(text, nl=False)
        return
    to.mkdir(parents=True, exist_ok=True)
    path = to / f"{sample.stem.lower().replace(' ', '-')}.yaml"
    if path.exists():
        stop(f"{path} is there already")
    if not (to / "source.yaml").exists():
        name = to.name
        (to / "source.yaml").write_text(
            f"title: {name}\ninstitution: {name}\ninstitutions: [{{name: {name}}}]\n", encoding="utf-8"
        )
    path.write_text(text, encoding="utf-8")
    typer.echo(f"{path} was written; next: countyfhir mapping check {to}")


def cases_beside(path: Path) -> Path:
    return path.parent / "cases" / path.name


def loaded(settings: Settings, folders: list[Path] | None) -> tuple[list[str], list[Source]]:
    """The sources that can be loaded, and what is wrong with the others."""
    from countyfhir.mapping import MappingError, load

    problems: list[str] = []
    sources: list[Source] = []
    for folder in source_folders(settings, folders):
        try:
            sources += load(folder)
        except MappingError as error:
            problems.append(str(error))
    return problems, sources


def source_folders(settings: Settings, folders: list[Path] | None) -> list[Path]:
    """Each folder of one source."""
    missing = [folder for folder in folders or () if not folder.is_dir()]
    if missing:
        stop(*(f"{folder}: there is no such folder" for folder in missing))
    found: list[Path] = []
    for folder in folders or shipped.folders("mappings", settings.mappings):
        inside = sorted(path.parent for path in folder.glob("*/source.yaml"))
        found += inside if inside and not (folder / "source.yaml").exists() else [folder]
    return found


def run_cases(sources: list[Source], problems: list[str]) -> Iterator[tuple[Case, MappedRecord]]:
    """Every golden case with what its record becomes."""
    from countyfhir.intake.cases import cases_of, made_of
    from countyfhir.mapping import MappingError

    for mapping in (one for source in sources for one in source.mappings):
        try:
            cases = cases_of(mapping)
        except MappingError as error:
            problems.append(str(error))
            continue
        for case in cases:
            yield case, made_of(case)


def judge_of(settings: Settings) -> Any:
    """Judges resources by R4, the profiles they claim and the terminology."""
    from countyfhir.cli.validating.judging import Demand, Judge

    return Judge(Demand((), tuple(settings.profiles), tuple(settings.terminology)))


def invalid(made: MappedRecord, judge: Any) -> Iterator[str]:
    """What is wrong with the resources of a record."""
    from countyfhir.validation.check import check as judged

    for resource in made.resources:
        for issue in judged(resource, wanted=judge.wanted, knowledge=judge.knowledge):
            if issue.severity in ("error", "fatal"):
                yield f"{resource['resourceType']} {', '.join(issue.expression)}: {issue.diagnostics}"


def finished(problems: list[str], well: str) -> None:
    """The problems, or one line that all is well."""
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise typer.Exit(FOUND_PROBLEMS)
    typer.echo(well)
