-- Numbers of the service. No row here is about one person; what is counted from rows that an administrator does not
-- see is counted by a function.

-- name: counts
SELECT
    (SELECT count(*) FROM person) AS people,
    (SELECT count(*) FROM person WHERE NOT EXISTS (
        SELECT FROM assignment
        WHERE assignment.person_id = person.person_id AND assignment.kind = 'key_worker'
          AND assignment.valid_from <= %(now)s
          AND (assignment.valid_until IS NULL OR assignment.valid_until > %(now)s)
    )) AS people_without_key_worker,
    (SELECT count(*) FROM device WHERE revoked_at IS NULL) AS devices,
    (SELECT count(DISTINCT device_id) FROM device_cursor WHERE last_received_at > %(recent)s)
        AS devices_heard,
    (SELECT COALESCE(sum(frames_committed), 0)::bigint FROM device_cursor) AS frames_committed,
    (SELECT COALESCE(sum(frames_dead_lettered), 0)::bigint FROM device_cursor)
        AS frames_dead_lettered,
    (SELECT COALESCE(sum(frames_repeated), 0)::bigint FROM device_cursor) AS frames_repeated,
    (SELECT COALESCE(sum(highest - scored_upto), 0)::bigint FROM device_cursor) AS frames_unscored,
    service_open_episodes() AS open_episodes,
    service_waiting_actions() AS waiting_actions;

-- name: refused_by_reason
SELECT name, number FROM service_refusals();

-- name: gaps_by_state
SELECT state AS name, sum(last_seq - first_seq + 1)::bigint AS number
FROM frame_gap GROUP BY state ORDER BY state;

-- name: open_silences_by_reason
SELECT name, number FROM service_open_silences();

-- name: open_alerts_by_level
SELECT name, number FROM service_open_alerts();

-- name: deliveries_by_state
SELECT name, number FROM service_deliveries();

-- name: shards_by_owner
SELECT CASE WHEN owner IS NOT NULL AND lease_until > %(now)s THEN owner ELSE 'nobody' END AS name,
    count(*) AS number
FROM shard GROUP BY 1 ORDER BY 1;

-- name: outages
SELECT reason, cardinality(shards) AS shards, began_at, ended_at FROM outage
ORDER BY ended_at DESC NULLS FIRST, began_at DESC LIMIT %(limit)s;

-- name: last_notice
SELECT began_at, noticed_at, ended_at,
    (SELECT count(*) FROM operations_delivery
     WHERE operations_delivery.operations_notice_id = operations_notice.operations_notice_id
       AND operations_delivery.state = 'handed_over') AS handed_over
FROM operations_notice WHERE about IN ('not_hearing', 'nobody_heard')
ORDER BY operations_notice_id DESC LIMIT 1;

-- name: last_reach
SELECT at, people, findings FROM reach_run ORDER BY reach_run_id DESC LIMIT 1;

-- name: last_audit
SELECT at, alerts_checked, violations, repaired FROM auditor_run ORDER BY auditor_run_id DESC LIMIT 1;
