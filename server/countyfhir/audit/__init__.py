"""Who saw or changed what: compact records, queued and committed in groups, served as AuditEvents (DESIGN decision
13)."""
