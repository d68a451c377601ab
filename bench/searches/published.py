"""W3 (Health Samurai's searches) and W4 (mock.health's), over our county's codes and names."""

from __future__ import annotations

from decimal import Decimal

from bench.searches.shape import (
    FIRST_PAGE,
    LINEAR,
    SELECTIVE,
    TOTAL,
    Shape,
    amounts,
    coded,
    codes,
    components,
    is_a,
    names,
    of,
    says,
    whole_days,
)

UCUM = "http://unitsofmeasure.org"

W3 = (
    Shape("W3", FIRST_PAGE, "/Patient?name={family}&_count=20",
          lambda r, v: is_a(r, "Patient") and any(part.startswith(v.family) for part in names(r))),
    Shape("W3", SELECTIVE, "/Patient?name=查无此人&_count=20", lambda r, v: False),
    Shape("W3", LINEAR, "/Patient?name:contains={given}&_count=20",
          lambda r, v: is_a(r, "Patient") and any(v.given in part for part in names(r))),
    Shape("W3", SELECTIVE, "/Patient?address={village}&_count=20",
          lambda r, v: is_a(r, "Patient") and r["address"][0]["line"][0].startswith(v.village)),
    Shape("W3", LINEAR, "/Patient?address:contains={village}&_count=20",
          lambda r, v: is_a(r, "Patient") and v.village in r["address"][0]["text"]),
    Shape("W3", SELECTIVE, "/Organization?name={village}&_count=20",
          lambda r, v: is_a(r, "Organization") and r["name"].startswith(v.village)),
    Shape("W3", SELECTIVE, "/Patient?birthdate={born}&_count=20",
          lambda r, v: is_a(r, "Patient") and r["birthDate"] == v.born),
    Shape("W3", FIRST_PAGE, "/Patient?birthdate={prefix}{born}&_count=20",
          lambda r, v: is_a(r, "Patient") and whole_days(v.prefix, r["birthDate"], r["birthDate"], v.born)),
    Shape("W3", FIRST_PAGE, "/Observation?date={day}&_count=20",  # a day has more in a larger county
          lambda r, v: is_a(r, "Observation") and r["effectiveDateTime"][:10] == v.day),
    Shape("W3", FIRST_PAGE, "/Observation?date={prefix}{day}&_count=20",
          lambda r, v: is_a(r, "Observation") and whole_days(
              v.prefix, r["effectiveDateTime"][:10], r["effectiveDateTime"][:10], v.day)),
    Shape("W3", FIRST_PAGE, "/Encounter?date={prefix}{day}&_count=20",
          lambda r, v: is_a(r, "Encounter") and whole_days(
              v.prefix, r["period"]["start"][:10], r["period"].get("end", "9999")[:10], v.day)),
    Shape("W3", FIRST_PAGE, "/Observation?category=laboratory&_count=20",
          lambda r, v: is_a(r, "Observation") and "laboratory" in codes(r["category"])),
    Shape("W3", FIRST_PAGE, "/Encounter?status=finished&_count=20",
          lambda r, v: is_a(r, "Encounter") and r["status"] == "finished"),
    Shape("W3", FIRST_PAGE, "/Encounter?class=EMER&_count=20",
          lambda r, v: is_a(r, "Encounter") and r["class"]["code"] == "EMER"),
    Shape("W3", FIRST_PAGE, f"/Observation?value-quantity=gt{{millimoles}}|{UCUM}|mmol/L&_count=20",
          lambda r, v: is_a(r, "Observation") and r.get("valueQuantity", {}).get("unit") == "mmol/L"
          and r["valueQuantity"]["value"] > Decimal(v.millimoles)),
    Shape("W3", FIRST_PAGE, f"/Observation?component-value-quantity=gt{{pressure}}|{UCUM}|mm[Hg]&_count=20",
          lambda r, v: any(each["valueQuantity"]["value"] > v.pressure for each in components(r))),
    Shape("W3", FIRST_PAGE, "/Observation?combo-value-quantity=gt{pressure}&_count=20",
          lambda r, v: is_a(r, "Observation") and any(value > v.pressure for value in amounts(r))),
    Shape("W3", FIRST_PAGE, f"/Observation?combo-code-value-quantity=8480-6$gt{{pressure}}|{UCUM}|mm[Hg]&_count=20",
          lambda r, v: any(coded(each, "8480-6") and each["valueQuantity"]["value"] > v.pressure
                           for each in components(r))),
)  # fmt: skip

