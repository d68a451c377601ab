"""The Organizations that records refer to, written before them."""

from __future__ import annotations

from countyfhir.exchange import Account, Interaction, SourceRecord
from countyfhir.intake.committing import principal_of
from countyfhir.intake.desk import Desk
from countyfhir.intake.ledger import SHARED, content_digest
from countyfhir.mapping import Source
from countyfhir.mapping.institution import known_institutions, organization


async def state_institutions(source: Source, desk: Desk) -> None:
    """Writes the Organizations of a source, where they are new or changed."""
    if not source.mappings:
        return
    known = known_institutions(source.institutions)
    wanted = [organization(one, known) for one in source.institutions]
    found = await desk.ledger.latest(SHARED, [f"Organization/{one['id']}" for one in wanted])
    now, rows, entries = int(desk.now() * 1_000_000), [], []
    for one in wanted:
        key, digest = f"Organization/{one['id']}", content_digest((one,))
        if key not in found or found[key].digest != digest:
            rows.append(SourceRecord(SHARED, key, digest, "stored", "", f"{source.name}/source.yaml", 0, recorded=now))
            entries.append({"resource": one, "request": {"method": "PUT", "url": key}})
    if entries:
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        principal = principal_of(source.mappings[0])
        await desk.write(
            [
                Interaction(
                    "transaction", body=bundle, principal=principal, http_method="POST", account=Account(tuple(rows))
                )
            ]
        )
