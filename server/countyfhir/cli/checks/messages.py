"""Checks of the HL7 v2 listener: its senders, its certificate."""

from __future__ import annotations

import ssl

from countyfhir import shipped
from countyfhir.cli.checks.finding import Finding, bad, good
from countyfhir.settings import Settings

SUBJECT = "HL7 v2 listener"


def listener(settings: Settings) -> Finding:
    """Its file of senders and its TLS files can be used."""
    from countyfhir.mapping import MappingError, load_all
    from countyfhir.mllp.listener import server_context
    from countyfhir.mllp.peers import PeersError, institutions, read_peers

    count = 0
    try:
        if settings.mllp_peers is not None:
            sources = load_all(shipped.folders("mappings", settings.mappings))
            count = len(read_peers(settings.mllp_peers, institutions(sources)))
        if settings.mllp_certificate and settings.mllp_key:
            server_context(settings.mllp_certificate, settings.mllp_key, settings.mllp_client_ca)
    except PeersError as error:
        return bad(SUBJECT, str(error), "mend the file that mllp_peers names (docs/connect-a-hospital.md)")
    except (ssl.SSLError, OSError) as error:
        text = f"the certificate cannot be used: {error.strerror or type(error).__name__}"
        return bad(SUBJECT, text, "set mllp_certificate, mllp_key and mllp_client_ca to PEM files that fit each other")
    except MappingError as error:
        return bad(SUBJECT, str(error), "mend the mapping file")
    if not count:
        return good(SUBJECT, "no senders beyond this machine")
    return good(SUBJECT, f"{count} senders, {settings.mllp_host} port {settings.mllp_port}")
