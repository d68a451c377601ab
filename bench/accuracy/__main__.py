"""Compares what a server or a store serves with a file that says what is true, fact by fact."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.accuracy.events import agreement
from bench.accuracy.facts import MISSING, RIGHT, WRONG, judged
from bench.accuracy.persons import belongs, known_persons, linking
from bench.accuracy.served import Served, from_server, from_store, understood

BOUND = 0.995
VERDICTS = (RIGHT, MISSING, WRONG)


def take_in(export: Path, store: str, report: Path | None) -> dict[str, Counter[str]]:
    """Takes the export in, through the mappings that ship; outcomes by file."""
    from countyfhir import shipped
    from countyfhir.cli.taking_in import take_in
    from countyfhir.intake.inputs import discover
    from countyfhir.mapping import load
    from countyfhir.settings import Settings

    inputs = discover([export], load(shipped.folder("mappings")))
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for one in take_in(Settings(store=store), inputs, report).files:
        found[one.file.split("!")[0]].update({name: count for name, count in one.counts.items() if count})
    return found


def compared(served: Served, truth: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every fact with its verdict."""
    persons = known_persons(served, truth)
    for fact in truth["facts"]:
        made = resources_of(served, fact, truth)
        verdict, why = judged(fact, made)
        clinical = [one for one in made if one["resourceType"] == fact["resource_type"] != "Patient"]
        if verdict == RIGHT and clinical and not any(belongs(one, fact, persons) for one in clinical):
            verdict, why = WRONG, "subject"
        yield {"fact": fact, "verdict": verdict, "why": why}


def resources_of(served: Served, fact: dict[str, Any], truth: dict[str, Any]) -> list[dict[str, Any]]:
    """The resources of the fact's record. An older version of a person, which changed nothing, is looked for under the
    number of its system."""
    made = served.made_of(fact["file"], fact["key"])
    if not made and fact["resource_type"] == "Patient":
        folder = fact["file"].split("/")[0]
        numbers = [one["value"] for one in truth["identities"][fact["patient"]]["identifiers"]]
        return [one for number in numbers for one in served.patients_of_system(folder, number)]
    return made + served.referred(made) if fact["resource_type"] == "Composition" else made


def summed(judgements: list[dict[str, Any]], part: str) -> dict[str, Counter[str]]:
    """Verdicts by a member of the facts (resource_type, file)."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for one in judgements:
        name = one["fact"][part]
        folder, _, file = name.rpartition("/")
        if part == "file" and ("-documents" in folder or folder.count("/")):
            name = f"{folder}/{file[:5] if 'documents' in folder else '*'}"
        found[name][one["verdict"]] += 1
    return dict(sorted(found.items()))


def outcomes_differing(found: dict[str, Counter[str]], truth: dict[str, Any]) -> list[str]:
    """Files whose records did not end as they should."""
    wanted = {file: counts["expected"] for file, counts in truth["counts"].items()}
    return [
        f"{file}: {dict(found.get(file, {}))}, expected {expected}"
        for file, expected in sorted(wanted.items())
        if dict(found.get(file, {})) != expected
    ]


def table(title: str, rows: dict[str, Counter[str]]) -> list[str]:
    """One line a row, and the sum."""
    total: Counter[str] = Counter()
    lines = [f"{title:<52}{'right':>8}{'missing':>9}{'wrong':>7}{'share':>9}"]
    for name, counts in rows.items():
        total.update(counts)
        lines.append(line(name, counts))
    return [*lines, line("all", total), ""]


def line(name: str, counts: Counter[str]) -> str:
    right, missing, wrong = (counts[verdict] for verdict in VERDICTS)
    return f"{name:<52}{right:>8}{missing:>9}{wrong:>7}{right / max(right + missing + wrong, 1):>9.2%}"


def shown(result: dict[str, Any], judgements: list[dict[str, Any]], differences: int) -> None:
    """Prints the tables and the first differences."""
    lines = table("resource type", summed(judgements, "resource_type")) + table("file", summed(judgements, "file"))
    lines.append(
        f"events: {json.dumps({k: v for k, v in result['events'].items() if k != 'missed'}, ensure_ascii=False)}"
    )
    lines.append(f"persons: {json.dumps(result['persons'], ensure_ascii=False)}")
    lines += [f"outcome of {one}" for one in result.get("outcomes") or ()]
    for one in [one for one in judgements if one["verdict"] != RIGHT][:differences]:
        fact = one["fact"]
        lines.append(f"{one['verdict']}: {fact['resource_type']} of {fact['file']} {fact['key']}: {one['why']}")
    sys.stdout.write("\n".join(lines) + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="intake-accuracy", description=__doc__)
    parser.add_argument("truth", type=Path, help="JSON: facts, same_event, persons, identities, counts")
    parser.add_argument("--server", help="read from this FHIR base URL")
    parser.add_argument("--token", help="bearer token for the server")
    parser.add_argument("--store", help="read from this store (sqlite:FILE, mongodb://…)")
    parser.add_argument("--export", type=Path, help="folder to take in first (default: that of the truth)")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    parser.add_argument("--differences", type=int, default=20, help="how many differences to print")
    parser.add_argument(
        "--bound", type=float, default=BOUND, help="share of right facts below which the exit code is 1"
    )
    return parser.parse_args()


def main() -> int:
    """0: the bound holds and nothing is wrong; 1: not so."""
    given = arguments()
    truth = json.loads(given.truth.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        outcomes = None
        store = given.store
        if given.server is None and store is None:
            store = f"sqlite:{folder}/store.sqlite"
            outcomes = take_in(given.export or given.truth.parent, store, None)
        served = understood(from_server(given.server, given.token) if given.server else from_store(store))
    judgements = list(compared(served, truth))
    counts = Counter(one["verdict"] for one in judgements)
    result: dict[str, Any] = {
        "facts": dict(counts),
        "right": counts[RIGHT] / max(len(judgements), 1),
        "by_resource_type": summed(judgements, "resource_type"),
        "by_file": summed(judgements, "file"),
        "events": agreement(served, truth),
        "persons": linking(served, truth),
        "outcomes": outcomes_differing(outcomes, truth) if outcomes is not None else None,
        "differences": [one for one in judgements if one["verdict"] != RIGHT],
    }
    shown(result, judgements, given.differences)
    if given.json:
        given.json.write_text(json.dumps(result, ensure_ascii=False, indent=1), "utf-8")
    return 0 if result["right"] >= given.bound and not counts[WRONG] else 1


if __name__ == "__main__":
    sys.exit(main())
