"""The examples of docs/map-a-legacy-system.md for files that are one document each: followed literally, they work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from countyfhir.intake.inputs import discover
from countyfhir.intake.readers.formats import READERS
from countyfhir.mapping import apply, load
from countyfhir.validation.structure import check
from tests import dicom_objects, ecg_recordings

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "map-a-legacy-system.md").read_text("utf-8")
FILE = re.compile(r"^```\w+ file=(\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
WRONG = dicom_objects.image(SpecificCharacterSet="ISO_IR 100", PatientName="AAAAAA", StudyDescription="CT").replace(
    b"AAAAAA", "王小东".encode("gb18030")
)


@pytest.mark.parametrize(
    ("place", "raw", "types"),
    [
        ("pacs/IM1", WRONG, ["Patient", "ImagingStudy"]),
        ("platform/a.json", b'{"resourceType": "Patient", "id": "p", "gender": "F"}', ["Patient"]),
        ("ecg-room/a.xml", ecg_recordings.muse(), ["Observation"] * 9),
        ("ecg-room/report.pdf", b"%PDF-1.4\n%%EOF\n", ["Binary", "DocumentReference"]),
    ],
)
def test_the_examples_of_the_page_work(tmp_path: Path, place: str, raw: bytes, types: list[str]) -> None:
    """Each file becomes valid resources of the types that the page names."""
    for name, text in [*FILE.findall(PAGE)]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    file = tmp_path / place
    file.parent.mkdir()
    file.write_bytes(raw)
    (one,) = discover([file], load(tmp_path / "mappings")).inputs
    (record,) = READERS[one.mapping.format.format].records(one.path, one.mapping.format)
    made = apply(one.mapping, record.row)
    assert (made.outcome, made.issues) == ("mapped", ())
    assert [resource["resourceType"] for resource in made.resources] == types
    assert [problem for resource in made.resources for problem in check(resource)] == []


def test_every_format_is_on_the_page() -> None:
    """In the table of files or in that of documents."""
    missing: list[Any] = [name for name in READERS if f"`{name}`" not in PAGE]
    assert missing == []
