"""Topics: what changes can be subscribed to, as files of the shape of R5's SubscriptionTopic (R5 section 2.47), and as
R4 ``Basic`` resources for clients."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.subscriptions.names import COMPARTMENT, TOPIC_ELEMENT

log = logging.getLogger(__name__)

TYPE = "SubscriptionTopic"
FOLDER = "topics"
CHANGES = ("create", "update", "delete")
ANY = "Resource"


class TopicError(ValueError):
    """A topic cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """When a change triggers the topic (SubscriptionTopic.resourceTrigger). ``resource_type`` Resource is any type.
    ``previous`` and ``current`` are search criteria without their type; ``on_create`` and ``on_delete``: whether the
    one that cannot be asked counts as fulfilled; ``both``: whether both have to be."""

    resource_type: str
    changes: tuple[str, ...] = CHANGES
    previous: str | None = None
    current: str | None = None
    on_create: bool = True
    on_delete: bool = False
    both: bool = False
    fhirpath: str | None = None
    compartment: str | None = None


@dataclass(frozen=True, slots=True)
class CanFilter:
    """A filter that subscribers may use: on a type (None: on all), a search parameter, and what may follow its name or
    stand before its value."""

    resource_type: str | None
    parameter: str
    modifiers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is used, and its ``definition`` as it was written."""

    url: str
    triggers: tuple[Trigger, ...]
    filters: tuple[CanFilter, ...]
    definition: Mapping[str, Any]

    @property
    def resource_types(self) -> frozenset[str] | None:
        """The types whose changes may trigger it; None: any."""
        named = frozenset(one.resource_type for one in self.triggers)
        return None if ANY in named else named


Topics = Mapping[str, Topic]
"""By url; also by ``url|version``."""


def topic_of(document: Mapping[str, Any]) -> Topic:
    """The topic of a SubscriptionTopic. TopicError for what cannot be used."""
    url = document.get("url")
    if not isinstance(url, str) or not url:
        raise TopicError("url is missing")
    triggers = tuple(_trigger(one) for one in document.get("resourceTrigger", ()))
    if not triggers:
        raise TopicError("there is no resourceTrigger")
    filters = tuple(_filter(one) for one in document.get("canFilterBy", ()))
    return Topic(url, triggers, filters, document)


def _type_name(uri: str) -> str:
    return uri.rpartition("/")[2]


def _trigger(one: Mapping[str, Any]) -> Trigger:
    query = one.get("queryCriteria", {})
    fhirpath = one.get("fhirPathCriteria")
    if fhirpath is not None:
        from countyfhir.fhirpath import FhirPathError, compile  # noqa: A004 - a server starts without the engine

        try:
            compile(fhirpath)
        except FhirPathError as error:
            raise TopicError(f"fhirPathCriteria: {error}") from error
    changes = tuple(one.get("supportedInteraction", CHANGES))
    if unknown := set(changes) - set(CHANGES):
        raise TopicError(f"supportedInteraction {sorted(unknown)[0]} is none of {', '.join(CHANGES)}")
    return Trigger(
        _type_name(str(one["resource"])),
        changes,
        _criteria(query.get("previous")),
        _criteria(query.get("current")),
        query.get("resultForCreate", "test-passes") == "test-passes",
        query.get("resultForDelete", "test-fails") == "test-passes",
        bool(query.get("requireBoth", False)),
        fhirpath,
        next((part.get("valueCode") for part in one.get("extension", ()) if part.get("url") == COMPARTMENT), None),
    )


def _criteria(text: str | None) -> str | None:
    """Search criteria without the type that may stand before them."""
    return text.partition("?")[2] or text if text is not None else None


def _filter(one: Mapping[str, Any]) -> CanFilter:
    resource = one.get("resource")
    modifiers = frozenset((*one.get("modifier", ()), *one.get("comparator", ())))
    return CanFilter(_type_name(resource) if resource else None, str(one["filterParameter"]), modifiers)


def load(folders: Iterable[Path]) -> dict[str, Topic]:
    """The topics in the ``topics`` folders below these, by url and by ``url|version``. One that cannot be used is
    logged and left out."""
    found: dict[str, Topic] = {}
    for path, document in documents(folders):
        try:
            topic = topic_of(document)
        except (TopicError, KeyError, TypeError, AttributeError) as problem:
            log.warning("the topic in %s is left out: %s", path, problem)
            continue
        found[topic.url] = topic
        if "version" in document:
            found[f"{topic.url}|{document['version']}"] = topic
    return found


def documents(folders: Iterable[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The files of topics, each with what is written in it."""
    from countyfhir.mapping import yaml_text  # a server starts without it

    for folder in folders:
        for path in sorted((folder / FOLDER).glob("*")):
            if path.suffix not in (".json", ".yaml", ".yml"):
                continue
            try:
                document = json.parse(path.read_bytes()) if path.suffix == ".json" else yaml_text.read(path).data
            except (FhirError, yaml_text.MappingError, OSError) as problem:
                log.warning("the topic in %s is left out: %s", path, problem)
                continue
            if isinstance(document, dict) and document.get("resourceType") == TYPE:
                yield path, document


def each(topics: Topics) -> list[Topic]:
    """Every topic once, by url."""
    return sorted({one.url: one for one in topics.values()}.values(), key=lambda one: one.url)


_SIMPLE = {
    "url": "valueUri",
    "version": "valueString",
    "name": "valueString",
    "title": "valueString",
    "date": "valueDateTime",
    "publisher": "valueString",
    "description": "valueMarkdown",
    "purpose": "valueMarkdown",
}
_KINDS = {
    "description": "valueMarkdown",
    "resource": "valueUri",
    "filterParameter": "valueString",
    "filterDefinition": "valueUri",
    "supportedInteraction": "valueCode",
    "modifier": "valueCode",
    "comparator": "valueCode",
    "previous": "valueString",
    "current": "valueString",
    "resultForCreate": "valueCode",
    "resultForDelete": "valueCode",
    "requireBoth": "valueBoolean",
    "fhirPathCriteria": "valueString",
    "include": "valueString",
    "revInclude": "valueString",
}
_COMPLEX = ("resourceTrigger", "canFilterBy", "notificationShape")


def basic_of(document: Mapping[str, Any]) -> Resource:
    """The topic as an R4 Basic, each element of R5's SubscriptionTopic an extension (cross-version extensions)."""
    extension: list[Resource] = [
        {"url": TOPIC_ELEMENT + name, kind: document[name]} for name, kind in _SIMPLE.items() if name in document
    ]
    for name in _COMPLEX:
        extension += [{"url": TOPIC_ELEMENT + name, "extension": _parts(one)} for one in document.get(name, ())]
    status = {"url": TOPIC_ELEMENT + "status", "valueCode": document.get("status", "active")}
    coding = {"system": "http://hl7.org/fhir/fhir-types", "code": TYPE}
    logical_id = document.get("id") or str(document["url"]).rpartition("/")[2]
    return {
        "resourceType": "Basic",
        "id": f"topic-{logical_id}",
        "extension": extension,
        "modifierExtension": [status],
        "code": {"coding": [coding], "text": document.get("title", document["url"])},
    }


def _parts(element: Mapping[str, Any]) -> list[Resource]:
    parts: list[Resource] = []
    for name, value in element.items():
        if name == "extension":
            parts += value
        elif isinstance(value, Mapping):
            parts.append({"url": name, "extension": _parts(value)})
        else:
            parts += [{"url": name, _KINDS[name]: one} for one in (value if isinstance(value, list) else [value])]
    return parts
