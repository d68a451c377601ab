"""The county's workflows as rules on ordinary FHIR resources: referral, reading centres, chronic care, contracts
(docs/decisions/; DOMAIN 5.5). Rules see a plan before it is committed; they refuse, warn, change and add."""
