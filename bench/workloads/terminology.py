"""Codes over HTTP: $validate-code of R4's own value sets, and pages of $expand with Chinese filters over 30,000 codes
of a made-up code system."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

from bench.asked import Asked
from bench.driving import Request, drive
from bench.figures import Figure, of_run
from bench.serving import Server, ours

CODES = 30_000
CLIENTS = 8
SYSTEM = "https://fhir.county-hc.example/CodeSystem/bench"
_PLACES = "头颈肩背胸腹腰臀臂腕手指髋膝踝足趾眼耳鼻咽喉舌齿肺心肝胆脾胃肠肾膀胱皮肤骨关节肌肉神经血管"
_KINDS = ("炎", "损伤", "肿物", "疼痛", "感染", "结石", "出血", "溃疡", "功能障碍", "畸形")

CHECKS = {
    "validate-code, list": (
        "ValueSet/$validate-code?url=http://hl7.org/fhir/ValueSet/administrative-gender"
        "&system=http://hl7.org/fhir/administrative-gender&code=male"
    ),
    "validate-code, is-a": (
        "ValueSet/$validate-code?url=http://terminology.hl7.org/ValueSet/v3-ActEncounterCode"
        "&system=http://terminology.hl7.org/CodeSystem/v3-ActCode&code=AMB&display=ambulatory"
    ),
    "validate-code, wrong": (
        "ValueSet/$validate-code?url=http://hl7.org/fhir/ValueSet/administrative-gender"
        "&system=http://hl7.org/fhir/administrative-gender&code=Mann"
    ),
    "lookup": "CodeSystem/$lookup?system=http://terminology.hl7.org/CodeSystem/v3-ActCode&code=AMB",
    "subsumes": (
        "CodeSystem/$subsumes?system=http://terminology.hl7.org/CodeSystem/v3-ActCode&codeA=_ActEncounterCode&codeB=AMB"
    ),
    "translate": "ConceptMap/$translate?system=http://hl7.org/fhir/administrative-gender&code=male",
    "expand, 30,000 codes, two characters": f"ValueSet/$expand?url={SYSTEM}/vs&filter=肺炎&count=20",
    "expand, 30,000 codes, pinyin": f"ValueSet/$expand?url={SYSTEM}/vs&filter=fy&count=20",
    "validate-code, 30,000 codes": f"ValueSet/$validate-code?url={SYSTEM}/vs&system={SYSTEM}&code=C00777",
}


def terminology(asked: Asked) -> Iterator[Figure]:
    """Each of ``CHECKS`` on one server."""
    with ours(asked.folder) as server:
        _load(server)
        for name, path in CHECKS.items():
            requests: list[Request] = [("GET", "/" + quote(path, safe="/?&=|:,$"), None)]
            run = drive(server, requests, clients=CLIENTS, seconds=asked.seconds)
            yield of_run("terminology", name, run)


def _load(server: Server) -> None:
    """Store a code system of 30,000 codes."""
    concepts = [{"code": f"C{number:05}", "display": _display(number)} for number in range(CODES)]
    resource = {
        "resourceType": "CodeSystem",
        "id": "bench",
        "url": SYSTEM,
        "status": "active",
        "caseSensitive": True,
        "content": "complete",
        "valueSet": f"{SYSTEM}/vs",
        "concept": concepts,
    }
    status, answer = server.request("PUT", "/CodeSystem/bench", json.dumps(resource).encode())
    if status != 201:
        raise RuntimeError(f"the code system was answered with {status}: {answer[:300]!r}")


def _display(number: int) -> str:
    """A made-up name, each another."""
    place, kind = _PLACES[number % len(_PLACES)], _KINDS[number // len(_PLACES) % len(_KINDS)]
    return f"{place}{kind}（第{number // (len(_PLACES) * len(_KINDS)) + 1}型，{number}）"
