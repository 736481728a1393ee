-- Whether a process does its work, by what it last wrote.

-- name: ingest
SELECT count(*) FROM shard WHERE lease_until > %(now)s AND listening_since IS NOT NULL;

-- name: alerts
SELECT count(*) FROM auditor_run WHERE at > %(since)s;
