"""history of an instance, a type and the whole server, newest first, paged by commit order (R4 section 3.1.0.10)."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from countyfhir.access.check import granted_types
from countyfhir.exchange import Answer, Grant, Interaction, Stored
from countyfhir.interactions import audit_events
from countyfhir.interactions.bundle_text import bundle, history_entry
from countyfhir.interactions.page_form import PageForm, body_of_row, page_form
from countyfhir.interactions.read import unknown
from countyfhir.interactions.request_parameters import moment, page_size
from countyfhir.interactions.visible import require_visible
from countyfhir.interactions.world import World
from countyfhir.outcome import FhirError
from countyfhir.search import cursor
from countyfhir.store.ports import HistoryPage, HistoryQuery

_KNOWN = ("_since", "_at", "_count", "_cursor")
AT_A_TIME, LOOKS = 500, 20
"""So many versions are looked at in one go, and so often for a page, when some of them may be hidden."""
_FORM = ("_format", "_pretty", "_summary", "_elements")


async def history(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """One page of the history; 404 where an instance was never there."""
    wanted = _parameters(interaction)
    form = page_form(interaction.query)
    query = _query(interaction, wanted, grant, world)
    if form.summary == "count":
        query = replace(query, count=0)
    if interaction.logical_id is not None and audit_events.is_recorded(interaction):
        row = await audit_events.only_version(interaction, grant, world)
        return Answer(200, body=bundle("history", (row,), links=[("self", _link(interaction, wanted))], total=1))
    if interaction.logical_id is not None:
        current = await world.store.resources.read(str(interaction.resource_type), interaction.logical_id)
        if current is None:
            raise unknown(str(interaction.resource_type), interaction.logical_id)
        if grant.narrowing:
            await require_visible(current, grant, world)
    page = await _page(query, grant, world)
    links = [("self", _link(interaction, wanted))]
    if page.cursor is not None:
        token = cursor.encode((page.cursor,), world.store.secret, _digest(interaction, wanted), grant.digest)
        links.append(("next", _link(interaction, wanted | {"_cursor": token})))
    versions = page.versions
    created = await _brought_back(versions, world)
    rows = [
        history_entry(interaction.base, stored, _body(stored, form), created=stored.sequence in created)
        for stored in versions
    ]
    concerned = tuple(sorted({stored.patient for stored in versions if stored.patient is not None}))
    total = None if grant.narrowing else page.total
    return Answer(200, body=bundle("history", rows, links=links, total=total), patients=concerned)


async def _page(query: HistoryQuery, grant: Grant, world: World) -> HistoryPage:
    """A page of what the caller may see, full as long as there is more: how full it is would tell of what is hidden.
    Only where very much is hidden in a row a page ends early."""
    if not grant.narrowing or query.count <= 0:
        return await world.store.resources.history(query, grant)
    wide = replace(query, count=max(query.count, AT_A_TIME))
    shown: list[Stored] = []
    for _ in range(LOOKS):
        page = await world.store.resources.history(wide, grant)
        shown += await _visible(page.versions, grant, world)
        wide = replace(wide, cursor=page.cursor)
        if page.cursor is None or len(shown) > query.count:
            break
    if len(shown) <= query.count:
        return HistoryPage(tuple(shown), wide.cursor, 0)
    return HistoryPage(tuple(shown[: query.count]), shown[query.count - 1].sequence, 0)


async def _visible(versions: tuple[Stored, ...], grant: Grant, world: World) -> tuple[Stored, ...]:
    """The versions of resources that the grant shows. A narrowed caller sees no deletions: nothing tells whose they
    were; and no total, which would count what is hidden."""
    narrowed = {
        (one.resource_type, one.logical_id) for one in versions if grant.narrowed(one.resource_type) is not None
    }
    if not narrowed:
        return versions
    hidden = narrowed - set(await world.store.resources.visible(narrowed, grant))
    return tuple(one for one in versions if (one.resource_type, one.logical_id) not in hidden)


async def _brought_back(versions: tuple[Stored, ...], world: World) -> set[int]:
    """The sequences of those that follow a deletion: their PUT was answered 201."""
    here = {(one.resource_type, one.logical_id, one.version_id): one for one in versions}
    found = set()
    for one in versions:
        if one.version_id == 1 or one.method != "PUT":
            continue
        key = (one.resource_type, one.logical_id, one.version_id - 1)
        before = here.get(key) or await world.store.resources.vread(*key)
        if before is not None and before.deleted:
            found.add(one.sequence)
    return found


def _body(stored: Stored, form: PageForm) -> bytes | None:
    return None if stored.body is None else body_of_row(stored.body, form)


def _parameters(interaction: Interaction) -> dict[str, str]:
    wanted: dict[str, str] = {}
    lenient = interaction.preferences.handling == "lenient"
    for name, value in interaction.query:
        if name in wanted:
            raise FhirError("invalid", f"{name} may be given once.", expression=name)
        if name in _KNOWN or name in _FORM:
            wanted[name] = value
        elif not lenient:
            raise FhirError(
                "not-supported", f"History takes {', '.join(_KNOWN)}; '{name[:64]}' is none of them.", status=400
            )
    return wanted


def _query(interaction: Interaction, wanted: dict[str, str], grant: Grant, world: World) -> HistoryQuery:
    zone = world.search.zone
    after = None
    if "_cursor" in wanted:
        (after,) = cursor.decode(wanted["_cursor"], world.store.secret, _digest(interaction, wanted), grant.digest)
    types = granted_types(grant, "s") if interaction.resource_type is None else None
    asked = page_size(wanted["_count"], 0) if "_count" in wanted else world.policy.default_count
    return HistoryQuery(
        interaction.resource_type,
        interaction.logical_id,
        since=moment("_since", wanted["_since"], zone)[0] if "_since" in wanted else None,
        at=moment("_at", wanted["_at"], zone) if "_at" in wanted else None,
        count=min(asked, world.policy.max_count),
        cursor=after,  # type: ignore[arg-type]
        resource_types=types,
    )


def _digest(interaction: Interaction, wanted: dict[str, str]) -> str:
    place = f"{interaction.kind} {interaction.resource_type}/{interaction.logical_id}"
    return f"{place} {wanted.get('_since')} {wanted.get('_at')}"


def _link(interaction: Interaction, wanted: dict[str, str]) -> str:
    place = "/".join(part for part in (interaction.resource_type, interaction.logical_id, "_history") if part)
    query = urlencode(wanted)
    return f"{interaction.base}/{place}" + (f"?{query}" if query else "")
