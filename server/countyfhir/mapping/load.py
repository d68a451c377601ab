"""Reads and compiles mapping files. Every mistake is a MappingError: file, line, what to do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from countyfhir import shipped
from countyfhir.fhirpath import FhirPathError
from countyfhir.mapping.code_map import CodeMap, code_map
from countyfhir.mapping.concept_maps import NoConceptMap, places, table_of
from countyfhir.mapping.event import compile_event
from countyfhir.mapping.expression import Expression, Scope, compile_expression
from countyfhir.mapping.fragments import Fragments, expanded, fragments_in
from countyfhir.mapping.institution import institution, known_institutions
from countyfhir.mapping.keep import compile_keeps
from countyfhir.mapping.likeness import (
    SOURCE_FILE,
    Rename,
    inherited,
    mapping_files,
    model_of,
    need_stand_ins,
    renaming,
)
from countyfhir.mapping.merge import merge_of
from countyfhir.mapping.record import Check, Format, Institution, Lookup, RecordMapping, Source, Target
from countyfhir.mapping.syntax import ExpressionError
from countyfhir.mapping.template import compile_each, compile_template, compile_text
from countyfhir.mapping.tree_path import TreePath, tree_path
from countyfhir.mapping.yaml_text import Document, MappingError, read

CHARSETS = {"gb18030": "gb18030", "gbk": "gb18030", "gb2312": "gb18030", "utf-8": "utf-8"}
"""What a mapping may say about objects that name their character set wrongly -> codec."""
DETECTED = frozenset({"csv", "fixed", "json", "jsonl"})
"""Formats of text that say nothing about their encoding: where the mapping does not either, it is found out."""


@cache
def schema(name: str) -> Draft202012Validator:
    """The JSON Schema of mapping files (``mapping``) or of ``source.yaml`` (``source``)."""
    text = (shipped.folder("mappings") / f"{name}.schema.json").read_text("utf-8")
    return Draft202012Validator(json.loads(text))


def load(folder: Path) -> tuple[Source, ...]:
    """Every source below ``folder`` (a folder with ``source.yaml``), or the source that ``folder`` itself is."""
    if not folder.is_dir():
        raise MappingError(folder, 1, "this is not a folder with mapping files")
    found = sorted(path.parent for path in [folder / SOURCE_FILE, *folder.glob(f"*/{SOURCE_FILE}")] if path.exists())
    if not found:
        raise MappingError(folder, 1, f"no source is here: a source is a folder with a {SOURCE_FILE}")
    return tuple(load_source(one) for one in found)


def load_all(folders: Iterable[Path]) -> tuple[Source, ...]:
    """Every source below the folders. One of a later folder takes the place of one with its name before it: a county's
    own of the one that ships."""
    found = {one.name: one for folder in folders for one in load(folder)}
    return tuple(found.values())


def load_source(folder: Path) -> Source:
    """One source: ``source.yaml`` and one mapping file a record type beside it."""
    document = checked(read(folder / SOURCE_FILE), "source")
    model = model_of(document, folder)
    if model is not None:
        document = inherited(document, model)
    institutions = read_institutions(document)
    fragments = fragments_in([shipped.folder("mappings"), folder.parent, *([model] if model else []), folder])
    words = document.data.get("instead_of", {})
    rename = renaming(words)
    if model is not None:
        for path in mapping_files(folder, model):
            if path.parent != folder:
                need_stand_ins(read(path), words, folder.name)
    mappings = [
        load_mapping(path, folder.name, institutions, document.data, fragments, rename)
        for path in mapping_files(folder, model)
    ]
    mappings.sort(key=lambda mapping: (mapping.order, mapping.name))
    data = document.data
    ignore = tuple(data.get("ignore", ()))
    return Source(folder.name, data["title"], data.get("folder", folder.name), tuple(mappings), institutions, ignore)


def read_institutions(document: Document) -> tuple[Institution, ...]:
    declared = document.data["institutions"]
    if isinstance(declared, str):
        listed = read((document.path.parent / declared).resolve())
        declared = listed.data["institutions"]
    return tuple(institution(one) for one in declared)


def checked(document: Document, name: str) -> Document:
    """The document, when its JSON Schema holds."""
    problem = best_match(schema(name).iter_errors(document.data))
    if problem is not None:
        place = list(problem.absolute_path)
        raise document.error(place, f"{'.'.join(map(str, place)) or 'the file'}: {problem.message}")
    return document


def load_mapping(
    path: Path,
    source: str,
    institutions: tuple[Institution, ...],
    defaults: Mapping[str, Any],
    fragments: Fragments = MappingProxyType({}),
    rename: Rename = lambda document: document,
) -> RecordMapping:
    """One mapping file of the source, with its ``fragments`` in place, and in other words where the source says so."""
    document = checked(rename(expanded(read(path), fragments)), "mapping")
    return Builder(document, source, institutions, defaults).build()


class Builder:
    """Compiles one document; keeps what every part needs: the document (for line numbers) and the scope so far."""

    def __init__(
        self, document: Document, source: str, institutions: tuple[Institution, ...], defaults: Mapping[str, Any]
    ) -> None:
        self.document, self.data, self.source = document, document.data, source
        self.institutions, self.defaults = institutions, defaults
        self.dictionary_of = defaults.get("like", source)  # a system has one dictionary, wherever it stands
        columns: dict[str, tuple[str, ...]] = {column: (column,) for column in self.data["source"]["columns"]}
        zone = self.data["source"].get("zone", defaults.get("zone", "+08:00"))
        self.scope = Scope(columns, self.codes(), known_institutions(institutions), zone)

    def build(self) -> RecordMapping:
        data, record = self.data, self.data["record"]
        self.need_columns(("record", "key"), record["key"])
        lookups = self.lookups()
        values = self.values()
        version = self.optional(("record", "version"), record.get("version"))
        gone = self.optional(("record", "deleted"), record.get("deleted"))
        return RecordMapping(
            name=f"{self.source}/{self.document.path.stem}",
            source=self.source,
            version=str(data["version"]),
            title=data["title"],
            path=self.document.path,
            institution=self.institution(),
            format=replace(self.format(), needed=self.needed(values, version, gone)),
            key=tuple(record["key"]),
            version_key=version,
            main=self.main(record),
            values=values,
            lookups=lookups,
            checks=self.checks(),
            targets=tuple(self.target(place, one) for place, one in enumerate(data["resources"])),
            order=data.get("order", 100),
            paths=self.paths(),
            of=self.listed("of"),
            reused=self.listed("reused"),
            part=self.listed("part"),
            keeps=record.get("keeps", self.data["source"]["format"] == "hl7v2"),
            institution_of=self.optional(("record", "institution"), record.get("institution")),
            deleted=gone,
        )

    def needed(
        self, values: Iterable[tuple[str, Expression]], version: Expression | None, gone: Expression | None
    ) -> frozenset[str]:
        """The columns without which a file is not what the mapping is for: those of the key, of the version, of the
        mark of deletion and of what is main."""
        record, source = self.data["record"], self.data["source"]
        listed = [name for part in ("key", "of", "part", "reused") for name in record.get(part, ())]
        stems = {name: expression.columns for name, expression in values}
        listed += [column for name in record.get("main", ()) for column in stems.get(name, (name,))]
        listed += [column for one in (version, gone) if one is not None for column in one.columns]
        return frozenset([*listed, *([source["watermark"]] if "watermark" in source else [])])

    def paths(self) -> tuple[tuple[str, TreePath], ...]:
        declared = self.data["source"]["columns"]
        named = declared.items() if isinstance(declared, dict) else ()
        return tuple((name, self.tree_path(("source", "columns", name), text)) for name, text in named)

    def tree_path(self, place: tuple[Any, ...], text: str) -> TreePath:
        try:
            return tree_path(text)
        except FhirPathError as error:
            raise self.document.error(place, str(error)) from error

    def expression(self, place: tuple[Any, ...], text: Any) -> Expression:
        try:
            return compile_expression(str(text), self.scope)
        except ExpressionError as error:
            raise self.document.error(place, str(error)) from error

    def optional(self, place: tuple[Any, ...], text: Any) -> Expression | None:
        return None if text is None else self.expression(place, text)

    def need_columns(self, place: tuple[Any, ...], columns: list[str]) -> None:
        for column in columns:
            if column not in self.data["source"]["columns"]:
                raise self.document.error(place, f"'{column}' is not among source.columns; add it there")

    def format(self) -> Format:
        declared = dict(self.data["source"])
        declared.pop("zone", None)
        blanks = declared.pop("blanks", self.defaults.get("blanks"))
        given: dict[str, Any] = {name: value for name, value in declared.items() if name != "columns"}
        if blanks is not None:
            given["blanks"] = frozenset(str(blank or "") for blank in blanks) | {""}
        if (declared["format"] == "fixed") != ("positions" in given):
            raise self.document.error(("source",), "'positions' says where each column of a fixed-width file stands")
        if declared["format"] == "sql":
            self.need_view(given)
        if declared["format"] == "xml" and "record" not in given:
            raise self.document.error(("source",), "'record' names the element that is a record")
        for name in ("only", "sent"):
            if name in given:
                given[name] = self.tree_path(("source", name), given[name])
        given["positions"] = tuple((name, *place) for name, place in given.get("positions", {}).items())
        if declared["format"] in DETECTED:
            given.setdefault("encoding", "detect")
        if declared["format"] == "dicom":
            given.setdefault("encoding", "ascii")
        known = given.get("charsets", {})
        given["charsets"] = tuple((name, CHARSETS[str(codec)]) for name, codec in known.items())
        columns = declared["columns"]
        return Format(columns=() if isinstance(columns, dict) else tuple(columns), **given)

    def need_view(self, declared: Mapping[str, Any]) -> None:
        """A view or a query, and a watermark that is among the columns."""
        if ("view" in declared) == ("query" in declared):
            raise self.document.error(("source",), "'view' or 'query' says what is read of a database")
        if isinstance(self.data["source"]["columns"], dict):
            raise self.document.error(("source", "columns"), "the columns of a view are a list")
        if "watermark" in declared:
            self.need_columns(("source", "watermark"), [declared["watermark"]])

    def institution(self) -> Institution:
        wanted = str(self.data.get("institution", self.defaults.get("institution")))
        for one in self.institutions:
            if wanted in (one.code, one.name):
                return one
        raise self.document.error(
            ("institution",), f"the institution '{wanted}' is not among the source's institutions"
        )

    def listed(self, name: str) -> tuple[str, ...]:
        """Columns that the record section lists under a name."""
        columns = self.data["record"].get(name, [])
        self.need_columns(("record", name), columns)
        return tuple(columns)

    def main(self, record: Mapping[str, Any]) -> tuple[str, ...]:
        names = record.get("main", ())
        for name in names:
            if name not in self.scope.columns:
                raise self.document.error(("record", "main"), f"'{name}' is neither a column nor one of 'values'")
        return tuple(names)

    def codes(self) -> dict[str, CodeMap]:
        return {name: self.code_map(name, one) for name, one in self.data.get("codes", {}).items()}

    def code_map(self, name: str, declared: Mapping[str, Any]) -> CodeMap:
        """A table in the file, or one of ``terminology/code-maps``, which must name this table and column."""
        place = ("codes", name)
        looked_up = [column for one in self.data.get("lookups", {}).values() for column in one["columns"]]
        if declared["column"] not in [*self.data["source"]["columns"], *looked_up]:
            problem = f"the column '{declared['column']}' is neither among source.columns nor looked up"
            raise self.document.error((*place, "column"), problem)
        if "map" in declared:
            return self.concept_map(place, name, declared)
        if "file" not in declared:
            return code_map(name, declared)
        files = [root / "code-maps" / declared["file"] for root in places(self.document.path)]
        listed = read(next((one for one in reversed(files) if one.is_file()), files[0]))
        wanted = {"source": self.dictionary_of, "table": self.data["source"]["file"], "column": declared["column"]}
        wanted |= {"sheet": self.data["source"]["sheet"]} if "sheet" in self.data["source"] else {}
        if wanted | {"dictionary": declared["dictionary"]} not in listed.data["applies"]:
            raise self.document.error(
                place, f"{declared['file']} does not say that it applies to {wanted}; see 'applies'"
            )
        return code_map(name, {**listed.data, **declared})

    def concept_map(self, place: tuple[Any, ...], name: str, declared: Mapping[str, Any]) -> CodeMap:
        """A ConceptMap of ``terminology/``: to Codings, or with ``as: code`` to the codes alone."""
        try:
            table = table_of(
                declared["map"], self.dictionary_of, str(declared["dictionary"]), places(self.document.path)
            )
        except NoConceptMap as error:
            raise self.document.error((*place, "map"), str(error)) from error
        if declared.get("as") == "code":
            table = {code: coding["code"] for code, coding in table.items()}
        return code_map(name, {**declared, "table": table})

    def lookups(self) -> tuple[Lookup, ...]:
        found = []
        for name, one in self.data.get("lookups", {}).items():
            by = self.expression(("lookups", name, "by"), one["by"])
            columns = tuple(one["columns"])
            given = {part: one[part] for part in ("encoding", "delimiter", "sheet", "format") if part in one}
            shape = {"format": self.data["source"]["format"], "encoding": self.format().encoding} | given
            if shape["encoding"] == "detect" and shape["format"] not in DETECTED:
                shape["encoding"] = "utf-8"
            listed = Format(file=one["file"], columns=(one["key"], *columns), blanks=self.format().blanks, **shape)
            found.append(Lookup(name, one["file"], one["key"], columns, by, one.get("needed", False), listed))
            self.scope.columns[name] = by.columns
            self.scope.lookups = {**self.scope.lookups, name: columns}
        return tuple(found)

    def values(self) -> tuple[tuple[str, Expression], ...]:
        return self.named_values(("values",), self.data.get("values", {}), self.scope)

    def checks(self) -> tuple[Check, ...]:
        declared = self.data.get("checks", ())
        for place, one in enumerate(declared):
            self.need_columns(("checks", place, "columns"), one["columns"])
        return tuple(self.check(("checks", place), one, self.scope) for place, one in enumerate(declared))

    def named_values(
        self, place: tuple[Any, ...], declared: Mapping[str, str], scope: Scope
    ) -> tuple[tuple[str, Expression], ...]:
        """Each value joins the scope of those after it."""
        found = []
        for name, text in declared.items():
            try:
                expression = compile_expression(str(text), scope)
            except ExpressionError as error:
                raise self.document.error((*place, name), str(error)) from error
            scope.columns[name] = expression.columns
            found.append((name, expression))
        return tuple(found)

    def check(self, place: tuple[Any, ...], one: Mapping[str, Any], scope: Scope) -> Check:
        outcome = one.get("outcome")
        severity = one.get("severity", "error" if outcome else "warning")
        try:
            when = compile_expression(str(one["when"]), scope)
        except ExpressionError as error:
            raise self.document.error((*place, "when"), str(error)) from error
        held_back, message = one.get("held_back", False), one.get("message", "")
        return Check(when, one["issue"], tuple(one["columns"]), severity, outcome, held_back, message)

    def target(self, place: int, one: Mapping[str, Any]) -> Target:
        where = ("resources", place)
        try:
            loop = compile_each(one["each"], self.scope) if "each" in one else None
            scope = replace(loop.scope if loop else self.scope)
            scope.columns = dict(scope.columns)
            values = self.named_values((*where, "values"), one.get("values", {}), scope)
            checks = [self.check((*where, "checks", at), rule, scope) for at, rule in enumerate(one.get("checks", ()))]
            when = compile_expression(one["when"], scope).evaluate if "when" in one else None
            key = compile_text(one["key"], scope).render
            render = compile_template(one["content"], scope, self.source, one["type"]).render
            stated = self.data["source"]["format"]
            event = compile_event(one["event"], scope, self.source, stated) if "event" in one else None
            alike = [each for each in self.data["resources"] if each["type"] == one["type"]]
            keeps = compile_keeps(one.get("keeps"), (name for each in alike for name in each["content"]), scope)
        except ExpressionError as error:
            raise self.document.error(where, str(error)) from error
        stub, merge = one.get("stub", False), merge_of(one["merge"]) if "merge" in one else None
        shared = one.get("shared", False) or stub or merge is not None or (keeps is not None and keeps.known)
        owner = one.get("source")
        return Target(
            one["type"], key, render, when, loop, shared, stub, values, tuple(checks), owner, event, one["content"],
            scope, merge, keeps,
        )  # fmt: skip
