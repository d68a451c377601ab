"""``concept-map:`` -> ConceptMap (R4 section 4.10); a code without a target is said to be unmatched."""

from __future__ import annotations

from typing import Any

from countyfhir.terminology.files.text import HEAD, TerminologyFileError, address, canonical, known

KEYS = HEAD | {"concept-map", "source", "source-version", "target", "target-version", "map", "targets"}
EQUIVALENCES = {
    "=": "equivalent",
    "<": "wider",
    ">": "narrower",
    "~": "inexact",
    "@": "relatedto",
}
"""A target may begin with one of these: ``< O`` says that the target means more than the source; none: equivalent."""
COMMENTS = {
    "narrower": "目标含义较窄 The target means less than the source.",
    "inexact": "含义相近，不等同 Similar in meaning, not the same.",
}
"""What R4 wants to be said beside a target that is not the whole of the source (invariant cmd-1)."""
UNMATCHED = "-"


def resources(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The ConceptMap."""
    known(document, KEYS, "a concept map")
    made = canonical(document, "ConceptMap", document["concept-map"], "map")
    targets = document.get("targets") or {document["target"]: document["map"]}
    made["group"] = [group(document, mapped, target) for target, mapped in targets.items()]
    return [made]


def group(document: dict[str, Any], mapped: dict[str, Any], target: str) -> dict[str, Any]:
    """The group of a map from ``source`` to ``target``. A code that is not named in it is unmapped, never guessed."""
    made: dict[str, Any] = {"source": address(document["source"], "cs")}
    if "source-version" in document:
        made["sourceVersion"] = document["source-version"]
    made["target"] = address(target, "cs")
    if "target-version" in document:
        made["targetVersion"] = document["target-version"]
    made["element"] = [{"code": code, "target": _targets(said)} for code, said in mapped.items()]
    return made


def _targets(said: Any) -> list[dict[str, Any]]:
    if said == UNMATCHED:
        return [{"equivalence": "unmatched"}]
    return [_target(one) for one in (said if isinstance(said, list) else [said])]


def _target(said: Any) -> dict[str, Any]:
    if isinstance(said, dict):
        known(said, frozenset({"code", "equivalence", "comment", "display"}), "a target")
        return {"code": said["code"], "equivalence": said.get("equivalence", "equivalent"), **_rest(said)}
    if not isinstance(said, str) or not said:
        raise TerminologyFileError("a target is a code, a list of codes, '-' for none, or {code, equivalence, comment}")
    sign, _, code = said.rpartition(" ")
    if sign and sign not in EQUIVALENCES:
        raise TerminologyFileError(f"'{said}': before a target's code stands one of {' '.join(EQUIVALENCES)}")
    equivalence = EQUIVALENCES.get(sign, "equivalent")
    made = {"code": code, "equivalence": equivalence}
    return {**made, "comment": COMMENTS[equivalence]} if equivalence in COMMENTS else made


def _rest(said: dict[str, Any]) -> dict[str, Any]:
    return {key: said[key] for key in ("display", "comment") if key in said}
