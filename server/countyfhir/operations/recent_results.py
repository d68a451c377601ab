"""$recent-results of Patient: what was examined lately, before it is ordered again (检查检验结果互认; DOMAIN G7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from countyfhir.access.criteria import narrow
from countyfhir.exchange import Answer, Grant, Interaction, Preconditions, Stored, changed
from countyfhir.interactions.bundle_text import bundle, match_entry
from countyfhir.interactions.persons.whole import whole_query
from countyfhir.interactions.read import read
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.search import parse
from countyfhir.workflow.reading.equivalence import DAY, SEARCHED, Wanted, days_for, made_at, plain, recent
from countyfhir.workflow.timing import instant

_NAMES = ("code", "method", "body-site", "days", "kind", "patient", "_format", "_pretty")
_MOST_DAYS = 3660
_MOST = 10_000
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    patient: str
    wanted: Wanted | None
    days: int


async def recent_results(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """A searchset of the final reports and Observations of a person, newest first: of the examination that ``code``
    says (``system|code``, a code, or a name; several are alternatives), by ``method`` and at ``body-site`` where they
    are said, of the last ``days`` (by ``kind`` as the county has it, 30 unless said). All linked records count; only
    what the caller may read is shown. FhirError 404 for a patient it may not see."""
    pairs = _pairs(interaction)
    asked = _understood(interaction, pairs, world)
    seen = changed(
        interaction,
        kind="read",
        resource_type="Patient",
        logical_id=asked.patient,
        query=(),
        body=None,
        preconditions=Preconditions(),
    )
    await read(seen, grant, world)
    since = world.now() - asked.days * DAY
    found = await _found(asked.patient, since, grant, world)
    parsed = {id(one): json.parse(one.body or b"{}") for one in found}
    assert world.rules is not None
    statuses = world.rules.table("reading")["recognition"]["statuses"]
    chosen = _chosen(list(parsed.values()), asked.wanted, since, statuses)
    by_resource = {id(parsed[id(one)]): one for one in found}
    shown = [by_resource[id(one)] for one in chosen]
    link = f"{interaction.base}/Patient/{asked.patient}/$recent-results?{urlencode(pairs)}"
    rows = (match_entry(interaction.base, one, one.body or b"") for one in shown)
    concerned = {one.patient for one in shown if one.patient is not None} | {asked.patient}
    text = bundle("searchset", rows, links=[("self", link)], total=len(shown))
    return Answer(200, body=text, patients=tuple(sorted(concerned)))


def _chosen(results: list[dict[str, Any]], wanted: Wanted | None, since: int, statuses: Sequence[str]) -> list[Any]:
    if wanted is not None:
        return recent(results, wanted, since, statuses)
    timed = [(made_at(one), one) for one in results if one.get("status") in statuses]
    late = [(moment, one) for moment, one in timed if moment is not None and moment >= since]
    return [one for _, one in sorted(late, key=lambda each: -each[0])]


async def _found(patient: str, since: int, grant: Grant, world: World) -> list[Stored]:
    """Everything that may be a recent result, each once."""
    found: dict[tuple[str, str], Stored] = {}
    for resource_type, dated in SEARCHED:
        criteria = (("subject", f"Patient/{patient}"), (dated, f"ge{instant(since - DAY)}"))
        query = narrow(parse.criteria(resource_type, criteria, world.search), grant)
        query = replace(await whole_query(query, world), count=1000)
        while True:
            page = await world.store.resources.search(query, grant)
            found |= {(one.resource_type, one.logical_id): one for one in page.matches}
            if page.cursor is None:
                break
            if len(found) > _MOST:
                raise FhirError("too-costly", f"More than {_MOST} results; ask for fewer days.")
            query = replace(query, cursor=page.cursor)
    return list(found.values())


def _pairs(interaction: Interaction) -> Pairs:
    sent = interaction.body.get("parameter", []) if isinstance(interaction.body, dict) else []
    return (*interaction.query, *(pair for one in sent for pair in _of_parameter(one)))


def _of_parameter(parameter: dict[str, Any]) -> Pairs:
    name = str(parameter.get("name"))
    for key, value in parameter.items():
        if key == "valueCoding":
            return ((name, _token(value)),)
        if key == "valueCodeableConcept":
            codings = tuple((name, _token(one)) for one in value.get("coding", ()))
            return codings or ((name, str(value.get("text", ""))),)
        if key == "valueReference":
            return ((name, str(value.get("reference", ""))),)
        if key.startswith("value"):
            return ((name, str(value)),)
    return ()


def _token(coding: dict[str, Any]) -> str:
    system = coding.get("system")
    return f"{system}|{coding.get('code', '')}" if system else str(coding.get("code", ""))


def _understood(interaction: Interaction, pairs: Pairs, world: World) -> _Asked:
    if world.rules is None:
        raise FhirError("not-supported", "The workflows of the county are switched off (setting workflow).", status=404)
    unknown = sorted({name for name, _ in pairs} - set(_NAMES))
    if unknown:
        raise FhirError("not-supported", f"$recent-results does not know {unknown[0]}.", status=400)
    named = interaction.logical_id or _one("patient", pairs)
    if not named:
        raise FhirError("required", "Say whose results: the parameter patient.", expression="patient")
    days = _one("days", pairs)
    if days is not None and not (days.isascii() and days.isdigit() and 0 < int(days) <= _MOST_DAYS):
        raise FhirError("value", f"days is a whole number from 1 to {_MOST_DAYS}.", expression="days")
    table = world.rules.table("reading")
    codes = _values("code", pairs)
    methods, sites = _values("method", pairs), _values("body-site", pairs)
    if (methods or sites) and not codes:
        raise FhirError(
            "required", "method and body-site are said of an examination: give its code.", expression="code"
        )
    wanted = None
    if codes:
        split = [one.rpartition("|") for one in codes]
        pure = frozenset((system, code) for system, _, code in split)
        wanted = Wanted(pure, frozenset(plain(one[2]) for one in split), _marks(methods), _marks(sites))
    return _Asked(named.rpartition("/")[2], wanted, int(days) if days else days_for(_one("kind", pairs), table))


def _marks(values: list[str]) -> frozenset[str]:
    codes = [one.rpartition("|")[2] for one in values]
    return frozenset(codes) | frozenset(plain(one) for one in codes)


def _values(name: str, pairs: Pairs) -> list[str]:
    return [one for key, value in pairs if key == name for one in value.split(",") if one]


def _one(name: str, pairs: Pairs) -> str | None:
    given = [value for key, value in pairs if key == name]
    if len(given) > 1:
        raise FhirError("value", f"{name} is given once.", expression=name)
    return given[0] if given else None
