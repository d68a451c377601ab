"""Events whose records turn out to be of one person after both are stored: the index of persons links them with the
commit of the later one, so they are looked at once more when the file is through."""

from __future__ import annotations

from functools import partial

from countyfhir.exchange import Account, SourceRecord
from countyfhir.intake.committing import bundled, flush, principal_of
from countyfhir.intake.desk import Desk, Stream
from countyfhir.intake.events.index import Index
from countyfhir.intake.events.joining import Joining, extra, rejoin_waiting


async def rejoin_late(stream: Stream, desk: Desk) -> None:
    """Joins what waited for the persons of this file, where they are linked by now; one transaction a person."""
    waiting, stream.waiting = sorted(stream.waiting), set()
    for subject in waiting:
        mapping, now = stream.mapping, int(desk.now() * 1_000_000)
        like = SourceRecord(
            mapping.name, subject, "", "stored", mapping.version, stream.file, 0,
            recorded=now, file_digest=stream.file_digest,
        )  # fmt: skip
        joining = Joining(like, Index(desk.ledger), desk, partial(flush, stream, desk))
        await rejoin_waiting([subject], joining)
        writes = extra((), joining)
        if writes or joining.gone:
            account = Account(tuple(joining.rows))
            await desk.write([bundled(writes, joining.gone, principal_of(mapping), account)])
