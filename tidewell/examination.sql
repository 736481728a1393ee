-- What `tidewell doctor` asks. `now` is always a parameter.

-- The clock of the server, as it was when this connection began.
-- name: server
SELECT current_setting('server_version'), backend_start,
       coalesce((SELECT ssl FROM pg_stat_ssl WHERE pg_stat_ssl.pid = pg_stat_activity.pid), false),
       client_addr IS NULL OR client_addr <<= '127.0.0.0/8' OR client_addr = '::1',
       pg_database_size(current_database()), current_setting('synchronous_commit'), current_setting('fsync')
FROM pg_stat_activity WHERE pid = pg_backend_pid();

-- name: schema
SELECT max(number) FROM schema_migration;

-- name: shards
SELECT count(*) FILTER (WHERE owner IS NULL OR lease_until < %(now)s),
       count(*) FILTER (WHERE lease_until >= %(now)s AND listening_since IS NULL)
FROM shard;

-- name: workers
SELECT count(*) FROM ingest_worker WHERE has_session AND owner IS NOT NULL AND seen_until >= %(now)s;

-- name: intake
SELECT max(last_received_at), coalesce(sum(greatest(upto - scored_upto, 0)), 0)::bigint FROM device_cursor;

-- name: gaps
SELECT count(*), count(DISTINCT device_id), min(noticed_at), coalesce(sum(last_seq - first_seq + 1), 0)::bigint
FROM frame_gap WHERE state = 'waiting';

-- Holes that scoring does not wait for any more, the oldest first.
-- name: passed_holes
SELECT device.name, frame_gap.boot, frame_gap.first_seq, frame_gap.last_seq, frame_gap.passed_at
FROM frame_gap JOIN device USING (device_id)
WHERE frame_gap.state = 'waiting' AND frame_gap.passed_at IS NOT NULL
ORDER BY frame_gap.passed_at, device.name, frame_gap.boot, frame_gap.first_seq;

-- name: repairs
SELECT count(*), min(noted_at) FROM repair WHERE done_at IS NULL;

-- name: lost
SELECT coalesce(sum(last_seq - first_seq + 1), 0)::bigint FROM frame_gap
WHERE state = 'lost_on_device' AND noticed_at > %(since)s;

-- name: refusals
SELECT reason, count(*) FROM dead_letter WHERE received_at > %(since)s GROUP BY reason ORDER BY 2 DESC, 1;

-- name: auditor
SELECT max(at) FROM auditor_run;

-- The last look ahead of alerts: when, how many findings, and how many people would reach nobody.
-- name: reach
SELECT max(at),
    (SELECT jsonb_array_length(findings) FROM reach_run ORDER BY reach_run_id DESC LIMIT 1),
    coalesce((
        SELECT sum((finding ->> 'people')::integer)
        FROM jsonb_array_elements(
            (SELECT findings FROM reach_run ORDER BY reach_run_id DESC LIMIT 1)
        ) AS finding
        WHERE finding ->> 'reason' = 'nobody'
    ), 0)::integer
FROM reach_run;

-- name: snapshots
SELECT count(*) FILTER (WHERE taken_at < %(since)s) FROM detector_snapshot;

-- name: lawful
SELECT (SELECT max(at) FROM retention_run), (SELECT min(created_at) FROM person),
       (SELECT count(*) FROM erasure WHERE checked_at IS NULL AND begun_at < %(since)s);
