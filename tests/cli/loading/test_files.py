"""Files become pieces: lines, whole bundles, unwrapped collections, and problems that say where they are."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from countyfhir.cli.loading.files import find, pieces, transaction
from countyfhir.cli.loading.sending import groups

LINES = b'{"resourceType":"Patient","id":"a"}\n\n{"resourceType":"Patient"}\n{"id":"x"}\nnot json\n'


def test_folders_are_searched_and_odd_names_refused(tmp_path: Path) -> None:
    """A folder gives its loadable files in order; a named file that is not loadable is a problem."""
    for name in ("b.ndjson", "in/a.json.gz", "in/c.JSON", "note.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    files, problems = find([tmp_path, tmp_path / "b.ndjson"])
    assert [file.name for file in files] == ["b.ndjson", "a.json.gz"]
    assert problems == []
    files, problems = find([tmp_path / "note.txt", tmp_path / "none", tmp_path / "in" / "c.JSON"])
    assert files == []
    assert len(problems) == 3


def test_lines_are_pieces_with_their_place(tmp_path: Path) -> None:
    """Blank lines are counted but hold nothing; broken lines are problems; gzip makes no difference."""
    plain, packed = tmp_path / "a.ndjson", tmp_path / "a.ndjson.gz"
    plain.write_bytes(LINES)
    packed.write_bytes(gzip.compress(LINES))
    found = list(pieces(plain))
    assert [(piece.kind, piece.key) for piece in found] == [
        ("resource", "Patient/a"),
        ("blank", None),
        ("resource", None),
        ("problem", None),
        ("problem", None),
    ]
    assert [piece.place for piece in found] == ["line 1", "line 2", "line 3", "line 4", "line 5"]
    assert "resourceType" in found[3].problem
    assert [(piece.kind, piece.body) for piece in pieces(packed)] == [(piece.kind, piece.body) for piece in found]


def test_a_cut_gzip_file_ends_in_a_problem(tmp_path: Path) -> None:
    """What could be read comes first, then the problem; nothing raises."""
    cut = tmp_path / "cut.ndjson.gz"
    cut.write_bytes(gzip.compress(LINES * 500)[:-20])
    found = list(pieces(cut))
    assert found[0].kind == "resource"
    assert found[-1].problem.startswith("cannot be read to its end")


def test_a_transaction_is_sent_as_it_stands(tmp_path: Path) -> None:
    """The bytes of a transaction Bundle are not touched."""
    text = b'{"resourceType":"Bundle","type":"transaction","entry":[]}'
    (tmp_path / "t.json").write_bytes(b"\xef\xbb\xbf" + text + b"\n")
    assert [(piece.kind, piece.body) for piece in pieces(tmp_path / "t.json")] == [("bundle", text)]


def test_a_document_bundle_is_a_resource(tmp_path: Path) -> None:
    """Documents and messages are kept whole."""
    (tmp_path / "d.json").write_bytes(b'{"resourceType":"Bundle","id":"d","type":"document"}')
    assert [(piece.kind, piece.key) for piece in pieces(tmp_path / "d.json")] == [("resource", "Bundle/d")]


def test_a_collection_becomes_one_transaction(tmp_path: Path) -> None:
    """Its entries keep their fullUrl, so that references between them hold, and every digit."""
    text = (
        b'{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:uuid:1","resource":'
        b'{"resourceType":"Patient","id":"p"}},{"resource":{"resourceType":"Observation","valueDecimal":1.50}}]}'
    )
    (tmp_path / "c.json").write_bytes(text)
    (piece,) = pieces(tmp_path / "c.json")
    assert piece.kind == "bundle"
    assert b'"valueDecimal":1.50' in piece.body
    entries = json.loads(piece.body)["entry"]
    assert [entry["request"] for entry in entries] == [
        {"method": "PUT", "url": "Patient/p"},
        {"method": "POST", "url": "Observation"},
    ]
    assert entries[0]["fullUrl"] == "urn:uuid:1"


def test_groups_hold_a_resource_once(tmp_path: Path) -> None:
    """The second writing of a resource begins a new group, and so does a full one."""
    lines = [f'{{"resourceType":"Patient","id":"{name}"}}\n' for name in "abacde"]
    file = tmp_path / "a.ndjson"
    file.write_text("".join(lines))
    assert [[piece.key for piece in group.pieces] for group in groups(file, 0, 3)] == [
        ["Patient/a", "Patient/b"],
        ["Patient/a", "Patient/c", "Patient/d"],
        ["Patient/e"],
    ]
    assert [(group.first, group.behind) for group in groups(file, 4, 3)] == [(4, 6)]


def test_a_transaction_of_pieces_is_json() -> None:
    """An empty one, too."""
    assert json.loads(transaction([]))["entry"] == []


def test_xml_is_loaded_as_the_json_it_says(tmp_path: Path) -> None:
    """Resources and bundles, packed or not; what is no XML is a problem with its line."""
    patient = b'<Patient xmlns="http://hl7.org/fhir"><id value="1"/></Patient>'
    (tmp_path / "p.xml").write_bytes(patient)
    (tmp_path / "q.xml.gz").write_bytes(gzip.compress(patient))
    for name in ("p.xml", "q.xml.gz"):
        (piece,) = pieces(tmp_path / name)
        assert (piece.kind, piece.key, piece.body) == ("resource", "Patient/1", b'{"resourceType":"Patient","id":"1"}')
    bundle = (
        b'<Bundle xmlns="http://hl7.org/fhir"><type value="collection"/><entry><resource>%b</resource></entry></Bundle>'
    )
    (tmp_path / "b.xml").write_bytes(bundle % patient)
    (piece,) = pieces(tmp_path / "b.xml")
    assert piece.kind == "bundle"
    assert b'"url":"Patient/1"' in piece.body
    (tmp_path / "w.xml").write_bytes(patient.replace(b"<id", b"\n<id").replace(b"/></P", b"></P"))
    (piece,) = pieces(tmp_path / "w.xml")
    assert (piece.kind, piece.place[:6]) == ("problem", "line 2")
