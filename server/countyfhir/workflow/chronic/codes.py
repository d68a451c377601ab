"""The codes of chronic care (terminology/code-systems/chronic-care.yaml) and the concepts made of them."""

from __future__ import annotations

from typing import Any

from countyfhir.exchange import Resource

OURS = "https://fhir.county-hc.example/cs/"
ACTION = OURS + "chronic-action"
DISEASE = OURS + "chronic-disease"
CLASS = OURS + "follow-up-class"
STATE = OURS + "follow-up-state"
STABILITY = OURS + "stability"
RISK = OURS + "hypertension-risk"
TIER = OURS + "institution-tier"
ITEM = OURS + "follow-up-item"
ASSESSMENT = OURS + "follow-up-assessment"
CRITERIA = OURS + "referral-criteria"
COMPARISON = OURS + "assessment-comparison"

ACTIONS = {
    "follow-up": "随访 Follow-up visit",
    "two-week-recall": "两周内随访 Recall within two weeks",
    "adjust-treatment": "建议调整治疗 Adjustment of treatment proposed",
    "referral": "建议转诊 Referral proposed",
    "hand-over": "管理层级交接 Hand-over between tiers",
    "acknowledge-reading": "居家监测异常确认 Acknowledgement of a home reading",
    "screening": "并发症筛查 Screening for complications",
    "drug-prescription": "用药处方 Drug prescription",
    "diet-prescription": "饮食处方 Diet prescription",
    "exercise-prescription": "运动处方 Exercise prescription",
}
STATES = {"planned": "未到期 Planned", "due": "应随访 Due", "overdue": "逾期 Overdue", "lost": "失访 Lost"}
STABILITIES = {"stable": "稳定 Stable", "unstable": "不稳定 Unstable", "complex": "复杂难治 Complex"}
RISKS = {"1": "低危 Low", "2": "中危 Moderate", "3": "高危 High", "4": "很高危 Very high"}
TIERS = {"village": "村级 Village", "township": "乡镇级 Township", "county": "县级 County"}


def coding(system: str, code: str, display: str | None = None) -> dict[str, Any]:
    """A Coding; of a text in Chinese and English its display is the Chinese, as the code system has it."""
    name = (display or "").partition(" ")[0]
    told = display if name.isascii() else name
    return {"system": system, "code": code, **({"display": told} if told else {})}


def concept(system: str, code: str, display: str | None = None) -> Resource:
    """A CodeableConcept of one coding, its display as its text."""
    return {"coding": [coding(system, code, display)], **({"text": display} if display else {})}


def is_action(task: Resource | None, *codes: str) -> bool:
    """Whether a Task (or ServiceRequest) has one of the codes of chronic care."""
    codings = ((task or {}).get("code") or {}).get("coding", ())
    return any(one.get("system") == ACTION and one.get("code") in codes for one in codings)
