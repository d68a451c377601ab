"""Whether codes are valid, in a code system or a value set: what $validate-code answers (R4 CodeSystem- and
ValueSet-validate-code)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from countyfhir.terminology import findings, membership
from countyfhir.terminology.code_systems import Concept
from countyfhir.terminology.expansion import display_of
from countyfhir.terminology.findings import Finding, below
from countyfhir.terminology.languages import fits_loosely
from countyfhir.terminology.resolving import Resolver, System
from countyfhir.terminology.selecting import Member, listed_in
from countyfhir.terminology.value_sets import Definition
from countyfhir.terminology.versions import NO_VERSIONS, Versions, fits
from countyfhir.terminology.words import folded


@dataclass(frozen=True, slots=True)
class Coded:
    """A code to check, and where it stands (``Coding``, ``CodeableConcept.coding[1]``, "" for parameters)."""

    system: str | None
    code: str
    version: str | None = None
    display: str | None = None
    path: str = ""

    @property
    def named(self) -> str:
        """``system|version#code``."""
        version = f"|{self.version}" if self.version else ""
        return f"{self.system or ''}{version}#{self.code}"


@dataclass(frozen=True, slots=True)
class Rules:
    """How strictly to check: ``abstract`` codes may be used; ``lenient_display``: a wrong display is a warning."""

    abstract: bool = True
    active_only: bool = False
    lenient_display: bool = False
    languages: tuple[str, ...] = ()
    infers_system: bool = False
    membership_only: bool = False
    versions: Versions = NO_VERSIONS


@dataclass(slots=True)
class Checked:
    """What was found of one code."""

    coded: Coded
    valid: bool = False
    system: System | None = None
    concept: Concept | None = None
    display: str | None = None
    found: list[Finding] = field(default_factory=list)
    unknown_system: str | None = None

    @property
    def failed(self) -> bool:
        """Whether something is an error."""
        return any(one.severity == "error" for one in self.found)


def check(value_set: Definition | None, codeds: Sequence[Coded], rules: Rules, resolver: Resolver) -> dict[str, Any]:
    """The Parameters that $validate-code answers, for one code or the codings of a CodeableConcept."""
    several = bool(codeds) and codeds[0].path.startswith("CodeableConcept")
    checked = [_checked(value_set, one, rules, resolver, several) for one in codeds]
    valid = [one for one in checked if one.valid]
    found = [finding for one in checked for finding in one.found]
    if several and valid:
        found = [_softened(one) if one.kind == "not-found" else one for one in found]
    if several and not valid and value_set is not None:
        found.insert(0, findings.no_valid_coding(value_set.canonical))
    result = bool(valid) and not any(one.severity == "error" for one in found)
    return _answer(result, checked, valid[0] if valid else None, found, several)


def _softened(one: Finding) -> Finding:
    """Beside a coding that is valid, one of an unknown system is no error."""
    return Finding("warning", one.code, one.kind, one.text, one.place)


def _answer(
    result: bool, checked: Sequence[Checked], valid: Checked | None, found: Sequence[Finding], several: bool
) -> dict[str, Any]:
    shown = valid or (checked[0] if checked and not several else None)
    told: dict[str, Any] = {}
    if shown is not None:
        told["code"] = {"valueCode": shown.coded.code}
        system = shown.system
        url = system.url if system is not None else shown.coded.system
        if url:
            told["system"] = {"valueUri": url}
        if system is not None and system.version and shown.concept is not None:
            told["version"] = {"valueString": system.version}
        if shown.display is not None:
            told["display"] = {"valueString": shown.display}
        if shown.concept is not None and shown.concept.inactive:
            told["inactive"] = {"valueBoolean": True}
            told["status"] = {"valueCode": _status(shown)}
        if shown.concept is not None and shown.concept.code != shown.coded.code:
            told["normalized-code"] = {"valueCode": shown.concept.code}
    if several:
        told["codeableConcept"] = {"valueCodeableConcept": {"coding": [_coding(one.coded) for one in checked]}}
    if found:
        told["issues"] = {"resource": findings.outcome(found)}
        said = findings.message(found)
        if said:
            told["message"] = {"valueString": said}
    told["result"] = {"valueBoolean": result}
    unknown = dict.fromkeys(one.unknown_system for one in checked if one.unknown_system)
    parameters = [{"name": name, **told[name]} for name in sorted(told)]
    parameters += [{"name": "x-caused-by-unknown-system", "valueCanonical": url} for url in unknown]
    return {"resourceType": "Parameters", "parameter": parameters}


