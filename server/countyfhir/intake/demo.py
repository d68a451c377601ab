"""The demo county: where its files lie, and three commands that show one resident's record from three institutions."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from countyfhir.mapping.stable_id import stable_id

FOLDER = Path(__file__).parent / "demo_county"
RESIDENT = "370599195603128827"
"""Identity number of the invented resident whose record the demo shows."""
PATIENTS = (("shanghe-village", "37059910100100001"), ("dongling-township", "DL00001"), ("baishi-hospital", "20001"))
"""The same resident at the village clinic, the township hospital and the county hospital."""
EVERYTHING = ("Encounter", "Condition", "Observation", "MedicationRequest", "ServiceRequest", "Task", "Composition")
MORE = ("DiagnosticReport", "Contract", "Consent")


def folder() -> Path:
    """The folder with the files of the demo county; each source in its own folder."""
    return FOLDER


def demo_curl_lines(base: str = "http://127.0.0.1:8080/fhir") -> list[str]:
    """The whole record by identity number; blood pressures of all three institutions; where the records came from."""
    identifier = quote(f"urn:oid:2.16.156.10011.1.3|{RESIDENT}", safe=":")
    includes = "".join(f"&_revinclude={name}:patient" for name in (*EVERYTHING, *MORE))
    references = [f"Patient/{stable_id(source, 'Patient', key)}" for source, key in PATIENTS]
    patients = ",".join(references)
    return [
        f"curl -s '{base}/Patient?identifier={identifier}{includes}&_pretty=true'",
        f"curl -s '{base}/Observation?patient={patients}&code=85354-9&_sort=date&_pretty=true'",
        f"curl -s '{base}/Provenance?target={patients}&_pretty=true'",
    ]
