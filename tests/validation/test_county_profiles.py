"""The county's profiles: each good example conforms, each bad one is found out for what is wrong with it."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from countyfhir import shipped
from countyfhir.fhirpath import compile as compiled
from countyfhir.model import json, library
from countyfhir.terminology.files import folder as terminology_files
from countyfhir.terminology.knowledge import open_terminology
from countyfhir.validation import structure
from countyfhir.validation.profiles.registry import Profiles
from countyfhir.validation.rules.finding import Around, Finding, Knowledge, knowledge_of

FOLDER = shipped.folder("profiles")
OURS = "https://fhir.county-hc.example/"
FOLDERS = sorted(path for path in (FOLDER / "examples").iterdir() if path.is_dir())
EXAMPLES = [path for folder in FOLDERS for path in sorted(folder.glob("*.json"))]
STRUCTURES = sorted([*FOLDER.glob("*.json"), *(FOLDER / "extensions").glob("*.json")])
FORMS = sorted((FOLDER / "questionnaires").glob("*.json"))


@cache
def profiles() -> Profiles:
    """The profiles as they ship."""
    return Profiles(folders=[FOLDER])


@cache
def terminology_resources() -> tuple[dict[str, Any], ...]:
    """What lies in terminology/."""
    return tuple(one for _, one in terminology_files.resources([shipped.folder("terminology")]))


@cache
def knowledge() -> Knowledge:
    """The terminology as it ships, and the profiles."""
    terminology = open_terminology(None)
    for one in terminology_resources():
        terminology.load(one)
    return knowledge_of(terminology, profiles().profile_check)


def read(path: Path) -> dict[str, Any]:
    """The resource in a file."""
    return json.parse(path.read_bytes())


def findings(resource: dict[str, Any], profile: str) -> list[Finding]:
    """What the profile and the definitions of the extensions find."""
    check = profiles().profile_check(f"{OURS}StructureDefinition/{profile}")
    assert check is not None, profile
    around = Around(resource, resource, knowledge())
    return [*(check(resource, around) or ()), *profiles().extension_findings(resource, around)]


def constraints() -> Iterator[tuple[str, dict[str, Any]]]:
    """(element path, constraint) of every rule of the county."""
    for path in STRUCTURES:
        for element in read(path)["differential"]["element"]:
            yield from ((element["path"], rule) for rule in element.get("constraint", ()))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_examples_behave(path: Path) -> None:
    """A good example is free of errors and of the county's warnings; a bad one has what expected.yaml says."""
    resource = read(path)
    found = findings(resource, path.parent.name)
    assert resource["meta"]["profile"] == [f"{OURS}StructureDefinition/{path.parent.name}"]
    if path.name.startswith("good-"):
        assert [one for one in structure.check(resource) if one.severity in ("error", "fatal")] == []
        assert [one for one in found if one.severity == "error" or "|county-" in (one.key or "")] == []
        return
    for wrong in yaml.safe_load((path.parent / "expected.yaml").read_text("utf-8"))[path.name]:
        places = [(resource["resourceType"] + one.path, one.key or "") for one in found]
        assert any(at == wrong["expression"] and key.endswith(wrong["key"]) for at, key in places), places


def test_every_profile_has_good_and_bad_examples() -> None:
    """And every folder of examples belongs to a profile."""
    names = {path.stem for path in FOLDER.glob("*.json")}
    assert names == {folder.name for folder in FOLDERS}
    for folder in FOLDERS:
        expected = yaml.safe_load((folder / "expected.yaml").read_text("utf-8"))
        assert set(expected) == {path.name for path in folder.glob("bad-*.json")}, folder.name
        assert list(folder.glob("good-*.json")), folder.name
        assert expected, folder.name


def test_every_rule_is_proved_by_a_bad_example() -> None:
    """The key of each constraint stands in an expected.yaml, and no key stands for two rules."""
    proved = {
        wrong["key"].rpartition("|")[2]
        for folder in FOLDERS
        for listed in yaml.safe_load((folder / "expected.yaml").read_text("utf-8")).values()
        for wrong in listed
    }
    rules = list(constraints())
    assert sorted({rule["key"] for _, rule in rules} - proved) == []
    texts: dict[str, set[str]] = {}
    for _, rule in rules:
        texts.setdefault(rule["key"], set()).add(rule["expression"])
    assert [key for key, expressions in texts.items() if len(expressions) > 1] == []


@pytest.mark.parametrize("path", STRUCTURES, ids=lambda path: path.stem)
def test_definitions_are_whole(path: Path) -> None:
    """Valid R4, usable, named in both languages; file name, id, name and url agree; value sets that are bound exist."""
    definition = read(path)
    assert [one for one in structure.check(definition) if one.severity in ("error", "fatal")] == []
    check = profiles().profile_check(definition["url"])
    assert check is not None
    assert check.type_name == definition["type"]
    assert definition["id"] == path.stem
    assert definition["url"] == f"{OURS}StructureDefinition/{path.stem}"
    assert re.fullmatch(r"[A-Z][A-Za-z]+", definition["name"])
    for name in ("title", "description"):
        assert re.search(r"[\u4e00-\u9fff]", str(definition[f"_{name}"])), name
    bound = {
        element["binding"]["valueSet"] for element in definition["differential"]["element"] if "binding" in element
    }
    ours = {one["url"] for one in terminology_resources() if one["resourceType"] == "ValueSet"}
    base = {one["url"] for one in library.base_resources(["ValueSet"])} if bound - ours else set()
    assert sorted(bound - ours - base) == []


