"""Tags and security labels survive an update that does not send them; meta's lists are sets."""

from __future__ import annotations

import copy

from countyfhir.interactions import merge_meta

ROUTINE = {"system": "http://example.org/tags", "code": "routine", "display": "Routine"}
RENAMED = {"system": "http://example.org/tags", "code": "routine", "display": "Other words", "version": "2"}
URGENT = {"system": "http://example.org/tags", "code": "urgent"}
RESTRICTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}


def test_update_keeps_tags_and_labels_but_not_profiles() -> None:
    """An update without meta keeps tags and labels; a profile is claimed anew with every version."""
    current = {
        "resourceType": "Patient",
        "id": "1",
        "meta": {"versionId": "3", "profile": ["http://example.org/p"], "security": [RESTRICTED], "tag": [ROUTINE]},
    }
    sent = {"resourceType": "Patient", "id": "1", "active": True}
    before = copy.deepcopy((current, sent))
    merged = merge_meta.merged_meta(sent, current)
    assert merged["meta"] == {"security": [RESTRICTED], "tag": [ROUTINE]}
    assert list(merged) == ["resourceType", "id", "meta", "active"]
    assert (current, sent) == before


def test_update_adds_to_what_is_kept() -> None:
    """Sent tags come first; the same system and code is the same tag, as it was sent last."""
    sent = {"resourceType": "Patient", "id": "1", "meta": {"source": "#a", "tag": [URGENT, RENAMED]}}
    merged = merge_meta.merged_meta(sent, {"resourceType": "Patient", "meta": {"tag": [ROUTINE]}})
    assert merged["meta"] == {"source": "#a", "tag": [URGENT, RENAMED]}
    merged = merge_meta.merged_meta({"meta": {"tag": [URGENT]}}, {"meta": {"tag": [ROUTINE]}})
    assert merged["meta"]["tag"] == [URGENT, ROUTINE]


def test_update_without_anything_to_keep_is_as_sent() -> None:
    """Nothing is added where the current version has neither tags nor labels."""
    sent = {"resourceType": "Patient", "id": "1"}
    assert merge_meta.merged_meta(sent, {"resourceType": "Patient", "meta": {"versionId": "1"}}) == sent


def test_meta_add_makes_no_duplicates() -> None:
    """$meta-add adds only what is missing, matching codings by system and code, profiles by URL."""
    meta = {"versionId": "1", "profile": ["http://example.org/p"], "tag": [ROUTINE]}
    more = {"profile": ["http://example.org/p", "http://example.org/q"], "tag": [RENAMED, URGENT, URGENT]}
    assert merge_meta.added(meta, more) == {
        "versionId": "1",
        "profile": ["http://example.org/p", "http://example.org/q"],
        "tag": [ROUTINE, URGENT],
    }


def test_meta_delete_removes_by_identity() -> None:
    """$meta-delete removes by system and code; an emptied list goes, and what was not there is no error."""
    meta = {"profile": ["http://example.org/p"], "tag": [ROUTINE, URGENT], "security": [RESTRICTED]}
    less = {"profile": ["http://example.org/other"], "tag": [RENAMED], "security": [{**RESTRICTED, "display": "x"}]}
    assert merge_meta.removed(meta, less) == {"profile": ["http://example.org/p"], "tag": [URGENT]}
