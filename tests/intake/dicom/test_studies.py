"""Images become studies: file by file, in any order, once; the mapping of the imaging centre that ships."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from countyfhir import shipped
from countyfhir.validation.structure import check
from tests.dicom_objects import ROOT, image
from tests.stores import forget

COLUMNS = (
    "申请单号 患者编号 姓名 性别 出生日期 身份证号 申请机构 检查项目"
    " 申请时间 接收时间 报告时间 检查所见 诊断结论 报告状态 文件"
)
HEADER = ",".join(COLUMNS.split()) + "\r\n"
ORDER = "A1,P1,王小东,男,1960-01-02,,柳河镇中心卫生院,颅脑CT平扫,2025-03-01 08:00:00,2025-03-01 08:10:00,,,,0,\r\n"


@pytest.fixture
def centre(bench: Any) -> Any:
    """A bench with the mappings of the imaging centre."""
    folder = bench.folder / "mappings"
    shutil.rmtree(folder)
    for name in ("imaging-centre", "institutions"):
        shutil.copytree(shipped.folder("mappings") / name, folder / name)
    return bench


def put(bench: Any, **files: bytes) -> Path:
    """Files in the folder of the centre; what lay there is gone."""
    folder: Path = bench.folder / "imaging-centre"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "dicom").mkdir(parents=True)
    for name, raw in files.items():
        (folder / "dicom" / name).write_bytes(raw)
    return folder


def study(bench: Any) -> dict[str, Any]:
    (found,) = bench.read("ImagingStudy")
    return {name: part for name, part in found.items() if name != "meta"}


def outcomes(bench: Any) -> list[str]:
    return [one.outcome for one in bench.outcomes]


SLICES: dict[str, Callable[[], bytes]] = {
    "IM1": lambda: image(1, 1, 1),
    "IM2": lambda: image(1, 1, 2),
    "IM3": lambda: image(1, 2, 1, Modality="SR", SeriesDate="20250301", SeriesTime="090000"),
}


def test_the_files_of_a_study_come_together_in_any_order(centre: Any) -> None:
    """One run or three, first or last first: the same study, with its counts; taken in again all is unchanged."""
    for name in ("IM3", "IM1", "IM2"):
        centre.take(put(centre, **{name: SLICES[name]()}))
        assert outcomes(centre) == ["stored"]
    piecewise = study(centre)
    centre.take(put(centre, **{name: made() for name, made in SLICES.items()}))
    assert outcomes(centre) == ["unchanged"] * 3
    assert {one.key for one in centre.outcomes} == {f"StudyInstanceUID={ROOT}.1"}
    assert {one.file for one in centre.outcomes} == {f"imaging-centre/dicom/{name}" for name in SLICES}
    assert study(centre) == piecewise
    assert (piecewise["numberOfSeries"], piecewise["numberOfInstances"]) == (2, 3)
    assert [len(one["instance"]) for one in piecewise["series"]] == [2, 1]
    assert [one["code"] for one in piecewise["modality"]] == ["CT", "SR"]
    assert (piecewise["started"], len(piecewise["endpoint"])) == ("2025-03-01T08:30:00+08:00", 1)
    assert check(piecewise) == []
    forget(centre.folder / "store.sqlite")
    centre.take(put(centre, **{name: made() for name, made in SLICES.items()}))
    assert study(centre) == piecewise


def test_a_study_number_that_is_used_again_keeps_both_acquisitions(centre: Any) -> None:
    """The second one of the same person joins with its series and its order; the start stays the first."""
    again = image(1, 3, 1, SOPInstanceUID=f"{ROOT}.9", StudyDate="20250302", AccessionNumber="A2")
    centre.take(put(centre, IM1=again, IM2=image(1, 1, 1)))
    found = study(centre)
    assert (found["numberOfSeries"], found["started"]) == (2, "2025-03-01T08:30:00+08:00")
    assert len(found["basedOn"]) == 2


def test_two_persons_never_share_a_study(centre: Any) -> None:
    """The same number under another person is held back for a person to decide; the first study stays as it was."""
    centre.take(put(centre, IM1=image(1, 1, 1)))
    before = study(centre)
    centre.take(put(centre, IM2=image(1, 2, 2, PatientID="P2", PatientName="李梅")))
    assert outcomes(centre) == ["quarantined"]
    assert [issue["code"] for issue in centre.outcomes[0].issues] == ["merge-conflict"]
    assert study(centre) == before


def test_a_corrected_image_replaces_what_it_said(centre: Any) -> None:
    """Sent again with another series and description, it stands once, and the study says what it says now."""
    centre.take(put(centre, IM1=image(1, 1, 1)))
    moved = image(1, 2, 1, SOPInstanceUID=f"{ROOT}.1.1.1", StudyDescription="颅脑CT增强")
    centre.take(put(centre, IM1=moved))
    found = study(centre)
    assert (found["description"], found["numberOfSeries"], found["numberOfInstances"]) == ("颅脑CT增强", 1, 1)
    assert found["series"][0]["uid"] == f"{ROOT}.1.2"


@pytest.mark.parametrize("images_first", [True, False])
def test_the_order_and_the_person_of_the_worklist_stand(centre: Any, images_first: bool) -> None:
    """An image only stands in for them until the worklist comes, whichever comes first."""
    folder = put(centre, IM1=image(1, 1, 1))
    manifest = folder.parent / "imaging-centre" / "manifest.csv"
    if not images_first:
        shutil.rmtree(folder / "dicom")
        manifest.write_bytes((HEADER + ORDER).encode("gb18030"))
        centre.take(folder)
    folder = put(centre, IM1=image(1, 1, 1))
    centre.take(folder)
    if images_first:
        (folder / "manifest.csv").write_bytes((HEADER + ORDER).encode("gb18030"))
        centre.take(folder)
    (order,) = centre.read("ServiceRequest")
    assert (order["status"], order["code"]["text"]) == ("active", "颅脑CT平扫")
    assert study(centre)["basedOn"] == [{"reference": f"ServiceRequest/{order['id']}"}]
    assert len(centre.read("Patient")) == 1


def test_damage_is_quarantined_and_a_mended_mapping_takes_it_in(centre: Any) -> None:
    """A file cut off, one that is no DICOM, one in a set that nobody declared; the last is stored once the mapping says
    what it is."""
    undeclared = image(2, 1, 1, SpecificCharacterSet=None, PatientName="AAAAAA", StudyDescription="CT")
    undeclared = undeclared.replace(b"AAAAAA", "王小东".encode("gb18030"))
    mapping = centre.folder / "mappings" / "imaging-centre" / "dicom.yaml"
    text = mapping.read_text("utf-8")
    mapping.write_text(text.replace("  encoding: gb18030\n", ""), "utf-8")
    centre.take(put(centre, IM1=image(1, 1, 1)[:-5], IM2=b"not an image", IM3=undeclared))
    assert outcomes(centre) == ["quarantined"] * 3
    assert [one.issues[0]["code"] for one in centre.outcomes] == ["truncated", "not-dicom", "charset"]
    assert centre.read("ImagingStudy") == []
    mapping.write_text(text, "utf-8")
    report = centre.take_again()
    assert (report.total()["stored"], report.total()["quarantined"]) == (1, 2)
    assert centre.read("Patient")[0]["name"][0]["text"] == "王小东"
