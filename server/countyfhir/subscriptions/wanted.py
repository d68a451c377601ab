"""What a Subscription asks for, read strictly: what the server cannot do is refused, never passed over (R4
Subscription; Subscriptions R5 Backport, conformance in R4)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from countyfhir.exchange import Resource
from countyfhir.model.primitives import interval
from countyfhir.outcome import FhirError, Issue
from countyfhir.search import parse
from countyfhir.search.query import Clause
from countyfhir.subscriptions import names
from countyfhir.subscriptions.endpoints import Policy
from countyfhir.subscriptions.topics import ANY, CanFilter, Topic, Topics, each

CHANNELS = ("rest-hook", "websocket")
JSON, XML = "application/fhir+json", "application/fhir+xml"
PAYLOADS = {JSON: JSON, "application/json": JSON, "json": JSON, XML: XML, "application/xml": XML, "xml": XML}
_HEADER = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)\Z")
_OURS = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "te"})
_PREFIX = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)(?=[0-9])")
MOST_FILTERS = 50


@dataclass(frozen=True, slots=True)
class Filter:
    """Criteria on changes of a type (None: of every type); what is needed to read them again on another type."""

    resource_type: str | None
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A Subscription as it is served. ``topic`` None: R4's own, whose ``criteria`` are a search. ``content``: empty,
    id-only or full-resource; None with R4's own, which sends the resource when there is a ``payload``. ``heartbeat``
    and ``timeout`` in seconds; ``end`` in microseconds."""

    channel: str
    endpoint: str
    headers: tuple[tuple[str, str], ...]
    payload: str | None
    content: str | None
    topic: Topic | None
    criteria: Filter | None
    filters: tuple[Filter, ...]
    heartbeat: int | None
    timeout: int | None
    max_count: int
    end: int | None

    @property
    def resource_types(self) -> frozenset[str] | None:
        """The types whose changes concern it; None: any."""
        if self.topic is not None:
            return self.topic.resource_types
        assert self.criteria is not None
        return frozenset({str(self.criteria.resource_type)})


@dataclass(frozen=True, slots=True)
class Offered:
    """What a Subscription is read against."""

    context: parse.Context
    topics: Topics
    policy: Policy


def wanted(resource: Resource, offered: Offered) -> Wanted:
    """What it asks for; FhirError 422 with everything that this server will not do."""
    reading = _Reading(resource, offered)
    found = reading.wanted()
    if reading.problems:
        raise FhirError(reading.problems, status=422)
    return found