def _coding(coded: Coded) -> dict[str, Any]:
    parts = {"system": coded.system, "version": coded.version, "code": coded.code, "display": coded.display}
    return {name: value for name, value in parts.items() if value is not None}


def _checked(value_set: Definition | None, coded: Coded, rules: Rules, resolver: Resolver, several: bool) -> Checked:
    """One code, through every rule."""
    made = Checked(coded)
    url = coded.system
    if url is None:
        url = _inferred(value_set, coded, rules, resolver)
    if url is None:
        made.found.append(findings.no_system(coded.path))
        if value_set is not None:
            made.found.append(_outside(value_set, coded, several))
        else:
            made.found[0] = Finding("error", *_parts(made.found[0]))
        return made
    if coded.system is None:
        coded = made.coded = replace(coded, system=url)
    version = _version(value_set, coded, url, rules)
    made.system = resolver.code_system(url, version)
    if made.system is None or not made.system.present:
        _of_unknown(made, value_set, coded, url, version, resolver, rules)
        return made
    rules.versions.verify(url, made.system.version)
    made.concept = made.system.concept(coded.code)
    if made.concept is None:
        _of_unknown_code(made, value_set, several)
        return made
    inside = _inside(made, value_set, url, rules, resolver, several)
    _of_concept(made, value_set, rules)
    if value_set is not None:
        made.found += findings.statuses(made.system, value_set)
    made.valid = inside and not made.failed
    return made


def _parts(one: Finding) -> tuple[str, str, str, str]:
    return one.code, one.kind, one.text, one.place


def _outside(value_set: Definition, coded: Coded, several: bool) -> Finding:
    severity = "information" if several else "error"
    return findings.not_in_value_set(coded.named, value_set.canonical, below(coded.path, "code"), severity)


def _inferred(value_set: Definition | None, coded: Coded, rules: Rules, resolver: Resolver) -> str | None:
    """The one system of the value set that has the code; None when there is none, or several have it."""
    if value_set is None or not (rules.infers_system or coded.path == ""):
        return None
    systems = [one for one in dict.fromkeys(_systems(value_set, resolver, ())) if one]
    having = [one for one in systems if membership.contains(value_set, one, coded.code, resolver, rules.versions)]
    if len(having) == 1:
        return having[0]
    return systems[0] if not having and len(systems) == 1 else None


def _systems(value_set: Definition, resolver: Resolver, trail: tuple[str, ...]) -> list[str]:
    trail = membership.walked(value_set, trail)
    found: list[str] = []
    for part in value_set.includes:
        if part.system is not None:
            found.append(part.system)
        for url in part.value_sets:
            other = resolver.value_set(url, value_set)
            if other is not None:
                found += _systems(other, resolver, trail)
    return found


def _version(value_set: Definition | None, coded: Coded, url: str, rules: Rules) -> str | None:
    """The version to look the code up in: forced, the coding's, the value set's, the request's."""
    stated = coded.version
    if stated is None and value_set is not None:
        stated = next((one.version for one in value_set.includes if one.system == url and one.version), None)
    return rules.versions.of(url, stated)


def _of_unknown(
    made: Checked,
    value_set: Definition | None,
    coded: Coded,
    url: str,
    version: str | None,
    resolver: Resolver,
    rules: Rules,
) -> None:
    """A code whose system is not known here: valid only where the value set itself lists it."""
    canonical = f"{url}|{version}" if version else url
    known = sorted(filter(None, resolver.versions("CodeSystem", url))) if made.system is None else []
    place = below(coded.path, "system")
    made.unknown_system = canonical
    if value_set is not None and made.system is None and not known:
        listed = membership.contains(value_set, url, coded.code, resolver, rules.versions)
        if listed:
            made.valid, made.unknown_system = True, None
            said = next(
                filter(None, (listed_in(one, coded.code, None) for one in value_set.includes if one.system == url)), {}
            )
            made.display = said.get("display")
            made.found.append(findings.unknown_system(url, version, known, place, "warning"))
            return
        made.found.append(_outside(value_set, coded, coded.path.startswith("CodeableConcept")))
    made.found.append(findings.unknown_system(url, version if known else coded.version, known, place))
    if value_set is not None and known:
        made.found.append(findings.cannot_decide(value_set.canonical, f"the code system {canonical} was not found"))
    made.system = None


