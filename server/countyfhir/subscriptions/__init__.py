"""Who is told of which changes, and how: R4 Subscriptions and topics in the manner of the Subscriptions R5 Backport
(hl7.fhir.uv.subscriptions-backport 1.1.0)."""
