"""The operations that are offered; one entry each, and route, CapabilityStatement and docs follow (DESIGN decision
9)."""

from __future__ import annotations

from countyfhir.interactions.world import Operation
from countyfhir.operations import quarantine
from countyfhir.operations.apply import apply_activity, apply_plan
from countyfhir.operations.contracts.ending import change_team, terminate
from countyfhir.operations.contracts.fulfilment import fulfilment, paper_contracts
from countyfhir.operations.contracts.sign import renew, sign
from countyfhir.operations.convert_record import convert_record
from countyfhir.operations.document import document
from countyfhir.operations.enrol import enrol
from countyfhir.operations.everything import everything
from countyfhir.operations.extract import extract
from countyfhir.operations.intake import intake
from countyfhir.operations.lastn import lastn
from countyfhir.operations.lineage import lineage
from countyfhir.operations.measures.evaluate_measure import evaluate_measure
from countyfhir.operations.meta import meta, meta_add, meta_delete
from countyfhir.operations.persons.link import link, unlink
from countyfhir.operations.persons.match import match
from countyfhir.operations.persons.merge import merge
from countyfhir.operations.preferred_id import preferred_id
from countyfhir.operations.purge import purge
from countyfhir.operations.recent_results import recent_results
from countyfhir.operations.referrals.letter import referral_letter, return_slip
from countyfhir.operations.referrals.refer import refer
from countyfhir.operations.referrals.unmatched import unmatched_referrals
from countyfhir.operations.reindex import reindex, status
from countyfhir.operations.snapshot import make_snapshot
from countyfhir.operations.subscriptions import notifications
from countyfhir.operations.subscriptions.events import events
from countyfhir.operations.subscriptions.get_ws_binding_token import get_ws_binding_token
from countyfhir.operations.subscriptions.status import status as subscription_status
from countyfhir.operations.terminology.closure import closure
from countyfhir.operations.terminology.expand import expand
from countyfhir.operations.terminology.find_matches import find_matches
from countyfhir.operations.terminology.lookup import lookup
from countyfhir.operations.terminology.subsumes import subsumes
from countyfhir.operations.terminology.translate import translate
from countyfhir.operations.terminology.validate_code import validate_code, validate_code_of_system
from countyfhir.operations.validate import validate

_R4 = "http://hl7.org/fhir/OperationDefinition/"
_BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-"
_SDC = "http://hl7.org/fhir/uv/sdc/OperationDefinition/"
_OURS = "https://fhir.county-hc.example/OperationDefinition/"

