"""Archives are unpacked safely; what is in them is read like the files themselves."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from countyfhir.intake import run
from countyfhir.intake.archives import Unusable, discover_unpacked, place, unpack
from countyfhir.mapping import load

if TYPE_CHECKING:
    from .conftest import Bench

TEXT = b"ID,XM,GM,DH,T\n1,\xe5\xbc\xa0\xe4\xb8\x89,,,2025-01-01\n"


def zipped(path: Path, **files: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return path


def taped(path: Path, *entries: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for entry, content in entries:
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


@pytest.mark.parametrize("named", [True, False])
def test_files_in_archives_are_taken_in(bench: Bench, tmp_path: Path, named: bool) -> None:
    """Below the source's folder or a folder that is named; nested, too; an archive that is damaged is told, and stops
    nothing."""
    folder = bench.folder / ("drop" if named else "s")
    zipped(folder / "a.zip", **{"patients-1.csv": TEXT})
    inner = zipped(tmp_path / "inner.zip", **{"patients-2.csv": TEXT.replace(b"1,", b"2,")}).read_bytes()
    taped(folder / "b.tar.gz", (tarfile.TarInfo("deep/inner.zip"), inner))
    (folder / "patients-3.csv.gz").write_bytes(gzip.compress(TEXT.replace(b"1,", b"3,")))
    (folder / "broken.zip").write_bytes(b"PK\x03\x04 no more")
    sources = load(bench.folder / "mappings")
    inputs = discover_unpacked([folder], sources, {"s": folder} if named else {}, tmp_path / "out")
    assert [one.label for one in inputs.inputs] == [
        "s/a.zip/patients-1.csv",
        "s/b.tar.gz/deep/inner.zip.content/patients-2.csv",
        "s/patients-3.csv.gz/patients-3.csv",
    ]
    assert inputs.unmatched == (f"{folder.name}/broken.zip (it is damaged, cut off or encrypted)",)
    report = bench.perform(lambda world, desk: run(inputs, desk))
    assert report.total()["stored"] == 3


@pytest.mark.parametrize("name", ["../x.csv", "/etc/x", "a/../../x", "C:\\x", "..\\x", "", "a\0b"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    """And with it the archive."""
    with pytest.raises(Unusable):
        place(tmp_path, name)
    if name and "\0" not in name:
        archive = taped(tmp_path / "x.tgz", (tarfile.TarInfo(name), b"x"))
        done = unpack([archive], tmp_path / "out")
        assert (done.folders, len(done.problems)) == ([], 1)
    assert not (tmp_path.parent / "x.csv").exists()


def test_links_are_passed_over(tmp_path: Path) -> None:
    """Nothing outside is read through an archive."""
    link = tarfile.TarInfo("patients.csv")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
    done = unpack([taped(tmp_path / "x.tgz", (link, b""))], tmp_path / "out")
    assert [one for one in done.folders[0].rglob("*") if one.is_file()] == []


def test_what_swells_without_end_is_refused(tmp_path: Path) -> None:
    """A few kilobytes that become hundreds of megabytes are no export."""
    done = unpack([zipped(tmp_path / "x.zip", **{"a.csv": bytes(80 << 20)})], tmp_path / "out")
    assert "tightly" in done.problems[0]
    assert list((tmp_path / "out").rglob("a.csv")) == []


def test_names_as_chinese_windows_writes_them(tmp_path: Path) -> None:
    """GB 18030 where the entry does not say UTF-8."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("XXXX.csv", b"1")
    path.write_bytes(path.read_bytes().replace(b"XXXX.csv", "病人".encode("gb18030") + b".csv"))
    (folder,) = unpack([path], tmp_path / "out").folders
    assert [one.name for one in folder.rglob("*.csv")] == ["病人.csv"]
