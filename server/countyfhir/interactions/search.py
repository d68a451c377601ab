"""search on a type, the whole server and a compartment; by GET and POST (R4 section 3.1.1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote

from countyfhir.access.criteria import narrow
from countyfhir.exchange import Answer, Grant, Interaction, Stored, changed
from countyfhir.interactions import audit_events, extraction
from countyfhir.interactions.bundle_text import bundle, match_entry, outcome_entry, search_entry
from countyfhir.interactions.contained import Inside, matching_inside
from countyfhir.interactions.page_form import PageForm, body_of_row, page_form
from countyfhir.interactions.persons.whole import whole_query
from countyfhir.interactions.search_parameters import refresh
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import Issue, operation_outcome
from countyfhir.search import cursor, parse
from countyfhir.search.parse import Parsed
from countyfhir.search.refusals import NotReady, Unsupported
from countyfhir.store.ports import Page


def parsed(interaction: Interaction, world: World) -> Parsed:
    """The search that is asked, checked; FhirError 400 naming what is not understood."""
    context = replace(world.search, base=interaction.base)
    lenient = interaction.preferences.handling == "lenient"
    return parse.search(
        interaction.resource_type, interaction.query, context, lenient=lenient, compartment=interaction.compartment
    )


async def _understood(interaction: Interaction, world: World) -> Parsed:
    """``parsed``; where it fails for a parameter that another process has just made ready, once more."""
    try:
        return parsed(interaction, world)
    except (NotReady, Unsupported):
        if not await refresh(world):
            raise
    return parsed(interaction, world)


async def search(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """One page of matches with what they include, as a searchset Bundle."""
    leading: list[bytes] = []
    if audit_events.continues_recorded(interaction):
        leading, after = await audit_events.search(interaction, grant, world)
        pairs = tuple(pair for pair in interaction.query if pair[0] != "_cursor")
        if after is not None:
            self_url = _url(interaction.base, _place(interaction), interaction.query)
            next_url = _url(interaction.base, _place(interaction), (*pairs, ("_cursor", after)))
            return Answer(200, body=bundle("searchset", leading, links=[("self", self_url), ("next", next_url)]))
        interaction = changed(interaction, query=pairs)
    asked = await _understood(interaction, world)
    query = await whole_query(narrow(asked.query, grant), world)
    if asked.cursor is not None:
        keys = cursor.decode(asked.cursor, world.store.secret, asked.digest, grant.digest)
        query = replace(query, cursor=keys)
    page = await world.store.resources.search(query, grant)
    form = page_form(interaction.query)
    inside = await matching_inside(query, page, grant, world) if asked.within else None
    said = (*asked.issues, *extraction.warning(world))
    rows = [] if form.summary == "count" else [*leading, *_rows(interaction.base, page, form, said, inside)]
    links = list(_links(interaction, asked, page, grant, world))
    concerned = {stored.patient for stored in (*page.matches, *page.included) if stored.patient is not None}
    text = bundle("searchset", rows, links=links, total=_total(interaction, asked, page))
    return Answer(200, body=text, patients=tuple(sorted(concerned)))


def _total(interaction: Interaction, asked: Parsed, page: Page) -> int | None:
    """The total that was asked for; where nothing was said of it, that of matches which stand on one page."""
    told = page.total is not None or any(name == "_total" for name, _ in interaction.query)
    whole = page.cursor is None and asked.cursor is None and interaction.resource_type != audit_events.RESOURCE_TYPE
    return page.total if told or not whole else len(page.matches)


def _rows(base: str, page: Page, form: PageForm, said: tuple[Issue, ...], inside: Inside | None) -> Iterable[bytes]:
    for stored in page.matches:
        if inside is None or inside.matches_itself(stored):
            yield match_entry(base, stored, _text(stored, form))
        if inside is not None:
            for url, body in inside.bodies(base, stored):
                yield search_entry(url, body_of_row(body, form))
    for stored in page.included:
        yield match_entry(base, stored, _text(stored, form), b"include")
    issues = (*said, *(parse.cut(name) for name in page.truncated))
    if issues:
        yield outcome_entry(json.dumps(operation_outcome(issues)))


def _text(stored: Stored, form: PageForm) -> bytes:
    assert stored.body is not None
    return body_of_row(stored.body, form)


def _links(
    interaction: Interaction, asked: Parsed, page: Page, grant: Grant, world: World
) -> Iterable[tuple[str, str]]:
    place = _place(interaction)
    pairs = [pair for pair in asked.applied if pair[0] != "_cursor"]
    yield "self", _url(interaction.base, place, asked.applied)
    if page.cursor is not None:
        token = cursor.encode(page.cursor, world.store.secret, asked.digest, grant.digest)
        yield "next", _url(interaction.base, place, (*pairs, ("_cursor", token)))


def _place(interaction: Interaction) -> str:
    if interaction.compartment is not None:
        return "/".join((*interaction.compartment, interaction.resource_type or "*"))
    return interaction.resource_type or ""


def _url(base: str, place: str, pairs: Iterable[tuple[str, str]]) -> str:
    query = "&".join(f"{quote(name, safe=':._$-')}={quote(value, safe=':._$-,|/')}" for name, value in pairs)
    return f"{base}/{place}" + (f"?{query}" if query else "")
