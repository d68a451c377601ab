"""Processor time of validation: microseconds a resource for structure, invariants, everything and a profile, and the
command over many lines with its memory. ``PYTHONPATH=server:. python -m bench.validating``."""

from __future__ import annotations

import resource as limits
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from countyfhir.model import json
from countyfhir.terminology.knowledge import open_terminology
from countyfhir.validation import structure
from countyfhir.validation.check import WRITE, Wanted, check
from countyfhir.validation.profiles import Profiles
from countyfhir.validation.rules.finding import knowledge_of

DIV = '<div xmlns=\\"http://www.w3.org/1999/xhtml\\">x</div>'
SMALL = {
    "Patient": '{"resourceType":"Patient","id":"1","text":{"status":"generated","div":"' + DIV + '"},'
    '"identifier":[{"system":"urn:oid:1.2.3","value":"4","period":{"start":"2020-01-01"}}],"name":[{"family":"张",'
    '"given":["伟"]}],"gender":"male","birthDate":"1970-01-01","telecom":[{"system":"phone","value":"1"}],'
    '"contact":[{"name":{"text":"x"}}],"managingOrganization":{"reference":"Organization/1"}}',
    "Observation": '{"resourceType":"Observation","id":"1","status":"final","category":[{"coding":[{"system":'
    '"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"code":{"coding":[{"system":'
    '"http://loinc.org","code":"29463-7"}]},"subject":{"reference":"Patient/1"},"effectiveDateTime":"2020-01-01",'
    '"valueQuantity":{"value":70.5,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}',
    "Encounter": '{"resourceType":"Encounter","id":"1","status":"finished","class":{"system":'
    '"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},"subject":{"reference":"Patient/1"},'
    '"period":{"start":"2020-01-01T08:00:00+08:00","end":"2020-01-01T09:00:00+08:00"}}',
}
PROFILES = {"Observation": "http://hl7.org/fhir/StructureDefinition/bodyweight"}
ROUNDS, LINES = 2000, 20_000


def microseconds(work: Callable[[], Any]) -> float:
    """Of processor time for one call."""
    for _ in range(50):
        work()
    begun = time.process_time()
    for _ in range(ROUNDS):
        work()
    return (time.process_time() - begun) / ROUNDS * 1e6


def main() -> None:
    """Print the table."""
    terminology = open_terminology(None)
    knowledge = knowledge_of(terminology, Profiles().profile_check)
    print(f"{'resource':12} {'structure':>10} {'on write':>10} {'everything':>11} {'and a profile':>14}  us each")
    for name, text in SMALL.items():
        one = json.parse(text.encode())
        profile = Wanted(True, (PROFILES[name],)) if name in PROFILES else None
        figures = [
            microseconds(lambda one=one: structure.check(one)),
            microseconds(lambda one=one: check(one, wanted=WRITE)),
            microseconds(lambda one=one: check(one, knowledge)),
        ]
        last = f"{microseconds(lambda one=one, p=profile: check(one, knowledge, p)):14.0f}" if profile else f"{'':>14}"
        print(f"{name:12} {figures[0]:10.1f} {figures[1]:10.1f} {figures[2]:11.0f} {last}")
    terminology.close()
    for lines in (LINES, 4 * LINES):
        of_command(lines)


def of_command(lines: int) -> None:
    """The command over that many lines: resources a second of processor time, and the largest memory."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "all.ndjson"
        with file.open("w", encoding="utf-8") as stream:
            for number in range(lines):
                stream.write(list(SMALL.values())[number % len(SMALL)] + "\n")
        before = limits.getrusage(limits.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "countyfhir", "validate", str(file)]
        subprocess.run(command, check=True, capture_output=True)
        after = limits.getrusage(limits.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"command, {lines} lines: {lines / seconds:,.0f} /s of CPU, at most {after.ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main()
