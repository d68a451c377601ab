"""A mapping skeleton for a sample file: likely targets by the names and contents of its columns. What it proposes loads
and runs; what it cannot know is marked and left to a person."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from countyfhir.intake.profiling import Column, Sample

PLAIN = re.compile(r"[^\W\d]\w*\Z")
WORDS = frozenset({"and", "or", "not", "in", "true", "false"})
LIKELY: tuple[tuple[str, str, str], ...] = (
    ("name", r"姓名|病人名|患者名|^(BR|HZ|KH|JM)?XM(MC)?$|^NAME$|PATIENT_?NAME", "Patient.name"),
    ("sex", r"性别|^(BR|HZ)?XB(DM|BM|MC)?$|^SEX$|^GENDER$", "Patient.gender"),
    ("birth", r"出生|生日|^CS(RQ|NY|SJ)$|^BIRTH|^BORN$|^DOB$", "Patient.birthDate"),
    ("id_card", r"身份证|证件号|^(BR|HZ)?SFZ(H|HM)?$|^ZJ(H|HM)$|^ID_?(NO|CARD)|^IDNO$|^ZJHM$", "Patient.identifier"),
    ("phone", r"电话|手机|联系方式|^(LX|JT|BR)?DH(HM)?$|^SJHM?$|PHONE|^TEL|MOBILE", "Patient.telecom"),
    ("address", r"住址|地址|^(HK|JT|XZ)?DZ$|ADDR", "Patient.address"),
    ("systolic", r"收缩压|^SSY$|^SBP$|SYSTOLIC", "Observation 8480-6"),
    ("diastolic", r"舒张压|^SZY$|^DBP$|DIASTOLIC", "Observation 8462-4"),
    ("pressure", r"^血压|^XYZ?$|^BP$|BLOOD_?PRESSURE", "Observation 85354-9"),
    ("height", r"身高|^SG$|^HEIGHT$", "Observation 8302-2"),
    ("weight", r"体重|^TZ$|^WEIGHT$", "Observation 29463-7"),
    ("pulse", r"心率|脉搏|^XL$|^MB$|^PULSE$|HEART_?RATE", "Observation 8867-4"),
    ("temperature", r"体温|^TW$|TEMPERATURE", "Observation 8310-5"),
    ("icd", r"诊断(编|代)码|^(ZD|JB)(BM|DM)$|^ICD", "Condition.code"),
    ("diagnosis", r"诊断|^(ZY|CY|RY|MZ)?ZD(MC)?\d?$|^JBMC$|^DIAG", "Condition.code.text"),
    ("allergies", r"过敏|^GM(S|SM|YW|SMS)?$|^YWGM|ALLERG", "AllergyIntolerance"),
    (
        "when",
        r"就诊日期|就诊时间|随访日期|检查日期|日期|^(JZ|KF|SF|JC|GH)(RQ|SJ)$|VISIT|SEEN|^DATE$",
        "Observation.effective[x]",
    ),
    ("changed", r"修改时间|更新时间|变更|^XGSJ$|^GXSJ$|CHANGED|UPDATED|MODIFIED", "record.version"),
    ("person", r"医生|医师|护士|联系人|家属|^LXRM$|^YSXM$|^(KF|JZ)YS$|DOCTOR|CONTACT", "participant"),
    ("deleted", r"作废|删除|^ZF(PB|BZ)?$|^SCBZ$|DELETED|CANCELLED", "record.deleted"),
)
"""Role, what names such a column has (Chinese, initials of pinyin, English), where it goes."""
SHOWN = ("sex", "deleted")
"""Roles whose values are no personal data."""
SEXES: Mapping[str, str] = {"1": "male", "2": "female", "男": "male", "女": "female", "M": "male", "F": "female"}
VALUES: Mapping[str, str] = {
    "name": "name",
    "sex": "code(sex)",
    "birth": "birth_date",
    "id_card": "identity_number",
    "phone": "phone",
    "address": "text",
    "pressure": "blood_pressure",
    "height": "quantity('cm', 20, 250)",
    "weight": "quantity('kg', 0.3, 300)",
    "pulse": "quantity('/min', 20, 300)",
    "temperature": "quantity('Cel', 30, 45)",
    "diagnosis": "diagnoses",
    "icd": "icd10",
    "allergies": "allergies",
    "when": "date_time",
}
LOINC: Mapping[str, tuple[str, str]] = {
    "height": ("8302-2", "身高"),
    "weight": ("29463-7", "体重"),
    "pulse": ("8867-4", "心率"),
    "temperature": ("8310-5", "体温"),
}


@dataclass(frozen=True, slots=True)
class Guess:
    """The columns by role, and the one that is likely the key."""

    sample: Sample
    roles: Mapping[str, Column]
    key: Column


def guessed(sample: Sample) -> Guess:
    """Each role its first column; the key is the first number that is never blank and never twice, or seldom blank (the
    last row of a sheet may be its sum), else the first column of that kind."""
    roles: dict[str, Column] = {}
    for column in sample.columns:
        role = role_of(column.name)
        if role is not None and set(column.values) != {"list"}:
            roles.setdefault(role, column)
    taken = {roles[name].name for name in ("name", "phone", "birth", "id_card", "when", "changed") if name in roles}
    others = [column for column in sample.columns if column.name not in taken]
    numbers = [column for column in others if KEY.search(column.name) and column.is_unique]
    keys = [*(one for one in numbers if one.is_key), *numbers, *(one for one in others if one.is_key)]
    return Guess(sample, roles, keys[0] if keys else sample.columns[0])


KEY = re.compile(r"(编?号|流水|序号|编码)$|(^|_)(ID|XH|BH|LSH|HM|NO)$|(ID|XH|BH|LSH|NO|HM|DAH)$", re.IGNORECASE)
"""What a number of a record or person is called."""


def role_of(name: str) -> str | None:
    """What a column with this name is likely to be."""
    return next((role for role, pattern, _ in LIKELY if re.search(pattern, name, re.IGNORECASE)), None)


def target_of(role: str) -> str:
    return next(target for name, _, target in LIKELY if name == role)


def skeleton(sample: Sample, source: str) -> str:
    """The text of a mapping file; ``source`` names the folder."""
    guess = guessed(sample)
    parts = [head(guess), columns(guess), record(guess), codes(guess), values(guess), resources(guess, source)]
    return "\n".join(line for part in parts for line in part) + "\n"


def head(guess: Guess) -> Iterator[str]:
    declared = guess.sample.format
    yield "# Proposed from a sample. Check every line against the dictionary of THIS table; then raise the version"
    yield f"title: {declared.file}"
    yield "version: 0"
    yield "source:"
    yield f"  format: {declared.format}"
    yield f"  file: {quoted(declared.file)}"
    if declared.format in ("csv", "dbf", "hl7v2") or (
        declared.format in ("json", "jsonl") and declared.encoding != "utf-8"
    ):
        yield f"  encoding: {declared.encoding}"
    if declared.delimiter != ",":
        yield f'  delimiter: "{declared.delimiter}"'.replace("\t", "\\t")
    if declared.sheet:
        yield f"  sheet: {quoted(declared.sheet)}"
    for name, value, usual in (("header_row", declared.header_row, 1), ("header_rows", declared.header_rows, 1)):
        if value != usual:
            yield f"  {name}: {value}"
    for name, place in (("record", declared.record), ("embedded", declared.embedded)):
        if place:
            yield f"  {name}: {quoted(place)}"


def columns(guess: Guess) -> Iterator[str]:
    paths = guess.sample.paths
    yield f"  columns:  # {guess.sample.records} records were looked at"
    for column in guess.sample.columns:
        role = role_of(column.name)
        likely = f" -> {target_of(role)}?" if role else ""
        entry = f"    {quoted(column.name)}: {quoted(paths[column.name])}" if paths else f"    - {quoted(column.name)}"
        yield f"{entry}  # {column.told(role is None or role in SHOWN)}{likely}"


def record(guess: Guess) -> Iterator[str]:
    changed, deleted = guess.roles.get("changed"), guess.roles.get("deleted")
    yield "record:"
    yield f"  key: [{quoted(guess.key.name)}]  # never blank and never twice in the sample: {guess.key.is_key}"
    if changed:
        yield f"  version: {quoted(named(changed) + ' | date_time')}"
    if deleted:
        yield f"  # deleted: {named(deleted)} = '1'   which of its values means deleted?"
    if "name" in guess.roles:
        yield "  main: [name]"


def codes(guess: Guess) -> Iterator[str]:
    sex = guess.roles.get("sex") if sex_is_coded(guess) else None
    coded = [one for one in guess.sample.columns if one is sex or (one.is_code and role_of(one.name) is None)]
    if not coded or guess.sample.format.format == "hl7v2":
        return
    yield "codes:" if sex is not None else "# codes:"
    for column in coded:
        if column is sex:
            table = ", ".join(f"{quoted(value)}: {SEXES.get(value.upper(), 'unknown')}" for value in column.values)
            yield "  sex:"
            yield f"    column: {quoted(column.name)}"
            yield "    dictionary: 0  # the version of the vendor's dictionary"
            yield f"    table: {{{table}}}"
            yield "    unmapped: {issue: M06, value: unknown}"
            yield "    blank: {issue: M06, value: unknown}"
        else:
            table = ", ".join(f"{quoted(value)}: ?" for value in column.values)
            yield f"  # {column.name}: {{column: {quoted(column.name)}, dictionary: 0, table: {{{table}}}}}"


def sex_is_coded(guess: Guess) -> bool:
    """Whether the sexes of the sample are a table; also where none comes twice in a small one."""
    column = guess.roles.get("sex")
    few = column is not None and (column.is_code or 0 < len(column.values) <= len(SEXES))
    return few and guess.sample.format.format != "hl7v2"


def values(guess: Guess) -> Iterator[str]:
    yield "values:"
    used = 0
    for role, function in VALUES.items():
        column = guess.roles.get(role)
        if column is None or (role == "sex" and not sex_is_coded(guess)):
            continue
        used += 1
        yield f"  {role}: {quoted(f'{named(column)} | {function}')}"
    if {"systolic", "diastolic"} <= set(guess.roles) and "pressure" not in guess.roles:
        used += 1
        pair = f"{named(guess.roles['systolic'])}, {named(guess.roles['diastolic'])}"
        yield f"  pressure: {quoted(f'blood_pressure_of({pair})')}"
    if not used:
        yield f"  number: {quoted(f'{named(guess.key)} | text')}"


def resources(guess: Guess, source: str) -> Iterator[str]:
    roles, key = guess.roles, "{" + named(guess.key) + "}"
    coded = sex_is_coded(guess)
    yield "resources:"
    yield "  - type: Patient"
    yield f"    key: {quoted(key)}  # the number of the person; of a visit table take the person's column"
    yield "    content:"
    yield "      identifier:"
    yield f'        - {{system: "https://{source}.example/id/patient", value: {quoted(key)}}}'
    if "id_card" in roles:
        yield '        - {when: id_card.verified, system: "urn:oid:2.16.156.10011.1.3", value: "{id_card.value}"}'
    yield from ('      name: [{text: "{name}"}]',) if "name" in roles else ()
    yield from ('      telecom: ["{phone}"]',) if "phone" in roles else ()
    yield from ('      gender: "{sex}"',) if coded else ()
    yield from ('      birthDate: "{birth.date}"',) if "birth" in roles else ()
    yield from ('      address: [{text: "{address}"}]',) if "address" in roles else ()
    if "pressure" in roles or {"systolic", "diastolic"} <= set(roles):
        yield from blood_pressure(guess, key)
    for role in LOINC:
        if role in roles:
            yield from measurement(guess, role, key)
    if "diagnosis" in roles:
        yield from diagnosis(guess, key)
    if "allergies" in roles:
        yield from allergies(key)


def blood_pressure(guess: Guess, key: str) -> Iterator[str]:
    unit = 'unit: "mm[Hg]", system: "http://unitsofmeasure.org", code: "mm[Hg]"'
    yield from observation(guess, "pressure", "85354-9", "血压", key)
    yield "      component:"
    for part, loinc in (("systolic", "8480-6"), ("diastolic", "8462-4")):
        yield f'        - code: {{coding: [{{system: "http://loinc.org", code: {loinc}}}]}}'
        yield f'          valueQuantity: {{value: "{{pressure.{part}}}", {unit}}}'


def measurement(guess: Guess, role: str, key: str) -> Iterator[str]:
    yield from observation(guess, role, *LOINC[role], key)
    yield f'      valueQuantity: "{{{role}}}"'


def observation(guess: Guess, role: str, loinc: str, text: str, key: str) -> Iterator[str]:
    category = 'system: "http://terminology.hl7.org/CodeSystem/observation-category", code: vital-signs'
    yield "  - type: Observation"
    yield f"    when: {role}"
    yield f"    key: {quoted(f'{key}/{role}')}"
    yield "    content:"
    yield "      status: final"
    yield f"      category: [{{coding: [{{{category}}}]}}]"
    yield f'      code: {{coding: [{{system: "http://loinc.org", code: {loinc}}}], text: {text}}}'
    yield f"      subject: {{ref: Patient, key: {quoted(key)}}}"
    yield from ('      effectiveDateTime: "{when}"',) if "when" in guess.roles else ()


def diagnosis(guess: Guess, key: str) -> Iterator[str]:
    yield "  - type: Condition"
    yield "    each: one in diagnosis"
    yield f"    key: {quoted(f'{key}/{{position}}')}"
    yield "    content:"
    active = 'system: "http://terminology.hl7.org/CodeSystem/condition-clinical", code: active'
    certain = 'system: "http://terminology.hl7.org/CodeSystem/condition-ver-status", code: "{one.certainty}"'
    yield f"      clinicalStatus: {{coding: [{{{active}}}]}}"
    yield f"      verificationStatus: {{coding: [{{{certain}}}]}}"
    if "icd" in guess.roles:
        coded = 'when: icd and not (diagnosis | several), system: "http://hl7.org/fhir/sid/icd-10", code: "{icd}"'
        yield f'      code: {{coding: [{{{coded}}}], text: "{{one.text}}"}}'
    else:
        yield '      code: {text: "{one.text}"}'
    yield f"      subject: {{ref: Patient, key: {quoted(key)}}}"
    yield from ('      recordedDate: "{when}"',) if "when" in guess.roles else ()


def allergies(key: str) -> Iterator[str]:
    clinical = 'system: "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", code: active'
    none = 'when: one.none, system: "http://snomed.info/sct", code: "409137002", display: No known drug allergy'
    yield "  - type: AllergyIntolerance"
    yield "    each: one in allergies"
    yield f"    key: {quoted(f'{key}/{{one.text}}')}"
    yield "    content:"
    yield f"      clinicalStatus: {{coding: [{{{clinical}}}]}}"
    yield f'      code: {{coding: [{{{none}}}], text: "{{one.text}}"}}'
    yield f"      patient: {{ref: Patient, key: {quoted(key)}}}"


def named(column: Column) -> str:
    """The column as an expression names it."""
    return column.name if PLAIN.match(column.name) and column.name not in WORDS else f"`{column.name}`"


def quoted(text: str) -> str:
    """A YAML scalar that is read as this text."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if not PLAIN.match(text) or text.lower() in ("null", "true", "false", "yes", "no") else text
