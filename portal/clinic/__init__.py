"""The clinician's desk: one person over months, before and after support, a caseload, a service."""