class _Reading:
    """One pass over a Subscription; ``problems`` gather on the way."""

    def __init__(self, resource: Resource, offered: Offered) -> None:
        self.resource, self.offered = resource, offered
        self.channel: Mapping[str, Any] = resource.get("channel", {})
        self.problems: list[Issue] = []

    def refuse(self, code: str, place: str, text: str) -> None:
        self.problems.append(Issue(code, text, (f"Subscription.{place}",)))

    def wanted(self) -> Wanted:
        criteria = str(self.resource.get("criteria", ""))
        topic = self.topic(criteria)
        by_topic = topic is not None or "://" in criteria.partition("?")[0]
        payload, content = self.payload(by_topic)
        filters = self.filters(topic)
        return Wanted(
            self.kind(),
            self.endpoint(),
            tuple(self.headers()),
            payload,
            content,
            topic,
            None if by_topic else self.criteria(criteria),
            filters,
            self.number(names.HEARTBEAT, "valueUnsignedInt"),
            self.number(names.TIMEOUT, "valueUnsignedInt"),
            (self.number(names.MAX_COUNT, "valuePositiveInt") or 1) if by_topic else 1,
            self.end(),
        )

    def topic(self, criteria: str) -> Topic | None:
        if "://" not in criteria.partition("?")[0]:
            return None
        found = self.offered.topics.get(criteria)
        if found is None:
            known = ", ".join(one.url for one in each(self.offered.topics))
            self.refuse("not-supported", "criteria", f"The topic {criteria[:200]} is not offered; offered: {known}.")
        return found

    def kind(self) -> str:
        kind = str(self.channel.get("type", ""))
        if kind not in CHANNELS:
            text = f"The channel {kind} is not offered; {' and '.join(CHANNELS)} are."
            self.refuse("not-supported", "channel.type", text)
        extended = _extension(self.channel.get("_type"), names.CHANNEL_TYPE)
        if extended is not None:
            code = extended.get("valueCoding", {}).get("code")
            self.refuse("not-supported", "channel.type", f"The channel type {code} is not offered.")
        return kind

    def endpoint(self) -> str:
        if self.channel.get("type") != "rest-hook":
            return ""
        url = str(self.channel.get("endpoint", ""))
        problem = self.offered.policy.problem(url) if url else "A rest-hook needs an endpoint."
        if problem is not None:
            self.refuse("value" if url else "required", "channel.endpoint", problem)
        return url

    def headers(self) -> Iterator[tuple[str, str]]:
        for place, line in enumerate(self.channel.get("header", ())):
            found = _HEADER.match(str(line))
            if found is None or not str(line).isascii():
                text = "A header has the form 'Name: value', in one line."
                self.refuse("value", f"channel.header[{place}]", text)
            elif found.group(1).lower() in _OURS:
                text = f"The header {found.group(1)} is set by the server."
                self.refuse("value", f"channel.header[{place}]", text)
            else:
                yield found.group(1), found.group(2).strip()

    def payload(self, by_topic: bool) -> tuple[str | None, str | None]:
        sent = self.channel.get("payload")
        payload = PAYLOADS.get(str(sent).partition(";")[0].strip()) if sent is not None else None
        if sent is not None and payload is None:
            text = f"The payload {str(sent)[:64]} is not offered; {JSON} and {XML} are."
            self.refuse("not-supported", "channel.payload", text)
        extension = _extension(self.channel.get("_payload"), names.CONTENT)
        content = extension.get("valueCode") if extension is not None else None
        if not by_topic:
            return payload, None
        if content is None:
            text = f"A Subscription to a topic says how much it wants: the extension {names.CONTENT}."
            self.refuse("required", "channel.payload", text)
        elif content not in names.CONTENTS:
            text = f"The content {str(content)[:32]} is not offered; {', '.join(names.CONTENTS)} are."
            self.refuse("value", "channel.payload", text)
        return payload or JSON, str(content)

    def number(self, url: str, name: str) -> int | None:
        extension = _extension(self.channel, url)
        if extension is None:
            return None
        value = extension.get(name)
        if not isinstance(value, int) or value < 1:
            self.refuse("value", "channel", f"{url.rpartition('/')[2]} must be a {name}, 1 or more.")
            return None
        return value

    def end(self) -> int | None:
        if (end := self.resource.get("end")) is None:
            return None
        return interval(str(end), self.offered.context.zone)[0]

    def criteria(self, text: str) -> Filter:
        resource_type, _, query = text.partition("?")
        pairs = tuple(parse_qsl(query, keep_blank_values=True))
        if resource_type not in self.offered.context.parameters.definitions.endpoint_types:
            said = "criteria are a search on one type, such as Observation?code=…, or the address of a topic."
            self.refuse("value", "criteria", f"{resource_type[:64]!r} is no resource type; {said}")
        elif pairs:
            self.check(resource_type, pairs, "criteria")
        elif query:
            self.refuse("value", "criteria", "The search in the criteria cannot be read.")
        if _extension(self.resource.get("_criteria"), names.FILTER) is not None:
            self.refuse("not-supported", "criteria", "Filters are for topics; put them into the criteria.")
        return Filter(resource_type, pairs)

    def check(self, resource_type: str, pairs: tuple[tuple[str, str], ...], place: str) -> None:
        try:
            parse.criteria(resource_type, pairs, self.offered.context)
        except FhirError as error:
            for issue in error.issues:
                self.refuse(issue.code, place, issue.diagnostics)

    def filters(self, topic: Topic | None) -> tuple[Filter, ...]:
        if topic is None:
            return ()
        found: list[Filter] = []
        for extension in (self.resource.get("_criteria") or {}).get("extension", ()):
            if extension.get("url") == names.FILTER:
                found += self.filter(str(extension.get("valueString", "")), topic)
        if len(found) > MOST_FILTERS:
            self.refuse("too-costly", "criteria", f"More than {MOST_FILTERS} filters.")
        return tuple(found)

    def filter(self, text: str, topic: Topic) -> Iterator[Filter]:
        resource_type, mark, query = text.partition("?")
        named = resource_type if mark else None
        pairs = tuple(parse_qsl(query if mark else text, keep_blank_values=True))
        if not pairs:
            self.refuse("value", "criteria", f"The filter {text[:100]!r} is no search, such as Task?patient=Patient/1.")
            return
        if named is not None and topic.resource_types is not None and named not in topic.resource_types:
            self.refuse("not-supported", "criteria", f"The topic {topic.url} is not about {named[:64]}.")
            return
        for name, value in pairs:
            if (problem := _not_allowed(name, value, named, topic)) is not None:
                self.refuse("not-supported", "criteria", problem)
                return
            if name == PATIENT and not all(PATIENT_ID.match(one) for one in value.split(",")):
                self.refuse("value", "criteria", "The filter patient names patients: Patient/ID, or several of them.")
                return
        others = tuple(pair for pair in pairs if pair[0] != PATIENT)
        for one in sorted(({named} if named else topic.resource_types or ()) if others else ()):
            self.check(str(one), others, "criteria")
        yield Filter(named, pairs)