OPERATIONS: tuple[Operation, ...] = (
    Operation("meta", meta, _R4 + "Resource-meta", on_system=True, on_type=True, on_instance=True),
    Operation("meta-add", meta_add, _R4 + "Resource-meta-add", on_instance=True, affects_state=True),
    Operation("meta-delete", meta_delete, _R4 + "Resource-meta-delete", on_instance=True, affects_state=True),
    Operation(
        *("apply", apply_plan, _R4 + "PlanDefinition-apply", ("PlanDefinition",)), on_type=True, on_instance=True
    ),
    Operation(
        *("apply", apply_activity, _R4 + "ActivityDefinition-apply", ("ActivityDefinition",)),
        on_type=True,
        on_instance=True,
    ),
    Operation("everything", everything, _R4 + "Patient-everything", ("Patient",), on_type=True, on_instance=True),
    Operation("everything", everything, _R4 + "Encounter-everything", ("Encounter",), on_instance=True),
    Operation(*("enrol", enrol, _OURS + "EpisodeOfCare-enrol", ("EpisodeOfCare",)), on_type=True, affects_state=True),
    Operation(
        *("extract", extract, _SDC + "QuestionnaireResponse-extract", ("QuestionnaireResponse",)),
        on_type=True,
        on_instance=True,
        takes_anything=True,
    ),
    Operation("match", match, _R4 + "Patient-match", ("Patient",), on_type=True, takes_alone="Patient"),
    Operation(
        *("merge", merge, _OURS + "Patient-merge", ("Patient",)), on_type=True, on_instance=True, affects_state=True
    ),
    Operation("link", link, _OURS + "Patient-link", ("Patient",), on_type=True, on_instance=True, affects_state=True),
    Operation(
        *("unlink", unlink, _OURS + "Patient-unlink", ("Patient",)), on_type=True, on_instance=True, affects_state=True
    ),
    Operation("sign", sign, _OURS + "Contract-sign", ("Contract",), on_type=True, affects_state=True),
    Operation("renew", renew, _OURS + "Contract-renew", ("Contract",), on_instance=True, affects_state=True),
    Operation(
        "terminate", terminate, _OURS + "Contract-terminate", ("Contract",), on_instance=True, affects_state=True
    ),
    Operation(
        *("change-team", change_team, _OURS + "Contract-change-team", ("Contract",)),
        on_instance=True,
        affects_state=True,
    ),
    Operation("fulfilment", fulfilment, _OURS + "Contract-fulfilment", ("Contract",), on_instance=True),
    Operation("paper-contracts", paper_contracts, _OURS + "Contract-paper-contracts", ("Contract",), on_type=True),
    Operation("lastn", lastn, _R4 + "Observation-lastn", ("Observation",), on_type=True),
    Operation("validate", validate, _R4 + "Resource-validate", on_type=True, on_instance=True, takes_anything=True),
    Operation("document", document, _R4 + "Composition-document", ("Composition",), on_type=True, on_instance=True),
    Operation("preferred-id", preferred_id, _R4 + "NamingSystem-preferred-id", ("NamingSystem",), on_type=True),
    Operation(
        *("snapshot", make_snapshot, _R4 + "StructureDefinition-snapshot", ("StructureDefinition",)),
        on_type=True,
        on_instance=True,
        takes_anything=True,
    ),
    Operation(
        *("evaluate-measure", evaluate_measure, _R4 + "Measure-evaluate-measure", ("Measure",)),
        on_type=True,
        on_instance=True,
    ),
    Operation(
        *("recent-results", recent_results, _OURS + "Patient-recent-results", ("Patient",)),
        on_type=True,
        on_instance=True,
    ),
    Operation("refer", refer, _OURS + "ServiceRequest-refer", ("ServiceRequest",), on_type=True, affects_state=True),
    Operation(
        "referral-letter",
        referral_letter,
        _OURS + "ServiceRequest-referral-letter",
        ("ServiceRequest",),
        on_instance=True,
    ),
    Operation("return-slip", return_slip, _OURS + "ServiceRequest-return-slip", ("ServiceRequest",), on_instance=True),
    Operation(
        *("unmatched-referrals", unmatched_referrals, _OURS + "Encounter-unmatched-referrals", ("Encounter",)),
        on_type=True,
    ),
    Operation("purge", purge, _OURS + "Resource-purge", on_instance=True, affects_state=True),
    Operation("lineage", lineage, _OURS + "Resource-lineage", on_instance=True),
    Operation("convert-record", convert_record, _OURS + "convert-record", on_system=True),
    Operation("intake", intake, _OURS + "intake", on_system=True, affects_state=True),
    Operation("quarantine", quarantine.listed, _OURS + "quarantine", on_system=True),
    Operation("quarantine-record", quarantine.shown, _OURS + "quarantine-record", on_system=True),
    Operation(
        "quarantine-replay", quarantine.replayed, _OURS + "quarantine-replay", on_system=True, affects_state=True
    ),
    Operation(
        "quarantine-discard", quarantine.discarded, _OURS + "quarantine-discard", on_system=True, affects_state=True
    ),
    Operation("reindex", reindex, _OURS + "reindex", on_system=True, on_type=True, affects_state=True),
    Operation("reindex-status", status, _OURS + "reindex-status", on_system=True),
    Operation("lookup", lookup, _R4 + "CodeSystem-lookup", ("CodeSystem",), on_type=True, on_instance=True),
    Operation("subsumes", subsumes, _R4 + "CodeSystem-subsumes", ("CodeSystem",), on_type=True, on_instance=True),
    Operation(
        *("find-matches", find_matches, _R4 + "CodeSystem-find-matches", ("CodeSystem",)),
        on_type=True,
        on_instance=True,
    ),
    Operation(
        *("validate-code", validate_code_of_system, _R4 + "CodeSystem-validate-code", ("CodeSystem",)),
        on_type=True,
        on_instance=True,
    ),
    Operation(
        *("validate-code", validate_code, _R4 + "ValueSet-validate-code", ("ValueSet",)), on_type=True, on_instance=True
    ),
    Operation("expand", expand, _R4 + "ValueSet-expand", ("ValueSet",), on_type=True, on_instance=True),
    Operation("translate", translate, _R4 + "ConceptMap-translate", ("ConceptMap",), on_type=True, on_instance=True),
    Operation("closure", closure, _R4 + "ConceptMap-closure", on_system=True, affects_state=True),
    Operation(
        *("status", subscription_status, _BACKPORT + "status", ("Subscription",)), on_type=True, on_instance=True
    ),
    Operation("events", events, _BACKPORT + "events", ("Subscription",), on_instance=True),
    Operation(
        *("get-ws-binding-token", get_ws_binding_token, _BACKPORT + "get-ws-binding-token", ("Subscription",)),
        on_type=True,
        on_instance=True,
    ),
    Operation("notifications", notifications.listed, _OURS + "notifications", on_system=True),
    Operation(
        *("notifications-replay", notifications.replayed, _OURS + "notifications-replay"),
        on_system=True,
        affects_state=True,
    ),
    Operation(
        *("notifications-discard", notifications.discarded, _OURS + "notifications-discard"),
        on_system=True,
        affects_state=True,
    ),
)
