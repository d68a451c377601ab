"""Codes that the county records: LOINC, ICD-10, HL7's own, and local ones marked as local."""

from __future__ import annotations

from typing import Any, NamedTuple

Resource = dict[str, Any]

LOINC = "http://loinc.org"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
UCUM = "http://unitsofmeasure.org"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
LOCAL = "https://fhir.county-hc.example/CodeSystem/"


class Measure(NamedTuple):
    """Something measured: its code, how it is called, its unit, and between which values it lies."""

    code: str
    display: str
    text: str
    unit: str
    low: float
    high: float
    digits: int


HEART_RATE = Measure("8867-4", "Heart rate", "心率", "/min", 55, 105, 0)
WEIGHT = Measure("29463-7", "Body weight", "体重", "kg", 42, 95, 1)
HEIGHT = Measure("8302-2", "Body height", "身高", "cm", 145, 185, 0)
TEMPERATURE = Measure("8310-5", "Body temperature", "体温", "Cel", 36, 38.5, 1)
SYSTOLIC = Measure("8480-6", "Systolic blood pressure", "收缩压", "mm[Hg]", 98, 178, 0)
DIASTOLIC = Measure("8462-4", "Diastolic blood pressure", "舒张压", "mm[Hg]", 58, 108, 0)
FASTING_GLUCOSE = Measure(
    "14771-0", "Fasting glucose [Moles/volume] in Serum or Plasma", "空腹血糖", "mmol/L", 4.1, 11.9, 1
)
LABORATORY = (
    FASTING_GLUCOSE,
    Measure("14647-2", "Cholesterol [Moles/volume] in Serum or Plasma", "总胆固醇", "mmol/L", 3, 7.5, 2),
    Measure("14927-8", "Triglyceride [Moles/volume] in Serum or Plasma", "甘油三酯", "mmol/L", 0.6, 4.2, 2),
    Measure("14646-4", "Cholesterol in HDL [Moles/volume] in Serum or Plasma", "高密度脂蛋白", "mmol/L", 0.8, 2.1, 2),
    Measure("22748-8", "Cholesterol in LDL [Moles/volume] in Serum or Plasma", "低密度脂蛋白", "mmol/L", 1.5, 5.2, 2),
    Measure("14682-9", "Creatinine [Moles/volume] in Serum or Plasma", "血清肌酐", "umol/L", 45, 130, 0),
)
HBA1C = Measure("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "糖化血红蛋白", "%", 4.8, 10.5, 1)
BLOOD_PRESSURE = ("85354-9", "Blood pressure panel with all children optional", "血压")
LABORATORY_REPORT = ("11502-2", "Laboratory report", "检验报告")

HYPERTENSION = ("I10", "Essential (primary) hypertension", "原发性高血压")
DIABETES = ("E11.9", "Type 2 diabetes mellitus without complications", "2型糖尿病")
CONDITIONS = (
    ("J44.9", "Chronic obstructive pulmonary disease, unspecified", "慢性阻塞性肺疾病"),
    ("I25.1", "Atherosclerotic heart disease", "冠心病"),
    ("I63.9", "Cerebral infarction, unspecified", "脑梗死"),
    ("E78.5", "Hyperlipidaemia, unspecified", "高脂血症"),
    ("J06.9", "Acute upper respiratory infection, unspecified", "急性上呼吸道感染"),
    ("J18.9", "Pneumonia, unspecified", "肺炎"),
    ("K29.5", "Chronic gastritis, unspecified", "慢性胃炎"),
    ("M54.5", "Low back pain", "腰痛"),
)
MEDICINES = tuple((f"Y{number:04d}", name) for number, name in enumerate(
    ("苯磺酸氨氯地平片", "缬沙坦胶囊", "盐酸二甲双胍片", "格列美脲片", "阿托伐他汀钙片", "阿司匹林肠溶片",
     "布洛芬缓释胶囊", "阿莫西林胶囊", "奥美拉唑肠溶胶囊", "沙丁胺醇气雾剂", "复方丹参片", "银杏叶片"), 1))  # fmt: skip
VACCINES = (("YM01", "流感疫苗"), ("YM02", "23价肺炎球菌多糖疫苗"), ("YM03", "乙肝疫苗"))
PROCEDURES = (
    ("CZ01", "十二导联心电图检查"),
    ("CZ02", "胸部X线检查"),
    ("CZ03", "伤口清创缝合"),
    ("CZ04", "腹部超声检查"),
    ("CZ05", "针灸治疗"),
)
SPECIALTIES = (("ZK01", "心血管内科"), ("ZK02", "内分泌科"), ("ZK03", "神经内科"), ("ZK04", "普通外科"))


def concept(system: str, code: str, display: str, text: str | None = None) -> Resource:
    """A CodeableConcept with one coding."""
    coding = {"system": system, "code": code, "display": display}
    return {"coding": [coding], "text": text} if text else {"coding": [coding]}


def local(name: str, entry: tuple[str, str]) -> Resource:
    """A CodeableConcept of a local code system."""
    return concept(LOCAL + name, entry[0], entry[1], entry[1])


def hl7(name: str, code: str) -> Resource:
    """A CodeableConcept of one of HL7's code systems."""
    return {"coding": [{"system": TERMINOLOGY + name, "code": code}]}


def to(reference: str) -> Resource:
    """A Reference."""
    return {"reference": reference}
