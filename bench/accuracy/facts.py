"""One fact of the truth against the resources of its record: right, missing or wrong, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from bench.accuracy.statements import (
    Resource,
    codes,
    dated,
    element,
    identifiers,
    labels,
    means,
    plain,
    same_text,
    says,
    status_holds,
)

RIGHT, MISSING, WRONG = "right", "missing", "wrong"
NATIONAL = "urn:oid:2.16.156.10011.1.3"
NEGATED = frozenset({"409137002", "716186003", "no-known-allergies"})
Verdict = tuple[str, str]
Judge = Callable[[Resource, list[Resource]], Verdict]


def judged(fact: Resource, made: list[Resource]) -> Verdict:
    """The verdict on a fact, given the resources of its record."""
    kind = fact["resource_type"]
    if fact["outcome"] in ("quarantine", "reject"):
        return held_back(fact, made)
    return JUDGES[kind](fact, made) if kind in JUDGES else (MISSING, f"nothing judges a {kind}")


def held_back(fact: Resource, made: list[Resource]) -> Verdict:
    """A value that must not be stored."""
    kind = fact["resource_type"]
    if kind == "Patient":
        there = any(fact["text"] in identifiers(one) for one in of_type(made, "Patient"))
    elif kind == "Text":
        there = any(says(one, fact["text"]) for one in made)
    elif kind == "Observation":
        there = any(has_value(one) for one in statements(made) if means(one.get("code"), fact))
    else:
        there = bool(of_type(made, kind))
    return (WRONG, "what was to be held back is stored") if there else (RIGHT, "")


def of_type(made: list[Resource], kind: str) -> list[Resource]:
    return [one for one in made if one["resourceType"] == kind]


def statements(made: list[Resource]) -> Iterator[Resource]:
    """Observations and their components, each with the date and status of the whole."""
    for one in of_type(made, "Observation"):
        yield one
        for component in one.get("component", ()):
            yield {name: one[name] for name in ("effectiveDateTime", "status") if name in one} | component


def has_value(one: Resource) -> bool:
    return any(name.startswith("value") for name in one)


def best(verdicts: list[Verdict], nothing: str) -> Verdict:
    """Right when one is; else the first difference found, else missing."""
    right = [one for one in verdicts if one[0] == RIGHT]
    return right[0] if right else verdicts[0] if verdicts else (MISSING, nothing)


def differing(*checks: tuple[bool, str]) -> Verdict:
    """Right when every check holds; else wrong, naming what does not."""
    failed = [name for holds, name in checks if not holds]
    return (WRONG, ", ".join(failed)) if failed else (RIGHT, "")


def observation(fact: Resource, made: list[Resource]) -> Verdict:
    """Code, value, unit, comparator, words, absence, day and status."""
    candidates = [one for one in statements(made) if means(one.get("code"), fact)]
    return best([observed(fact, one) for one in candidates], "no Observation of this code")


def observed(fact: Resource, one: Resource) -> Verdict:
    quantity = one.get("valueQuantity") or {}
    number, text = fact.get("value"), fact.get("text")
    when = dated(one, fact.get("date"), "effectiveDateTime", "effectivePeriod.start", "issued")
    around = (when, "date"), (status_holds(one.get("status"), fact.get("status")), "status")
    if fact.get("absent"):
        noted = "dataAbsentReason" in one and any(same_text(note["text"], text) for note in one.get("note", ()))
        return differing((not has_value(one), "has a value"), (noted, "reason or note"), *around)
    if number is not None:
        unit = fact.get("unit")
        return differing(
            (quantity.get("value") is not None and abs(float(quantity["value"]) - number) < 1e-9, "value"),
            (quantity.get("code") == unit or unit is None, "unit"),
            (quantity.get("comparator") == fact.get("comparator"), "comparator"),
            *around,
        )
    said = labels(one.get("valueCodeableConcept")) | {plain(one.get("valueString", ""))}
    if fact["outcome"] == "store-as-text":
        said |= labels(one.get("dataAbsentReason")) | {plain(note["text"]) for note in one.get("note", ())}
    return differing((plain(text) in said, "words"), *around)


def patient(fact: Resource, made: list[Resource]) -> Verdict:
    """One element of a person."""
    name, found = fact["codes"][0], of_type(made, "Patient")
    return best([PATIENT[name](fact, one) for one in found], "no Patient of this record")


def identity_number(fact: Resource, one: Resource) -> Verdict:
    national = {entry["value"] for entry in one.get("identifier", ()) if entry.get("system") == NATIONAL}
    if fact["outcome"] == "store":
        if not national:
            return MISSING, "no national identifier"
        return differing((fact["text"] in national, "number"))
    if fact["text"] not in identifiers(one):
        return MISSING, "the unverified number"
    return differing((fact["text"] not in national, "an unverified number stands as verified"))


def born(fact: Resource, one: Resource) -> Verdict:
    stored = one.get("birthDate")
    if fact["outcome"] == "store-as-text":
        return differing((stored is None, "a birth date is stated"))
    return (MISSING, "birthDate") if stored is None else differing((stored == fact["date"], "birthDate"))


def named(fact: Resource, one: Resource) -> Verdict:
    names = {plain(name.get("text", "")) for name in one.get("name", ())}
    return differing((plain(fact["text"]) in names, "name")) if names else (MISSING, "name")


def reached(fact: Resource, one: Resource) -> Verdict:
    numbers = {plain(contact.get("value", "")) for contact in one.get("telecom", ())}
    return differing((plain(fact["text"]) in numbers, "telecom")) if numbers else (MISSING, "telecom")


def died(fact: Resource, one: Resource) -> Verdict:
    stored = one.get("deceasedDateTime")
    if stored is None:
        return (RIGHT, "") if one.get("deceasedBoolean") and not fact.get("date") else (MISSING, "deceased")
    return differing((str(stored).startswith(fact.get("date") or ""), "deceased"))


def sexed(fact: Resource, one: Resource) -> Verdict:
    return differing((one.get("gender") == fact["text"], "gender")) if "gender" in one else (MISSING, "gender")


PATIENT: Mapping[str, Callable[[Resource, Resource], Verdict]] = {
    "name": named, "gender": sexed, "birthDate": born, "phone": reached, "identity-number": identity_number,
    "deceased": died,
}  # fmt: skip


def condition(fact: Resource, made: list[Resource]) -> Verdict:
    """Words or code, certainty, day; a code only where the fact has one. The words of a form's own dictionary, coded in
    it, are enough."""
    found = [one for one in of_type(made, "Condition") if means(one.get("code"), fact)]
    wanted = {str(code).casefold() for code in fact.get("codes") or ()}

    def verdict(one: Resource) -> Verdict:
        listed = one["code"].get("coding", ())
        stored = {coding["code"].casefold() for coding in listed if "icd10" in coding.get("system", "")}
        own = bool(listed) and not stored
        return differing(
            (not wanted or own or bool(wanted & stored), "code"),
            (bool(wanted) or not stored, "a code that the record does not have"),
            (fact.get("status") in codes(one.get("verificationStatus")), "certainty"),
            (dated(one, fact.get("date"), "recordedDate", "onsetDateTime"), "date"),
        )

    return best([verdict(one) for one in found], "no Condition of these words")


def allergy(fact: Resource, made: list[Resource]) -> Verdict:
    """The substance, or the negation."""
    found = of_type(made, "AllergyIntolerance")
    if fact["status"] == "none":
        negative = [one for one in found if codes(one["code"]) & NEGATED or "refuted" in certainty(one)]
        positive = [one for one in found if one not in negative]
        return differing((bool(negative), "negation"), (not positive, "an allergy")) if found else (MISSING, "negation")
    named_so = [one for one in found if means(one["code"], fact)]
    return best([differing((fact["status"] in certainty(one), "certainty")) for one in named_so], "no such allergy")


def certainty(one: Resource) -> set[str]:
    return codes(one.get("verificationStatus"))


def plainly(kind: str, *dates: str, concept: str = "code") -> Judge:
    """A resource that its identifier, words, date and status identify."""

    def judge(fact: Resource, made: list[Resource]) -> Verdict:
        def verdict(one: Resource) -> Verdict:
            stated = element(one, concept) or {}
            stated = stated if "coding" in stated or "text" in stated else {"coding": [stated]}
            named_so = means(stated, fact) if fact.get("texts") or fact.get("codes") else True
            wanted = fact.get("identifier")
            return differing(
                (not wanted or any(plain(wanted) in plain(value) for value in identifiers(one)), "identifier"),
                (named_so, concept),
                (not fact.get("text") or says(one, fact["text"]), "words"),
                (dated(one, fact.get("date"), *dates), "date"),
                (status_holds(one.get("status"), fact.get("status")), "status"),
                *MORE.get(kind, nothing_more)(fact, one),
            )

        return best([verdict(one) for one in of_type(made, kind)], f"no {kind} of this record")

    return judge


Checks = tuple[tuple[bool, str], ...]


def nothing_more(fact: Resource, one: Resource) -> Checks:
    return ()


def encounter_more(fact: Resource, one: Resource) -> Checks:
    leaving = codes(element(one, "hospitalization.dischargeDisposition"))
    return (
        (dated(one, fact.get("end"), "period.end"), "end"),
        (not fact.get("disposition") or fact["disposition"] in leaving, "disposition"),
    )


def consent_more(fact: Resource, one: Resource) -> Checks:
    begin, end = fact["period"]
    period = element(one, "provision.period") or {}
    stated = (period.get("start"), period.get("end")) == (begin, end)
    return ((stated, "period"), (says(one, fact["contract"]), "contract"))


def contract_more(fact: Resource, one: Resource) -> Checks:
    return ((str(element(one, "applies.end")).startswith(fact["end"]), "end"),)


def task_more(fact: Resource, one: Resource) -> Checks:
    free = str(fact.get("status")).startswith("!")
    return ((free or fact["state"] in codes(one.get("businessStatus")), "business status"),)


def prescribed_more(fact: Resource, one: Resource) -> Checks:
    number = fact.get("prescription")
    return ((not number or says(one.get("groupIdentifier", {}), number) or says(one, number), "prescription"),)


def study_more(fact: Resource, one: Resource) -> Checks:
    seen = {coding.get("code") for series in one.get("series", ()) for coding in [series.get("modality", {})]}
    return ((fact["modality"] in seen | {coding.get("code") for coding in one.get("modality", ())}, "modality"),)


MORE: Mapping[str, Callable[[Resource, Resource], Checks]] = {
    "Consent": consent_more,
    "Contract": contract_more,
    "Encounter": encounter_more,
    "ImagingStudy": study_more,
    "MedicationRequest": prescribed_more,
    "Task": task_more,
}


def given(fact: Resource, made: list[Resource]) -> Verdict:
    """A thing done under a contract: its words, day and contract, in whatever resource."""

    def verdict(one: Resource) -> Verdict:
        return differing(
            (any(says(one, text) for text in fact["texts"]), "words"),
            (says(one, fact["date"]), "date"),
            (says(one, fact["identifier"]), "identifier"),
        )

    return best(sorted(verdict(one) for one in made if one["resourceType"] != "Patient"), "no resource of this record")


def slip(fact: Resource, made: list[Resource]) -> Verdict:
    """A return slip, which refers to its referral."""
    stated = plainly("Composition", "date", concept="type")(fact, made)
    if stated[0] != RIGHT:
        return stated
    return differing((any(fact["referral"] in identifiers(one) for one in of_type(made, "ServiceRequest")), "referral"))


def merged(fact: Resource, made: list[Resource]) -> Verdict:
    """Two records of one person that the source joined."""
    joined = [one for one in made if one["resourceType"] == "Linkage" or one.get("link")]
    return (RIGHT, "") if joined else (MISSING, "no Linkage and no link")


def waveform(fact: Resource, made: list[Resource]) -> Verdict:
    """The recording with its leads."""

    def verdict(one: Resource) -> Verdict:
        leads = sum("valueSampledData" in part for part in one.get("component", ()))
        return differing(
            (leads == fact["leads"], "leads"),
            (dated(one, fact["date"], "effectiveDateTime", "effectivePeriod.start"), "date"),
            (says(one, fact["identifier"]), "identifier"),
        )

    found = of_type(made, "Observation")
    recordings = [one for one in found if any("valueSampledData" in part for part in one.get("component", ()))]
    return best([verdict(one) for one in recordings], "no recording")


JUDGES: Mapping[str, Judge] = {
    "AllergyIntolerance": allergy,
    "Composition": slip,
    "Condition": condition,
    "Consent": plainly("Consent", "dateTime"),
    "Contract": plainly("Contract", "applies.start", "issued"),
    "DiagnosticReport": plainly("DiagnosticReport", "issued", "effectiveDateTime"),
    "DocumentReference": plainly("DocumentReference", "date", concept="type"),
    "Encounter": plainly("Encounter", "period.start", concept="class"),
    "ImagingStudy": plainly("ImagingStudy", "started"),
    "MedicationRequest": plainly("MedicationRequest", "authoredOn", concept="medicationCodeableConcept"),
    "Merge": merged,
    "Observation": observation,
    "Patient": patient,
    "Service": given,
    "ServiceRequest": plainly("ServiceRequest", "authoredOn"),
    "Task": plainly("Task", "authoredOn"),
    "Waveform": waveform,
}
