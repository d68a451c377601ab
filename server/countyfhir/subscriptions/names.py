"""The canonical addresses of the Subscriptions R5 Backport (hl7.fhir.uv.subscriptions-backport 1.1.0)."""

from __future__ import annotations

BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/"
STRUCTURE = BACKPORT + "StructureDefinition/"
OPERATION = BACKPORT + "OperationDefinition/backport-subscription-"

SUBSCRIPTION_PROFILE = STRUCTURE + "backport-subscription"
STATUS_PROFILE = STRUCTURE + "backport-subscription-status-r4"
NOTIFICATION_PROFILE = STRUCTURE + "backport-subscription-notification-r4"
FILTER = STRUCTURE + "backport-filter-criteria"
CONTENT = STRUCTURE + "backport-payload-content"
HEARTBEAT = STRUCTURE + "backport-heartbeat-period"
TIMEOUT = STRUCTURE + "backport-timeout"
MAX_COUNT = STRUCTURE + "backport-max-count"
CHANNEL_TYPE = STRUCTURE + "backport-channel-type"
TOPIC_CANONICAL = STRUCTURE + "capabilitystatement-subscriptiontopic-canonical"
SERVER_CAPABILITIES = BACKPORT + "CapabilityStatement/backport-subscription-server-r4"
WEBSOCKET = "http://hl7.org/fhir/StructureDefinition/capabilitystatement-websocket"
ERRORS = "http://terminology.hl7.org/CodeSystem/subscription-error"

TOPIC_ELEMENT = "http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic."
COMPARTMENT = "https://fhir.county-hc.example/StructureDefinition/topic-compartment"
"""On a resourceTrigger: only resources of this compartment trigger it. R5 cannot say so."""

CONTENTS = ("empty", "id-only", "full-resource")
EMPTY, ID_ONLY, FULL_RESOURCE = CONTENTS