PATIENT_ID = re.compile(r"(?:.*/)?(?:Patient/)?([A-Za-z0-9.-]{1,64})\Z")
PATIENT = "patient"
"""As a filter of a topic: whom the resource is about, whatever its type calls it."""


def _not_allowed(name: str, value: str, resource_type: str | None, topic: Topic) -> str | None:
    """Why a filter is refused; None when the topic allows it."""
    parameter, _, modifier = name.partition(":")
    allowed = [one for one in topic.filters if one.parameter == parameter and _applies(one, resource_type)]
    if not allowed:
        known = ", ".join(sorted({one.parameter for one in topic.filters if _applies(one, resource_type)})) or "none"
        return f"The topic {topic.url} cannot be filtered by {parameter[:64]}; filters: {known}."
    modifiers = frozenset().union(*(one.modifiers for one in allowed))
    if modifier and modifier not in modifiers:
        return f"The filter {parameter} takes no modifier :{modifier[:32]}."
    prefix = _PREFIX.match(value)
    if prefix is not None and prefix.group(1) not in modifiers | {"eq"} and _has_prefixes(parameter):
        return f"The filter {parameter} takes no prefix {prefix.group(1)}."
    return None


def _has_prefixes(parameter: str) -> bool:
    """Dates are all that our topics can be filtered by with a prefix."""
    return "date" in parameter or parameter in ("authored-on", "issued", "period", "_lastUpdated")


def _applies(one: CanFilter, resource_type: str | None) -> bool:
    return one.resource_type in (None, ANY) or resource_type is None or one.resource_type == resource_type


def _extension(element: Any, url: str) -> Mapping[str, Any] | None:
    for one in (element or {}).get("extension", ()):
        if one.get("url") == url:
            return one  # type: ignore[no-any-return]
    return None


def clauses(one: Filter, resource_type: str, context: parse.Context) -> tuple[Clause, ...]:
    """The conditions of a filter on a type."""
    if not one.pairs:
        return ()
    return parse.criteria(resource_type, one.pairs, context).where