W4 = (
    Shape("W4", FIRST_PAGE, "/Observation?_count=10", lambda r, v: is_a(r, "Observation")),
    Shape("W4", TOTAL, "/Observation?_count=1&_total=accurate", lambda r, v: is_a(r, "Observation")),
    Shape("W4", TOTAL, "/Observation?code=85354-9&_total=accurate",
          lambda r, v: is_a(r, "Observation") and coded(r, "85354-9")),
    Shape("W4", TOTAL, "/Observation?combo-code=8480-6&_total=accurate",
          lambda r, v: coded(r, "8480-6") or any(coded(each, "8480-6") for each in components(r))),
    Shape("W4", TOTAL, "/Patient?gender=male&_count=5&_total=accurate",
          lambda r, v: is_a(r, "Patient") and r["gender"] == "male"),
    Shape("W4", TOTAL, "/Observation?code=8302-2|29463-7|72514-3&_total=accurate".replace("|", ","),
          lambda r, v: is_a(r, "Observation") and (coded(r, "8302-2") or coded(r, "29463-7"))),
    Shape("W4", FIRST_PAGE, "/Patient?family={family}",
          lambda r, v: is_a(r, "Patient") and r["name"][0]["family"].startswith(v.family)),
    Shape("W4", FIRST_PAGE, "/Patient?given={given}",
          lambda r, v: is_a(r, "Patient") and r["name"][0]["given"][0].startswith(v.given)),
    Shape("W4", FIRST_PAGE, "/Patient?gender=female&family={family}",
          lambda r, v: is_a(r, "Patient") and r["gender"] == "female"
          and r["name"][0]["family"].startswith(v.family)),
    Shape("W4", FIRST_PAGE, "/Observation?date=ge2022-01-01&_count=5",
          lambda r, v: is_a(r, "Observation") and r["effectiveDateTime"] >= "2022"),
    Shape("W4", SELECTIVE, "/Patient/{resident}", lambda r, v: is_a(r, "Patient") and r["id"] == v.resident),
    Shape("W4", SELECTIVE, "/Observation?patient=Patient/{resident}&_count=20",
          lambda r, v: of(r, "Observation", v.resident)),
    Shape("W4", SELECTIVE, "/Condition?patient={resident}", lambda r, v: of(r, "Condition", v.resident)),
    Shape("W4", FIRST_PAGE, "/Condition?code={condition}",
          lambda r, v: is_a(r, "Condition") and coded(r, v.condition)),
    Shape("W4", FIRST_PAGE, "/Procedure?code={procedure}",
          lambda r, v: is_a(r, "Procedure") and coded(r, v.procedure)),
    Shape("W4", SELECTIVE, "/Encounter?patient={resident}&_count=10", lambda r, v: of(r, "Encounter", v.resident)),
    Shape("W4", SELECTIVE, "/MedicationRequest?patient={resident}&_count=10",
          lambda r, v: of(r, "MedicationRequest", v.resident)),
    Shape("W4", FIRST_PAGE, "/Encounter?participant=Practitioner/{physician}",
          lambda r, v: is_a(r, "Encounter")
          and r["participant"][0]["individual"]["reference"] == f"Practitioner/{v.physician}"),
    Shape("W4", FIRST_PAGE, "/Encounter?location=Location/{ward}",
          lambda r, v: is_a(r, "Encounter") and r["location"][0]["location"]["reference"] == f"Location/{v.ward}"),
    Shape("W4", FIRST_PAGE, "/Condition?_content=hypertension",
          lambda r, v: is_a(r, "Condition") and says(r, "hypertension")),
    Shape("W4", FIRST_PAGE, "/Condition?_content=肺炎", lambda r, v: is_a(r, "Condition") and says(r, "肺炎")),
    Shape("W4", FIRST_PAGE, "/Observation?_content=血压", lambda r, v: is_a(r, "Observation") and says(r, "血压")),
    Shape("W4", SELECTIVE, "/Patient?_text={family}", lambda r, v: False),
    Shape("W4", LINEAR, "/Patient?address:contains=柳河", lambda r, v: is_a(r, "Patient") and says(r, "柳河")),
    Shape("W4", FIRST_PAGE, "/Condition?code:text=原发性",
          lambda r, v: is_a(r, "Condition") and coded(r, "I10")),
)  # fmt: skip
