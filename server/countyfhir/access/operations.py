"""What each $operation needs to be granted, as a table (R4 operations; SMART App Launch 2.2 leaves it to the
server)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ADMINISTRATOR = "cruds"


@dataclass(frozen=True, slots=True)
class Need:
    """``letters`` are all needed on the type the operation is called on (``*`` when it is called on the system), and
    ``others`` on the types it names. ``instance_letters`` replaces ``letters`` when it is called on an instance."""

    letters: str = ""
    instance_letters: str | None = None
    others: tuple[tuple[str, str], ...] = ()
    everywhere: bool = False  # ``letters`` are needed on every type, wherever the operation is called


NEEDS: Mapping[str, Need] = {
    "$apply": Need("r"),
    "$care-gaps": Need("r", others=(("Patient", "s"),)),
    "$change-team": Need("ru", others=(("CareTeam", "cu"),)),
    "$closure": Need("r"),
    "$collect-data": Need("r", others=(("Patient", "s"),)),
    "$conforms": Need("r"),
    "$convert": Need(),
    "$convert-record": Need("c", everywhere=True),
    "$data-requirements": Need("r"),
    "$document": Need("r"),
    "$enrol": Need("cu", others=(("Condition", "s"),)),
    "$evaluate-measure": Need("r"),  # and s on every type that the Measure asks for, which the operation checks
    "$everything": Need("rs", "r"),
    "$expand": Need("r"),
    "$export": Need("rs"),
    "$extract": Need("r"),
    "$find": Need("s"),
    "$fulfilment": Need("r", others=(("Task", "s"),)),
    "$find-matches": Need("r"),
    "$graph": Need("r"),
    "$graphql": Need("rs", "r"),
    "$implements": Need("r"),
    "$intake": Need(),  # it checks the scope of the intake itself
    "$lastn": Need("s"),
    "$lineage": Need("r", others=(("Provenance", "s"),)),
    "$link": Need("ru"),
    "$lookup": Need("r"),
    "$match": Need("s"),
    "$merge": Need("ru"),
    "$events": Need("r"),
    "$get-ws-binding-token": Need("r"),
    "$meta": Need("r"),
    "$meta-add": Need("u"),
    "$meta-delete": Need("u"),
    "$paper-contracts": Need("s", others=(("Task", "s"),)),
    "$notifications": Need(ADMINISTRATOR, everywhere=True),
    "$notifications-discard": Need(ADMINISTRATOR, everywhere=True),
    "$notifications-replay": Need(ADMINISTRATOR, everywhere=True),
    "$populate": Need("r"),
    "$preferred-id": Need("r"),
    "$process-message": Need("cu", everywhere=True),
    "$purge": Need(ADMINISTRATOR, everywhere=True),
    "$questionnaire": Need("r"),
    "$quarantine": Need(),  # these four check the quarantine's own scope themselves
    "$quarantine-discard": Need(),
    "$quarantine-record": Need(),
    "$quarantine-replay": Need(),
    "$recent-results": Need("r", others=(("DiagnosticReport", "s"), ("Observation", "s"))),
    "$refer": Need("c", others=(("Task", "c"), ("Composition", "c"))),
    "$referral-letter": Need("r"),
    "$reindex": Need(ADMINISTRATOR, everywhere=True),
    "$renew": Need("rc", others=(("Consent", "c"), ("CareTeam", "c"), ("Coverage", "c"), ("Task", "s"))),
    "$sign": Need("c", others=(("Consent", "c"), ("CareTeam", "c"), ("Coverage", "c"), ("Task", "s"))),
    "$return-slip": Need("r"),
    "$snapshot": Need("r"),
    "$stats": Need("s"),
    "$status": Need("rs", "r"),
    "$submit": Need("c"),
    "$submit-data": Need("cu", everywhere=True),
    "$subset": Need("r"),
    "$subsumes": Need("r"),
    "$terminate": Need("ru"),
    "$transform": Need("r"),
    "$translate": Need("r"),
    "$unlink": Need("ru"),
    "$unmatched-referrals": Need("s", others=(("ServiceRequest", "s"),)),
    "$validate": Need("", "r"),
    "$validate-code": Need("r"),
    "$versions": Need(),
}
"""An operation that is not listed needs every letter on every type (default deny)."""

UNLISTED = Need(ADMINISTRATOR, everywhere=True)


def needed(
    operation: str, resource_type: str | None, on_instance: bool, need: Need | None = None
) -> list[tuple[str, str]]:
    """The (type or ``*``, letter) pairs a call needs; ``need`` is the operation's own entry, if it brings one."""
    need = need or NEEDS.get(operation, UNLISTED)
    letters = need.instance_letters if on_instance and need.instance_letters is not None else need.letters
    place = "*" if need.everywhere or resource_type is None else resource_type
    others = [(name, letter) for name, all_letters in need.others for letter in all_letters]
    return [(place, letter) for letter in letters] + others
