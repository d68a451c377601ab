"""Packages come in with their dependencies, are listed, and go out again; hostile files do not come in."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from countyfhir.app import open_world
from countyfhir.cli.packages import archive
from countyfhir.cli.packages.archive import PackageError
from countyfhir.cli.packages.dependencies import fits, rank
from countyfhir.settings import Settings
from tests.cli.conftest import Run
from tests.validation.profiles.profile_cases import OURS, element, profile

COLOURS = {
    "resourceType": "CodeSystem",
    "id": "colours",
    "url": "https://fhir.county-hc.example/CodeSystem/colours",
    "version": "1",
    "status": "active",
    "content": "complete",
    "concept": [{"code": "red"}],
}
STRICT = profile("strict", "Patient", element("Patient.birthDate", min=1), version="1") | {"id": "strict"}
CHILD = profile("child", "strict", element("Patient.name", min=1), type="Patient", version="1") | {"id": "child"}
EXAMPLE = {"resourceType": "Patient", "id": "example-of-package", "birthDate": "1950-01-01"}


def package(
    folder: Path, name: str, version: str, files: dict[str, Any], needs: dict[str, str] | None = None, **more: Any
) -> Path:
    """A package file with these resources."""
    manifest = {"name": name, "version": version, "fhirVersions": ["4.0.1"], "dependencies": needs or {}, **more}
    path = folder / f"{name}-{version}.tgz"
    with tarfile.open(path, "w:gz") as archive_file:
        for place, content in {"package/package.json": manifest, **files}.items():
            text = json.dumps(content).encode()
            member = tarfile.TarInfo(place)
            member.size = len(text)
            archive_file.addfile(member, io.BytesIO(text))
    return path


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """A package, and one that depends on it and lies elsewhere."""
    beside = tmp_path / "beside"
    beside.mkdir()
    below = {
        "package/StructureDefinition-strict.json": STRICT,
        "package/CodeSystem-colours.json": COLOURS,
        "package/example/Patient-example.json": EXAMPLE,
    }
    needed = package(beside, "county.below", "1.2.0", below)
    above = {"package/StructureDefinition-child.json": CHILD, "package/other/note.json": {"no": "resource"}}
    return package(
        tmp_path, "county.above", "2.0.0", above, {"county.below": "1.x", "hl7.fhir.r4.core": "4.0.1"}
    ), needed


def there(store: Path, *keys: tuple[str, str]) -> list[bool]:
    """Which of these resources a store holds now."""

    async def looked() -> list[bool]:
        async with open_world(Settings(store=f"sqlite:{store}")) as world:
            found = await world.store.resources.read_many(keys)
            return [key in found and not found[key].deleted for key in keys]

    return asyncio.run(looked())


def test_installed_with_dependencies_listed_and_removed(run: Run, two: tuple[Path, Path]) -> None:
    """The dependency comes first and from the folder; removal leaves what another package still needs."""
    above, needed = two
    done = run("package", "install", str(above), str(needed.parent))
    assert done.code == 0, done.err
    assert done.out.splitlines() == [
        "county.below@1.2.0: 2 resources installed, 0 refused",
        "county.above@2.0.0: 1 resources installed, 0 refused",
    ]
    listed = run("package", "list").out
    assert "county.above@2.0.0  1 resources" in listed
    assert "county.below@1.2.0  2 resources" in listed
    assert run("package", "remove", "county.above").out == "county.above@2.0.0: 1 resources removed\n"
    assert "county.above" not in run("package", "list").out
    assert run("package", "remove", "county.above").code == 2


def test_what_is_stored_and_what_is_not(run: Run, two: tuple[Path, Path], tmp_path: Path) -> None:
    """Resources are stored at their ids; examples only when asked for; both packages share what both bring."""
    _, needed = two
    again = package(tmp_path, "county.again", "1", {"package/StructureDefinition-strict.json": STRICT})
    store = tmp_path / "store.sqlite"
    for flags in ((), ("--examples",)):
        assert run("package", "install", str(needed), str(again), "--store", f"sqlite:{store}", *flags).code == 0
    keys = (("StructureDefinition", "strict"), ("CodeSystem", "colours"), ("Patient", "example-of-package"))
    assert there(store, *keys) == [True, True, True]
    assert run("package", "remove", "county.below@1.2.0", "--store", f"sqlite:{store}").code == 0
    assert there(store, *keys) == [True, False, False]


def test_an_id_that_is_taken_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    """Two packages with different definitions at one id: both are stored."""
    other = {**STRICT, "url": OURS + "another"}
    first = package(tmp_path, "county.one", "1", {"package/a.json": STRICT})
    second = package(tmp_path, "county.two", "1", {"package/a.json": other})
    store = tmp_path / "store.sqlite"
    assert run("package", "install", str(first), str(second), "--store", f"sqlite:{store}").code == 0

    async def urls() -> set[str]:
        from countyfhir.search.query import Query

        async with open_world(Settings(store=f"sqlite:{store}")) as world:
            page = await world.store.resources.search(Query(("StructureDefinition",), count=10))
            return {json.loads(one.body or b"{}")["url"] for one in page.matches}

    assert asyncio.run(urls()) == {OURS + "strict", OURS + "another"}


def test_missing_dependencies_and_refused_resources_are_said(run: Run, tmp_path: Path) -> None:
    """The rest is installed all the same; exit code 1 tells of refusals."""
    files = {"package/a.json": STRICT, "package/b.json": {**COLOURS, "content": "none of the codes"}}
    done = run("package", "install", str(package(tmp_path, "county.bad", "1", files, {"elsewhere": "1.0.0"})))
    assert done.code == 1
    assert "county.bad@1 needs elsewhere@1.0.0, which is not at hand" in done.err
    assert "CodeSystem/colours: " in done.err
    assert "1 resources installed, 1 refused" in done.out


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (tarfile.TarInfo("../outside.json"), "outside of the package"),
        (tarfile.TarInfo("/etc/outside.json"), "outside of the package"),
        (tarfile.TarInfo("package/../../outside.json"), "outside of the package"),
    ],
)
def test_paths_that_leave_the_package_are_refused(tmp_path: Path, member: tarfile.TarInfo, said: str) -> None:
    """Nothing of such a file is taken."""
    path = tmp_path / "x.tgz"
    with tarfile.open(path, "w:gz") as made:
        made.addfile(member, io.BytesIO())
    with pytest.raises(PackageError, match=said):
        archive.manifest(path)


def test_links_large_and_broken_files_are_refused(tmp_path: Path) -> None:
    """A link, a file of more than the limit, a file that is no archive, one without manifest, one for another FHIR."""
    link = tarfile.TarInfo("package/a.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    large = tarfile.TarInfo("package/a.json")
    large.size = archive.LARGEST_FILE + 1
    for name, header in {"link": link, "large": large}.items():
        path = tmp_path / f"{name}.tgz"
        path.write_bytes(gzip.compress(header.tobuf() + bytes(1024)))
        with pytest.raises(PackageError, match="link or device" if name == "link" else "more than 128 MB"):
            archive.manifest(path)
    (tmp_path / "text.tgz").write_text("no archive")
    with pytest.raises(PackageError, match="cannot be read as a package"):
        archive.manifest(tmp_path / "text.tgz")
    with pytest.raises(PackageError, match=r"for FHIR 5\.0\.0"):
        archive.manifest(package(tmp_path, "new", "1", {}, fhirVersions=["5.0.0"]))


def test_a_file_that_is_not_there_is_said(run: Run, tmp_path: Path) -> None:
    """Nothing is tried."""
    done = run("package", "install", str(tmp_path / "none.tgz"))
    assert done.code == 2
    assert "is not there" in done.err


def test_versions_fit_and_are_ordered() -> None:
    """Exact, with a wildcard, or any; previews come before their release."""
    assert fits("1.2.3", "1.2.x")
    assert fits("1.2.3", "1.x")
    assert not fits("1.3.0", "1.2.x")
    assert not fits("1.3.0", "1.3.1")
    assert fits("9", "latest")
    assert rank("1.10.0") > rank("1.9.9") > rank("1.9.9-ballot")
