"""Where the listener may listen (DESIGN decision 12)."""

from __future__ import annotations

from countyfhir.access.listen import is_loopback


def refuse_to_listen(host: str, *, peers: bool, encrypted: bool) -> str | None:
    """Why messages must not be taken on ``host``, or None when they may: beyond this machine every sender must be
    known and the line encrypted."""
    if is_loopback(host) or (peers and encrypted):
        return None
    missing = " and ".join(
        name for name, there in (("mllp_peers", peers), ("mllp_certificate with mllp_key", encrypted)) if not there
    )
    return (
        f"Refusing to listen for HL7 v2 on {host or 'every address'}: whoever reaches it could write records. "
        f"Set {missing}, or let mllp_host be 127.0.0.1."
    )
