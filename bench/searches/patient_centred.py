"""Our own searches: what a clinic, a hospital and the data office ask of a resident's shared record."""

from __future__ import annotations

from bench.county.residents import IDENTITY
from bench.searches.shape import FIRST_PAGE, SELECTIVE, Shape, coded, codes, is_a, of, points, whole_days

OPEN = ("requested", "accepted", "in-progress")
IN_COMPARTMENT = (
    "Observation", "Encounter", "Condition", "MedicationRequest", "Procedure", "DiagnosticReport", "ServiceRequest",
    "CarePlan", "Consent", "Immunization",
)  # fmt: skip


def _clinic(number: str) -> int:
    return int(number.removeprefix("clinic-"))


def _of_clinic(resident: str, clinic: str) -> bool:
    return int(resident.rpartition("p")[2]) // 250 == _clinic(clinic)


OURS = (
    Shape("ours", SELECTIVE, "/Patient/{resident}/*?_count=50",
          lambda r, v: any(of(r, kind, v.resident) for kind in IN_COMPARTMENT)
          or (is_a(r, "Patient") and r["id"] == v.resident)),
    Shape("ours", SELECTIVE, "/Patient/{resident}/$everything?_count=50",
          lambda r, v: any(of(r, kind, v.resident) for kind in IN_COMPARTMENT)
          or (is_a(r, "Patient") and r["id"] == v.resident)),
    Shape("ours", SELECTIVE, "/Observation?patient={resident}&code=http://loinc.org|85354-9&_sort=-date&_count=20",
          lambda r, v: of(r, "Observation", v.resident) and coded(r, "85354-9"),
          order=lambda r: r["effectiveDateTime"], descending=True),
    Shape("ours", SELECTIVE, "/Observation?subject={resident}&category=vital-signs&date=ge2023-01-01&_sort=date",
          lambda r, v: of(r, "Observation", v.resident) and "vital-signs" in codes(r["category"])
          and r["effectiveDateTime"] >= "2023", order=lambda r: r["effectiveDateTime"]),
    Shape("ours", SELECTIVE, "/Patient/{resident}/Observation?code={laboratory}&_count=20",
          lambda r, v: of(r, "Observation", v.resident) and coded(r, v.laboratory)),
    Shape("ours", FIRST_PAGE,
          "/Task?owner=Organization/{hospital}&status=requested,accepted,in-progress&_sort=-authored-on&_count=20",
          lambda r, v: is_a(r, "Task") and f"Organization/{v.hospital}" in points(r, "owner") and r["status"] in OPEN,
          order=lambda r: r["authoredOn"], descending=True),
    Shape("ours", FIRST_PAGE, "/CarePlan?status=active&activity-date=le2025-10-31&activity-date=ge2025-10-25",
          lambda r, v: is_a(r, "CarePlan") and r["status"] == "active" and _due(r, "2025-10-25", "2025-10-31")),
    Shape("ours", SELECTIVE,
          "/CarePlan?status=active&activity-date=ge2025-10-01&subject:Patient.organization=Organization/{clinic}",
          lambda r, v: is_a(r, "CarePlan") and r["status"] == "active" and _due(r, "2025-10-01")
          and _of_clinic(r["subject"]["reference"], v.clinic)),
    Shape("ours", FIRST_PAGE, "/Patient?name={pinyin}",
          lambda r, v: is_a(r, "Patient") and r["name"][0]["family"] == v.pinyin_family),
    Shape("ours", SELECTIVE, f"/Patient?identifier={IDENTITY}|{{identity}}",
          lambda r, v: is_a(r, "Patient") and r["identifier"][0]["value"] == v.identity),
    Shape("ours", SELECTIVE, "/Patient?identifier={identity}",
          lambda r, v: is_a(r, "Patient") and r["identifier"][0]["value"] == v.identity),
    Shape("ours", SELECTIVE, f"/Observation?patient.identifier={IDENTITY}|{{identity}}&code=8867-4",
          lambda r, v: of(r, "Observation", v.resident) and coded(r, "8867-4")),
    Shape("ours", SELECTIVE, "/Encounter?subject:Patient.organization={clinic}&date=ge2025-06-01&_count=20",
          lambda r, v: is_a(r, "Encounter") and _of_clinic(r["subject"]["reference"], v.clinic)
          and whole_days("ge", r["period"]["start"][:10], r["period"].get("end", "9999")[:10], "2025-06-01")),
    Shape("ours", SELECTIVE, "/Patient?_has:Condition:patient:code=E11.9&organization=Organization/{clinic}",
          lambda r, v: is_a(r, "Patient") and r["id"] in v.diabetics and _of_clinic(r["id"], v.clinic)),
    Shape("ours", FIRST_PAGE, "/Patient?_has:Condition:patient:code=E11.9&gender=female&_count=20",
          lambda r, v: is_a(r, "Patient") and r["id"] in v.diabetics and r["gender"] == "female"),
    Shape("ours", SELECTIVE,
          "/MedicationRequest?patient={resident}&_include=MedicationRequest:encounter&_include=MedicationRequest:requester",
          lambda r, v: of(r, "MedicationRequest", v.resident), also=("encounter", "requester")),
    Shape("ours", SELECTIVE, "/Encounter?patient={resident}&_revinclude=Observation:encounter&_count=5",
          lambda r, v: of(r, "Encounter", v.resident), back=(("Observation", "encounter"),)),
    Shape("ours", FIRST_PAGE, "/Patient?_lastUpdated=ge2020-01-01&_sort=-_lastUpdated&_count=20",
          lambda r, v: is_a(r, "Patient")),
    Shape("ours", SELECTIVE, "/Observation?patient={resident}&_lastUpdated=ge2020-01-01&_count=20",
          lambda r, v: of(r, "Observation", v.resident)),
    Shape("ours", SELECTIVE, "/Observation?_lastUpdated=lt2020-01-01&_count=20", lambda r, v: False),
    Shape("ours", FIRST_PAGE, "/Observation?code=85354-9&_sort=-date&_count=20",
          lambda r, v: is_a(r, "Observation") and coded(r, "85354-9"),
          order=lambda r: r["effectiveDateTime"], descending=True),
    Shape("ours", FIRST_PAGE, "/Observation?code=85354-9&_sort=-date&_count=20",
          lambda r, v: is_a(r, "Observation") and coded(r, "85354-9"), pages=True),
    Shape("ours", FIRST_PAGE, "/Patient?_sort=birthdate&_count=20",
          lambda r, v: is_a(r, "Patient"), order=lambda r: r["birthDate"]),
    Shape("ours", FIRST_PAGE, "/Patient?_sort=birthdate&_count=20", lambda r, v: is_a(r, "Patient"), pages=True),
)  # fmt: skip


def _due(plan: dict[str, object], first: str, last: str | None = None) -> bool:
    """Whether the period of its activity is ``ge`` the one day and ``le`` the other, where one is named."""
    activity: list[dict[str, dict[str, dict[str, str]]]] = plan["activity"]  # type: ignore[assignment]
    period = activity[0]["detail"]["scheduledPeriod"]
    ends = period["start"], period["end"]
    return whole_days("ge", *ends, first) and (last is None or whole_days("le", *ends, last))
