"""``python -m countyfhir.model.compile FOLDER``: fetches the packages into FOLDER, writes the repository's data
files.
"""

from __future__ import annotations

import io
import json
import lzma
import sys
import tarfile
import zlib
from decimal import Decimal
from pathlib import Path

import msgspec

from countyfhir.model.compile.fetch import core_files, example_files
from countyfhir.model.compile.tables import compiled

DECODER = msgspec.json.Decoder(float_hook=Decimal)
ENCODER = msgspec.json.Encoder(decimal_format="number")
DATA = Path(__file__).parents[1] / "data"
TEST_DATA = Path(__file__).parents[4] / "tests" / "data"
LIBRARY_TYPES = (
    "StructureDefinition",
    "SearchParameter",
    "OperationDefinition",
    "CompartmentDefinition",
    "CodeSystem",
    "ValueSet",
    "ConceptMap",
    "NamingSystem",
)


def main(folder: Path) -> None:
    """Writes all data files; the same packages give the same bytes."""
    core = core_files(folder)
    resources = [json.loads(content) for _, content in sorted(core.items())]
    (DATA / "definitions.msgpack.z").write_bytes(zlib.compress(msgspec.msgpack.encode(compiled(resources)), 9))
    for resource_type in LIBRARY_TYPES:
        lines = [compact(content) for name, content in sorted(core.items()) if name.startswith(resource_type + "-")]
        (DATA / f"{resource_type}.ndjson.xz").write_bytes(packed(b"\n".join(lines) + b"\n"))
    write_examples({name: content for name, content in example_files(folder).items() if name not in core})


def compact(content: bytes) -> bytes:
    """The resource on one line, its decimals and order untouched."""
    return ENCODER.encode(DECODER.decode(content))


def packed(content: bytes) -> bytes:
    """xz at its strongest, with the same result on every machine."""
    return lzma.compress(content, preset=9 | lzma.PRESET_EXTREME)


def write_examples(examples: dict[str, bytes]) -> None:
    """Writes the published examples, bytes untouched, as a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in sorted(examples.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    TEST_DATA.mkdir(parents=True, exist_ok=True)
    (TEST_DATA / "r4-examples.tar.xz").write_bytes(packed(buffer.getvalue()))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/packages"))
