"""The pages on profiles say what profiles/ holds."""

from __future__ import annotations

from pathlib import Path

from countyfhir.cli import profile_pages

PAGES = Path(__file__).resolve().parents[2] / "docs" / "profiles"


def test_the_pages_are_current(tmp_path: Path) -> None:
    """`python -m countyfhir.cli.profile_pages docs/profiles` writes them: one of each profile and form, an index, and
    one of all extensions; pages of profiles that are gone are removed."""
    (tmp_path / "county-gone.md").write_text("gone", encoding="utf-8")
    profile_pages.main(tmp_path)
    written = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert written == {path.name: path.read_text(encoding="utf-8") for path in PAGES.iterdir()}


def test_both_names_are_in_the_index() -> None:
    """The index names every profile in English and Chinese."""
    text = profile_pages.pages()["README.md"]
    assert "| [Resident](county-resident.md) | 居民 | Patient |" in text
    assert "| [2型糖尿病患者随访服务记录表](form-diabetes-follow-up.md) | Type 2 diabetes follow-up form |" in text
