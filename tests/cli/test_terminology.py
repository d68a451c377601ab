"""Code systems are imported, listed and removed."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run

URL = "https://fhir.county-hc.example/cs/icd10-nhsa"


def test_import_list_remove(run: Run, tmp_path: Path) -> None:
    """What was imported is listed until it is removed; removing it again says that there is nothing."""
    (tmp_path / "icd10.csv").write_text("code,display\nI10.x09,原发性高血压\n", "utf-8")
    done = run("terminology", "import", "icd10.csv", "--version", "2.0")
    assert (done.code, done.out) == (0, f"CodeSystem {URL}|2.0, 3 concepts\n"), done.err
    assert run("terminology", "list").out == f"CodeSystem\t{URL}|2.0\t3 concepts\timport\n"
    assert run("terminology", "remove", URL, "--version", "1.0").code == 1
    assert run("terminology", "remove", URL).out == f"CodeSystem {URL}|2.0 removed\n"
    assert run("terminology", "remove", URL).code == 1
    assert run("terminology", "list").out == ""


def test_the_rest_is_listed_when_asked(run: Run) -> None:
    """R4's own content."""
    assert "http://hl7.org/fhir/administrative-gender|4.0.1" in run("terminology", "list", "--all").out


def test_what_cannot_be_imported_is_one_line(run: Run, tmp_path: Path) -> None:
    """Exit code 2, no trace."""
    (tmp_path / "notes.md").write_text("nothing", "utf-8")
    for arguments in (("nowhere.csv",), ("notes.md",), ("notes.md", "--as", "icd11"), ("notes.md", "--column", "code")):
        done = run("terminology", "import", *arguments)
        assert done.code == 2
        assert len(done.err.strip().splitlines()) == 1


def test_a_store_without_a_file_needs_an_index(run: Run, tmp_path: Path) -> None:
    """MongoDB is on other hosts; the index is a local file that is named."""
    (tmp_path / "icd10.csv").write_text("code,display\nI10.x09,原发性高血压\n", "utf-8")
    store = ("--store", "mongodb://localhost/county")
    assert "--concept-index" in run("terminology", "import", "icd10.csv", *store).err
    assert run("terminology", "import", "icd10.csv", *store, "--concept-index", "county.terminology").code == 0
