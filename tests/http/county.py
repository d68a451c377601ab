"""A small county with two institutions and residents of either, for tests of who sees what."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partialmethod
from typing import Any

from starlette.testclient import TestClient

from countyfhir.access import keys
from countyfhir.app import open_store, open_world
from countyfhir.exchange import Interaction, Principal
from countyfhir.interactions.covered import visible_to
from countyfhir.outcome import FhirError
from countyfhir.settings import load

TIER = "https://fhir.county-hc.example/cs/institution-tier"
ICD10 = "https://fhir.county-hc.example/cs/icd10-nhsa"
Resource = dict[str, Any]


def reference(target: str) -> Resource:
    """A literal reference."""
    return {"reference": target}


def coded(text: str, system: str | None = None, code: str | None = None) -> Resource:
    """A CodeableConcept."""
    return {"text": text} | ({"coding": [{"system": system, "code": code}]} if code else {})


def organization(name: str, tier: str | None = None, **more: Any) -> Resource:
    """An institution."""
    kinds = [{"coding": [{"system": TIER, "code": tier}]}] if tier else []
    kinds.append({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/organization-type", "code": "prov"}]})
    return {"resourceType": "Organization", "id": name, "name": name, "type": kinds, **more}


def resident(name: str, **more: Any) -> Resource:
    """A Patient whose name is its id, too."""
    identifier = [{"system": "https://fhir.county-hc.example/id/test", "value": name}]
    return {"resourceType": "Patient", "id": name, "identifier": identifier, "name": [{"family": name}], **more}


def observation(name: str, patient: str, **more: Any) -> Resource:
    """An Observation of a Patient."""
    made = {"resourceType": "Observation", "id": name, "status": "final", "code": coded(name)}
    return made | {"subject": reference(f"Patient/{patient}")} | more


def encounter(name: str, patient: str, by: str, status: str = "in-progress", **more: Any) -> Resource:
    """A visit of a Patient at an institution."""
    kind = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
    made = {"resourceType": "Encounter", "id": name, "status": status, "class": kind}
    return (
        made | {"subject": reference(f"Patient/{patient}"), "serviceProvider": reference(f"Organization/{by}")} | more
    )


def consent(name: str, patient: str, provision: Resource, *, status: str = "active", by: str = "hospital") -> Resource:
    """A Consent of a Patient that an institution keeps."""
    scope = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment"}]}
    return {
        "resourceType": "Consent",
        "id": name,
        "status": status,
        "scope": scope,
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": reference(f"Patient/{patient}"),
        "organization": [reference(f"Organization/{by}")],
        "policyRule": {"text": "test"},
        "provision": provision,
    }


def actor(name: str) -> Resource:
    """An institution as the actor of a provision."""
    role = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]}
    return {"role": role, "reference": reference(f"Organization/{name}")}


class Keyed:
    """A client of a server that sends a key; in the server's own loop, which a store may need."""

    def __init__(self, server: TestClient, secret: str) -> None:
        self._server, self._key = server, {"Authorization": f"Bearer {secret}"}

    def request(self, method: str, url: str, headers: Mapping[str, str] | None = None, **more: Any) -> Any:
        """One request with the key."""
        return self._server.request(method, url, headers=self._key | dict(headers or {}), **more)

    get = partialmethod(request, "GET")
    put = partialmethod(request, "PUT")
    post = partialmethod(request, "POST")
    delete = partialmethod(request, "DELETE")


class County:
    """A server that wants keys, and clients of it. ``office`` sees and writes everything."""

    def __init__(self, serve: Callable[..., TestClient], store: str, **settings: Any) -> None:
        self.store = store
        self._clients: dict[object, Keyed] = {}
        self._server = serve(store=store, auth="keys", **settings)
        roles = ("data-office", "infectious-disease", "psychiatry")
        self.office = self.client("office", roles=roles)

    def client(self, name: str, *scopes: str, roles: Iterable[str] = (), server: TestClient | None = None) -> Keyed:
        """A client with a key of that institution."""

        asked = (name, scopes, tuple(roles), id(server))
        if asked not in self._clients:
            secret = asyncio.run(self._key(name, scopes or ("system/*.cruds",), tuple(roles)))
            self._clients[asked] = Keyed(server or self._server, secret)
        return self._clients[asked]

    async def _key(self, name: str, scopes: tuple[str, ...], roles: tuple[str, ...]) -> str:
        store = await open_store(load({"store": self.store}))
        try:
            secret, _ = await keys.create(store.keys, name=name, organization=name, roles=roles, scopes=scopes)
            return secret
        finally:
            await store.close()

    def visible_to(self, principal: Principal, keys: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """``covered.visible_to`` on this store."""

        async def asked() -> set[tuple[str, str]]:
            async with open_world(load({"store": self.store, "load_definitions": "off"})) as opened:
                return await visible_to(principal, keys, opened.world)

        return asyncio.run(asked())

    def statuses(self, *interactions: Interaction) -> list[int]:
        """How the one door answers interactions on this store, one after the other."""

        async def asked() -> list[int]:
            async with open_world(load({"store": self.store, "load_definitions": "off"})) as opened:
                found = []
                for one in interactions:
                    try:
                        found.append((await opened.perform(one)).status)
                    except FhirError as error:
                        found.append(error.status)
                return found

        return asyncio.run(asked())

    def put(self, *resources: Resource, by: Keyed | None = None) -> None:
        """Write them, each by itself."""
        for one in resources:
            answer = (by or self.office).put(f"{one['resourceType']}/{one['id']}", json=one)
            assert answer.status_code in (200, 201), answer.text


def ids(client: Keyed, query: str) -> set[str]:
    """The logical ids of the matches of a search."""
    answer = client.get(query)
    assert answer.status_code == 200, answer.text
    return {row["resource"]["id"] for row in answer.json().get("entry", ()) if row["search"]["mode"] == "match"}