def test_names_are_given_once() -> None:
    """No two definitions have the same name."""
    names = [read(path)["name"] for path in STRUCTURES]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def rule(key: str) -> Any:
    """A rule on a string, as a function."""
    expression = next(one["expression"] for _, one in constraints() if one["key"] == key)
    evaluate = compiled(expression, "string")
    return lambda value: [item.value for item in evaluate(value)] == [True]


def test_the_identity_number_rule_computes_the_checksum() -> None:
    """GB 11643: against an independent sum, over numbers made at random; one check character of eleven is right."""
    holds, chance = rule("county-id-2"), random.Random(11643)
    for known in ("37052319550312141X", "37052319680715002X", "370523201502281014", "11010519491231002X"):
        assert holds(known)
    for known in ("111111111111111111", "999999999999999999", "123456789012345678"):
        assert not holds(known)
    for _ in range(40):
        body = "".join(chance.choice("0123456789") for _ in range(17))
        total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(body))
        right = next(last for last, value in zip("0123456789X", range(11), strict=True) if (total + value) % 11 == 1)
        assert [last for last in "0123456789X" if holds(body + last)] == [right]


def test_the_credit_code_rule_computes_the_checksum() -> None:
    """GB 32100: against an independent sum, over codes made at random; one check character of 31 is right."""
    holds, chance = rule("county-uscc-2"), random.Random(32100)
    letters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    assert holds("91110000600037341L")
    for _ in range(8):
        body = "".join(chance.choice(letters) for _ in range(17))
        total = sum(letters.index(letter) * 3**place for place, letter in enumerate(body))
        right = letters[-total % 31]
        assert [last for last in letters if holds(body + last)] == [right]


def questions(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """All items of a form."""
    for one in items:
        yield one
        yield from questions(one.get("item", []))


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_forms_are_whole(path: Path) -> None:
    """Valid R4; link ids once each; conditions name questions that come before and codes that they offer; every coded
    answer is one of a list of terminology/, with its Chinese name."""
    form = read(path)
    assert [one for one in structure.check(form) if one.severity in ("error", "fatal")] == []
    items = list(questions(form["item"]))
    ids = [one["linkId"] for one in items]
    assert len(ids) == len(set(ids))
    systems = {one["url"]: one for one in terminology_resources() if one["resourceType"] == "CodeSystem"}
    for one in items:
        assert re.search(r"[\u4e00-\u9fff]", one["text"]) or one["text"] == "BMI", one["text"]
        codings = [option["valueCoding"] for option in one.get("answerOption", ()) if "valueCoding" in option]
        for coding in codings:
            listed = {concept["code"]: concept["display"] for concept in systems[coding["system"]]["concept"]}
            assert listed[coding["code"]] == coding["display"]
        for condition in one.get("enableWhen", ()):
            asked = next(other for other in items if other["linkId"] == condition["question"])
            assert ids.index(asked["linkId"]) < ids.index(one["linkId"])
            if "answerCoding" in condition:
                offered = [(o["valueCoding"]["system"], o["valueCoding"]["code"]) for o in asked["answerOption"]]
                assert (condition["answerCoding"]["system"], condition["answerCoding"]["code"]) in offered


@pytest.mark.parametrize(
    "path", sorted((FOLDER / "examples" / "county-form-response").glob("*.json")), ids=lambda path: path.stem
)
def test_filled_forms_answer_what_the_form_asks(path: Path) -> None:
    """Every answer of an example is to a question of its form, of its type, from its options, in the same group."""
    answered = read(path)
    name, _, version = answered["questionnaire"].rpartition("/")[2].partition("|")
    if path.name == "bad-other-form.json":
        assert not (FOLDER / "questionnaires" / f"{name}.json").exists()
        return
    form = read(FOLDER / "questionnaires" / f"{name}.json")
    assert form["version"] == version

    def walk(given: list[dict[str, Any]], asked: list[dict[str, Any]]) -> None:
        known = {one["linkId"]: one for one in asked}
        for one in given:
            question = known[one["linkId"]]
            offered = [next(iter(option.values())) for option in question.get("answerOption", ())]
            for answer in one.get("answer", ()):
                (kind, value), *_ = answer.items()
                assert not offered or value in offered, one["linkId"]
                assert offered or kind == "value" + question["type"].capitalize(), one["linkId"]
            walk(one.get("item", []), question.get("item", []))

    walk(answered["item"], form["item"])