def _of_unknown_code(made: Checked, value_set: Definition | None, several: bool) -> None:
    system, coded = made.system, made.coded
    assert system is not None
    unknown = findings.unknown_code(coded.code, system, below(coded.path, "code"))
    listed = (
        value_set is not None
        and not system.complete
        and any(
            one.system == system.url and listed_in(one, coded.code, system) is not None for one in value_set.includes
        )
    )
    whole = value_set is None or any(
        one.system == system.url and one.listed is None and not one.filters for one in value_set.includes
    )
    if unknown.severity == "warning" and (listed or whole):
        made.valid = True
    elif value_set is not None:
        made.found.append(_outside(value_set, coded, several))
    made.found.append(unknown)


def _inside(
    made: Checked, value_set: Definition | None, url: str, rules: Rules, resolver: Resolver, several: bool
) -> bool:
    """Whether the value set has the code; what speaks against it is noted."""
    if value_set is None:
        return True
    coded, system = made.coded, made.system
    assert system is not None
    for part in value_set.includes:
        if coded.version and part.version and part.system == url and not fits(part.version, coded.version):
            place = below(coded.path, "version")
            made.found.append(findings.other_version(coded.version, part.version, url, place))
    answer = membership.contains(value_set, url, coded.code, resolver, rules.versions)
    if answer is None:
        missing = next(
            (
                one
                for part in value_set.includes
                for one in part.value_sets
                if resolver.value_set(one, value_set) is None
            ),
            None,
        )
        reason = f"the value set {missing} was not found" if missing else "it hangs on content that is not known here"
        made.found.append(findings.cannot_decide(value_set.canonical, reason))
    elif answer is False:
        made.found.append(_outside(value_set, coded, several))
    return answer is True


def _of_concept(made: Checked, value_set: Definition | None, rules: Rules) -> None:
    """What is to be said of a code that is there: case, abstract, inactive, display."""
    coded, system, concept = made.coded, made.system, made.concept
    assert system is not None
    assert concept is not None
    place = below(coded.path, "code")
    if concept.code != coded.code:
        made.found.append(findings.other_case(coded.code, concept, system, place))
    if concept.abstract and not rules.abstract:
        made.found.append(findings.abstract(coded.code, system, place))
    if concept.inactive:
        only_active = rules.active_only or (value_set is not None and value_set.inactive is False)
        if only_active:
            made.found.append(findings.not_active(coded.code, place))
            if value_set is not None:
                made.found.append(_outside(value_set, coded, coded.path.startswith("CodeableConcept")))
        else:
            made.found.append(findings.inactive(coded.code, _status(made), place))
    listed = _listed(value_set, system, coded.code)
    member = Member(system.url, concept.code, system, concept, listed)
    designations = [*(listed or {}).get("designation", ()), *system.designations(concept)]
    made.display = display_of(member, designations, rules.languages)
    if coded.display is not None and not rules.membership_only:
        _of_display(made, member, designations, rules)


def _listed(value_set: Definition | None, system: System, code: str) -> Mapping[str, Any] | None:
    if value_set is None:
        return None
    return next(
        (said for one in value_set.includes if one.system == system.url and (said := listed_in(one, code, system))),
        None,
    )


def _status(made: Checked) -> str:
    """The status of a concept that is inactive, as its code system says it."""
    assert made.system is not None
    assert made.concept is not None
    for one in made.concept.more.get("property", ()):
        if one.get("code") in made.system.meanings.status and "valueCode" in one:
            return str(one["valueCode"])
    return "inactive"


def _of_display(made: Checked, member: Member, designations: Sequence[Mapping[str, Any]], rules: Rules) -> None:
    """The display that was sent is one of the code's, in the languages that were asked for."""
    given, system, concept = made.coded.display, made.system, made.concept
    assert given is not None
    assert system is not None
    assert concept is not None
    texts = _displays(member, designations, rules.languages)
    if not texts or any(folded(one) == folded(given) for one in texts):
        return
    severity = "warning" if rules.lenient_display else "error"
    named = f"{system.url}#{made.coded.code}"
    place = below(made.coded.path, "display")
    made.found.append(findings.wrong_display(given, named, texts, rules.languages, place, severity))


def _displays(member: Member, designations: Sequence[Mapping[str, Any]], wanted: Sequence[str]) -> list[str]:
    """The texts that will do: in the languages that are wanted, where there are any; else all."""
    system, concept = member.code_system, member.concept
    assert system is not None
    assert concept is not None
    named: list[tuple[str | None, str]] = []
    said = (member.listed or {}).get("display")
    if said:
        named.append((None, str(said)))
    if concept.display:
        named.append((system.language, concept.display))
    named += [(one.get("language"), str(one["value"])) for one in designations if "value" in one]
    fitting = [text for language, text in named if any(fits_loosely(one, language) for one in wanted)]
    return list(dict.fromkeys(fitting or [text for _, text in named]))
